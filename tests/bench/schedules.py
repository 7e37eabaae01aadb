"""What schedules cost: memory of a scheduler with many entries, how soon runs that are all due in
one second are acknowledged, and the time from nominal time until a worker starts the run. Measures
the programs in $MUSTER_BIN (not built with sanitizers). Times are medians. Exit status 1 when a run
is lost or done twice.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from lib.cluster import Cluster  # noqa: E402
from lib.programs import wait_for  # noqa: E402

READY = r"^muster scheduler: ready entries=(\d+)$"
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe",
         "Asia/Kolkata", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Auckland")


def memory_mib(program):
    status = pathlib.Path(f"/proc/{program.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines()
                if line.startswith("RssAnon")) / 1024


def wait_until(clock):
    wait_for(lambda: time.time() >= clock, "the time comes")


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Bench:
    def __init__(self):
        self.cluster = Cluster()
        self.cluster.start_broker()

    def schedule(self, entries):
        """A scheduler of a file with these entries, and the seconds until it is ready."""
        path = self.cluster.folder / "schedules.yaml"
        path.write_text("schedules:\n" + "".join(
            f"  {name}: {json.dumps(entry)}\n" for name, entry in entries.items()), "utf-8")
        began = time.monotonic()
        program = self.cluster.start_muster("scheduler", "scheduler", path)
        program.wait_ready(READY, timeout=120)
        return program, time.monotonic() - began

    def ask(self, *words):
        return self.cluster.muster(*words, "--json").json()

    def fired(self):
        return self.ask("stats")["schedule_fired"]


def to_start(bench, runs):
    scheduler, _ = bench.schedule({"tick": {"cron": "* * * * * *", "kind": "tick",
                                            "overlap": "allow", "catch_up": "all"}})
    bench.cluster.start_worker(kinds={"tick": "true"})
    wait_for(lambda: bench.ask("stats")["completed"] >= runs, f"{runs} runs", timeout=runs + 30)
    scheduler.stop()
    jobs = [job for job in bench.ask("list", "--kind=tick", "--limit=1000") if job["started_at"]]
    if len({job["nominal_time"] for job in jobs}) != len(jobs):
        raise SystemExit("a nominal time ran twice")
    late = [(stamp(job["started_at"]) - stamp(job["nominal_time"])) * 1000 for job in jobs]
    print(f"nominal time to start at a worker: median {statistics.median(late):.0f} ms, "
          f"greatest {max(late):.0f} ms, of {len(late)} runs")


def due_at_once(bench, count, rounds):
    took = []
    for _ in range(rounds):
        at = int(time.time()) + 6
        when = time.gmtime(at)
        cron = f"{when.tm_sec} {when.tm_min} {when.tm_hour} {when.tm_mday} {when.tm_mon} *"
        scheduler, _ = bench.schedule({f"due-{i}": {"cron": cron, "kind": "noop",
                                                    "overlap": "allow"} for i in range(count)})
        wanted = bench.fired() + count
        if time.time() > at - 0.5:
            raise SystemExit("too slow to put the entries in time")
        wait_until(at)
        wait_for(lambda wanted=wanted: bench.fired() >= wanted, "all have fired")
        took.append((time.time() - at) * 1000)
        if bench.fired() != wanted:
            raise SystemExit(f"{bench.fired() - wanted + count} runs of {count}")
        scheduler.stop()
    print(f"{count} runs due in one second: all durable and acknowledged after "
          f"{statistics.median(took):.0f} ms ({', '.join(f'{value:.0f}' for value in took)})")


def many(bench, count):
    rng = random.Random(4)
    scheduler, seconds = bench.schedule({f"entry-{i}": {
        "cron": f"{rng.randrange(60)} {rng.randrange(24)} * * {rng.randrange(7)}",
        "timezone": rng.choice(ZONES), "kind": "nightly.report", "queue": "reports",
        "args": {"customer": i, "format": "pdf"}, "description": "the customer's report",
    } for i in range(count)})
    print(f"{count} entries: ready after {seconds:.1f} s; anonymous memory of the scheduler "
          f"{memory_mib(scheduler):.0f} MiB, of the broker "
          f"{memory_mib(bench.cluster.broker):.0f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5, help="of runs due at once (5)")
    parser.add_argument("--runs", type=int, default=30, help="one a second (30)")
    args = parser.parse_args()
    if "MUSTER_BIN" not in os.environ:
        parser.error("MUSTER_BIN names no folder of programs")
    bench = Bench()
    try:
        to_start(bench, args.runs)
        due_at_once(bench, args.due, args.rounds)
        many(bench, args.entries)
    finally:
        bench.cluster.close()
        bench.cluster.remove()


if __name__ == "__main__":
    main()
