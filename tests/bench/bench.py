"""./run bench: muster, its peers and the bare limit on the same work, in rounds that interleave.

Exit status: 0 when no run failed; 1 when one did, or lost or doubled a job; 2 for wrong options. A
peer that cannot be had here is left out, and the table says why.
"""
import argparse
import os
import pathlib
import signal
import sys

import packages
import report
import runs
import servers

IN_MEMORY = ("tmpfs", "ramfs")


def count(text):
    value = int(text.replace("_", ""))
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def options():
    parser = argparse.ArgumentParser(prog="./run bench", description=(
        "Measure muster, its peers and the bare limit (ZeroMQ and LMDB without a job system) on "
        "the same work."), epilog="names: " + ", ".join(run.name for run in runs.RUNS))
    parser.add_argument("--rounds", type=count, default=3, help="of all of them (3)")
    parser.add_argument("--jobs", type=count, metavar="N", help=(
        f"for muster ({runs.RUNS[0].jobs}); the others get theirs in proportion"))
    parser.add_argument("--only", default="", metavar="NAME,...",
                        help="these alone; the beginning of a name means all that begin so")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--data", default="build", metavar="DIR",
                        help="where to put the data: not tmpfs (build)")
    parser.add_argument("--build", default="build", metavar="DIR", help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        args.runs = runs.chosen([word for word in args.only.split(",") if word])
    except ValueError as why:
        parser.error(str(why))
    if not os.path.isdir(args.data):
        parser.error(f"--data {args.data}: no such folder")
    return parser, args


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def measure(bench, chosen, rounds):
    """Per run: its rates, why it was left out, why it failed."""
    rates = {run.name: [] for run in chosen}
    skipped, failed = {}, {}
    for number in range(1, rounds + 1):
        for run in chosen:
            if run.name in skipped or run.name in failed:
                continue
            os.sync()  # what the run before left to be written is not this one's
            try:
                rate = bench.measure(run)
                rates[run.name].append(rate)
                say(f"round {number}: {run.name}: {rate:,.0f} jobs/s")
            except packages.Unavailable as why:
                skipped[run.name] = str(why)
                say(f"{run.name} is left out: {why}")
            except servers.Failed as why:
                failed[run.name] = str(why)
                say(f"{run.name} has failed: {why}")
    return rates, skipped, failed


def versions(bench, chosen, skipped):
    found = {"muster": report.output(str(bench.programs / "muster"), "--version").split(" ")[-1],
             "libzmq": report.output("pkg-config", "--modversion", "libzmq"),
             "LMDB": report.output("pkg-config", "--modversion", "lmdb")}
    for run in chosen:
        if run.server and run.name not in skipped and run.server not in found:
            found[run.server] = servers.version(bench.packages, run.server)
    return {name: text for name, text in found.items() if text}


def leave(number, _frame):
    raise SystemExit(128 + number)


def main():
    parser, args = options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    machine = report.machine(args.data)
    if machine["filesystem"] in IN_MEMORY:
        parser.error(f"--data {args.data} is in memory, where syncing costs nothing: name a folder "
                     "on a disk")
    build = pathlib.Path(args.build).resolve()
    data = pathlib.Path(args.data).resolve()
    bench = runs.Bench(build / "bin", build / "bench", packages.Packages(build / "peers"), data,
                       args.jobs / runs.RUNS[0].jobs if args.jobs else 1)
    rates, skipped, failed = measure(bench, args.runs, args.rounds)
    results = [report.summarize(run, bench.jobs(run), rates[run.name], skipped.get(run.name),
                                failed.get(run.name)) for run in args.runs]
    whole = {"machine": machine, "versions": versions(bench, args.runs, skipped),
             "rounds": args.rounds, "payload_bytes": runs.PAYLOAD,
             "references": report.add_ratios(results), "results": results}
    print(report.as_json(whole) if args.json else report.table(whole))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
