"""The commands `muster schedule ...` against a broker whose answers the test decides: busy, started
anew, with other schedules from answer to answer, or without sense.

test_schedule_answers.py BIN_FOLDER"""
import json
import struct

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.schedule_broker import EARLY, FIRED, FULL, KNOWN, LATER, ScheduleBroker, STALE


class Answers(ScheduleBroker):
    """Verdicts as a test wants them: each list is for one FIRE, what is beyond it is fired."""

    def __init__(self):
        self.planned, self.fires, self.ledger, self.pages = [], [], [], []
        self.ledgers, self.rows_asked = [], []
        self.anew, self.then = False, None  # with a stale one: a new epoch, another definition
        super().__init__()

    def page(self, *told, more=True, reset=False, revision=None):
        """The next answer to whoever asks for all: (name, revision, kind or None: deleted)."""
        items = [{"name": name, "revision": number, "deleted": True} if not kind else
                 {"name": name, "revision": number, "deleted": False, "source": "s", "runs": [],
                  "paused": False, "through": self.now(), "waiting": None, "last": None,
                  "definition": wire.nested("SCHEDULE", name=name, queue="q", kind=kind,
                                            every_s=60)}
                 for name, number, kind in told]
        last = revision or told[-1][1]
        self.pages.append(({"now": self.now(), "epoch": 7, "reset": reset, "revision": last,
                            "schedules": items}, {"more": 1} if more else {}))

    def _answer_schedules(self, route, message, until):
        if not message.name:
            body, more = self.pages.pop(0)
            self._reply(route, message, body, **more)
            return
        everything = self.schedules
        self.schedules = {message.name: everything[message.name]}
        message.epoch = None
        super()._answer_schedules(route, message, until)
        self.schedules = everything

    def _on_fire(self, route, message):
        plan = self.planned.pop(0) if self.planned else []
        count = len(message.nominals_ms)
        verdicts = (plan + [FIRED] * count)[:count]
        self.fires.append((message, verdicts))
        if STALE in verdicts:
            self.epoch += self.anew
            for schedule in self.schedules.values():
                self.revision += 1
                schedule.revision = self.revision
                schedule.definition = self.then or schedule.definition
        self._reply(route, message, {"now": self.now(), "verdicts": bytes(verdicts),
                                     "reasons": bytes(count), "through": bytes(8 * count),
                                     "jobs": struct.pack("<Q", 256) * count})

    def _on_ledger(self, route, message):
        self.rows_asked.append(message)
        self._reply(route, message, self.ledgers.pop(0) if self.ledgers else self.ledger)


