"""The table cases.tsv against client/scheduler: when entries are due, and what is refused.

Usage: test_cases.py NEXT_TIMES MUSTER (two programs). Most cases are answered by next_times in one
process, some by the real command. Time zones are compiled from zones.zi, once as small files with a
rule for the years after the last transition and once as large ones with explicit transitions to
2037. How the table was made: make_cases.py. It needs zic, which is a part of the C library.
"""
import datetime
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zoneinfo

HERE = pathlib.Path(__file__).resolve().parent
COUNT = 5
COMMANDS = 40
SHOWN = 20


def second_of(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


class Row:
    def __init__(self, line):
        (self.expression, self.zone, self.start, self.direction, times, self.civil,
         self.zoned) = line.rstrip("\n").split("\t")
        self.refused = self.direction == "refused"
        self.times = [(second_of(time), mark) for time, _, mark in
                      (part.partition("/") for part in times.split())]
        # What is before 1970 is not in the table; what is after 2199 is nowhere.
        self.count = COUNT if self.direction == "next" else max(len(self.times), 1)

    def question(self):
        start = 0 if self.refused else second_of(self.start)
        direction = "next" if self.refused else self.direction
        return f"{self.expression}\t{self.zone or 'UTC'}\t{start}\t{direction}\t{self.count}\n"

    def wanted(self):
        return " ".join(f"{utc}/{mark}" if mark else str(utc) for utc, mark in self.times)

    def is_right(self, answer):
        return answer.startswith("refused: ") if self.refused else answer == self.wanted()

    def __str__(self):
        return f"{self.expression!r} {self.zone} from {self.start} {self.direction}"


def readable(answer):
    """An answer line with dates instead of seconds."""
    if not answer or answer.startswith("refused"):
        return answer
    parts = (part.partition("/") for part in answer.split())
    return " ".join(datetime.datetime.fromtimestamp(int(utc), datetime.timezone.utc)
                    .strftime("%Y-%m-%dT%H:%M:%SZ") + slash + mark for utc, slash, mark in parts)


class Cases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        zic = shutil.which("zic", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not zic:
            raise RuntimeError("zic is missing: a part of the C library (libc-bin, glibc-common)")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        for size in ("slim", "fat"):
            subprocess.run([zic, "-b", size, "-d", f"{cls.folder.name}/{size}", HERE / "zones.zi"],
                           check=True)
        lines = (HERE / "cases.tsv").read_text().splitlines()
        cls.rows = [Row(line) for line in lines if not line.startswith("# ")]

    def test_size(self):
        cases = [row for row in self.rows if not row.refused]
        self.assertGreaterEqual(len(cases), 2500)
        self.assertGreaterEqual(len({row.zone for row in cases}), 40)
        self.assertEqual([row for row in cases if not row.civil], [], "cases that nobody confirmed")

    def check_with(self, size):
        asked = "".join(row.question() for row in self.rows)
        done = subprocess.run([NEXT_TIMES, f"{self.folder.name}/{size}"], input=asked, text=True,
                              capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        answers = done.stdout.splitlines()
        self.assertEqual(len(answers), len(self.rows))
        wrong = [f"{row}\n  wanted {readable(row.wanted()) or 'a refusal'}\n"
                 f"  got    {readable(answer)}"
                 for row, answer in zip(self.rows, answers) if not row.is_right(answer)]
        if wrong:
            self.fail(f"{len(wrong)} of {len(self.rows)} are wrong:\n" + "\n".join(wrong[:SHOWN]))

    def test_small_zone_files(self):
        self.check_with("slim")

    def test_large_zone_files(self):
        self.check_with("fat")

    def run_command(self, row):
        return subprocess.run(
            [MUSTER, "schedule", "next", row.expression, "--timezone", row.zone or "UTC", "--from",
             row.start or "2026-01-01T00:00:00Z", "--count", str(COUNT), "--json"],
            text=True, capture_output=True,
            env={**os.environ, "TZDIR": f"{self.folder.name}/slim"})

    def test_command(self):
        """What `muster schedule next` prints: the same instants, and what the clock there shows."""
        zoneinfo.reset_tzpath([f"{self.folder.name}/slim"])
        rows = [row for row in self.rows if row.direction == "next"]
        marked = [row for row in rows if any(mark for _, mark in row.times)]
        for row in itertools.chain(rows[::len(rows) * 2 // COMMANDS],
                                   marked[::len(marked) * 2 // COMMANDS]):
            with self.subTest(row=str(row)):
                done = self.run_command(row)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                times = json.loads(done.stdout)
                self.assertEqual([(second_of(time["utc"]), time["dst"] or "") for time in times],
                                 row.times)
                for time in times:
                    self.assertTrue(time["utc"].endswith("Z"), time)
                    utc = datetime.datetime.fromisoformat(time["utc"].replace("Z", "+00:00"))
                    local = datetime.datetime.fromisoformat(time["local"].replace("Z", "+00:00"))
                    there = utc.astimezone(zoneinfo.ZoneInfo(row.zone))
                    self.assertEqual(local.replace(tzinfo=None), there.replace(tzinfo=None), time)

    def test_command_refuses(self):
        for row in [row for row in self.rows if row.refused][::8]:
            with self.subTest(row=str(row)):
                done = self.run_command(row)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertNotEqual(done.stderr, "")


if __name__ == "__main__":
    NEXT_TIMES, MUSTER = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
