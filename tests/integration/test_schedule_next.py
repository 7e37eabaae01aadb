"""`muster schedule next` as people and scripts see it: the table, JSON, what is said of mistakes.
What times come out is compared with others in tests/schedule/ and tests/unit/client/.

test_schedule_next.py BIN_FOLDER"""
import datetime
import json
import os
import subprocess
import time
import unittest
import zoneinfo

from lib.main import main

HEAD = ["LOCAL", "DAY", "ZONE", "UTC", "NOTE"]


def run(*words, **environment):
    """It needs no broker: there is none at the address that it is given."""
    return subprocess.run(
        [os.path.join(os.environ["MUSTER_BIN"], "muster"), "schedule", "next", *words],
        env={**os.environ, "MUSTER_BROKER": "tcp://127.0.0.1:1", **environment},
        capture_output=True, text=True, timeout=20)


def read(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Next(unittest.TestCase):
    def times(self, *words):
        done = run(*words, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def refused(self, *words, status=2):
        done = run(*words)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        told = run(*words, "--json")
        self.assertEqual((told.returncode, told.stdout), (status, ""))
        self.assertIn(json.loads(told.stderr)["error"], done.stderr)
        return done.stderr

    def test_json(self):
        berlin = ("--timezone", "Europe/Berlin", "--count", "2")
        self.assertEqual(
            self.times("30 2 * * *", *berlin, "--from", "2026-03-28T02:30:00+01:00"),
            [{"utc": "2026-03-29T01:00:00Z", "local": "2026-03-29T03:00:00+02:00", "dst": "gap"},
             {"utc": "2026-03-30T00:30:00Z", "local": "2026-03-30T02:30:00+02:00", "dst": None}])
        self.assertEqual(
            self.times("30 * * * *", *berlin, "--from", "2026-10-25T00:00:00Z"),
            [{"utc": f"2026-10-25T0{hour}:30:00Z", "local": f"2026-10-25T02:30:00+0{2 - hour}:00",
              "dst": "overlap"} for hour in (0, 1)])

    def test_table(self):
        done = run("0 6,18 * * *", "--timezone", "Pacific/Apia", "--count", "3",
                   "--from=2011-12-29T20:00:00Z")
        self.assertEqual(done.returncode, 0, done.stderr)
        head, *rows = [line.split(None, 4) for line in done.stdout.splitlines()]
        self.assertEqual(head, HEAD)
        self.assertEqual([row[:4] for row in rows], [
            ["2011-12-29T18:00:00-10:00", "Thu", "-10", "2011-12-30T04:00:00Z"],
            ["2011-12-31T06:00:00+14:00", "Sat", "+14", "2011-12-30T16:00:00Z"],
            ["2011-12-31T18:00:00+14:00", "Sat", "+14", "2011-12-31T04:00:00Z"]])
        self.assertEqual([row[4] for row in rows], ["-", "2 before it fell into a long gap", "-"])

    def test_defaults(self):
        """Ten times of UTC, from now on."""
        before = int(time.time())
        times = [read(row["utc"]).timestamp() for row in self.times("* * * * * *")]
        self.assertEqual(times, [times[0] + i for i in range(10)])
        self.assertTrue(before < times[0] <= time.time() + 1)

    def test_every(self):
        times = self.times("--every", "1h30m", "--timezone", "Asia/Kathmandu", "--count", "3",
                           "--from", "2026-01-01T00:00:00Z")
        self.assertEqual([row["local"] for row in times],
                         [f"2026-01-01T{clock}:00+05:45" for clock in ("07:15", "08:45", "10:15")])

    def test_all_forms_agree(self):
        """JSON and table tell the same times, and Python's zoneinfo the same local ones."""
        words = ("*/7 */5 * 1,7 *", "--timezone", "Australia/Lord_Howe", "--count", "3000")
        zone = zoneinfo.ZoneInfo(words[2])
        times = self.times(*words)
        self.assertEqual(len(times), 3000)
        for row in times:
            self.assertEqual(read(row["utc"]).astimezone(zone).isoformat(), row["local"])
        table = [line.split()[3] for line in run(*words).stdout.splitlines()[1:]]
        self.assertEqual(table, [row["utc"] for row in times])

    def test_early_times(self):
        """The clocks there may show a year before 1970, and an offset may have seconds."""
        times = self.times("30 19 31 12 *", "--timezone", "America/New_York", "--count", "1",
                           "--from", "1970-01-01T00:00:00Z")
        self.assertEqual(times[0]["local"], "1969-12-31T19:30:00-05:00")
        times = self.times("0 0 * * *", "--timezone", "Africa/Monrovia", "--count", "1",
                           "--from", "1970-01-01T00:00:00Z")
        self.assertEqual(times[0]["local"], "1970-01-01T00:00:00-00:44:30")

    def test_bad_expressions(self):
        for expression, said in (
                ("75 * * * *", 'minute field, position 1: "75" is not within 0 to 59'),
                ("0 0 * * fri-mon", "day of week field, position 9: "),
                ("30 2 31 2 *", "day of month field, position 6: "),
                ("0 0", "the expression has 2 fields"),
                ("", "the expression has 0 fields"),
                ("@reboot", "@reboot names no time"),
                ("@every 5m", '"every"')):
            self.assertIn(said, self.refused(expression))

    def test_never(self):
        said = self.refused("*/10 2 * 3 sunL", "--timezone", "Europe/Berlin",
                            "--from", "2026-01-01T00:00:00Z")
        self.assertIn("never fires in Europe/Berlin", said)
        self.assertIn("never fires", self.refused("@daily", "--from", "2200-01-01T00:00:00Z"))

    def test_bad_zones(self):
        self.assertIn('the nearest is "Asia/Tokyo"',
                      self.refused("@daily", "--timezone", "Asia/Tokio"))
        self.refused("@daily", "--timezone", "../../etc/passwd")
        self.refused("@daily", "--timezone", "")

    def test_usage(self):
        for words in ((), ("@daily", "--every", "1m"), ("--every", "500ms"), ("--every", "0s"),
                      ("*", "*", "*", "*", "*"), ("@daily", "--count", "0"),
                      ("@daily", "--count", "100001"), ("@daily", "--from", "yesterday")):
            self.refused(*words)
        self.assertIn("in quotes", self.refused("0", "9", "*", "*", "*"))

    def test_without_tzdata(self):
        done = run("@daily", "--count", "1", TZDIR="/nonexistent")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("@daily", "--timezone", "Europe/Berlin", TZDIR="/nonexistent")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nonexistent", done.stderr)


if __name__ == "__main__":
    main()
