"""Failures, backoff, snoozing, losses that cost nothing, parking, expiry, cancelling."""
import datetime
import os
import pathlib
import signal

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Retry(Case):
    def test_backoff_until_it_works(self):
        self.cluster.start_worker(kinds={"flaky": 'exec sh "$HANDLERS/exit.sh" 3 3'})
        job = self.json("submit", "flaky", "--backoff", "fixed:300ms", "--wait")
        self.assertEqual((job["state"], job["failures"], job["result"]),
                         ("completed", 2, f"{job['id']}.3"))
        attempts = job["attempts"]
        self.assertEqual([(one["attempt"], one["outcome"], one["code"]) for one in attempts],
                         [(1, "failed", "exit_3"), (2, "failed", "exit_3"), (3, "completed", None)])
        for before, after in zip(attempts, attempts[1:]):
            pause = seconds(after["started_at"]) - seconds(before["ended_at"])
            self.assertGreaterEqual(pause, 0.3 * 0.75 - 0.01)  # jitter takes a quarter at most
            self.assertLess(pause, 5)
        started = [line for line in self.cluster.handled() if line[0] == "start"]
        self.assertEqual([(line[2], line[3]) for line in started],
                         [(f"{job['id']}.{n}", str(n)) for n in (1, 2, 3)])

    def test_waits_for_its_retry(self):
        self.cluster.start_worker(kinds={"bad": "exit 3"})
        job = self.submit("bad", "--backoff", "exponential:1h:2h")
        shown = self.wait_state(job, "scheduled")
        self.assertEqual((shown["failures"], shown["waits"]["reason"], shown["error"]["code"]),
                         (1, "retry", "exit_3"))
        pause = seconds(shown["run_at"]) - seconds(shown["attempts"][0]["ended_at"])
        self.assertTrue(2700 - 5 <= pause <= 3600 + 5, pause)
        queue = self.json("queues")[0]
        self.assertEqual((queue["failed"], queue["scheduled"], queue["parked"]), (1, 1, 0))
        self.cluster.restart_broker()
        shown = self.show(job)
        self.assertEqual((shown["state"], shown["failures"], shown["waits"]["reason"]),
                         ("scheduled", 1, "retry"))
        self.assertEqual(self.json("queues")[0]["failed"], 1)

    def test_parks_after_max_attempts(self):
        self.cluster.start_worker(kinds={"bad": 'exec sh "$HANDLERS/exit.sh" 9'})
        job = self.json("submit", "bad", "--max-attempts", "3", "--backoff", "linear:50ms:1s",
                        "--wait", status=1)
        self.assertEqual((job["state"], job["failures"], len(job["attempts"])), ("parked", 3, 3))
        self.assertEqual(job["error"], {"code": "exit_9", "message": "exits with 9"})
        queue = self.json("queues")[0]
        self.assertEqual((queue["failed"], queue["parked"], queue["completed"]), (3, 1, 0))

    def test_snooze_costs_nothing(self):
        snooze = 'n=$(cat n 2>/dev/null); echo x$n >n; [ "$n" = xxx ] || exit 75; echo $n'
        self.cluster.start_worker(kinds={"later": snooze})
        job = self.json("submit", "later", "--max-attempts", "1", "--backoff", "fixed:100ms",
                        "--wait")
        self.assertEqual((job["state"], job["result"], job["failures"], job["losses"]),
                         ("completed", "xxx", 0, 0))
        self.assertEqual([(one["attempt"], one["outcome"]) for one in job["attempts"]],
                         [(1, "snoozed"), (2, "snoozed"), (3, "snoozed"), (4, "completed")])
        self.assertEqual(self.json("queues")[0]["failed"], 0)

    def test_expires(self):
        """It never runs after its time; it ends there as soon as somebody looks or waits."""
        job = self.json("submit", "work", "--expires-in", "300ms", "--wait", status=1)
        self.assertEqual(job["state"], "expired")
        other = self.submit("work", "--expires-in", "300ms", "--delay", "1h")
        self.assertEqual(self.json("wait", other, status=1)[0]["state"], "expired")
        other = self.submit("work", "--expires-in", "100ms")
        self.wait_state(other, "expired")
        self.cluster.start_worker(kinds={"work": 'exec sh "$HANDLERS/work.sh"'})
        self.json("submit", "work", "--expires-in", "1h", "--wait")
        self.assertFalse([line for line in self.cluster.handled() if line[1] == job["id"]])
        self.assertEqual(self.show(job["id"])["state"], "expired")
        self.assertEqual(self.json("queues")[0]["expired"], 3)

    def test_delay_and_at(self):
        self.cluster.start_worker(kinds={"work": 'exec sh "$HANDLERS/work.sh"'})
        job = self.json("submit", "work", "--delay", "700ms", "--wait")
        waited = seconds(job["started_at"]) - seconds(job["created_at"])
        self.assertTrue(0.69 <= waited < 10, waited)
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
        at = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        job = self.json("submit", "work", "--at", at, "--wait")
        late = seconds(job["started_at"]) - seconds(at)
        self.assertTrue(-0.01 <= late < 10, late)
        job = self.submit("work", "--at", "2090-01-31T09:00:00Z")
        shown = self.show(job)
        self.assertEqual((shown["state"], shown["run_at"], shown["waits"]["reason"]),
                         ("scheduled", "2090-01-31T09:00:00.000Z", "scheduled"))
        self.json("submit", "work", "--at", "2001-01-31T09:00:00Z", "--wait")
        self.muster("submit", "work", "--at", "tomorrow", status=2)

    def test_delay_over_a_restart(self):
        """Never longer than what was asked."""
        self.cluster.start_worker(kinds={"work": 'exec sh "$HANDLERS/work.sh"'})
        job = self.submit("work", "--delay", "2s")
        self.cluster.restart_broker()
        ended = self.json("wait", job)[0]
        waited = seconds(ended["started_at"]) - seconds(ended["created_at"])
        self.assertTrue(1.9 <= waited < 15, waited)


