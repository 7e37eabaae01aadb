"""Two schedulers and a broker, each killed by kill -9 again and again over schedules of one run a
second; judged afterwards by the ledgers, the jobs, and what the handlers noted: one run for each
nominal time, or the one verdict that says why there is none.

MUSTER_KILLS: how often each of the three is killed (a few times); MUSTER_SEED: the moments of
another run.
"""
import collections
import datetime
import heapq
import itertools
import os
import random
import time
import unittest

from lib import faketime, ledger
from lib.cluster import READY, Case
from lib.main import main
from lib.programs import wait_for

KILLS = 12
COMMIT_MS = 500  # a run has ended once that is on disk
FIRED, SKIPPED, MISSED, WAITING = "fired", "skipped", "missed", "waiting"
NOTE = ('echo "$MUSTER_JOB_ID $MUSTER_TOKEN $MUSTER_SCHEDULE $MUSTER_NOMINAL_TIME" '
        '>>"$HANDLER_LOG"')
KINDS = {"quick": NOTE, "slow": f"{NOTE}; exec sleep 1.3"}
SECOND = "* * * * * *"
ALL = {"catch_up": "all", "timezone": "Europe/Berlin"}
SCHEDULES = {
    "each": {**ALL, "cron": SECOND, "kind": "quick", "overlap": "allow"},
    "every": {**ALL, "every": "2s", "kind": "quick", "overlap": "allow"},
    "late": {**ALL, "cron": SECOND, "kind": "quick", "overlap": "allow", "jitter": "3s"},
    "skip": {**ALL, "cron": SECOND, "kind": "slow", "overlap": "skip"},
    "queue": {**ALL, "every": "1s", "kind": "slow", "overlap": "queue_one"},
    "cancel": {**ALL, "cron": "*/2 * * * * *", "kind": "slow", "overlap": "cancel_old"},
    "newest": {"catch_up": "latest", "every": "1s", "kind": "quick", "overlap": "allow"},
}
del SCHEDULES["every"]["timezone"], SCHEDULES["queue"]["timezone"]
EVERY = {"every": 2, "cancel": 2}  # seconds, where it is not one
# What may be said of a nominal time.
WORDS = {"each": {(FIRED, "due")}, "every": {(FIRED, "due")}, "late": {(FIRED, "due")},
         "skip": {(FIRED, "due"), (SKIPPED, "overlap")},
         "queue": {(FIRED, "due"), (SKIPPED, "overlap")},
         "cancel": {(FIRED, "due")},
         "newest": {(FIRED, "due"), (MISSED, "superseded")}}


