"""`muster scheduler`: what it puts at the broker and when, what it fires by whose clock, and what
it survives."""
import os
import shutil
import signal
import time

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for
from lib.schedule_broker import FULL, LATER, MISSED, ScheduleBroker

READY = r"^muster scheduler: ready entries=(\d+)$"
TICK = "every: 1s, kind: work, overlap: allow"


class Scheduler(Case):
    def setUp(self):
        super().setUp()
        self.file = self.cluster.folder / "jobs.yaml"
        self.names = 0

    def write(self, *entries, path=None):
        """One entry a word, `name: {...}`; the file gets them as an editor saves: by rename."""
        path = path or self.file
        new = path.with_suffix(".new")
        new.write_text("schedules:\n" + "".join(f"  {one}\n" for one in entries) if entries
                       else "schedules: {}\n")
        new.rename(path)

    def start(self, *words, wait=True, environment=None):
        self.names += 1
        program = self.cluster.start_muster(f"scheduler-{self.names}", "scheduler", *words,
                                            environment=environment)
        if wait:
            self.entries = int(program.wait_ready(READY)[1])
        return program

    def wait_log(self, program, text):
        wait_for(lambda: text in program.log(), lambda: f"{text}\n{program.tail()}")


class Real(Scheduler):
    """With a broker."""

    def setUp(self):
        super().setUp()
        self.client = self.cluster.client()

    def known(self):
        body, reply = self.client.ask("SCHEDULES")
        self.assertIsNone(reply.code, reply)
        return {one["name"]: one for one in body["schedules"] if not one["deleted"]}

    def wait_known(self, *names):
        wait_for(lambda: set(self.known()) == set(names), lambda: f"{names}: {set(self.known())}")
        return self.known()

    def put(self, name, source="other"):
        definition = wire.nested("SCHEDULE", name=name, queue="default", kind="work",
                                 cron="0 3 * * *")
        self.client.ask("SCHEDULE_PUT", source=source, count=1, lengths=[len(definition)],
                        schedules=definition)

    def ledger(self, name):
        """Oldest first."""
        rows, reply = self.client.ask("LEDGER", name=name, limit=1000)
        self.assertIsNone(reply.code, reply)
        return rows[::-1]

    def wait_rows(self, name, count):
        return wait_for(lambda: (rows := self.ledger(name)) and len(rows) >= count and rows,
                        lambda: f"{count} rows of {name}: {self.ledger(name)}")


class Fires(Real):
    def test_each_second_once(self):
        """Two schedulers; one is killed, and so is the broker: each second has one row, each fired
        one its job."""
        self.write(f"tick: {{{TICK}, catch_up: all}}")
        first = self.start(self.file)
        self.assertEqual(self.entries, 1)
        other = self.start()
        self.wait_rows("tick", 3)
        first.kill()
        self.wait_rows("tick", 5)
        self.cluster.restart_broker()
        self.client.connect()
        self.client.hello()
        rows = self.wait_rows("tick", 8)
        self.assertEqual([row["nominal"] for row in rows],
                         [rows[0]["nominal"] + 1000 * i for i in range(len(rows))])
        self.assertEqual({(row["verdict"], row["reason"]) for row in rows}, {("fired", "due")})
        jobs = [wire.id_text(job["id"]) if isinstance(job["id"], int) else job["id"]
                for job in self.client.all_jobs()]
        self.assertLessEqual({row["job"] for row in rows}, set(jobs))
        self.assertLessEqual(len(jobs), len(rows) + 2)  # it goes on meanwhile
        self.assertEqual(other.stop(), 0)

    def test_catches_up(self):
        """While no scheduler is there, times pass: they are in the ledger as missed."""
        self.write(f"tick: {{{TICK}}}")
        self.assertEqual(self.start(self.file).stop(), 0)
        gone = self.known()["tick"]["through"]
        wait_for(lambda: self.client.ask("SCHEDULES")[0]["now"] > gone + 3000, "three seconds")
        self.start(self.file)
        rows = self.wait_rows("tick", 4)
        missed = [row for row in rows if row["verdict"] == "missed"]
        self.assertGreaterEqual(len(missed), 2)
        self.assertEqual({row["reason"] for row in missed}, {"superseded"})
        self.assertEqual([row["nominal"] for row in rows],
                         [rows[0]["nominal"] + 1000 * i for i in range(len(rows))])


