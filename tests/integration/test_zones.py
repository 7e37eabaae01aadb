"""Time zones as the scheduler reads them, against somebody else's reading, from 1970 to 2199: all
zones of this machine and the same compiled without the years to come (slim) against Python's
zoneinfo, rules made up by chance against the C library.

test_zones.py BIN_FOLDER; the environment's ZONE_DUMP is tests/unit/client/zone_dump.c, built."""
import datetime
import os
import random
import shutil
import struct
import subprocess
import tempfile
import time
import unittest
import unittest.mock
import zoneinfo

from lib.main import main

FOLDER = os.environ.get("TZDIR") or "/usr/share/zoneinfo"
BEGIN, END = 0, 7258118400  # the years 1970 to 2199
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
# Slim files of some versions of zic lack a transition here: the last one in the file contradicts
# the rule after it. Python then has one second of the one; the C library and muster begin with the
# other.
CONTRADICTORY = {("America/Ojinaga", 1667116800)}


def names_in(folder):
    """Names of the zones that have a file there."""
    names = []
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("posix", "right"))
        for name in sorted(files):
            path = os.path.join(top, name)
            with open(path, "rb") as file:
                if file.read(4) == b"TZif" and name not in ("localtime", "posixrules"):
                    names.append(os.path.relpath(path, folder))
    return names


def dump(folder, names):
    """name -> [(from, until, offset, dst, abbreviation)]"""
    run = subprocess.run([os.environ["ZONE_DUMP"], folder], input="\n".join(names) + "\n",
                         stdout=subprocess.PIPE, text=True, check=True)
    zones = {}
    for line in run.stdout.splitlines():
        first, *rest = line.split()
        if first == "zone":
            periods = zones.setdefault(rest[0], [])
        elif first == "error":
            zones[rest[0].rstrip(":")] = line
        else:
            periods.append((int(first), int(rest[0]), int(rest[1]), rest[2] == "1", rest[3]))
    return zones


def python_of(path):
    """utc -> (offset, dst, abbreviation) as Python has it of that file."""
    with open(path, "rb") as file:
        zone = zoneinfo.ZoneInfo.from_file(file)

    def local(utc):
        there = (EPOCH + datetime.timedelta(seconds=utc)).astimezone(zone)
        return int(there.utcoffset().total_seconds()), bool(there.dst()), there.tzname()
    return local


def c_library(utc):
    """The same as the C library has it of the rule in TZ."""
    there = time.localtime(utc)
    return there.tm_gmtoff, there.tm_isdst == 1, there.tm_zone


