"""The result of all rounds, as a table in Markdown and as JSON."""
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess

import runs


def output(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def machine(data):
    info = pathlib.Path("/proc/cpuinfo").read_text(errors="replace")
    model = re.search(r"^model name\s*:\s*(.*)", info, re.M)
    system = re.search(r'^PRETTY_NAME="?([^"\n]*)', output("cat", "/etc/os-release"), re.M)
    return {
        "system": system[1] if system else platform.system(),
        "kernel": platform.release(),
        "cpu": model[1].strip() if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "filesystem": output("df", "--output=fstype", str(data)).split("\n")[-1] or "unknown",
        "load_before": round(os.getloadavg()[0], 2),
    }


def best(results, prefix):
    """The fastest of those whose names begin so, or None."""
    found = [result for result in results
             if result["name"].startswith(prefix) and "jobs_per_s" in result]
    return max(found, key=lambda result: result["jobs_per_s"]["median"], default=None)


def summarize(run, jobs, rates, skipped, failed):
    result = {"name": run.name, "durable": run.durable, "batching": run.batching, "jobs": jobs}
    if failed:
        result["failed"] = failed
    elif skipped:
        result["skipped"] = skipped
    elif rates:
        result["jobs_per_s"] = {"median": round(statistics.median(rates)),
                                "min": round(min(rates)), "max": round(max(rates)),
                                "rounds": [round(rate) for rate in rates]}
    return result


def add_ratios(results):
    """Each median over that of the fastest Redis with fsync always, and over the bare limit's."""
    references = {"to_redis_always": best(results, runs.REDIS_ALWAYS),
                  "to_limit": best(results, runs.LIMIT)}
    for result in results:
        for key, reference in references.items():
            if reference and "jobs_per_s" in result:
                result[key] = round(result["jobs_per_s"]["median"]
                                    / reference["jobs_per_s"]["median"], 4)
    return {key: reference["name"] for key, reference in references.items() if reference}


def times(value):
    return "" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def percent(value):
    return "" if value is None else f"{value:.0%}" if value >= 0.1 else f"{value:.1%}"


def row(result):
    cells = [result["name"], result["durable"]]
    if "jobs_per_s" not in result:
        return cells + ["failed" if "failed" in result else "left out", "", "", ""]
    rate = result["jobs_per_s"]
    return cells + [f"{rate['median']:,}", f"{rate['min']:,} to {rate['max']:,}",
                    times(result.get("to_redis_always")), percent(result.get("to_limit"))]


def table(report):
    head, versions = report["machine"], report["versions"]
    references = report["references"]
    lines = [f"{head['cpu']}, {head['cores']} cores, {head['system']}, Linux {head['kernel']}, "
             f"{head['filesystem']}; load {head['load_before']} before.",
             ", ".join(f"{name} {text}" for name, text in versions.items()) + ".",
             f"Jobs of {runs.PAYLOAD} bytes, one submitting and one working process, "
             f"{report['rounds']} round{'s interleaved' if report['rounds'] > 1 else ''}.", ""]
    rows = [["system", "durable", "jobs/s, median", "min to max", "x redis-always", "of the limit"]]
    rows += [row(result) for result in report["results"]]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for number, cells in enumerate(rows):
        lines.append("| " + " | ".join(cell.rjust(width) if i > 1 and number else cell.ljust(width)
                                       for i, (cell, width) in enumerate(zip(cells, widths)))
                     + " |")
        if number == 0:
            lines.append("|" + "|".join("-" * (width + 1) + (":" if i > 1 else "-")
                                        for i, width in enumerate(widths)) + "|")
    names = {"to_redis_always": "redis-always", "to_limit": "the limit"}
    meant = [f"{names[key]} is {name}" for key, name in references.items()]
    if meant:
        lines += ["", "In the ratios " + " and ".join(meant) + "."]
    for result in report["results"]:
        for key, word in (("skipped", "left out"), ("failed", "failed")):
            if key in result:
                lines.append(f"{result['name']} {word}: {result[key]}")
    return "\n".join(lines).rstrip()


def as_json(report):
    return json.dumps(report, indent=1)
