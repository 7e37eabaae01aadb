"""Client sessions, spoken by hand: resends are no new jobs, ends are told until they are taken,
waits are held and answered."""
import time

import msgpack

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for


class Clients(Case):
    def setUp(self):
        super().setUp()
        self.client = self.cluster.client()

    def finish(self, count=1, outcome=wire.COMPLETED, **more):
        """A worker ends so many jobs; their ids."""
        worker = self.cluster.raw_worker(credit=count)
        jobs = worker.jobs(count)
        worker.results(1, jobs, outcome=outcome, **more)
        worker.expect("RESULTS_ACK")
        worker.send("GOODBYE")
        return list(jobs)


class Resends(Clients):
    def test_same_number_same_answer(self):
        """What comes while the first is on its way joins it; what comes later is answered again."""
        message = self.client.submit_message("work", [{}] * 3, number=1)
        for _ in range(3):
            self.client.send_raw(message)
        first = self.client.expect("SUBMIT_ACK")
        self.client.nothing_but("HEARTBEAT", within=0.1)
        for _ in range(3):
            self.client.send_raw(message)
            self.assertEqual(str(self.client.expect("SUBMIT_ACK")), str(first))
        self.assertEqual(len(self.client.all_jobs()), 3)

    def test_over_reconnects_and_restarts(self):
        """On a new route, and at a broker that has started anew."""
        message = self.client.submit_message("work", [{}] * 3, number=1)
        self.client.send_raw(message)
        first = self.client.expect("SUBMIT_ACK").job_ids()
        for change in (self.client.connect, self.cluster.restart_broker):
            change()
            self.client.connect()
            self.client.hello()
            self.client.send_raw(message)
            self.assertEqual(self.client.expect("SUBMIT_ACK").job_ids(), first)
        self.assertEqual(len(self.client.all_jobs()), 3)

    def test_killed_before_the_answer(self):
        """Sent, and the broker killed at once: sent again, it exists once."""
        for number in range(1, 9):
            message = self.client.submit_message("work", [number] * 5, number=number,
                                                 confirmed=number - 1)
            self.client.send_raw(message)
            if number % 2:
                self.client.expect("SUBMIT_ACK")
            self.cluster.restart_broker()
            self.client.connect()
            self.client.hello()
            self.client.send_raw(message)
            self.assertEqual(len(self.client.expect("SUBMIT_ACK").job_ids()), 5)
        self.assertEqual([job["args"] for job in self.client.all_jobs()],
                         [number for number in range(1, 9) for _ in range(5)])

    def test_confirmed_numbers_are_never_executed(self):
        self.client.submit("work")
        self.client.submit("work", confirmed=1)
        self.client.send_raw(self.client.submit_message("other", [{}], number=1, confirmed=2))
        self.client.expect("SUBMIT_ACK", "BUSY", "ERROR")
        self.assertEqual([job["kind"] for job in self.client.all_jobs()], ["work", "work"])

    def test_two_routes_of_a_session(self):
        """A duplicate of what is on its way joins it; the answer goes to the newest route."""
        message = self.client.submit_message("work", [{}], number=1)
        self.client.send_raw(message)
        newer = wire.Client(self.cluster.endpoints["frontend"])
        self.cluster.peers.append(newer)
        newer.session, newer.number = self.client.session, self.client.number
        newer.hello()
        newer.send_raw(message)
        self.assertEqual(len(newer.expect("SUBMIT_ACK").job_ids()), 1)
        self.client.send("HEARTBEAT")
        self.client.expect("UNKNOWN", beat=False)
        self.assertEqual(len(newer.all_jobs()), 1)

    def test_window(self):
        """More unconfirmed SUBMITs than WELCOME allows: BUSY, and nothing happens."""
        window = self.client.welcome.window
        for number in range(1, window + 2):
            self.client.send_raw(self.client.submit_message("work", [{}], number=number))
        answers = [self.client.expect("SUBMIT_ACK", "BUSY") for _ in range(window + 1)]
        self.assertEqual([one.number for one in answers if one.symbol == "BUSY"], [window + 1])
        message = self.client.submit_message("work", [{}], number=window + 1, confirmed=window)
        self.client.send_raw(message)
        self.client.expect("SUBMIT_ACK")
        self.assertEqual(len(self.client.all_jobs()), window + 1)


