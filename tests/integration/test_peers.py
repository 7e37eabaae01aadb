"""Sessions, routes and runs, judged with workers that say exactly what the test wants: what an old
route, a lapsed session or an old run says changes nothing."""
import os
import signal
import time

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for


class Peers(Case):
    settings = {"heartbeat": "100ms", "lease": "1s", "restart-grace": "2s"}

    def setUp(self):
        super().setUp()
        self.client = self.cluster.client()

    def job(self, number):
        return self.client.jobs([number])[number]

    def wait_job(self, number, **wanted):
        """Until the job has these values; nobody's lease is renewed meanwhile."""
        def reached():
            job = self.job(number)
            return all(job[key] == value for key, value in wanted.items()) and job
        return wait_for(reached, lambda: f"{wanted}: {self.job(number)}")

    def lapse(self, number):
        return self.wait_job(number, state="ready", losses=1)


class Routes(Peers):
    def test_results_without_hello(self):
        [job] = self.client.submit("work")
        worker = self.cluster.raw_worker(credit=1)
        self.assertEqual(worker.jobs(1), {job: 1})
        for session in (None, worker.session):  # also whoever knows the session's id
            stranger = self.cluster.raw_worker(hello=False)
            stranger.session = session or os.urandom(16)
            stranger.number = 1
            stranger.results(1, {job: 1})
            stranger.expect("UNKNOWN")
            stranger.credit(5)
            stranger.expect("UNKNOWN")
        self.assertEqual(self.job(job)["state"], "running")
        worker.results(1, {job: 1})
        self.assertEqual(worker.expect("RESULTS_ACK").number, 1)
        self.assertEqual(self.job(job)["state"], "completed")

    def test_client_without_hello(self):
        stranger = wire.Client(self.cluster.endpoints["frontend"])
        self.cluster.peers.append(stranger)
        stranger.send_raw(stranger.submit_message("work", [{}]))
        stranger.expect("UNKNOWN")
        stranger.send("QUEUES", 7)
        stranger.expect("UNKNOWN")
        self.assertEqual(self.client.all_jobs(), [])

    def test_old_route(self):
        """After a HELLO on a new connection the old one is a stranger's."""
        [job] = self.client.submit("work")
        worker = self.cluster.raw_worker(credit=1)
        run = worker.jobs(1)[job]
        other = self.cluster.raw_worker(hello=False)
        other.session, other.number = worker.session, worker.number
        other.hello(held=[(job, run, 5)])
        worker.results(1, {job: run})
        worker.expect("UNKNOWN")
        self.assertEqual(self.job(job)["state"], "running")
        # A HELLO that is not higher is ignored, wherever it comes from.
        worker.send("HELLO", magic="MUSTER", version_min=1, version_max=1, role=wire.ROLE_WORKER,
                    session=worker.session, number=other.number, slots=1, queues=["default"],
                    kinds=["*"], results_next=1)
        other.results(1, {job: run})
        self.assertEqual(other.expect("RESULTS_ACK").number, 1)
        self.assertEqual(self.job(job)["state"], "completed")

    def test_what_is_not_listed_is_released(self):
        """Lost with the route: it goes out again, as a new run, at no cost."""
        jobs = self.client.submit("work", [{}, {}])
        worker = self.cluster.raw_worker(credit=2)
        self.assertEqual(worker.jobs(2), dict.fromkeys(jobs, 1))
        worker.connect()
        worker.hello(held=[(jobs[0], 1, 10)], credit=2)
        self.assertEqual(worker.jobs(1), {jobs[1]: 2})
        self.assertEqual([self.job(job)["losses"] for job in jobs], [0, 0])

    def test_goodbye_gives_back(self):
        [job] = self.client.submit("work")
        worker = self.cluster.raw_worker(credit=1)
        worker.jobs(1)
        worker.send("GOODBYE")
        other = self.cluster.raw_worker(credit=1)
        self.assertEqual(other.jobs(1), {job: 2})
        self.assertEqual(self.job(job)["losses"], 0)
        worker.send("HEARTBEAT")
        worker.expect("UNKNOWN", beat=False)