class Unusual(Case):
    """What a busy broker answers."""

    broker_first = False

    def setUp(self):
        super().setUp()
        self.broker = Answers()
        self.addCleanup(self.broker.close)
        self.cluster.endpoints["frontend"] = self.broker.endpoint
        self.broker.put("tick", every_s=1)

    def fill(self, *words, **more):
        return self.muster("schedule", "backfill", "tick", "--from", "2026-01-01T00:00:00Z",
                           "--to", "2026-01-01T00:09:59Z", *words, **more)

    def test_changes_while_the_list_is_read(self):
        self.broker.page(("a", 1, "old"), ("b", 2, "k"), ("c", 3, "k"), reset=True)
        self.broker.page(("d", 4, "k"), ("a", 5, "new"), ("b", 6, None), more=False)
        told = self.json("schedule", "list")
        self.assertEqual([(one["name"], one["entry"]["kind"]) for one in told],
                         [("a", "new"), ("c", "k"), ("d", "k")])
        asked = [(message.after or 0, message.epoch or 0) for message in self.broker.asked]
        self.assertEqual(asked, [(0, 0), (3, 7)])

    def test_a_broker_that_is_started_anew_while_the_list_is_read(self):
        self.broker.page(("gone", 10, "k"), ("stays", 20, "k"), reset=True)
        self.broker.page(("stays", 1, "k"), more=False, reset=True)
        self.assertEqual([one["name"] for one in self.json("schedule", "list")], ["stays"])

    def test_a_broker_that_begins_anew_for_ever(self):
        for _ in range(100):
            self.broker.page(("a", 5, "k"), reset=True)
        error = self.muster("--json", "schedule", "list", status=5).error()
        self.assertEqual(error["code"], "malformed")
        self.assertGreater(len(self.broker.pages), 70)

    def test_answers_that_make_no_sense(self):
        self.broker.page(("a", 5, "k"), reset=True)
        self.broker.page(("a", 5, "k"))
        self.broker.pages.append(([1, 2], {}))
        self.broker.page(("a", 5, "k"), reset=True, more=False)
        self.broker.pages[3][0]["schedules"].append("nonsense")
        self.broker.page(("a", 5, "k"), reset=True, more=False)
        self.broker.pages[4][0]["schedules"][0].update(last="?", runs=7, waiting="x", source=[])
        for _ in range(3):
            error = self.muster("--json", "schedule", "list", status=5).error()
            self.assertEqual(error["code"], "malformed")
        self.assertEqual(self.broker.pages[1:], [])
        [told] = self.json("schedule", "list")
        self.assertEqual((told["last"], told["runs"], told["waiting"]), (None, None, None))
        self.broker.ledger = [{"nominal": "x"}]
        refused = self.muster("--json", "schedule", "history", "tick", status=5).error()
        self.assertEqual(refused["code"], "malformed")

    def test_nobody_fires(self):
        for _ in range(2):
            self.broker.page(("late", 1, "k"), ("later", 2, "k"), ("soon", 3, "k"), more=False)
            for i, seconds in enumerate((500, 70)):
                self.broker.pages[-1][0]["schedules"][i]["through"] -= seconds * 1000
        told = self.muster("schedule", "list")
        self.assertRegex(told.out, r"(?m)^late .* owed (?s:.*)^later .* owed (?s:.*)^soon .*Z ")
        self.assertRegex(told.err, r"^muster: 2 schedules are overdue, by up to \dm\d\ds: is a "
                                   r"muster scheduler running\?\n$")
        told = self.muster("--json", "schedule", "list")
        self.assertEqual(told.err, "")
        self.assertEqual([bool(one["owed_since"]) for one in told.json()], [True, True, False])
        self.broker.put("slow", every_s=2, through=self.broker.now() - 60000)
        self.assertRegex(self.muster("schedule", "show", "slow").err, "^muster: 1 schedule is over")

    def test_backfill_asks_again_for_what_was_not_judged(self):
        self.broker.planned = [[LATER, FULL, KNOWN], [LATER] * 512, [STALE] * 512]
        self.assertEqual(json.loads(self.fill("--json").out)["fired"], 599)
        asked = [list(message.nominals_ms) for message, _ in self.broker.fires]
        first = asked[0][0]
        self.assertEqual(asked[0], [first + 1000 * i for i in range(512)])
        rest = [first, first + 1000] + [first + 1000 * i for i in range(512, 600)]
        self.assertEqual(asked[1:], [rest, rest, rest])
        self.assertEqual({message.mode for message, _ in self.broker.fires}, {1})
        revisions = [set(message.revisions) for message, _ in self.broker.fires]
        self.assertEqual(revisions[:3], [revisions[0]] * 3)
        self.assertNotEqual(revisions[3], revisions[0])

    def test_backfill_of_the_future(self):
        done = self.muster("schedule", "backfill", "tick", "--from", "2190-01-01T00:00:00Z")
        self.assertIn("--from is in the future: the broker's now is ", done.err)
        self.assertEqual(self.broker.fires, [])

    def test_backfill_gives_up_when_it_is_told_how_long(self):
        self.broker.planned = [[FULL] * 512] * 1000
        done = self.fill("--timeout", "300ms", status=6)
        self.assertEqual(done.err.splitlines()[-1], "muster: tick: the broker has no room")
        self.assertEqual(done.out, "tick: 0 fired, 0 had been judged, 0 skipped\n")
        self.assertGreater(len(self.broker.fires), 3)
        self.assertLess(len(self.broker.fires), 100)

    def test_backfill_of_what_is_another_one_by_now(self):
        self.broker.planned = [[STALE] * 512]
        self.broker.then = wire.nested("SCHEDULE", name="tick", queue="default", kind="work",
                                       every_s=2)
        self.assertIn("was changed meanwhile", self.fill(status=5).err)
        self.assertEqual(len(self.broker.fires), 1)

    def test_trigger(self):
        self.broker.planned = [[STALE], [LATER], [FIRED]]
        self.assertEqual(self.muster("schedule", "trigger", "tick").out, "0000000000080\n")
        self.assertEqual(len(self.broker.fires), 3)
        self.assertEqual({message.mode for message, _ in self.broker.fires}, {2})
        [nominal] = {message.nominals_ms[0] for message, _ in self.broker.fires}
        self.assertLess(abs(nominal - self.broker.now()), 10000)
        self.assertIn(nominal % 1000, range(2, 999))
        self.broker.planned = [[FULL]]
        refused = self.muster("--json", "schedule", "trigger", "tick", status=5).error()
        self.assertEqual(refused["code"], "full")
        self.broker.planned = [[LATER]] * 1000
        self.muster("--timeout", "200ms", "schedule", "trigger", "tick", status=6)

    def test_trigger_whose_answer_was_lost(self):
        """The run is there: the ledger has its job, perhaps a little later."""
        for anew in (False, True):
            self.broker.planned, self.broker.anew = [[STALE], [KNOWN], [KNOWN]], anew
            self.broker.fires.clear()
            self.broker.ledgers = [[], [{"nominal": 1, "judged": 1, "verdict": "fired", "job":
                                         "6h0bafts00000", "reason": "trigger", "first": None,
                                         "count": None}]]
            self.assertEqual(self.muster("schedule", "trigger", "tick").out, "6h0bafts00000\n")
            self.assertEqual(len(self.broker.fires), 3)
            [nominal] = {message.nominals_ms[0] for message, _ in self.broker.fires}
            self.assertEqual([(asked.from_ms, asked.before_ms) for asked in self.broker.rows_asked],
                             [(nominal, nominal + 1)] * 2)
            self.broker.rows_asked.clear()

    def test_trigger_while_the_clock_is_set_back(self):
        self.broker.planned = [[EARLY], [FIRED]]
        self.muster("schedule", "trigger", "tick", "tick")
        first, second, third = (message.nominals_ms[0] for message, _ in self.broker.fires)
        self.assertNotEqual(first, second)
        self.assertGreater(third, second)


if __name__ == "__main__":
    main()
