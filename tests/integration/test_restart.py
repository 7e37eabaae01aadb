"""The broker dies and comes back: running jobs are not run again, nothing acknowledged is lost,
and nothing beyond a mark is held back."""
import os
import signal
import threading
import time

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for
from lib.wire import id_number

GATE = {"gate": 'exec sh "$HANDLERS/gate.sh" gate', "work": 'exec sh "$HANDLERS/work.sh"'}


class Restart(Case):
    settings = {"lease": "3s", "restart-grace": "20s"}

    def started(self):
        return [line[2] for line in self.cluster.handled() if line[0] == "start"]

    def test_running_jobs_are_not_run_again(self):
        workers = [self.cluster.start_worker(kinds=GATE, name=f"w{n}", slots=3) for n in (1, 2)]
        jobs = [self.submit("gate") for _ in range(6)]
        self.wait_handled("start", count=6)
        for _ in range(3):
            self.cluster.restart_broker()
            wait_for(lambda: sum(len(one["jobs"]) for one in self.json("workers")) == 6,
                     lambda: f"all jobs adopted: {self.json('workers')}")
        shown = [self.show(job) for job in jobs]
        self.assertEqual({job["state"] for job in shown}, {"running"})
        self.cluster.open_gate()
        ended = self.json("wait", *jobs)
        self.assertEqual([(job["state"], job["result"]) for job in ended],
                         [("completed", f"{job}.1") for job in jobs])
        self.assertEqual(sorted(self.started()), sorted(f"{job}.1" for job in jobs))
        self.assertEqual({(job["losses"], len(job["attempts"])) for job in ended}, {(0, 1)})
        self.assertEqual([worker.stop() for worker in workers], [0, 0])

    def test_results_while_the_broker_is_away(self):
        self.cluster.start_worker(kinds=GATE, slots=3)
        jobs = [self.submit("gate") for _ in range(3)]
        self.wait_handled("start", count=3)
        self.cluster.broker.kill()
        self.cluster.open_gate()
        self.wait_handled("end", count=3)
        self.cluster.start_broker()
        ended = self.json("wait", *jobs)
        self.assertEqual([job["result"] for job in ended], [f"{job}.1" for job in jobs])
        self.assertEqual(len(self.started()), 3)

    def test_nothing_beyond_a_mark_is_held_back(self):
        """What was never handed out flows at once, though the grace for lost workers goes on."""
        self.cluster.broker.stop()
        self.cluster.start_broker(restart_grace="1h", lease="1h")
        lost = self.cluster.start_worker(kinds={"gate": GATE["gate"]}, name="lost", slots=2)
        jobs = [self.submit("gate") for _ in range(2)]
        self.wait_handled("start", count=2)
        more = [self.submit("work") for _ in range(50)]
        lost.kill()
        self.cluster.restart_broker(restart_grace="1h", lease="1h")
        self.cluster.start_worker(kinds=GATE, name="second")
        self.assertEqual({job["state"] for job in self.json("wait", *more)}, {"completed"})
        for job in jobs:
            shown = self.show(job)
            self.assertEqual((shown["state"], shown["waits"]["reason"]), ("ready", "restart"))
        self.assertEqual(len(self.started()), 52)

    def test_grace_ends(self):
        """A worker that does not come back: its jobs run elsewhere after the grace, at no cost."""
        self.cluster.broker.stop()
        self.cluster.start_broker(restart_grace="2s")
        lost = self.cluster.start_worker(kinds=GATE, name="lost")
        job = self.submit("gate")
        self.wait_handled("start", job)
        lost.kill()
        self.cluster.restart_broker(restart_grace="2s")
        self.cluster.start_worker(kinds=GATE, name="second")
        began = time.monotonic()
        self.wait_handled("start", job, f"{job}.2")
        self.assertLess(time.monotonic() - began, 15)
        self.cluster.open_gate()
        ended = self.json("wait", job)[0]
        self.assertEqual((ended["losses"], ended["result"]), (0, f"{job}.2"))

    def test_grace_ends_early(self):
        """As soon as all known workers are back, what none of them lists is lapsed."""
        self.cluster.broker.stop()
        self.cluster.start_broker(restart_grace="1h")
        gone = self.cluster.raw_worker(credit=1, name="gone")
        [job] = self.cluster.client().submit("work")
        self.assertEqual(gone.jobs(1), {job: 1})
        self.cluster.restart_broker(restart_grace="1h")
        gone.connect()
        gone.hello(credit=1)  # it has lost the job
        self.assertEqual(gone.jobs(1), {job: 2})

    def test_everything_stays(self):
        self.cluster.start_worker(kinds={"work": GATE["work"], "bad": "exit 65"})
        done = self.json("submit", "work", "--wait")
        parked = self.json("submit", "bad", "--wait", status=1)
        later = self.submit("work", "--delay", "1h", "--priority", "7", "--max-attempts", "3")
        ready = self.submit("work", "--queue", "unserved")
        gone = self.submit("work", "--delay", "1h")
        self.json("cancel", gone)
        jobs = [done["id"], parked["id"], later, ready, gone]
        before, queues = [self.show(job) for job in jobs], self.json("queues")
        self.cluster.restart_broker()
        self.assertEqual([self.show(job) for job in jobs], before)
        def stored(queue):
            """Without what is of the running broker alone, and the age."""
            return {key: value for key, value in queue.items()
                    if "_per_s" not in key and not key.endswith(("_ms", "_s"))}
        again = [stored(one) for one in self.json("queues")]
        self.assertEqual(sorted(again, key=str), sorted(map(stored, queues), key=str))
        self.assertEqual(self.cluster.broker.stop(), 0)
        self.cluster.start_broker()
        self.assertEqual([self.show(job) for job in jobs], before)

    def test_acknowledged_means_stored(self):
        """kill -9 while many submit: whatever was acknowledged is there, once."""
        acknowledged, stop = set(), threading.Event()
        client = self.cluster.client()

        def submit():
            while not stop.is_set():
                try:
                    acknowledged.update(client.submit("never", [{}] * 100, timeout=1))
                except AssertionError:
                    return
        thread = threading.Thread(target=submit)
        thread.start()
        wait_for(lambda: len(acknowledged) > 2000, "acknowledgements")
        self.cluster.broker.kill()
        stop.set()
        thread.join()
        self.cluster.start_broker()
        found = [job["id"] for job in self.cluster.client().all_jobs()]
        self.assertEqual(len(found), len(set(found)))
        self.assertLessEqual(acknowledged, {id_number(job) for job in found})
        self.assertLessEqual(len(found), len(acknowledged) + 100)

    def test_waiting_over_a_restart(self):
        """`wait` and `submit --wait` go on."""
        self.cluster.start_worker(kinds=GATE)
        waits = [self.cluster.start_muster("submit-wait", "submit", "gate", "--wait", "--json")]
        job = self.wait_handled("start")[0][1]
        waits.append(self.cluster.start_muster("wait", "wait", job, "--json"))
        wait_for(lambda: self.cluster.client().stats()["clients"] >= 2, "both wait")
        self.cluster.restart_broker()
        self.cluster.open_gate()
        for program in waits:
            self.assertEqual(program.wait(), 0, program.log())
            self.assertIn(f"{job}.1", program.out())
        self.assertEqual(self.started(), [f"{job}.1"])

    def test_standing_still(self):
        """SIGSTOP for longer than the lease: no worker lapses, nothing runs twice."""
        self.cluster.start_worker(kinds=GATE, slots=2)
        jobs = [self.submit("gate") for _ in range(2)]
        self.wait_handled("start", count=2)
        os.kill(self.cluster.broker.pid, signal.SIGSTOP)
        deadline = time.monotonic() + 4
        wait_for(lambda: time.monotonic() > deadline, "longer than the lease")
        os.kill(self.cluster.broker.pid, signal.SIGCONT)
        stats = self.json("stats")
        self.assertEqual(stats["lapses"], 0)
        self.cluster.open_gate()
        ended = self.json("wait", *jobs)
        self.assertEqual([(job["losses"], job["result"]) for job in ended],
                         [(0, f"{job}.1") for job in jobs])
        self.assertEqual(self.json("stats")["lapses"], 0)

    def test_sigterm(self):
        self.json("stats")
        began = time.monotonic()
        self.assertEqual(self.cluster.broker.stop(), 0)
        self.assertLess(time.monotonic() - began, 8)
        self.assertIn("stopped", self.cluster.broker.log())
        # A worker waits for it, and the jobs go on.
        self.cluster.start_broker()
        worker = self.cluster.start_worker(kinds=GATE)
        job = self.submit("gate")
        self.wait_handled("start", job)
        self.assertEqual(self.cluster.broker.stop(), 0)
        self.assertTrue(worker.alive())
        self.cluster.start_broker()
        self.cluster.open_gate()
        self.assertEqual(self.json("wait", job)[0]["result"], f"{job}.1")


if __name__ == "__main__":
    main()