class Leases(Peers):
    def test_silence_ends_the_lease(self):
        [job] = self.client.submit("work")
        silent = self.cluster.raw_worker(credit=1, name="silent")
        self.assertEqual(silent.jobs(1), {job: 1})
        began = time.monotonic()
        self.lapse(job)
        self.assertGreater(time.monotonic() - began, 0.7)
        self.assertEqual(self.job(job)["attempts"][-1]["outcome"], "lost")
        other = self.cluster.raw_worker(credit=1, name="other")
        self.assertEqual(other.jobs(1), {job: 2})
        # What it says now comes too late: a newer run is out.
        silent.results(1, {job: 1}, result_lengths=[2], results=b"\xa1s")
        silent.expect("UNKNOWN", beat=False)
        silent.hello(held=[(job, 1, 2000)])
        abandon = silent.expect("ABANDON")
        self.assertEqual((abandon.ids, abandon.runs), ([job], [1]))
        silent.results(1, {job: 1}, result_lengths=[2], results=b"\xa1s")
        self.assertEqual(silent.expect("RESULTS_ACK").number, 1)
        self.assertEqual(self.job(job)["state"], "running")
        other.results(1, {job: 2}, result_lengths=[2], results=b"\xa1o")
        other.expect("RESULTS_ACK")
        job = self.job(job)
        self.assertEqual((job["state"], job["result"], job["worker"], job["losses"]),
                         ("completed", "o", "other", 1))

    def test_late_result_of_the_last_run_counts(self):
        [job] = self.client.submit("work")
        silent = self.cluster.raw_worker(credit=1)
        silent.jobs(1)
        self.lapse(job)
        silent.results(1, {job: 1})
        silent.expect("UNKNOWN", beat=False)
        silent.hello(results_next=1)
        silent.results(1, {job: 1})
        self.assertEqual(silent.expect("RESULTS_ACK").number, 1)
        self.assertEqual(self.job(job)["state"], "completed")
        self.assertEqual(self.cluster.raw_worker(credit=1).nothing_but("HEARTBEAT"), [])

    def test_taken_back_after_the_lease(self):
        """A lapsed session lists a job that nobody else got: it goes on there."""
        [job] = self.client.submit("work")
        silent = self.cluster.raw_worker(credit=1)
        silent.jobs(1)
        self.lapse(job)
        silent.hello(held=[(job, 1, 1500)], credit=1)
        self.assertEqual(self.job(job)["state"], "running")
        other = self.cluster.raw_worker(credit=1)
        self.assertEqual(other.nothing_but("HEARTBEAT"), [])
        silent.results(1, {job: 1})
        silent.expect("RESULTS_ACK")
        self.assertEqual(self.job(job)["state"], "completed")

    def test_no_jobs_for_the_lapsed(self):
        silent = self.cluster.raw_worker(credit=5)
        wait_for(lambda: not self.client.ask("WORKERS")[0], "it has lapsed")
        self.client.submit("work", [{}] * 3)
        self.assertEqual(silent.nothing_but("HEARTBEAT", within=0.5), [])
        silent.credit(5)
        silent.expect("UNKNOWN", beat=False)
        silent.hello(credit=5)
        self.assertEqual(len(silent.jobs(3)), 3)

    def test_no_jobs_for_the_suspect(self):
        silent = self.cluster.raw_worker(credit=5)
        wait_for(lambda: self.client.ask("WORKERS")[0][0]["state"] == "suspect", "it is suspect")
        self.client.submit("work")
        self.assertEqual([one.symbol for one in silent.nothing_but("HEARTBEAT", within=0.2)], [])
        silent.send("HEARTBEAT")
        self.assertEqual(len(silent.jobs(1)), 1)

    def test_three_losses_park(self):
        """Poison: whoever gets it dies. A late result ends it all the same."""
        [job] = self.client.submit("work")
        for n in range(1, 4):
            worker = self.cluster.raw_worker(credit=1, name=f"w{n}")
            self.assertEqual(worker.jobs(1), {job: n})
            self.wait_job(job, losses=n)
        shown = self.wait_job(job, state="parked")
        self.assertEqual([one["outcome"] for one in shown["attempts"]], ["lost"] * 3)
        self.assertEqual((shown["failures"], shown["losses"]), (0, 3))
        worker.hello()
        worker.results(1, {job: 3})
        self.assertEqual(worker.expect("RESULTS_ACK").number, 1)
        self.assertEqual(self.job(job)["state"], "completed")

    def test_prefetched_jobs_are_innocent(self):
        """A loss counts for what was handed into a free slot; the rest goes back at no cost, and
        what was lost once is never prefetched."""
        jobs = self.client.submit("work", [{}] * 6)
        silent = self.cluster.raw_worker(slots=2, credit=6)
        self.assertEqual(list(silent.jobs(6)), jobs)
        self.wait_job(jobs[0], state="ready", losses=1)
        self.assertEqual([job["losses"] for job in self.client.jobs(jobs).values()],
                         [1, 1, 0, 0, 0, 0])
        other = self.cluster.raw_worker(slots=1, credit=6)
        got = other.jobs(1)
        self.assertEqual(list(got), jobs[:1])
        rest = other.expect("JOBS").job_ids() if other.socket.poll(300) else []
        self.assertNotIn(jobs[1], rest)

    def test_broker_that_stood_still(self):
        """Time in which the broker did not serve is not the workers' fault."""
        [job] = self.client.submit("work")
        worker = self.cluster.raw_worker(credit=1)
        worker.jobs(1)
        os.kill(self.cluster.broker.pid, signal.SIGSTOP)
        deadline = time.monotonic() + 3  # three leases
        while time.monotonic() < deadline:
            worker.receive(0.1)
        os.kill(self.cluster.broker.pid, signal.SIGCONT)
        for _ in range(5):
            worker.send("HEARTBEAT")
            worker.expect("HEARTBEAT")
        shown = self.job(job)
        self.assertEqual((shown["state"], shown["losses"]), ("running", 0))


