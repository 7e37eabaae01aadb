"""Broker and scheduler under a wall clock of their own, as when it changes to daylight saving time
and back, and as when somebody sets it: what fires at which instant, by hand."""
import collections
import datetime
import sys

from lib import faketime, ledger
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

FIRED, SKIPPED, MISSED = "fired", "skipped", "missed"
HOUR = 3600
# Nobody runs the jobs: they stay, and can be counted.
COMMON = {"kind": "nobody", "overlap": "allow", "catch_up": "all", "catch_up_window": "24h"}


def unix(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp())


def utc(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%FT%TZ")


class Change:
    """A change of a zone's clock at an instant; `entries`: cron expression and when it fires that
    day, hour and minute in UTC. The instant is lived through, an hour or two to either side."""

    def __init__(self, zone, instant, before, after, **entries):
        self.zone, self.at = zone, unix(instant)
        self.begin, self.end = self.at - before * HOUR, self.at + after * HOUR
        self.entries, self.expected = {}, {}
        day = instant[:10]
        previous = utc(self.at - 24 * HOUR)[:10]
        for name, (cron, *times) in entries.items():
            self.add(name, cron, [unix(f"{previous if time > '22' else day}T{time}")
                                  for time in times], self.begin,
                     # one that never fires would be refused
                     self.end if times else self.end + 24 * HOUR)
        begin, end = self.at - 5, self.at + 5
        self.add("seconds", "* * * * * *", range(begin, end), begin, end)

    def add(self, name, cron, expected, begin, end):
        name = f"{self.zone}/{self.at}/{name}"
        self.entries[name] = {**COMMON, "cron": cron, "timezone": self.zone, "start": utc(begin),
                              "end": utc(end)}
        self.expected[name] = list(expected)


CHANGES = [
    # 02:00 to 03:00 does not exist
    Change("America/New_York", "2026-03-08T07:00:00", 2, 3,
           gap=("30 2 * * *", "07:00"), many=("15,45 2 * * *", "07:00"),
           later=("0 3 * * *", "07:00"), across=("30 1-3 * * *", "06:30", "07:00", "07:30"),
           hours=("30 * * * *", "05:30", "06:30", "07:30", "08:30", "09:30"),
           minutes=("*/30 2 * * *",)),
    Change("Europe/Berlin", "2026-03-29T01:00:00", 2, 3,
           gap=("30 2 * * *", "01:00"), many=("15,45 2 * * *", "01:00"),
           later=("0 3 * * *", "01:00"), across=("30 1-3 * * *", "00:30", "01:00", "01:30"),
           hours=("30 * * * *", "23:30", "00:30", "01:30", "02:30", "03:30"),
           minutes=("*/30 2 * * *",)),
    # 01:30 to 02:00 twice
    Change("Australia/Lord_Howe", "2026-04-04T15:00:00", 2, 2,
           first=("45 1 * * *", "14:45"), later=("0 2 * * *", "15:30"),
           minutes=("*/15 1 * * *", "14:00", "14:15", "14:30", "14:45", "15:00", "15:15")),
    # 02:00 to 02:30 does not exist
    Change("Australia/Lord_Howe", "2026-10-03T15:30:00", 2, 2,
           gap=("15 2 * * *", "15:30"), later=("30 2 * * *", "15:30"),
           minutes=("*/15 2 * * *", "15:30", "15:45")),
    # 02:00 to 03:00 twice
    Change("Europe/Berlin", "2026-10-25T01:00:00", 2, 3,
           begin=("0 2 * * *", "00:00"), first=("30 2 * * *", "00:30"),
           later=("0 3 * * *", "02:00"), across=("30 1-3 * * *", "23:30", "00:30", "02:30"),
           hours=("30 * * * *", "23:30", "00:30", "01:30", "02:30", "03:30"),
           minutes=("*/30 2 * * *", "00:00", "00:30", "01:00", "01:30")),
    # 01:00 to 02:00 twice
    Change("America/New_York", "2026-11-01T06:00:00", 2, 3,
           begin=("0 1 * * *", "05:00"), first=("30 1 * * *", "05:30"),
           later=("0 2 * * *", "07:00"), across=("30 0-2 * * *", "04:30", "05:30", "07:30"),
           hours=("30 * * * *", "04:30", "05:30", "06:30", "07:30", "08:30"),
           minutes=("*/30 1 * * *", "05:00", "05:30", "06:00", "06:30")),
]


class OwnClock(Case):
    broker_first = False

    def begin(self, now, **entries):
        """A broker and a scheduler whose clock shows `now`."""
        self.clock = faketime.Clock(self.cluster.folder / "clock", now)
        self.file = ledger.write_file(self.cluster.folder / "team.yaml", **entries)
        self.start()

    def start(self):
        kept = dict(self.cluster.environment)
        self.cluster.environment.update(self.clock.environment())
        self.cluster.start_broker()
        self.scheduler = ledger.start_scheduler(self.cluster, "scheduler", self.file)
        self.cluster.environment = kept
        self.client = self.cluster.client()

    def rows(self, name):
        """[(nominal time in s, verdict, reason)]"""
        return [(row["nominal"] / 1000, row["verdict"], row["reason"])
                for row in ledger.read(self.client, name)]

    def wait_rows(self, name, expected, timeout=30):
        """Until there are as many, which then are these."""
        wait_for(lambda: len(self.rows(name)) >= len(expected),
                 lambda: f"{name}: {expected}: {self.shown(name)}", timeout)
        self.assertEqual(self.shown(name), [(utc(at), *words) for at, *words in expected], name)

    def shown(self, name):
        return [(utc(at), *words) for at, *words in self.rows(name)]

    def wait_row(self, name, second):
        wait_for(lambda: (second, FIRED, "due") in self.rows(name),
                 lambda: f"{name} at {utc(second)}: {self.shown(name)[-5:]}")

    def jobs(self):
        """How many runs each nominal time has."""
        found = collections.Counter((job["schedule"], job["nominal_time"].replace(".000Z", "Z"))
                                    for job in self.client.all_jobs())
        self.assertEqual([key for key, n in found.items() if n > 1], [])
        return set(found)


class Changes(OwnClock):
    def live_through(self, change):
        """The instant passes as time does; the hours to either side go by at once."""
        seconds = f"{change.zone}/{change.at}/seconds"
        self.clock.set(change.at - 2)
        self.wait_row(seconds, change.at + 1)
        judged = {row["nominal"] // 1000: row["judged"] / 1000
                  for row in ledger.read(self.client, seconds)}
        # Nobody looks at each of them later: they are on time.
        self.assertLess(judged[change.at] - change.at, 5)
        for name, times in change.expected.items():
            if change.at in times:
                self.wait_row(name, change.at)
        self.clock.set(change.end)
        for name, times in change.expected.items():
            self.wait_rows(name, [(at, FIRED, "due") for at in times])

    def test_changes(self):
        self.begin(CHANGES[0].at - 3 * HOUR,
                   **{name: entry for change in CHANGES for name, entry in change.entries.items()})
        for change in CHANGES:
            self.live_through(change)
        self.assertEqual(self.jobs(), {(name, utc(at)) for change in CHANGES
                                       for name, times in change.expected.items()
                                       for at in times})

    def test_a_day_that_never_was(self):
        """Apia went from 2011-12-29 to 2011-12-31 at midnight, which was 10:00 UTC."""
        zone = {**COMMON, "timezone": "Pacific/Apia"}
        at = unix("2011-12-30T10:00:00")
        self.begin(at - 12 * HOUR - 2,
                   noon={**zone, "cron": "0 12 * * *"}, hours={**zone, "cron": "0 * * * *"},
                   seconds={**zone, "cron": "* * * * * *", "start": utc(at - 5),
                            "end": utc(at + 5)})
        self.wait_row("noon", at - 12 * HOUR)
        self.clock.set(at - 2)
        self.wait_rows("seconds", [(at + i, FIRED, "due") for i in range(-5, 5)])
        self.clock.set(at + 12 * HOUR + 2)
        self.wait_rows("noon", [(at - 12 * HOUR, FIRED, "due"), (at - 0.001, SKIPPED, "gap"),
                                (at + 12 * HOUR, FIRED, "due")])
        self.assertEqual([row["count"] for row in ledger.read(self.client, "noon")],
                         [None, 1, None])
        self.wait_rows("hours", [(at + i * HOUR, FIRED, "due") for i in range(-12, 13)])
        self.assertEqual(len(self.jobs()), 2 + 25 + 10)


class Jumps(OwnClock):
    """12:00, 12:10 ... of one day."""

    NOON = unix("2026-06-01T12:00:00")
    POLICIES = {"all": {}, "latest": {"catch_up": "latest"}, "none": {"catch_up": "none"},
                "hour": {"catch_up_window": "1h"}}

    def start_at_noon(self):
        self.begin(self.NOON - 1, **{name: {**COMMON, "cron": "*/10 * * * *", **more}
                                     for name, more in self.POLICIES.items()})
        for name in self.POLICIES:
            self.wait_row(name, self.NOON)

    def expect(self, name, *parts):
        """parts: (how many, verdict, reason), one after the other from noon on."""
        words = [what for count, *what in parts for _ in range(count)]
        self.wait_rows(name, [(self.NOON + 600 * i, *what) for i, what in enumerate(words)])

    def test_forwards(self):
        """Is downtime."""
        self.start_at_noon()
        self.clock.set(self.NOON + 4 * HOUR + 300)
        due, newer, late = (FIRED, "due"), (MISSED, "superseded"), (MISSED, "window")
        self.expect("all", (25, *due))
        self.expect("latest", (1, *due), (23, *newer), (1, *due))
        self.expect("none", (1, *due), (24, *late))
        self.expect("hour", (1, *due), (18, *late), (6, *due))
        self.clock.set(self.NOON + 5 * HOUR + 20)
        self.expect("all", (31, *due))
        self.expect("latest", (1, *due), (23, *newer), (1, *due), (5, *newer), (1, *due))
        # It is hardly late.
        self.expect("none", (1, *due), (29, *late), (1, *due))
        self.expect("hour", (1, *due), (18, *late), (12, *due))
        self.assertEqual(len(self.jobs()), 31 + 3 + 2 + 13)

    def test_forwards_over_many(self):
        """Each second of four hours and more has its place in the ledger; far ones share a row."""
        entry = {**COMMON, "cron": "* * * * * *", "catch_up_window": "30m"}
        self.begin(self.NOON - 1, all=entry, latest={**entry, "catch_up": "latest"})
        for name in ("all", "latest"):
            self.wait_row(name, self.NOON + 1)
        jump = self.NOON + 4 * HOUR
        self.clock.set(jump)
        fired = {}
        for name in ("all", "latest"):
            self.wait_row(name, jump + 3)
            rows = [row for row in ledger.read(self.client, name) if row["judged"] >= jump * 1000]
            fired[name] = [row["nominal"] // 1000 for row in rows if row["verdict"] == FIRED]
            before = [row for row in rows if row["nominal"] < jump * 1000]
            spans = [row for row in before if row["count"]]
            self.assertEqual(len(spans), 1, spans)
            # One after the other, none left out and none twice.
            at = before[0]["first"] // 1000
            self.assertLess(at, self.NOON + 10)
            for row in before:
                self.assertEqual((row["first"] or row["nominal"]) // 1000, at, row)
                at += row["count"] or 1
            self.assertEqual(at, jump)
        # All within half an hour, but for the seconds until it was heard of.
        first = fired["all"][0]
        self.assertIn(first - (jump - 1800), range(6))
        self.assertEqual(fired["all"], list(range(first, first + len(fired["all"]))))
        newest = fired["latest"][0]
        self.assertIn(newest - jump, range(6))
        self.assertEqual(fired["latest"], list(range(newest, newest + len(fired["latest"]))))
        self.jobs()

    def marker(self, name):
        """Fires each second from now on: it shows that time passes for the scheduler."""
        file = ledger.write_file(self.cluster.folder / name, **{
            name: {**COMMON, "cron": "* * * * * *", "catch_up": "latest"}})
        self.assertEqual(ledger.start_scheduler(self.cluster, name, file).stop(), 0)

    def test_backwards(self):
        """No time fires again; it goes on where it was."""
        self.start_at_noon()
        self.clock.set(self.NOON + 4 * HOUR + 20)
        for name in self.POLICIES:
            self.wait_row(name, self.NOON + 4 * HOUR)
        before = {name: self.rows(name) for name in self.POLICIES}
        # As a time server does it: just before a nominal time, which has been judged.
        self.clock.set(self.NOON + 4 * HOUR - 1)
        self.marker("short")
        self.wait_row("short", self.NOON + 4 * HOUR + 1)
        self.clock.set(self.NOON + HOUR - 1)
        self.marker("long")
        self.wait_row("long", self.NOON + HOUR + 1)
        # Nor does a new start of both.
        self.cluster.broker.kill()
        self.scheduler.kill()
        self.start()
        self.clock.set(self.NOON + HOUR + 599)
        self.wait_row("long", self.NOON + HOUR + 601)
        self.assertEqual({name: self.rows(name) for name in self.POLICIES}, before)
        self.clock.set(self.NOON + 4 * HOUR + 599)
        for name in self.POLICIES:
            self.wait_rows(name, [*before[name], (self.NOON + 4 * HOUR + 600, FIRED, "due")])
        self.jobs()


if __name__ == "__main__":
    if not faketime.library():
        print("libfaketime is not installed: nobody can be given another clock")
        sys.exit(77)
    main()