class Cancel(Case):
    def test_running(self):
        """SIGTERM to its process group; the result no longer counts."""
        self.cluster.start_worker(kinds={
            "long": 'trap "echo told >told; exit 0" TERM; echo "start $MUSTER_JOB_ID" '
                    '>>"$HANDLER_LOG"; sleep 1000 & echo $! >child.pid; wait; wait',
            "work": "echo ok"}, slots=1)
        job = self.submit("long")
        self.wait_handled("start", job)
        pid_file = self.cluster.folder / "child.pid"
        wait_for(lambda: pid_file.exists() and pid_file.read_text().strip(), "the child")
        shown = self.json("cancel", job)[0]
        self.assertEqual((shown["id"], shown["state"]), (job, "cancelled"))
        self.muster("wait", job, status=1)
        wait_for(lambda: (self.cluster.folder / "told").exists(), "SIGTERM")
        # The slot stays with the run until it has stopped, then it is free.
        self.assertEqual(self.json("submit", "work", "--wait")["result"], "ok")
        shown = wait_for(lambda: not self.show(job)["stopping"] and self.show(job), "it stopped")
        self.assertEqual(shown["state"], "cancelled")
        pid = int(pid_file.read_text())
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "its child ended")
        self.assertEqual(self.json("queues")[0]["cancelled"], 1)

    def test_one_that_does_not_listen(self):
        """SIGKILL after 10 s; meanwhile `show` says stopping."""
        self.cluster.start_worker(kinds={
            "deaf": 'trap "" TERM; echo "start $MUSTER_JOB_ID x x x $$" >>"$HANDLER_LOG"; '
                    'while :; do sleep 0.1; done'})
        job = self.submit("deaf")
        pid = int(self.wait_handled("start", job)[0][5])
        self.json("cancel", job)
        shown = self.show(job)
        self.assertEqual((shown["state"], shown["stopping"]), ("cancelled", True))
        self.assertTrue(pathlib.Path(f"/proc/{pid}").exists())
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "SIGKILL", timeout=20)
        wait_for(lambda: not self.show(job)["stopping"], "not stopping any more")

    def test_over_a_broker_restart(self):
        """A cancel that was answered stands, also when the broker dies before the worker knows."""
        worker = self.cluster.start_worker(kinds={"gate": 'exec sh "$HANDLERS/gate.sh" gate'})
        job = self.submit("gate")
        self.wait_handled("start", job)
        os.kill(worker.pid, signal.SIGSTOP)
        self.json("cancel", job)
        self.cluster.restart_broker()
        os.kill(worker.pid, signal.SIGCONT)
        self.cluster.open_gate()
        wait_for(lambda: not self.json("workers")[0]["jobs"] if self.json("workers") else False,
                 "the worker back, without it")
        self.assertEqual(self.show(job)["state"], "cancelled")


if __name__ == "__main__":
    main()