class Zones(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(20261122)
        self.folder = tempfile.mkdtemp(prefix="muster-zones-")
        self.addCleanup(shutil.rmtree, self.folder)

    def compare(self, name, local, periods):
        """Each period at both ends and in between; they follow each other without holes."""
        self.assertIsInstance(periods, list, f"{name}: {periods}")
        self.assertLessEqual(periods[0][0], BEGIN, name)
        self.assertGreaterEqual(periods[-1][1], END, name)
        for before, after in zip(periods, periods[1:]):
            self.assertEqual(before[1], after[0], name)
        for start, until, *said in periods:
            start, last = max(start, BEGIN), min(until, END) - 1
            for utc in (start, last, self.rng.randint(start, last)):
                if (name, utc) in CONTRADICTORY:
                    utc += 1
                if (there := local(utc)) != tuple(said):
                    self.fail(f"{name} at {utc} ({EPOCH + datetime.timedelta(seconds=utc)}): "
                              f"muster has {said}, the other {there}")
        for _ in range(20):  # long periods may hide a change
            utc = self.rng.randrange(BEGIN, END)
            said = next(period[2:] for period in periods if period[0] <= utc < period[1])
            self.assertEqual(said, local(utc), f"{name} at {utc}")

    def compare_folder(self, folder):
        names = names_in(folder)
        zones = dump(folder, names)
        self.assertEqual(set(zones), set(names))
        compared = {}
        for name in names:
            periods = zones[name]
            with open(os.path.join(folder, name), "rb") as file:
                content = file.read()
            if content in compared:
                self.assertEqual(periods, compared[content], name)
                continue
            compared[content] = periods
            self.compare(name, python_of(os.path.join(folder, name)), periods)
        return len(names), sum(map(len, compared.values()))

    def test_all_zones_of_this_machine(self):
        count, periods = self.compare_folder(FOLDER)
        print(f"{count} zones, {periods} periods", end=" ", flush=True)
        self.assertGreater(count, 300, f"is tzdata installed? there are few zones in {FOLDER}")

    def test_files_without_the_years_to_come(self):
        zic = shutil.which("zic", path="/usr/sbin:/usr/bin")
        source = os.path.join(FOLDER, "tzdata.zi")
        if not zic or not os.path.exists(source):
            self.skipTest("zic or tzdata.zi is not there")
        subprocess.run([zic, "-b", "slim", "-d", self.folder, source], check=True)
        count, _ = self.compare_folder(self.folder)
        self.assertGreater(count, 300)

    def day(self):
        kind = self.rng.randrange(3)
        if kind == 0:
            return f"J{self.rng.randint(1, 365)}"
        if kind == 1:
            return f"{self.rng.randint(0, 364)}"
        return f"M{self.rng.randint(1, 12)}.{self.rng.randint(1, 5)}.{self.rng.randint(0, 6)}"

    def time_of_day(self):
        hours = self.rng.choice((0, 1, 2, 24, -1, -23, 26, 167, -167, self.rng.randint(-48, 48)))
        return self.rng.choice(("", f"/{hours}", f"/{hours}:30", f"/{hours}:15:20"))

    def rule(self):
        """A rule by chance whose two changes are months apart, in either order."""
        while True:
            first, second = self.day(), self.day()
            months = [self.month(day) for day in (first, second)]
            if 3 <= abs(months[0] - months[1]) <= 9 and all(1 < month < 12 for month in months):
                break
        west = self.rng.randint(-13 * 60, 11 * 60)
        ahead = self.rng.choice((60, 60, 60, 30, 120, -60, 20))
        names = self.rng.choice((("ABC", "ABCD"), ("<+03>", "<-1234>"), ("<A1B>", "XYZ")))
        offsets = [f"{'-' if w < 0 else ''}{abs(w) // 60}:{abs(w) % 60:02d}"
                   for w in (west, west - ahead)]
        daylight = names[1] + (offsets[1] if ahead != 60 or self.rng.random() < 0.5 else "")
        dates = f"{first}{self.time_of_day()},{second}{self.time_of_day()}"
        return f"{names[0]}{offsets[0]}{daylight},{dates}"

    @staticmethod
    def month(day):
        return int(day[1:].split(".")[0]) if day[0] == "M" else int(day.lstrip("J")) // 31 + 1

    def test_rules_by_chance(self):
        """These against the C library: Python 3.11 is a day off with rules of days of the year."""
        rules = {f"Chance/Z{i}": self.rule() for i in range(150)}
        rules |= {"Chance/East": "<+0530>-5:30", "Chance/West": "<-05>5"}
        os.mkdir(os.path.join(self.folder, "Chance"))
        for name, rule in rules.items():
            block = struct.pack(">4sc15x6l", b"TZif", b"3", 0, 0, 0, 0, 1, 4) + struct.pack(
                ">lBB4s", 0, 0, 0, b"LMT")
            with open(os.path.join(self.folder, name), "wb") as file:
                file.write(block + block + b"\n" + rule.encode() + b"\n")
        zones = dump(self.folder, list(rules))
        self.addCleanup(time.tzset)
        with unittest.mock.patch.dict(os.environ):
            for name, rule in rules.items():
                os.environ["TZ"] = rule
                time.tzset()
                self.compare(f"{name} {rule}", c_library, zones[name])


if __name__ == "__main__":
    main()
