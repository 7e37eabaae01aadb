"""Workers that die, drain and come back; what becomes of their jobs and of their handlers."""
import os
import pathlib
import re
import signal
import time

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for
from lib.wire import id_text

GATE = {"gate": 'exec sh "$HANDLERS/gate.sh" gate', "work": 'exec sh "$HANDLERS/work.sh"'}
# A handler with a child, a child that left its process group, and an orphan.
FAMILY = """sleep 1000 & echo $! >>family
setsid sh -c 'echo $$ >>family; sleep 1000 & wait' &
(sh -c 'echo $$ >>family; sleep 1000' &)
echo $$ >>family
echo "start $MUSTER_JOB_ID" >>"$HANDLER_LOG"
wait"""


def alive(pid):
    """It runs: neither gone nor a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Killed(Case):
    def test_jobs_run_elsewhere_after_the_lease(self):
        first = self.cluster.start_worker(kinds=GATE, name="first", slots=2)
        jobs = [self.submit("gate"), self.submit("gate")]
        self.wait_handled("start", count=2)
        second = self.cluster.start_worker(kinds=GATE, name="second", slots=2)
        killed = time.monotonic()
        first.kill()
        again = self.wait_handled("start", count=4)
        self.assertGreater(time.monotonic() - killed, 1.5)  # not before the lease is over
        self.assertEqual([line[4] for line in again], ["first"] * 2 + ["second"] * 2)
        self.assertEqual(sorted(line[2] for line in again[2:]), sorted(f"{one}.2" for one in jobs))
        self.cluster.open_gate()
        for job in self.json("wait", *jobs):
            self.assertEqual((job["state"], job["result"], job["worker"], job["losses"],
                              job["failures"]), ("completed", f"{job['id']}.2", "second", 1, 0))
            self.assertEqual([(one["outcome"], one["worker"]) for one in job["attempts"]],
                             [("lost", "first"), ("completed", "second")])
        queue = self.json("queues")[0]
        self.assertEqual((queue["completed"], queue["lost"], queue["failed"]), (2, 2, 0))
        self.assertEqual([one["name"] for one in self.json("workers")], ["second"])
        self.assertEqual(second.stop(), 0)

    def test_handlers_die_with_the_worker(self):
        """Whole families, also what left its process group: nothing runs beside its re-run."""
        worker = self.cluster.start_worker(kinds={"family": FAMILY})
        job = self.submit("family")
        self.wait_handled("start", job)
        family = self.cluster.folder / "family"
        pids = wait_for(lambda: len(family.read_text().split()) == 4 and family.read_text().split(),
                        "the family")
        self.assertTrue(all(alive(pid) for pid in pids))
        worker.kill()
        wait_for(lambda: not any(alive(pid) for pid in pids),
                 lambda: f"all gone: {[pid for pid in pids if alive(pid)]}", timeout=5)

    def test_poison(self):
        """A job whose workers die is parked after three losses, with their names."""
        for n in range(1, 4):
            worker = self.cluster.start_worker(kinds=GATE, name=f"w{n}")
            if n == 1:
                job = self.submit("gate")
            self.wait_handled("start", job, count=n)
            worker.kill()
        shown = self.wait_state(job, "parked")
        self.assertEqual([(one["outcome"], one["worker"]) for one in shown["attempts"]],
                         [("lost", "w1"), ("lost", "w2"), ("lost", "w3")])
        self.assertEqual((shown["losses"], shown["failures"]), (3, 0))
        self.assertTrue(shown["error"]["code"])
        # An operator's retry zeroes the losses, and the old runs count no more.
        self.cluster.open_gate()
        self.cluster.start_worker(kinds=GATE, name="w4")
        self.json("parked", "retry", job)
        self.assertEqual(self.json("wait", job)[0]["worker"], "w4")

    def test_late_result_of_a_stopped_worker(self):
        """Stopped longer than its lease, its job runs elsewhere: what it says later is stale."""
        slow = self.cluster.start_worker(kinds=GATE, name="slow")
        job = self.submit("gate")
        self.wait_handled("start", job)
        os.kill(slow.pid, signal.SIGSTOP)
        self.cluster.start_worker(kinds=GATE, name="other")
        self.wait_handled("start", job, f"{job}.2")
        os.kill(slow.pid, signal.SIGCONT)
        wait_for(lambda: len(self.json("workers")) == 2, "both workers")
        self.cluster.open_gate()
        ended = self.json("wait", job)[0]
        self.assertEqual((ended["result"], ended["worker"]), (f"{job}.2", "other"))
        self.assertEqual(self.json("submit", "work", "--wait")["state"], "completed")
        self.assertEqual(self.show(job)["result"], f"{job}.2")

    def test_supervisor_killed(self):
        """Without its supervisor a worker starts nothing more: its jobs run elsewhere."""
        worker = self.cluster.start_worker(kinds=GATE, name="first")
        self.json("submit", "work", "--wait")
        children = pathlib.Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text()
        for pid in children.split():
            os.kill(int(pid), signal.SIGKILL)
        self.cluster.start_worker(kinds=GATE, name="second")
        for _ in range(6):
            self.assertEqual(self.json("submit", "work", "--wait")["state"], "completed")
        self.assertEqual(self.json("submit", "work", "--wait")["worker"], "second")


class Prefetch(Case):
    def test_nothing_is_hoarded(self):
        """Short jobs that came along before a long one are given back soon, and run elsewhere."""
        kinds = {**GATE, "short": "true"}
        client = self.cluster.client()
        self.cluster.start_worker(kinds=kinds, name="first", slots=1)
        self.json("wait", *map(id_text, client.submit("short", [{}] * 200)))
        [gate] = client.submit("gate")
        shorts = client.submit("short", [{}] * 20)
        self.wait_handled("start", id_text(gate))
        self.cluster.start_worker(kinds=kinds, name="second", slots=1)
        ended = self.json("wait", *map(id_text, shorts))
        self.assertEqual({(job["worker"], job["losses"]) for job in ended}, {("second", 0)})
        self.assertEqual(self.show(id_text(gate))["state"], "running")


class Drain(Case):
    def test_lets_handlers_finish(self):
        worker = self.cluster.start_worker(kinds=GATE, name="first", slots=1)
        job, waiting = self.submit("gate"), self.submit("gate")
        self.wait_handled("start", job)
        worker.signal(signal.SIGTERM)
        wait_for(lambda: self.json("workers")[0]["state"] == "draining", "draining")
        self.cluster.start_worker(kinds=GATE, name="second", slots=1)
        self.wait_handled("start", waiting)
        self.cluster.open_gate()
        self.assertEqual(worker.wait(), 0)
        ended = self.json("wait", job, waiting)
        self.assertEqual([(one["state"], one["worker"]) for one in ended],
                         [("completed", "first"), ("completed", "second")])
        self.assertEqual([one["losses"] for one in ended], [0, 0])
        self.assertEqual([one["name"] for one in self.json("workers")], ["second"])

    def test_second_signal_stops_at_once(self):
        """What is unfinished goes back at no cost, and at once: nobody waits for the lease."""
        worker = self.cluster.start_worker(kinds=GATE, name="first")
        job = self.submit("gate")
        pid = self.wait_handled("start", job)[0][5]
        worker.signal(signal.SIGTERM)
        wait_for(lambda: self.json("workers")[0]["state"] == "draining", "draining")
        self.assertTrue(alive(pid))
        began = time.monotonic()
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(), 0)
        self.assertLess(time.monotonic() - began, 5)
        wait_for(lambda: not alive(pid), "its handler ended")
        self.cluster.open_gate()
        self.cluster.start_worker(kinds=GATE, name="second")
        ended = self.json("wait", job)[0]
        self.assertEqual((ended["worker"], ended["losses"], ended["failures"]), ("second", 0, 0))
        self.assertEqual([one["outcome"] for one in ended["attempts"]], ["released", "completed"])

    def test_drain_ends(self):
        """After 25 s what is unfinished gets SIGTERM and goes back at no cost."""
        worker = self.cluster.start_worker(kinds=GATE, name="first")
        job = self.submit("gate")
        pid = self.wait_handled("start", job)[0][5]
        began = time.monotonic()
        self.assertEqual(worker.stop(timeout=60), 0)
        took = time.monotonic() - began
        self.assertTrue(15 < took < 35, took)
        wait_for(lambda: not alive(pid), "its handler ended")
        shown = self.show(job)
        self.assertEqual((shown["state"], shown["losses"], shown["failures"]), ("ready", 0, 0))

    def test_idle_worker_ends_at_once(self):
        worker = self.cluster.start_worker(kinds=GATE)
        began = time.monotonic()
        self.assertEqual(worker.stop(), 0)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.json("workers"), [])


class Start(Case):
    broker_first = False

    def test_waits_for_a_missing_broker(self):
        self.cluster.start_broker()
        self.cluster.broker.kill()
        worker = self.cluster.start_worker(kinds=GATE, wait=False)
        wait_for(lambda: worker.log().strip(), "it says that there is no broker")
        self.assertTrue(worker.alive())
        self.assertEqual(worker.out(), "")
        self.cluster.start_broker()
        ready = worker.wait_ready(r"^muster-worker: ready name=(\S+) session=([0-9a-f]{32}) "
                                  r"slots=4$")
        self.assertEqual(ready[1], "worker")
        self.json("submit", "work", "--wait")
        # A line after each WELCOME, with the same session.
        self.cluster.restart_broker()
        again = worker.wait_ready(r"^muster-worker: ready .*session=(\S+)", count=2)
        self.assertEqual(again[1], ready[2])

    def test_two_brokers(self):
        """One connection each; the slots are shared."""
        self.cluster.start_broker()
        first, self.cluster.endpoints = self.cluster.endpoints, dict.fromkeys(
            ("frontend", "backend", "feed"), "tcp://127.0.0.1:*")
        self.cluster.data = self.cluster.folder / "data2"
        self.cluster.start_broker(name="musterd2")
        worker = self.cluster.start_worker(f"--broker={first['backend']}", kinds=GATE)
        wait_for(lambda: worker.out().count("ready") == 2, "both brokers")
        self.assertEqual(self.json("submit", "work", "--wait")["state"], "completed")
        job = self.json("--broker", first["frontend"], "submit", "work", "--wait")
        self.assertEqual(job["state"], "completed")
        self.assertEqual(worker.stop(), 0)

    def test_usage(self):
        self.cluster.endpoints["backend"] = "tcp://127.0.0.1:1"
        for flags, words in ((["--exec=a/b"], "KIND=COMMAND|--exec"), (["--slots=0"], "slots"),
                             (["--queue=a:0"], "queue"), (["--nonsense"], "nonsense"),
                             (["--name=a b"], "name"), (["--exec=-x=true"], "exec")):
            with self.subTest(flags):
                worker = self.cluster.start_worker(*flags, kinds={"a": "true"}, wait=False)
                self.assertEqual(worker.wait(), 2)
                self.assertRegex(worker.log(), words)
        worker = self.cluster.start_worker(wait=False)
        self.assertEqual(worker.wait(), 2)

    def test_config_file(self):
        self.cluster.start_broker()
        config = self.cluster.folder / "worker.yaml"
        config.write_text(f"broker: [\"{self.cluster.endpoints['backend']}\"]\nname: filed\n"
                          "slots: 3\nqueue: [\"mail:2\", other]\n"
                          "exec:\n  work: 'exec sh \"$HANDLERS/work.sh\"'\n")
        command = self.cluster.worker_command(name="flagged")
        command = [command[0], "--config", str(config), "--slots", "5"]
        worker = self.cluster.start("filed", command, {"WORKER": "filed"})
        worker.wait_ready(r"^muster-worker: ready name=filed session=\S+ slots=5$")
        shown = self.json("workers")[0]
        self.assertEqual((shown["queues"], shown["kinds"]), (["mail", "other"], ["work"]))
        self.json("submit", "work", "--queue", "other", "--wait")
        config.write_text("slots: 3\nquueue: [a]\n")
        worker = self.cluster.start("wrong", command)
        self.assertEqual(worker.wait(), 2)
        self.assertTrue(re.search(r"worker\.yaml:2:1.*queue", worker.log()), worker.log())


if __name__ == "__main__":
    main()