class Runs(Peers):
    def test_runs_that_never_were(self):
        [job] = self.client.submit("work")
        worker = self.cluster.raw_worker(credit=1)
        worker.jobs(1)
        worker.results(1, {job: 2})
        worker.results(2, {job: 0})
        worker.results(3, {job + 256: 1, 5: 1, 2**64 - 1: 7})
        while worker.expect("RESULTS_ACK").number < 3:
            pass
        self.assertEqual(self.job(job)["state"], "running")
        worker.results(4, {job: 1})
        while worker.expect("RESULTS_ACK").number < 4:
            pass
        self.assertEqual(self.job(job)["state"], "completed")
        self.assertEqual(len(self.client.all_jobs()), 1)

    def test_results_twice(self):
        """The same RESULTS again, and another outcome of a run that has ended."""
        [job] = self.client.submit("work")
        worker = self.cluster.raw_worker(credit=1)
        worker.jobs(1)
        worker.results(1, {job: 1})
        worker.results(1, {job: 1})
        worker.results(2, {job: 1}, outcome=wire.FAILED)
        while worker.expect("RESULTS_ACK").number < 2:
            pass
        shown = self.job(job)
        self.assertEqual((shown["state"], shown["failures"]), ("completed", 0))
        queue = self.client.ask("QUEUES")[0][0]
        self.assertEqual((queue["completed"], queue["failed"]), (1, 0))

    def test_job_of_another_session(self):
        """A result counts for the session that the run was granted to, and for no other."""
        [job] = self.client.submit("work")
        worker = self.cluster.raw_worker(credit=1)
        worker.jobs(1)
        other = self.cluster.raw_worker()
        other.results(1, {job: 1})
        self.assertEqual(other.expect("RESULTS_ACK").number, 1)
        self.assertEqual(self.job(job)["state"], "running")

    def test_held_that_nobody_granted(self):
        """A HELLO that lists what it was never given: it is told to stop, and nothing changes."""
        jobs = self.client.submit("work", [{}, {}])
        liar = self.cluster.raw_worker(hello=False)
        liar.hello(held=[(jobs[0], 1, 5), (jobs[1], 9, 5), (12345, 1, 5)])
        seen = []
        while len(seen) < 3:
            message = liar.expect("ABANDON")
            seen += message.ids
        self.assertEqual(sorted(seen), sorted([*jobs, 12345]))
        self.assertEqual([self.job(job)["state"] for job in jobs], ["ready", "ready"])
        worker = self.cluster.raw_worker(credit=2)
        self.assertEqual(worker.jobs(2), dict.fromkeys(jobs, 1))

    def test_credit_is_absolute(self):
        jobs = self.client.submit("work", [{}] * 6)
        worker = self.cluster.raw_worker(credit=2)
        worker.credit(2)
        worker.credit(2)
        got = worker.jobs(2)
        self.assertEqual(worker.nothing_but("HEARTBEAT"), [])
        worker.credit(3)
        got.update(worker.jobs(1))
        worker.results(1, dict(list(got.items())[:2]))
        got.update(worker.jobs(2))
        self.assertEqual(list(got), jobs[:5])

    def test_outcomes(self):
        """What each outcome of a run makes of its job."""
        cases = {wire.FAILED: "scheduled", wire.PARKED: "parked", wire.DISCARDED: "cancelled",
                 wire.SNOOZED: "scheduled", wire.TIMEOUT: "scheduled", wire.COMPLETED: "completed"}
        jobs = self.client.submit("work", [{}] * len(cases))
        worker = self.cluster.raw_worker(credit=len(cases))
        worker.jobs(len(cases))
        detail = wire.nested("DETAIL", code="because", message="of that")
        for number, (job, outcome) in enumerate(zip(jobs, cases), 1):
            worker.results(number, {job: 1}, outcome=outcome, detail_lengths=[len(detail)],
                           details=detail)
        while worker.expect("RESULTS_ACK").number < len(cases):
            pass
        states = [job["state"] for job in self.client.jobs(jobs).values()]
        self.assertEqual(states, list(cases.values()))
        failed = self.job(jobs[0])
        self.assertEqual((failed["failures"], failed["error"]),
                         (1, {"code": "because", "message": "of that"}))
        self.assertEqual(self.job(jobs[2])["error"]["code"], "discarded")
        self.assertEqual(self.job(jobs[3])["failures"], 0)


if __name__ == "__main__":
    main()