class Files(Real):
    def test_changes(self):
        """Renamed over, written in place, behind a switched link: what the file says is what the
        source has; others' entries and a pause stay."""
        self.put("theirs")
        self.write("one: {cron: '0 9 * * *', timezone: Asia/Tokyo, kind: work}",
                   "two: {every: 1h, kind: work}")
        scheduler = self.start(self.file)
        self.assertEqual(self.entries, 3)
        before = self.wait_known("one", "two", "theirs")
        self.assertEqual({one["source"] for one in before.values()}, {"jobs.yaml", "other"})
        self.client.ask("SCHEDULE_ACT", action=1, names=["one"])
        self.write("one: {cron: '0 9 * * *', timezone: Asia/Tokyo, kind: work}",
                   "three: {every: 1h, kind: work}")
        after = self.wait_known("one", "three", "theirs")
        self.assertTrue(after["one"]["paused"])
        self.file.write_text("schedules:\n  four: {every: 1h, kind: work}\n")
        self.wait_known("four", "theirs")
        # as Kubernetes does it
        self.write("five: {every: 1h, kind: work}", path=self.cluster.folder / "real.yaml")
        link = self.cluster.folder / "link"
        link.symlink_to("real.yaml")
        link.rename(self.file)
        self.wait_known("five", "theirs")
        self.assertTrue(scheduler.alive())

    def test_sighup(self):
        self.write("one: {every: 1h, kind: work}")
        scheduler = self.start(self.file, "--source", "team")
        self.put("two", source="team")
        self.put("theirs")
        self.wait_known("one", "two", "theirs")
        scheduler.signal(signal.SIGHUP)
        known = self.wait_known("one", "theirs")
        self.assertEqual(known["one"]["source"], "team")

    def test_broken_and_gone(self):
        """The old entries stay, with an error here and at the broker."""
        self.write(f"tick: {{{TICK}}}")
        scheduler = self.start(self.file)
        self.file.write_text("schedules:\n  tick: {every: 1s, kind: work}\n  bad: {evry: 1s}\n")
        self.wait_log(scheduler, f"{self.file}:3:")
        self.wait_log(scheduler, "the schedules stay as they are")
        self.wait_log(self.cluster.broker, "schedule.error")
        self.file.unlink()
        wait_for(lambda: scheduler.log().count("the schedules stay") == 2, scheduler.tail)
        self.wait_rows("tick", len(self.ledger("tick")) + 2)
        self.assertEqual(set(self.known()), {"tick"})
        self.write(f"tock: {{{TICK}}}")
        self.wait_known("tock")
        self.wait_rows("tock", 1)

    def test_refused_at_start(self):
        self.write("one: {every: 0s, kind: work}")
        program = self.start(self.file, wait=False)
        self.assertEqual(program.wait(), 1)
        self.assertIn(f"{self.file}:2:", program.log())
        program = self.start(self.cluster.folder / "none.yaml", wait=False)
        self.assertEqual(program.wait(), 1)
        self.assertIn("none.yaml", program.log())
        os.mkfifo(self.cluster.folder / "pipe")
        program = self.start(self.cluster.folder / "pipe", wait=False)
        self.assertEqual(program.wait(), 1)
        self.assertIn("is no regular file", program.log())
        self.assertEqual(self.known(), {})
        odd = self.cluster.folder / "two words.yaml"
        self.write("one: {every: 1h, kind: work}", path=odd)
        answer = self.cluster.muster("scheduler", odd)
        self.assertEqual(answer.status, 2, answer)
        self.assertIn("--source", answer.err)

    def test_another_source_owns_the_name(self):
        self.put("theirs")
        self.write("mine: {every: 1h, kind: work}", "theirs: {every: 1h, kind: work}")
        program = self.start(self.file, wait=False)
        self.assertEqual(program.wait(), 1)
        self.assertIn("schedule theirs is owned by the source other", program.log())
        self.assertEqual(set(self.known()), {"theirs"})  # nothing was put
        # when it runs already, what it had stays
        self.write("mine: {every: 1h, kind: work}")
        program = self.start(self.file)
        self.write("new: {every: 1h, kind: work}", "theirs: {every: 1h, kind: work}")
        self.wait_log(program, "schedule theirs is owned by the source other")
        self.assertEqual(set(self.known()), {"mine", "theirs"})

    def test_many(self):
        """More than one message takes, and more than one page tells."""
        self.write(*[f"e{i}: {{cron: '{i % 60} 3 * * *', kind: work}}" for i in range(1500)])
        self.start(self.file)
        self.assertEqual(self.entries, 1500)
        scheduler = self.start("--source", "x")
        self.assertEqual(self.entries, 1500)
        self.write("e7: {every: 1h, kind: work}")
        self.wait_known("e7")
        self.assertEqual(scheduler.stop(), 0)


