#!/usr/bin/env python3
"""Checks the form of the sources; ./run lint calls it.

usage: lint.py [--build FOLDER] [--list] [CHECK...]

Each check is a function that yields a Finding (where, and how to mend it) for each fault. The last
line counts the checks: `lint: N passed, N failed, N skipped`.
"""
import argparse
import os
import pathlib
import sys
import time

import commands
import docs
import includes
import manual
import purity
import rules
import tools
from sources import Skip, Tree

CHECKS = {
    "format": tools.clang_format,
    "shellcheck": tools.shellcheck,
    "clang": tools.clang,
    "includes": includes.direction,
    "include-cycles": includes.cycles,
    "headers": includes.headers_compile_alone,
    "core-is-pure": purity.core_is_pure,
    "lengths": rules.lengths,
    "banned": rules.banned_functions,
    "paths": rules.machine_paths,
    "docs-messages": docs.messages,
    "docs-config": docs.configuration,
    "docs-names": docs.names,
    "docs-commands": commands.calls,
    "man": manual.contents,
    "man-roff": manual.roff,
}


def run_check(name, tree):
    """True if the check passed, None if it cannot be made here."""
    began = time.monotonic()
    try:
        findings = sorted(set(CHECKS[name](tree)))
    except Skip as why:
        print(f"lint.{name}: skipped: {why}")
        return None
    for finding in findings:
        print(finding)
    verdict = f"{len(findings)} faults" if findings else "ok"
    print(f"lint.{name}: {verdict} ({time.monotonic() - began:.1f} s)", flush=True)
    return not findings


def main():
    parser = argparse.ArgumentParser(prog="lint")
    parser.add_argument("--build", default="build", help="folder that the sources are built in")
    parser.add_argument("--list", action="store_true", help="name the checks")
    parser.add_argument("checks", nargs="*", metavar="CHECK")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CHECKS))
        return 0
    unknown = set(arguments.checks) - set(CHECKS)
    if unknown:
        parser.error(f"no such check: {' '.join(sorted(unknown))} (--list names them)")
    root = pathlib.Path(__file__).resolve().parents[2]
    build = pathlib.Path(arguments.build).resolve()
    os.chdir(root)
    tree = Tree(root, build)
    results = [run_check(name, tree) for name in arguments.checks or CHECKS]
    if not arguments.checks:
        results.append(not [print(fault) for fault in tree.stale_exceptions()])
    print(f"lint: {results.count(True)} passed, {results.count(False)} failed, "
          f"{results.count(None)} skipped")
    return 1 if False in results else 0


if __name__ == "__main__":
    sys.exit(main())