def unix_ms(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


class Victim:
    """A program that is killed and started again; `start` starts it."""

    def __init__(self, name, start, kills, away):
        self.name, self.start, self.left, self.away = name, start, kills, away
        self.program, self.killed = None, 0


class Untouched:
    """In the place of a program, where something else than a kill is to happen now and then."""

    def __init__(self):
        self.process = self

    def kill(self):
        pass

    def poll(self):
        return None


class Kills(Case):
    # A worker that holds jobs is back within 2 s.
    settings = {"restart-grace": "4s", "retain-jobs": 1000000}

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("MUSTER_SEED") or random.randrange(1000000))
        print(f"MUSTER_SEED={seed}", flush=True)
        self.random = random.Random(seed)
        self.file = ledger.write_file(self.cluster.folder / "team.yaml", **SCHEDULES)
        self.broker_environment = None
        self.now = time.time  # the broker's clock

    # ---- kills ----

    def scheduler(self, name, environment=None):
        return lambda: ledger.start_scheduler(self.cluster, name, self.file, wait=False,
                                              environment=environment)

    def broker(self):
        """Not waited for: it may be killed while it starts."""
        self.cluster.broker = self.cluster.start("musterd", self.cluster.broker_command(),
                                                 self.broker_environment)
        return self.cluster.broker

    def moment(self):
        """Until the next kill: anywhere, or just when nominal times are due."""
        pause = self.random.uniform(0.1, 1.6)
        if self.random.random() < 0.5:
            pause = round(self.now() + pause) - self.now() + self.random.uniform(-0.01, 0.03)
        return max(pause, 0.02)

    def kill_all(self, victims):
        """Kills each of them as often as it says; all of them run afterwards."""
        order = itertools.count()
        todo = [(time.monotonic() + self.moment(), next(order), one, True) for one in victims]
        heapq.heapify(todo)
        while todo:
            at, _, victim, kill = heapq.heappop(todo)
            wait_for(lambda at=at: time.monotonic() >= at, "time")
            self.look_after(victims)
            if kill:
                victim.program.kill()
                victim.killed += 1
                gone = self.random.random() < 0.3
                pause = self.random.uniform(0, victim.away) if gone else 0
            else:
                victim.program = victim.start()
                pause = self.moment()
            if not kill and victim.killed >= victim.left:
                continue
            heapq.heappush(todo, (time.monotonic() + pause, next(order), victim, not kill))

    def look_after(self, victims):
        """None ends by itself, but for a broker whose port some connection took meanwhile."""
        for victim in victims:
            status = victim.program.process.poll()
            if status in (None, -9):
                continue
            self.assertEqual((victim.name, status), ("broker", 4), victim.program.tail())
            victim.program = victim.start()

    # ---- judging ----

    def settle(self, schedulers):
        """Ends the schedulers once what is due by now is judged; all jobs have ended then."""
        def broker_answers():
            if self.cluster.broker.process.poll() == 4:
                self.broker()
            try:
                return self.cluster.client()
            except AssertionError:
                return None
        client = wait_for(broker_answers, "the broker")
        _, end = ledger.schedules(client)

        def through():
            return [one["through"] for one in ledger.schedules(client)[0].values()]
        wait_for(lambda: min(through()) >= end, lambda: f"judged up to {end}: {through()}", 60)
        for one in schedulers:
            one.program.wait_ready(ledger.READY)  # before that it takes no signals
            self.assertEqual(one.program.stop(), 0, one.program.tail())

        def settled():
            stats = client.stats()
            known, _ = ledger.schedules(client)
            return not any(stats[key] for key in ("ready", "running", "scheduled", "in_doubt")) \
                and not any(one["waiting"] for one in known.values())
        wait_for(settled, lambda: f"all has ended: {client.stats()}", 60)
        return client

    def judge(self, client, begun):
        """begun: (from, to) in ms: when the schedules were put. What was found, counted."""
        known, _ = ledger.schedules(client)
        jobs, notes = collections.defaultdict(list), collections.defaultdict(set)
        for job in client.all_jobs():
            jobs[job["schedule"], unix_ms(job["nominal_time"])].append(job)
        tokens = collections.Counter()
        for job, token, name, nominal in self.cluster.handled():
            notes[name, unix_ms(nominal)].add(job)
            tokens[token] += 1
        self.assertEqual(sorted(known), sorted(SCHEDULES))
        wrong = [f"{token} was started {n} times" for token, n in tokens.items() if n > 1]
        figures = collections.Counter(runs=len(tokens))
        for name, one in known.items():
            rows = ledger.read(client, name)
            wrong += [f"{name}: {text}" for text in
                      self.judge_schedule(name, rows, one["through"], begun, figures)]
            wrong += [f"{name}: {text}" for text in self.judge_runs(name, rows, jobs, notes)]
        expected = {row["job"] for name in known for row in ledger.read(client, name)
                    if row["verdict"] == FIRED}
        there = {job["id"] for found in jobs.values() for job in found}
        wrong += [f"lost: the job {job}" for job in expected - there]
        wrong += [f"double: the job {job}" for job in there - expected]
        figures["jobs"] = len(there)
        figures["doubles"] = sum(len(found) > 1 for found in jobs.values())
        figures["reruns"] = len(tokens) - len(set().union(*notes.values()))
        return wrong, figures

    def judge_schedule(self, name, rows, through, begun, figures):
        """The ledger: a row for each nominal time, and no other."""
        step = EVERY.get(name, 1) * 1000
        nominals = [row["nominal"] for row in rows]
        first = -(-begun[0] // step) * step
        if not rows or not first <= nominals[0] <= begun[1] + step:
            yield f"begins with {nominals[:3]}; it was put in {begun}"
            return
        expected = range(nominals[0], through + 1, step)
        twice = [nominal for nominal, n in collections.Counter(nominals).items() if n > 1]
        lost = sorted(set(expected) - set(nominals))
        yield from (f"{nominal} stands in the ledger twice" for nominal in twice)
        yield from (f"lost: {nominal}" for nominal in lost)
        yield from (f"{nominal} is no nominal time" for nominal in set(nominals) - set(expected))
        for row in rows:
            figures[row["verdict"]] += 1
            if (row["verdict"], row["reason"]) not in WORDS[name]:
                yield f"what was said of {row}?"
            # A run that waited is judged when it starts: the clock may have been set meanwhile.
            waited = name == "queue" and self.now is not time.time
            if row["judged"] < row["nominal"] and not waited:
                yield f"judged before its time: {row}"
        figures["nominal"] += len(rows)
        if name == "each":
            figures["late_ms"] = max(row["judged"] - row["nominal"] for row in rows)
        figures["lost"] += len(lost)
        if rows[-1]["verdict"] == MISSED:
            yield f"the newest was missed: {rows[-1]}"

    def judge_runs(self, name, rows, jobs, notes):
        """One job of a row that fired, the same in the handlers' log; none of any other."""
        alive = []
        for row in rows:
            key = name, row["nominal"]
            ids = [job["id"] for job in jobs.get(key, ())]
            if row["verdict"] != FIRED:
                if ids or notes.get(key):
                    yield f"{row} has a run: {ids} {notes.get(key)}"
                continue
            run = row["job"]
            if ids != [run]:
                yield f"{row} has the jobs {ids}, not {run}"
                continue
            job = jobs[key][0]
            cancelled = name == "cancel" and job["state"] == "cancelled"
            if job["state"] != "completed" and not cancelled:
                yield f"{run} is {job['state']}"
                continue
            alive.append((unix_ms(job["created_at"]), unix_ms(job["finished_at"]), run))
            if notes.get(key, set()) - {run} or not (cancelled or notes.get(key)):
                yield f"{row} was run as {notes.get(key)}"
        if name in ("skip", "queue", "cancel") and self.now is time.time:
            yield from self.judge_overlap(rows, alive)

    @staticmethod
    def judge_overlap(rows, alive):
        """Runs one after the other; who was skipped was so because of one that had not ended."""
        alive.sort()
        for (_, end, one), (begin, _, other) in zip(alive, alive[1:]):
            if begin < end:
                yield f"{other} began {end - begin} ms before {one} ended"
        spans = {run: (begin, end) for begin, end, run in alive}
        for row in rows:
            begin, end = spans.get(row["job"], (0, 0))
            there = begin <= row["judged"] <= end + COMMIT_MS
            if row["verdict"] == SKIPPED and row["job"] and not there:
                yield f"{row}: the run was there from {begin} to {end}"

    def judge_history(self, client):
        """What people are shown is what programs are."""
        rows = ledger.read(client, "each")
        shown = self.json("schedule", "history", "each", "--limit", len(rows))
        self.assertEqual([(unix_ms(one["nominal_time"]), one["verdict"], one["job"])
                          for one in shown[::-1]],
                         [(row["nominal"], row["verdict"], row["job"]) for row in rows])

    # ---- the tests ----

    def run_and_judge(self, kills, environments=(None, None), others=()):
        """`others`: beside two schedulers."""
        self.cluster.start_worker(kinds=KINDS, slots=12)
        begun, put = time.monotonic(), int(self.now() * 1000)
        schedulers = [Victim(name, self.scheduler(name, environment), kills, 2.0)
                      for name, environment in zip(("scheduler-a", "scheduler-b"), environments)]
        for one in schedulers:
            one.program = one.start()
        schedulers[0].program.wait_ready(ledger.READY)
        put = (put, int(self.now() * 1000) + 1)
        self.kill_all([*schedulers, *others])
        seconds = time.monotonic() - begun
        client = self.settle(schedulers)
        wrong, figures = self.judge(client, put)
        killed = " ".join(f"{one.name}={one.killed}" for one in [*schedulers, *others])
        print(f"kills: {killed}; {seconds:.0f} s, " +
              ", ".join(f"{key} {figures[key]}" for key in (
                  "nominal", "fired", "skipped", "missed", "jobs", "runs", "reruns", "doubles",
                  "lost", "late_ms")), flush=True)
        self.assertFalse(wrong, f"{len(wrong)} findings:\n" + "\n".join(wrong[:30]))
        self.assertEqual((figures["doubles"], figures["lost"]), (0, 0))
        self.judge_history(client)
        return figures

    def broker_victim(self, kills):
        victim = Victim("broker", self.broker, kills, 3.0)
        victim.program = self.cluster.broker
        return victim

    def test_kills(self):
        kills = int(os.environ.get("MUSTER_KILLS") or KILLS)
        figures = self.run_and_judge(kills, others=[self.broker_victim(kills)])
        self.assertGreater(figures["fired"], kills)
        self.assertGreater(figures["skipped"], 0)

    def test_clocks_that_differ(self):
        """Those of schedulers do not matter: a time is due when the broker's clock says so."""
        faketime.need(self)
        kills = int(os.environ.get("MUSTER_KILLS") or 3)
        figures = self.run_and_judge(kills, (faketime.ahead(5), faketime.ahead(-7)))
        self.assertGreater(figures["fired"], 5)

    def test_a_clock_that_is_set(self):
        """The broker's, forwards and backwards: each second of it has one run all the same."""
        faketime.need(self)
        kills = int(os.environ.get("MUSTER_KILLS") or 4)
        clock = faketime.Clock(self.cluster.folder / "clock", time.time())
        self.now, self.broker_environment = clock.now, clock.environment()
        self.cluster.broker.stop()
        self.broker().wait_ready(READY)
        jumps = Victim("clock", None, kills, 0)

        def jump():
            clock.set(clock.now() + self.random.choice((-3, -2, -1, 2, 4)))
            return jumps.program
        jumps.start = jump
        jumps.program = Untouched()
        figures = self.run_and_judge(kills, others=[self.broker_victim(kills), jumps])
        self.assertGreater(figures["fired"], 5)


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    main()
