#!/usr/bin/env python3
"""Handlers that stay, in Python: copy serve(), Park and Snooze, and write your own handlers.

    muster-worker --serve 'file.digest=exec ./serve.py' --serve 'csv.totals=exec ./serve.py'
"""
import csv
import hashlib
import json
import os
import sys
import traceback


class Park(Exception):
    """It can never work: keep the job for somebody to look at."""


class Snooze(Exception):
    """Not now: Snooze("10s") has it tried again later, at no cost."""


def answer_to(job, handlers):
    try:
        answer = {"ok": handlers[job["kind"]](job["args"], job)}
        return json.dumps({"id": job["id"], **answer}, allow_nan=False)
    except Snooze as later:
        answer = {"snooze": str(later)}
    except Park as reason:
        answer = {"park": {"code": "Park", "message": str(reason)}}
    except Exception as error:  # whatever it is: this attempt has failed
        traceback.print_exc()
        answer = {"error": {"code": type(error).__name__, "message": str(error)}}
    return json.dumps({"id": job["id"], **answer})


def serve(handlers):
    """Answers a line for each line, until there are no more jobs."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # print() goes to the job's log, not among the answers
    sys.stdout.reconfigure(line_buffering=True)  # and while the job runs
    for line in sys.stdin.buffer:
        answers.write(answer_to(json.loads(line), handlers) + "\n")
        answers.flush()


# ---- your handlers: what they return is the result ----

def file_digest(args, job):
    """{"path"}: its SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    with open(args["path"], "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return {"sha256": digest.hexdigest(), "bytes": size}


def csv_totals(args, job):
    """{"path"}: rows, and the sum of each column of numbers."""
    totals, rows = {}, 0
    with open(args["path"], newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not reader.fieldnames:
            raise Park(f"{args['path']} has no header")
        for rows, row in enumerate(reader, 1):
            for name, text in row.items():
                try:
                    totals[name] = totals.get(name, 0) + float(text)
                except (TypeError, ValueError):
                    print(f"row {rows}: {name} is no number: {text!r}")
    return {"rows": rows, "totals": totals}


if __name__ == "__main__":
    serve({"file.digest": file_digest, "csv.totals": csv_totals})
