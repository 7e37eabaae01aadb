"""The broker's schedules and ledgers as a client reads them, and schedulers to start."""
import json

READY = r"^muster scheduler: ready entries=(\d+)$"


def read(client, name, **more):
    """All rows of a schedule's ledger, oldest first."""
    found, before = [], None
    while True:
        page = {} if before is None else {"before_ms": before}
        rows, reply = client.ask("LEDGER", name=name, limit=1000, **page, **more)
        assert reply.code is None, reply
        found += rows
        if not reply.more:
            return found[::-1]
        before = rows[-1]["nominal"]


def schedules(client):
    """({name: schedule}, the broker's clock in ms)"""
    body, reply = client.ask("SCHEDULES")
    assert reply.code is None, reply
    return {one["name"]: one for one in body["schedules"]}, body["now"]


def write_file(path, **entries):
    """A file of schedules; JSON is YAML as well."""
    path.write_text(json.dumps({"schedules": entries}, indent=2))
    return path


def start_scheduler(cluster, name, *words, wait=True, **more):
    program = cluster.start_muster(name, "scheduler", *words, **more)
    if wait:
        program.wait_ready(READY)
    return program
