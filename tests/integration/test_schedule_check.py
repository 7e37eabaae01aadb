"""`muster schedule check`: files of entries as people and scripts have them checked.
What is refused, and in which words: tests/unit/client/test_entries.c.

test_schedule_check.py BIN_FOLDER"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from lib.main import main

GOOD = """
schedules:
  report: {cron: "30 2 * * *", timezone: Europe/Berlin, kind: report.daily}
  poll: {every: 5m, kind: feed.poll, paused: true}
  over: {cron: "0 9 * * *", kind: x, end: "2020-01-01T00:00:00Z"}
"""
BAD = """schedules:
  report: {cron: "30 2 31 2 *", timezone: Europe/Berlin, kind: report.daily}
  poll: {evry: 5m, kind: feed.poll}
"""


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "crons.yaml"

    def check(self, text, *words):
        """It needs no broker: there is none at the address that it is given."""
        self.path.write_text(text)
        return subprocess.run(
            [os.path.join(os.environ["MUSTER_BIN"], "muster"), "schedule", "check", self.path,
             "--from", "2026-03-28T12:00:00Z", *words],
            env={**os.environ, "MUSTER_BROKER": "tcp://127.0.0.1:1"},
            capture_output=True, text=True, timeout=20)

    def test_times_of_a_good_file(self):
        done = self.check(GOOD, "--count", "2")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [line.split(None, 3) for line in done.stdout.splitlines()]
        self.assertEqual(rows, [
            ["NAME", "LOCAL", "UTC", "NOTE"],
            ["report", "2026-03-29T03:00:00+02:00", "2026-03-29T01:00:00Z",
             "moved to the end of a gap"],
            ["report", "2026-03-30T02:30:00+02:00", "2026-03-30T00:30:00Z", "-"],
            ["poll", "2026-03-28T12:05:00+00:00", "2026-03-28T12:05:00Z", "paused"],
            ["poll", "2026-03-28T12:10:00+00:00", "2026-03-28T12:10:00Z", "paused"],
            ["over", "-", "-", "it has ended"]])

    def test_json_of_a_good_file(self):
        done = self.check(GOOD, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout), {
            "file": str(self.path), "errors": [], "more_errors": 0, "entries": [
                {"name": "report", "paused": False, "next": [
                    {"utc": "2026-03-29T01:00:00Z", "local": "2026-03-29T03:00:00+02:00",
                     "dst": "gap"}]},
                {"name": "poll", "paused": True, "next": [
                    {"utc": "2026-03-28T12:05:00Z", "local": "2026-03-28T12:05:00+00:00",
                     "dst": None}]},
                {"name": "over", "paused": False, "next": []}]})

    def test_everything_that_is_wrong(self):
        done = self.check(BAD)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        lines = done.stderr.splitlines()
        self.assertEqual([line.split(": ")[:2] for line in lines], [
            [f"{self.path}:2:24", "report"], [f"{self.path}:3:3", "poll"],
            [f"{self.path}:3:10", "poll"]])
        self.assertIn('unknown field "evry"; the nearest is "every"', lines[2])
        done = self.check(BAD, "--json")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        told = json.loads(done.stdout)
        self.assertEqual(told["entries"], [])
        self.assertEqual([(e["line"], e["column"]) for e in told["errors"]],
                         [(2, 24), (3, 3), (3, 10)])
        many = self.check("schedules:\n" + "".join(f"  e{i}: {{every: 5m}}\n" for i in range(30)))
        self.assertEqual(len(many.stderr.splitlines()), 21)
        self.assertTrue(many.stderr.endswith(": 10 further errors\n"))

    def test_no_file(self):
        for words in ((), ("--json",)):
            done = subprocess.run(
                [os.path.join(os.environ["MUSTER_BIN"], "muster"), "schedule", "check",
                 self.path, *words], capture_output=True, text=True, timeout=20)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("crons.yaml: cannot be read: No such file", done.stderr)


if __name__ == "__main__":
    main()
