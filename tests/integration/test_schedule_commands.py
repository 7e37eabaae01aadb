"""`muster schedule put`, `list`, `show`, `history`, `pause`, `resume`, `trigger`, `delete` and
`backfill`: what they do at a broker, what they say, and their exit status.

test_schedule_commands.py BIN_FOLDER"""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

from lib import schedule_broker, wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for
from lib.schedule_broker import FIRED

UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
SEE = "echo \"[\\\"$MUSTER_SCHEDULE\\\",\\\"$MUSTER_NOMINAL_TIME\\\"]\""
MISSED_ASK = 1


def at(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


class Schedules(Case):
    def put(self, name, *words, **more):
        rule = [] if "--cron" in words or "--every" in words else ["--every", "1h"]
        return self.muster("schedule", "put", name, "--kind", "work", *rule, *words, **more)

    def schedule(self, name):
        return self.json("schedule", "show", name)

    def listed(self, *words):
        return self.json("schedule", "list", *words)

    def history(self, name, *words):
        return self.json("schedule", "history", name, *words)

    def backfill(self, name, first, last, *words, **more):
        return self.json("schedule", "backfill", name, "--from", at(first), "--to", at(last),
                         *words, **more)

    def put_raw(self, source, *definitions):
        """As another program may have put them."""
        body, reply = self.cluster.client().ask(
            "SCHEDULE_PUT", source=source, count=len(definitions),
            lengths=[len(one) for one in definitions], schedules=b"".join(definitions))
        self.assertIsNone(reply.code, reply)
        return body

    def ready(self):
        return sum(queue["ready"] for queue in self.json("queues"))


class Put(Schedules):
    settings = {"max-payload": "1KiB"}

    def test_what_is_said(self):
        words = ["schedule", "put", "report/daily", "--cron", "0 9 * * *", "--timezone",
                 "Asia/Tokyo", "--kind", "report.daily", "--args", '{"a": [1]}', "--catch-up",
                 "all", "--queue", "slow"]
        said = self.muster(*words).out
        self.assertRegex(said, rf"^put report/daily, next: {UTC} \(\S+T09:00:00\+09:00\)\n$")
        self.assertTrue(self.muster(*words).out.startswith("unchanged: report/daily, next: "))
        told = self.json(*words)
        self.assertEqual((told["name"], told["source"], told["changed"], told["paused"]),
                         ("report/daily", "cli", False, False))
        self.assertEqual(len(told["next"]), 1)
        entry = told["entry"]
        self.assertEqual((entry["args"], entry["catch_up"], entry["queue"]),
                         ({"a": [1]}, "all", "slow"))
        said = self.put("ends", "--paused", "--description", "for people").out
        self.assertEqual(said, "put ends, paused\n")
        self.muster("schedule", "resume", "ends")
        self.assertRegex(self.put("ends", "--paused", "--priority", "1").out,
                         rf"^put ends, next: {UTC}\n$")

    def test_another_source(self):
        self.put("poll", "--source", "team.yaml")
        refused = self.put("poll", status=1)
        self.assertEqual((refused.out, refused.err),
                         ("", "muster: schedule poll belongs to team.yaml: give it another name, "
                              "or delete that one (muster schedule delete poll)\n"))
        self.assertEqual(self.put("poll", "--json", status=1).error()["code"], "owned")
        self.assertEqual(self.schedule("poll")["source"], "team.yaml")

    def test_what_is_refused(self):
        cases = [
            (["x", "--cron", "30 2 31 2 *"], 2, "would never fire"),
            (["x", "--timezone", "Asia/Tokio", "--cron", "0 9 * * *"], 2, '"Asia/Tokyo"'),
            (["x", "--every", "0s"], 2, "--every"),
            (["x", "--overlap", "skipp"], 2, "skip"),
            (["not a name"], 2, "no name of a schedule"),
            (["x", "y"], 2, "unexpected"),
            (["x", "--args", json.dumps("x" * 2000)], 5, "max-payload"),
        ]
        for words, status, text in cases:
            with self.subTest(words):
                self.assertIn(text, self.put(*words, status=status).err)
        self.assertIn("--kind", self.muster("schedule", "put", "x", "--every", "1s", status=2).err)
        self.assertEqual(self.listed(), [])
        self.assertIn("no broker answers", self.put("x", "--broker", "ipc:///nobody", "--timeout",
                                                    "100ms", status=4).err)


class Told(Schedules):
    def test_list(self):
        self.assertEqual(self.muster("schedule", "list").out, "")
        self.put("zebra", "--every", "90s")
        self.put("ape", "--cron", "0 9 * * *", "--timezone", "Asia/Tokyo", "--source", "zoo.yaml")
        self.put("over", "--cron", "0 0 1 1 *", "--paused")
        lines = self.muster("schedule", "list").out.splitlines()
        self.assertEqual(lines[0].split(), "NAME SCHEDULE NEXT LAST VERDICT KIND QUEUE "
                                           "SOURCE".split())
        cells = [re.split(r"  +", line) for line in lines]
        self.assertEqual([row[:2] for row in cells[1:]],
                         [["ape", "0 9 * * * Asia/Tokyo"], ["over", "0 0 1 1 *"],
                          ["zebra", "every 1m30s"]])
        self.assertEqual(cells[2][2:], ["paused", "-", "-", "work", "default", "cli"])
        self.assertRegex(cells[3][2], f"^{UTC}$")
        self.assertEqual([one["name"] for one in self.listed("--source", "cli")],
                         ["over", "zebra"])
        self.assertEqual(self.listed("--source", "nobody"), [])
        self.assertEqual([len(one["next"]) for one in self.listed()], [1, 0, 1])

    def test_many(self):
        """More than one answer has."""
        names = [f"s{i:04}" for i in range(2300)]
        for first in range(0, len(names), 500):
            self.put_raw("many.yaml", *(wire.nested("SCHEDULE", name=name, queue="default",
                                                    kind="k", every_s=3600)
                                        for name in reversed(names[first:first + 500])))
        self.assertEqual([one["name"] for one in self.listed()], names)
        lines = self.muster("schedule", "list").out.splitlines()
        self.assertEqual([line.split()[0] for line in lines[1:]], names)

    def test_entries_that_this_program_cannot_read(self):
        """They come from newer programs, and from machines with other zones."""
        base = {"queue": "default", "kind": "k"}
        self.put_raw("other", wire.nested("SCHEDULE", name="mars", cron="0 3 * * *",
                                          timezone="Mars/Base", **base))
        self.put_raw("other", wire.nested("SCHEDULE", name="moon", cron="at full moon", **base))
        self.put("good")
        text = self.muster("schedule", "list").out
        self.assertRegex(text, r"(?m)^mars +0 3 \* \* \* Mars/Base +error ")
        self.assertRegex(text, r'(?m)^mars: timezone: there is no time zone "Mars/Base" in ')
        self.assertRegex(text, r"(?m)^moon +at full moon +error ")
        self.assertRegex(text, r"(?m)^moon: cron: ")
        self.assertRegex(text, rf"(?m)^good +every 1h +{UTC} ")
        mars, moon = self.schedule("mars"), self.schedule("moon")
        self.assertIn("Mars/Base", mars["error"])
        self.assertEqual((mars["next"], moon["entry"]["cron"]), ([], "at full moon"))
        self.assertRegex(self.muster("schedule", "show", "moon").out, r"(?m)^error +cron: ")
        self.assertIn("Mars/Base", self.muster("schedule", "backfill", "mars", "--from",
                                               "2026-01-01T00:00:00Z", status=2).err)

    def test_show(self):
        self.put("tick", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--args",
                 '{"to":"x"}', "--overlap", "queue_one", "--description", "a b")
        text = self.muster("schedule", "show", "tick").out
        for line in (r"name +tick", r"source +cli", r"cron +30 2 \* \* \*", r"overlap +queue_one",
                     r"timezone +Europe/Berlin", r'args +\{"to":"x"\}', r"description +a b",
                     r"state +active", r"queue +default", r"catch_up_window +1h"):
            self.assertRegex(text, rf"(?m)^{line}$")
        self.assertEqual(len(re.findall(r"(?m)^\S+T0[23]:\d0:00\+0[12]:00 +\S+Z ", text)), 5)
        told = self.schedule("tick")
        self.assertEqual((told["runs"], told["last"], told["waiting"], told["owed_since"]),
                         ([], None, None, None))
        self.assertEqual(len(told["next"]), 5)
        job = self.muster("schedule", "trigger", "tick").out.strip()
        self.assertEqual(self.schedule("tick")["runs"], [job])
        self.assertRegex(self.muster("schedule", "show", "tick").out, rf"(?m)^jobs +{job}$")
        self.muster("schedule", "pause", "tick")
        text = self.muster("schedule", "show", "tick").out
        self.assertRegex(text, r"(?m)^state +paused$")
        times = re.findall(r"(?m)^\S+T0[23]:\d0:00\+0[12]:00 +\S+Z +paused$", text)
        self.assertEqual(len(times), 5)
        for command in ("show", "history"):
            missing = self.muster("schedule", command, "tock", status=3)
            self.assertEqual(missing.err, 'muster: tock: there is no such schedule; the nearest is '
                                          '"tick"\n')
        for command in ("pause", "trigger"):
            self.assertIn('nearest is "tick"',
                          self.muster("schedule", command, "tikc", status=3).err)

    def test_states(self):
        base = {"queue": "default", "kind": "k", "every_s": 60}
        now = int(time.time())
        self.put_raw("x", wire.nested("SCHEDULE", name="over", end_ms=(now - 60) * 1000, **base),
                     wire.nested("SCHEDULE", name="soon", start_ms=(now + 3600) * 1000, **base),
                     wire.nested("SCHEDULE", name="bad", cron="?", queue="default", kind="k"))
        self.put("held", "--paused")
        self.put("good")
        wanted = {"bad": "error", "good": "active", "held": "paused", "over": "ended",
                  "soon": "begins"}
        self.assertEqual({one["name"]: one["state"] for one in self.listed()}, wanted)
        for name, state in wanted.items():
            text = self.muster("schedule", "show", name).out
            since = " " + at(now + 3600) if name == "soon" else ""
            self.assertRegex(text, rf"(?m)^state +{state}{since}$")
        text = self.muster("schedule", "list").out
        for name in ("bad", "held", "over"):
            self.assertRegex(text, rf"(?m)^{name} .* {wanted[name]} ")

    def test_with_a_scheduler(self):
        scheduler = self.cluster.start_muster("scheduler", "scheduler")
        scheduler.wait_ready(r"^muster scheduler: ready entries=0$")
        self.put("tick", "--every", "1s")
        last = wait_for(lambda: self.schedule("tick")["last"], "a verdict")
        self.assertEqual((last["verdict"], last["reason"]), ("fired", "due"))
        job = self.show(last["job"])
        self.assertEqual((job["schedule"], job["nominal_time"]), ("tick", last["nominal_time"]))
        wait_for(lambda: self.schedule("tick")["last"]["verdict"] == "skipped", "an overlap")
        rows = self.history("tick")
        self.assertEqual({row["job"] for row in rows}, {last["job"]})
        self.assertEqual((rows[-1]["verdict"], rows[0]["verdict"], rows[0]["reason"]),
                         ("fired", "skipped", "overlap"))
        self.assertRegex(self.muster("schedule", "list").out,
                         rf"(?m)^tick +every 1s +{UTC} +{UTC} +skipped +work +default +cli$")
        self.assertRegex(self.muster("schedule", "show", "tick").out,
                         rf"(?m)^last +\S+ skipped \(overlap\) job {last['job']}$")


class Acts(Schedules):
    def test_several_names(self):
        for name in ("a", "b"):
            self.put(name)
        done = self.muster("schedule", "pause", "a", "nope", "b", status=1)
        self.assertEqual((done.out, done.err), ("a paused\nb paused\n",
                                                "muster: nope: there is no such schedule\n"))
        self.assertEqual([one["paused"] for one in self.listed()], [True, True])
        self.assertEqual(self.json("schedule", "resume", "a"), [{"name": "a", "done": "resumed"}])
        self.assertEqual([one["paused"] for one in self.listed()], [False, True])
        done = self.muster("--json", "schedule", "delete", "nope", "b", status=1)
        self.assertEqual(done.json(), [{"name": "b", "done": "deleted", "source": "cli"}])
        self.assertEqual(done.error()["code"], "not_found")
        for command in ("pause", "resume", "delete", "trigger"):
            done = self.muster("--json", "schedule", command, "b", "c", status=3)
            self.assertEqual(done.json(), [])
            self.muster("schedule", command, "b", status=3)
        self.assertEqual([one["name"] for one in self.listed()], ["a"])
        self.muster("schedule", "pause", status=2)
        self.muster("schedule", "pause", "a", "-x", status=2)

    def test_more_names_than_one_message_has(self):
        names = [f"n{i}" for i in range(700)]
        definitions = [wire.nested("SCHEDULE", name=name, queue="q", kind="k", every_s=60)
                       for name in names]
        for first in range(0, len(names), 500):
            self.put_raw("f.yaml", *definitions[first:first + 500])
        said = self.muster("schedule", "pause", *names).out
        self.assertEqual(said.splitlines(), [f"{name} paused" for name in names])
        self.assertTrue(all(one["paused"] for one in self.listed()))

    def test_delete_of_a_files_entry_says_that_it_comes_back(self):
        path = self.cluster.folder / "team.yaml"
        path.write_text("schedules: {poll: {every: 1h, kind: poll}}\n")
        scheduler = self.cluster.start_muster("scheduler", "scheduler", path)
        scheduler.wait_ready(r"^muster scheduler: ready entries=1$")
        said = self.muster("schedule", "delete", "poll").out
        self.assertRegex(said, r"^poll deleted; .* file of team\.yaml, .* again ")
        self.assertEqual(self.listed(), [])
        scheduler.signal(signal.SIGHUP)
        wait_for(self.listed, "it is there again")
        self.put("mine")
        self.assertEqual(self.muster("schedule", "delete", "mine").out, "mine deleted\n")

    def test_trigger(self):
        self.cluster.start_worker(kinds={"work": SEE})
        for name in ("a", "b"):
            self.put(name, "--paused")
        ids = self.muster("schedule", "trigger", "a", "b", "a").out.split()
        self.assertEqual(len(set(ids)), 3)
        shown = [self.wait_state(job, "completed") for job in ids]
        self.assertEqual([job["schedule"] for job in shown], ["a", "b", "a"])
        self.assertEqual([job["result"] for job in shown],
                         [[job["schedule"], job["nominal_time"]] for job in shown])
        rows = self.history("a")
        self.assertEqual([(row["verdict"], row["reason"], row["job"]) for row in rows],
                         [("fired", "trigger", ids[2]), ("fired", "trigger", ids[0])])
        self.assertEqual(rows[0]["nominal_time"], shown[2]["nominal_time"])
        done = self.muster("--json", "schedule", "trigger", "nope", "b", status=1)
        self.assertEqual([one["name"] for one in done.json()], ["b"])
        self.assertEqual(done.error(), {"error": "nope: there is no such schedule",
                                        "code": "not_found"})


class History(Schedules):
    def test_a_row_for_many(self):
        self.put("tick", "--every", "1s", "--paused")
        self.muster("schedule", "resume", "tick")
        client = self.cluster.client()
        answer, _ = client.ask("SCHEDULES", name="tick")
        told = answer["schedules"][0]
        last = told["through"] // 1000 + 1
        wait_for(lambda: client.ask("SCHEDULES", name="tick")[0]["now"] > last * 1000 + 1,
                 "the broker's clock has come so far")
        answer, _ = client.ask("FIRE", epoch=answer["epoch"], count=1,
                               revisions=[told["revision"]], previous_ms=[told["through"]],
                               nominals_ms=[last * 1000 + 1], asks=[MISSED_ASK],
                               firsts_ms=[(last - 36) * 1000], counts=[37])
        self.assertEqual(answer["verdicts"], bytes([schedule_broker.MISSED]))
        [row] = self.history("tick")
        self.assertEqual((row["verdict"], row["reason"], row["job"], row["count"]),
                         ("missed", "superseded", None, 37))
        self.assertEqual((row["nominal_time"], row["first_time"]),
                         (at(last)[:-1] + ".001Z", at(last - 36)[:-1] + ".000Z"))
        self.assertRegex(self.muster("schedule", "history", "tick").out,
                         rf"(?m)^{at(last)} +missed +superseded +37 from {at(last - 36)} +{UTC}$")

    def test_pages(self):
        self.put("tick", "--every", "1s")
        first = int(time.time()) - 3600
        self.assertEqual(self.backfill("tick", first, first + 2499)["fired"], 2500)
        rows = self.history("tick", "--limit", "2300")
        self.assertEqual([row["nominal_time"][:19] + "Z" for row in rows],
                         [at(first + 2499 - i) for i in range(2300)])
        self.assertEqual(len(self.history("tick")), 100)
        self.assertEqual(len(self.history("tick", "--limit", "5000")), 2500)
        rows = self.history("tick", "--from", at(first + 2490), "--limit", "5000")
        self.assertEqual(len(rows), 10)
        lines = self.muster("schedule", "history", "tick", "--limit", "1001").out.splitlines()
        self.assertEqual(len(lines), 1002)
        self.assertRegex(lines[1], rf"^{UTC} +fired +backfill +[0-9a-z]{{13}} +{UTC}$")
        self.put("quiet")
        self.assertEqual(self.muster("schedule", "history", "quiet").out, "")
        self.assertEqual(self.history("quiet"), [])


class Backfill(Schedules):
    def test_twice_is_once(self):
        self.put("tick", "--every", "1s", "--kind", "tick")
        first = int(time.time()) - 7200
        words = ["schedule", "backfill", "tick", "--from", at(first), "--to", at(first + 1299)]
        said = self.muster(*words, "--dry-run").out.splitlines()
        self.assertEqual(said[0].split(), ["LOCAL", "UTC", "WAS"])
        self.assertEqual([line.split()[1:] for line in said[1:-1]],
                         [[at(first + i), "-"] for i in range(1300)])
        self.assertEqual(said[-1], "tick: 1300 would be fired, 0 have been judged")
        self.assertEqual(self.ready(), 0)
        self.assertEqual(self.muster(*words).out,
                         "tick: 1300 fired, 0 had been judged, 0 skipped\n")
        self.assertEqual(self.ready(), 1300)
        self.assertEqual(self.muster(*words).out,
                         "tick: 0 fired, 1300 had been judged, 0 skipped\n")
        told = self.backfill("tick", first - 2, first + 1300)
        self.assertEqual((told["fired"], told["known"]), (3, 1300))
        told = self.backfill("tick", first - 3, first + 9, "--dry-run")
        self.assertEqual((told["would_fire"], told["judged"]), (1, 12))
        self.assertEqual(told["times"], [{"utc": at(first - 3), "dst": None, "was": None,
                                          "local": at(first - 3)[:-1] + "+00:00"}])
        self.assertEqual(self.ready(), 1303)
        jobs = {row["job"] for row in self.history("tick", "--limit", "5000")}
        self.assertEqual(len(jobs), 1303)

    def test_interrupted_it_goes_on(self):
        self.put("tick", "--every", "1s")
        first = int(time.time()) - 80000
        words = ["schedule", "backfill", "tick", "--from", at(first), "--to", at(first + 39999)]
        half = self.cluster.start_muster("half", *words)
        wait_for(lambda: self.ready() > 1000, "some are fired")
        half.kill()
        told = self.backfill("tick", first, first + 39999)
        self.assertEqual(told["fired"] + told["known"], 40000)
        self.assertGreater(told["known"], 1000)
        wait_for(lambda: self.ready() == 40000, "all jobs, once")

    def test_a_broker_that_is_started_anew_meanwhile(self):
        self.put("tick", "--every", "1s")
        first = int(time.time()) - 80000
        filling = self.cluster.start_muster(
            "filling", "--json", "--timeout", "30s", "schedule", "backfill", "tick", "--from",
            at(first), "--to", at(first + 39999))
        wait_for(lambda: self.ready() > 1000, "some are fired")
        self.cluster.restart_broker()
        self.assertEqual(filling.wait(60), 0, filling.tail())
        told = json.loads(filling.out())
        self.assertEqual(told["fired"], 40000)  # also those whose answer was lost
        wait_for(lambda: self.ready() == 40000, "all jobs, once")

    def test_bounds_and_policies(self):
        self.put("hour", "--every", "1h", "--overlap", "skip")
        now = int(time.time())
        hour = now // 3600 * 3600
        told = self.backfill("hour", hour - 3600, now + 86400)
        self.assertIn(told["fired"], (2, 3))  # it may have struck meanwhile
        self.assertLess(told["to"], at(now + 60))
        self.assertEqual(self.backfill("hour", hour - 86400, hour - 7200, "--overlap",
                                       "skip")["skipped"], 23)
        said = self.muster("schedule", "backfill", "hour", "--from", at(now - 30 * 86400), "--to",
                           at(now - 30 * 86400 + 3600), "--dry-run")
        self.assertRegex(said.err, rf"^muster: the ledger forgets .* {UTC}: .* fired again\n$")
        self.assertEqual(self.muster("schedule", "backfill", "hour", "--from", at(now + 3600)).out,
                         "hour: 0 fired, 0 had been judged, 0 skipped\n")
        for words, text in ((["--to", at(now)], "--from"),
                            (["--from", at(now), "--to", at(now - 1)], "--from is after --to"),
                            (["--from", "yesterday"], "2030-01-31T09:00:00Z"),
                            (["--from", at(now), "--overlap", "skipp"], "queue_one"),
                            (["--from", at(now), "--overlap", "cancel_old"], "queue_one")):
            self.assertIn(text, self.muster("schedule", "backfill", "hour", *words, status=2).err)
        self.muster("schedule", "backfill", "nope", "--from", at(now), status=3)

    def test_missed_ones_become_fired(self):
        """As after an outage of all schedulers, when only the newest ran."""
        self.put("tick", "--every", "1s", "--overlap", "allow")
        client = self.cluster.client()
        answer, _ = client.ask("SCHEDULES", name="tick")
        told = answer["schedules"][0]
        first = told["through"] // 1000 + 1
        wait_for(lambda: client.ask("SCHEDULES", name="tick")[0]["now"] > (first + 1) * 1000,
                 "two times are due")
        answer, _ = client.ask("FIRE", epoch=answer["epoch"], count=2, asks=[MISSED_ASK, 0],
                               revisions=[told["revision"]] * 2,
                               previous_ms=[told["through"], first * 1000],
                               nominals_ms=[first * 1000, (first + 1) * 1000])
        self.assertEqual(answer["verdicts"], bytes([schedule_broker.MISSED, FIRED]))
        told = self.backfill("tick", first, first + 1, "--dry-run")
        self.assertEqual([(one["utc"], one["was"]) for one in told["times"]],
                         [(at(first), "missed")])
        told = self.backfill("tick", first, first + 1)
        self.assertEqual((told["fired"], told["known"]), (1, 1))
        self.assertEqual({row["verdict"] for row in self.history("tick")}, {"fired"})


class Terminal(Schedules):
    """Tables in a window: they fit, and have colours."""

    def seen(self, width, *words):
        parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        running = subprocess.Popen(self.cluster.muster_command(*words), stdin=child, stdout=child,
                                   stderr=subprocess.DEVNULL, cwd=self.cluster.folder,
                                   env={**os.environ, **self.cluster.environment})
        os.close(child)
        text = b""
        try:
            while chunk := os.read(parent, 65536):
                text += chunk
        except OSError:
            pass  # how a terminal ends
        os.close(parent)
        self.assertEqual(running.wait(30), 0)
        coloured = text.decode()
        return coloured, re.sub(r"\x1b\[\d*m", "", coloured).split("\r\n")[:-1]

    def test_widths(self):
        self.put("month-end-billing-run", "--cron", "30 2 L * *", "--timezone",
                 "America/Argentina/Buenos_Aires", "--kind", "billing.month_end", "--source",
                 "billing.yaml", "--queue", "billing")
        self.put("cleanup", "--paused")
        titles = {}
        for width in (80, 100, 120, 200):
            coloured, lines = self.seen(width, "schedule", "list")
            self.assertLessEqual(max(map(len, lines)), width)
            self.assertIn("\x1b[33mpaused\x1b[0m", coloured)
            titles[width] = lines[0].split()
            self.assertIn("Buenos_Aires", "".join(lines))
        self.assertEqual(titles[80], ["NAME", "SCHEDULE", "NEXT", "VERDICT"])
        self.assertEqual(titles[100], ["NAME", "SCHEDULE", "NEXT", "LAST", "VERDICT", "KIND"])
        self.assertEqual(titles[200][-2:], ["QUEUE", "SOURCE"])
        self.put("a" * 60 + "-z", "--cron", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 1-9 * * *")
        lines = self.seen(80, "schedule", "list")[1]
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertRegex("\n".join(lines), r"(?m)^a+…a+-z  1,2,3,.*….* \* \* ")
        lines = self.seen(80, "schedule", "next", "30 2 * * *", "--timezone", "Europe/Berlin",
                          "--from", "2026-03-28T00:00:00Z")[1]
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertTrue(lines[2].endswith("  after gap"))
        path = self.cluster.folder / "long.yaml"
        path.write_text(f"schedules: {{{'b' * 60}: {{cron: '30 2 * * *', kind: k, timezone: "
                        "Europe/Berlin}}\n")
        lines = self.seen(80, "schedule", "check", str(path), "--count", "2", "--from",
                          "2026-10-24T00:00:00Z")[1]
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertTrue(lines[2].endswith("  repeats"), lines)
        self.muster("schedule", "trigger", "cleanup")
        coloured, lines = self.seen(80, "schedule", "history", "cleanup")
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertIn("\x1b[32mfired\x1b[0m", coloured)
        self.assertNotIn("\x1b[", self.seen(80, "--no-color", "schedule", "list")[0])


if __name__ == "__main__":
    main()