class Ends(Clients):
    def test_told_until_taken(self):
        """DONE comes again on each new route, also of a new broker, until DONE_ACK."""
        ids = self.client.submit("work", [{}] * 2, notify=1)
        result = msgpack.packb({"ok": True})
        self.finish(2, result_lengths=[len(result)] * 2, results=result * 2)

        def told():
            seen = {}
            while len(seen) < 2:
                done = self.client.expect("DONE")
                seen.update(zip(done.ids, done.states))
                self.last = done
            return seen
        completed = dict.fromkeys(ids, 3)
        self.assertEqual(told(), completed)
        self.assertEqual(self.last.results[-len(result):], result)
        self.client.connect()
        self.client.hello()
        self.assertEqual(told(), completed)
        self.cluster.restart_broker()
        self.client.connect()
        self.client.hello()
        self.assertEqual(told(), completed)
        self.client.send("DONE_ACK", number=self.last.number)
        self.client.ask("STATS")
        self.client.connect()
        self.client.hello(done_confirmed=self.last.number)
        self.assertEqual(self.client.nothing_but("HEARTBEAT"), [])

    def test_all_kinds_of_ends(self):
        [parked] = self.client.submit("work", notify=1)
        detail = wire.nested("DETAIL", code="because", message="of that")
        self.finish(outcome=wire.PARKED, detail_lengths=[len(detail)], details=detail)
        done = self.client.expect("DONE")
        self.assertEqual((done.ids, done.states), ([parked], [6]))
        self.assertIn(b"because", done.details)
        [cancelled] = self.client.submit("never", notify=1)
        self.client.ask("CANCEL", ids=[cancelled])
        done = self.client.expect("DONE")
        self.assertEqual((done.ids, done.states), ([cancelled], [4]))

    def test_nobody_else_is_told(self):
        other = self.cluster.client()
        self.client.submit("work")
        other.submit("work", notify=1)
        self.finish(2)
        other.expect("DONE")
        self.assertEqual(self.client.nothing_but("HEARTBEAT"), [])


class Waits(Clients):
    def test_held_and_answered(self):
        [job] = self.client.submit("work")
        self.client.send("WAIT", 7, ids=[job], hold_ms=30000)
        self.assertEqual(self.client.nothing_but("HEARTBEAT", within=0.3), [])
        self.finish()
        reply = self.client.expect("REPLY")
        body = msgpack.unpackb(reply.body)
        self.assertEqual((reply.request, body[0]["state"]), (7, "completed"))

    def test_hold_ends(self):
        [job] = self.client.submit("work")
        began = time.monotonic()
        body, _ = self.client.ask("WAIT", ids=[job], hold_ms=300)
        self.assertGreater(time.monotonic() - began, 0.25)
        self.assertEqual(body[0]["state"], "ready")

    def test_several(self):
        """Answered when all have ended; what is not there counts as ended."""
        ids = self.client.submit("work", [{}] * 2)
        self.client.send("WAIT", 8, ids=[*ids, ids[0], 2**63], hold_ms=30000)
        self.finish()
        self.assertEqual(self.client.nothing_but("HEARTBEAT", within=0.2), [])
        self.finish()
        body = msgpack.unpackb(self.client.expect("REPLY").body)
        self.assertEqual([one and one["state"] for one in body], ["completed"] * 3 + [None])

    def test_exit_status_of_wait(self):
        [job] = self.client.submit("work")
        text = wire.id_text(job)
        answer = self.muster("--json", "--timeout", "300ms", "wait", text, status=6)
        self.assertEqual(answer.error()["code"], "timeout")
        program = self.cluster.start_muster("wait", "wait", text)
        wait_for(lambda: self.client.stats()["clients"] >= 2, "it waits")
        self.finish()
        self.assertEqual(program.wait(), 0)
        self.assertIn("completed", program.out())
        self.muster("wait", wire.id_text(2**63), status=3)


class Latency(Clients):
    def test_nothing_polls(self):
        """An idle broker hands out a new job as soon as its commit is done."""
        worker = self.cluster.raw_worker(credit=1)
        times = []
        for number in range(1, 22):
            began = time.monotonic()
            [job] = self.client.submit("work", [{}])
            worker.jobs(1)
            times.append(time.monotonic() - began)
            worker.results(number, {job: 1})
            worker.expect("RESULTS_ACK")
        self.assertLess(sorted(times)[10], 0.1, times)


if __name__ == "__main__":
    main()
