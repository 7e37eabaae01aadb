"""What schedules cost: `python3 -B tests/bench/schedules.py BIN [--entries N] [--due N]` measures the
programs in the folder BIN (not built with sanitizers): memory of a scheduler with many entries, how
soon runs that are all due in one second are acknowledged, and the time from a run's nominal time
until a worker starts it. Times are medians. Exit status 1 when a run is lost or done twice.
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe",
         "Asia/Kolkata", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Auckland")


def wait_until(true, seconds=60, every=0.01):
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("waited in vain")
        time.sleep(every)


def memory_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines()
                if line.startswith("RssAnon")) / 1024


class Bench:
    def __init__(self, programs):
        self.programs = pathlib.Path(programs).resolve()
        self.folder = tempfile.TemporaryDirectory(prefix="schedules-", dir=".")
        self.path = pathlib.Path(self.folder.name).resolve()
        self.processes = []
        self.broker = self.start("musterd", "--data", self.path / "data", "--frontend",
                                 "tcp://127.0.0.1:*", "--backend", "tcp://127.0.0.1:*", "--feed",
                                 "tcp://127.0.0.1:*")
        ready = self.ready(self.broker)
        words = dict(word.split("=", 1) for word in ready.split() if "=" in word)
        self.frontend, self.backend = words["frontend"], words["backend"]

    def start(self, program, *arguments):
        process = subprocess.Popen([str(self.programs / program), *map(str, arguments)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        return process

    @staticmethod
    def ready(process):
        line = process.stdout.readline()
        if "ready" not in line:
            raise SystemExit(f"it did not start: {line!r}")
        return line

    def scheduler(self, entries):
        """A scheduler of a file with these entries, and the seconds until it is ready."""
        path = self.path / "schedules.yaml"
        path.write_text("schedules:\n" + "".join(
            f"  {name}: {json.dumps(entry)}\n" for name, entry in entries.items()), "utf-8")
        began = time.monotonic()
        process = self.start("muster", "scheduler", path, "--broker", self.frontend)
        self.ready(process)
        return process, time.monotonic() - began

    def ask(self, *words):
        done = subprocess.run([str(self.programs / "muster"), *words, "--json", "--broker",
                               self.frontend], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def fired(self):
        return self.ask("stats")["schedule_fired"]

    def stop(self, process):
        process.terminate()
        process.wait()
        self.processes.remove(process)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.folder.cleanup()


def many(bench, count):
    rng = random.Random(4)
    entries = {}
    for i in range(count):
        entries[f"entry-{i}"] = {
            "cron": f"{rng.randrange(60)} {rng.randrange(24)} * * {rng.randrange(7)}",
            "timezone": rng.choice(ZONES), "kind": "nightly.report", "queue": "reports",
            "args": {"customer": i, "format": "pdf"}, "description": "the customer's report"}
    process, seconds = bench.scheduler(entries)
    print(f"{count} entries: ready after {seconds:.1f} s; anonymous memory of the scheduler "
          f"{memory_mib(process):.0f} MiB, of the broker {memory_mib(bench.broker):.0f} MiB")
    bench.stop(process)


def due_at_once(bench, count, rounds):
    took = []
    for _ in range(rounds):
        at = int(time.time()) + 6
        when = time.gmtime(at)
        cron = f"{when.tm_sec} {when.tm_min} {when.tm_hour} {when.tm_mday} {when.tm_mon} *"
        entries = {f"due-{i}": {"cron": cron, "kind": "noop", "overlap": "allow"} for i in range(count)}
        process, _ = bench.scheduler(entries)
        before = bench.fired()
        if time.time() > at - 0.5:
            raise SystemExit("too slow to put the entries in time")
        time.sleep(max(0, at - time.time()))
        wait_until(lambda before=before: bench.fired() - before >= count)
        took.append(time.time() - at)
        if bench.fired() - before != count:
            raise SystemExit(f"{bench.fired() - before} runs of {count}")
        bench.stop(process)
    print(f"{count} runs due in one second: all durable and acknowledged "
          f"{statistics.median(took) * 1000:.0f} ms after it "
          f"({', '.join(f'{value * 1000:.0f}' for value in took)})")


def to_start(bench, seconds):
    process, _ = bench.scheduler({"tick": {"cron": "* * * * * *", "kind": "tick",
                                           "overlap": "allow", "catch_up": "all"}})
    worker = bench.start("muster-worker", "--broker", bench.backend, "--exec", "tick=true")
    bench.ready(worker)
    time.sleep(seconds)
    bench.stop(process)
    jobs = [job for job in bench.ask("list", "--kind", "tick", "--limit", "1000")
            if job["started_at"]]
    late = [stamp(job["started_at"]) - stamp(job["nominal_time"]) for job in jobs]
    nominal = [job["nominal_time"] for job in jobs]
    if len(set(nominal)) != len(nominal):
        raise SystemExit("a nominal time ran twice")
    print(f"nominal time to start at a worker: median {statistics.median(late):.0f} ms, "
          f"greatest {max(late):.0f} ms, of {len(late)} runs")


def stamp(text):
    whole, _, part = text.rstrip("Z").partition(".")
    seconds = time.mktime(time.strptime(whole + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone
    return seconds * 1000 + int(part or 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", metavar="BIN")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=30)
    args = parser.parse_args()
    bench = Bench(args.programs)
    try:
        to_start(bench, args.seconds)
        due_at_once(bench, args.due, args.rounds)
        many(bench, args.entries)
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