class Away(Scheduler):
    broker_first = False

    def test_broker_comes_later(self):
        self.cluster.start_broker()
        self.write(f"tick: {{{TICK}}}")
        self.cluster.broker.stop()
        scheduler = self.start(self.file, wait=False)
        self.wait_log(scheduler, "no broker answers at")
        self.assertEqual(scheduler.out(), "")
        self.cluster.start_broker()
        scheduler.wait_ready(READY)
        self.wait_log(scheduler, "answers")
        self.assertEqual(scheduler.log().count("no broker answers"), 1)
        scheduler.signal(signal.SIGINT)
        self.assertEqual(scheduler.wait(), 0)

    def test_stopped_while_it_waits(self):
        self.cluster.start_broker()
        self.cluster.broker.stop()
        scheduler = self.start(wait=False)
        self.wait_log(scheduler, "no broker answers at")
        begun = time.monotonic()
        self.assertEqual(scheduler.stop(), 0)
        self.assertLess(time.monotonic() - begun, 5)


class Clock(Scheduler):
    """With a broker whose clock and verdicts the test decides."""

    broker_first = False
    ahead = 86400 * 400.25

    def setUp(self):
        super().setUp()
        self.broker = ScheduleBroker(self.ahead)
        self.addCleanup(self.broker.close)
        self.cluster.endpoints["frontend"] = self.broker.endpoint

    def wait_rows(self, name, count):
        return wait_for(lambda: len(self.broker.of(name)) >= count and self.broker.of(name),
                        lambda: f"{count} rows of {name}: {self.broker.of(name)}")

    def test_the_brokers_clock_counts(self):
        """It is 400 days ahead; then it is set forward (downtime), and back (nothing is fired
        twice, and nothing before its time)."""
        self.broker.put("tick", every_s=1)
        scheduler = self.start()
        rows = self.wait_rows("tick", 2)
        self.assertLess(max(row[6] for row in rows), 2)
        self.assertGreater(rows[0][1], (time.time() + self.ahead) * 1000 - 10000)
        self.broker.ahead += 100
        wait_for(lambda: self.broker.of("tick")[-1][1] > rows[-1][1] + 100000, "the jump")
        missed = [row for row in self.broker.of("tick") if row[2] == MISSED]
        self.assertGreaterEqual(len(missed), 95)
        self.broker.ahead -= 2
        count = len(self.broker.of("tick"))
        rows = self.wait_rows("tick", count + 2)
        nominals = [row[1] for row in rows]
        self.assertEqual(nominals, [nominals[0] + 1000 * i for i in range(len(rows))])
        self.assertGreaterEqual(min(row[6] for row in rows), 0)
        self.assertEqual(scheduler.stop(), 0)

    def test_put_off(self):
        self.broker.verdicts = [LATER, LATER, FULL]
        self.broker.put("tick", every_s=1)
        self.start()
        rows = self.wait_rows("tick", 2)
        self.assertGreater(rows[0][6], 0.9)  # full: a second later
        self.assertEqual([rows[1][1] - rows[0][1]], [1000])

    def test_the_broker_is_away(self):
        """What was on its way then is asked anew: the newest runs, not what was the newest."""
        self.broker.put("tick", every_s=1)
        scheduler = self.start()
        self.wait_rows("tick", 1)
        self.broker.go_away()
        self.wait_log(scheduler, "no broker answers at")
        last = self.broker.of("tick")[-1][1]
        wait_for(lambda: self.broker.now() > last + 3000, "three seconds")
        self.broker.come_back()
        rows = self.wait_rows("tick", 5)
        nominals = [row[1] for row in rows]
        self.assertEqual(nominals, [nominals[0] + 1000 * i for i in range(len(rows))])
        after = [row for row in rows if row[1] > last]
        self.assertEqual([row[2] for row in after[:2]], [MISSED] * 2)
        self.assertLess(max(row[6] for row in after if row[2] != MISSED), 1.5)

    def test_long_outage(self):
        """Older than the newest 1,000: one row."""
        self.broker.put("minute", cron="* * * * *",
                        through=self.broker.now() - 30 * 86400 * 1000)
        self.broker.put("tick", every_s=1)
        self.start()
        self.wait_rows("tick", 2)
        rows = self.wait_rows("minute", 1002)
        self.assertEqual([row[5] for row in rows[:2]], [rows[0][5], 0])
        self.assertGreater(rows[0][5], 42000)
        self.assertEqual(rows[0][1] % 1000, 1)
        self.assertEqual(rows[0][4] + (rows[0][5] - 1) * 60000, rows[0][1] - 1)
        self.assertEqual([row[2] for row in rows[1:1002]], [MISSED] * 1000 + [0])

    def test_unreadable(self):
        """Said once; the others go on."""
        self.broker.put("bad", source="else", cron="99 * * * *")
        self.broker.put("nowhere", source="else", cron="0 9 * * *", timezone="Asia/Tokio")
        self.broker.put("tick", every_s=1)
        scheduler = self.start()
        self.assertEqual(self.entries, 1)
        self.wait_rows("tick", 2)
        wait_for(lambda: len(self.broker.notices) == 2, lambda: str(self.broker.notices))
        self.assertEqual({source for source, _ in self.broker.notices}, {"else"})
        self.assertIn("Asia/Tokyo", self.broker.notices[1][1])
        self.assertEqual(scheduler.log().count("cannot be run here"), 2)

    def test_another_epoch(self):
        """A broker that was started anew, with another store: the file's entries are put again."""
        self.write(f"tick: {{{TICK}}}")
        self.start(self.file)
        self.wait_rows("tick", 1)
        with self.broker.lock:
            self.broker.schedules.clear()
            self.broker.restart()
        wait_for(lambda: len(self.broker.puts) >= 2, lambda: str(self.broker.puts))
        self.wait_rows("tick", len(self.broker.of("tick")) + 2)

    def test_zones_change(self):
        """At SIGHUP the rules are read again: what was unknown before runs then."""
        zones = self.cluster.folder / "zones"
        zones.mkdir()
        self.broker.put("there", cron="* * * * * *", timezone="Asia/Tokyo")
        scheduler = self.start(environment={"TZDIR": str(zones)})
        self.assertEqual(self.entries, 0)
        (zones / "Asia").mkdir()
        shutil.copy("/usr/share/zoneinfo/Asia/Tokyo", zones / "Asia" / "Tokyo")
        scheduler.signal(signal.SIGHUP)
        self.wait_rows("there", 1)


if __name__ == "__main__":
    main()
