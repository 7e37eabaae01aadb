"""The feed as `muster monitor` tells it: the snapshot first, every event, gaps said and healed."""
import json
import os
import signal

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

KINDS = {"work": 'exec sh "$HANDLERS/work.sh"', "bad": "exit 65", "fail": "exit 3",
         "gate": 'exec sh "$HANDLERS/gate.sh" gate'}
EVENT = ["time", "topic", "id", "kind", "queue", "attempt", "worker", "code"]


class Monitor(Case):
    def monitor(self, *words):
        """A monitor that is known to listen: it has told its snapshot."""
        program = self.cluster.start_muster(f"monitor-{self.cluster.started}", "monitor", *words)
        wait_for(program.out, "the snapshot")
        return program

    @staticmethod
    def lines(program):
        """Whole lines only: the last one may be on its way."""
        return [json.loads(line) for line in program.out().split("\n")[:-1]]

    def events(self, program):
        return [line for line in self.lines(program) if "time" in line]

    def wait_topics(self, program, *topics):
        wait_for(lambda: set(topics) <= {event["topic"] for event in self.events(program)},
                 lambda: f"{topics}: {self.lines(program)}")
        return self.events(program)

    def test_life_of_a_job(self):
        self.submit("never")  # so that the snapshot has a queue
        monitor = self.monitor("--json")
        snapshot = self.lines(monitor)[0]
        self.assertIn("default", json.dumps(snapshot))
        worker = self.cluster.start_worker(kinds=KINDS, queues=["mail"], name="w1")
        job = self.json("submit", "work", "--queue", "mail", "--wait")["id"]
        bad = self.json("submit", "bad", "--queue", "mail", "--wait", status=1)["id"]
        gone = self.submit("never", "--queue", "mail")
        self.json("cancel", gone)
        self.json("pause", "mail")
        self.json("resume", "mail")
        worker.stop()
        events = self.wait_topics(monitor, "worker.left", "queue.resumed.mail")
        told = [(event["topic"], event.get("id")) for event in events]
        for one in (("worker.joined", None), ("job.submitted.mail", job),
                    ("job.started.mail", job), ("job.completed.mail", job),
                    ("job.started.mail", bad), ("job.parked.mail", bad),
                    ("job.cancelled.mail", gone), ("queue.paused.mail", None),
                    ("queue.resumed.mail", None), ("worker.left", None)):
            self.assertEqual(told.count(one), 1, (one, told))
        self.assertEqual([topic for topic, number in told if number == job],
                         ["job.submitted.mail", "job.started.mail", "job.completed.mail"])
        done = next(event for event in events if event["topic"] == "job.completed.mail")
        self.assertLessEqual(set(done), set(EVENT))
        self.assertEqual((done["kind"], done["queue"], done["attempt"], done["worker"]),
                         ("work", "mail", 1, "w1"))
        parked = next(event for event in events if event["topic"] == "job.parked.mail")
        self.assertEqual(parked["code"], "exit_65")
        monitor.signal(signal.SIGINT)
        self.assertIn(monitor.wait(), (0, 130, -signal.SIGINT))

    def test_count_ends_it(self):
        self.cluster.start_worker(kinds=KINDS)
        monitor = self.monitor("--json", "--count", "4", "job.completed")
        for _ in range(4):
            self.assertTrue(monitor.alive())
            self.json("submit", "work", "--wait")
        self.assertEqual(monitor.wait(), 0)
        events = self.events(monitor)
        self.assertEqual([event["topic"] for event in events], ["job.completed.default"] * 4)

    def test_topics(self):
        self.cluster.start_worker(kinds=KINDS, queues=["a", "b"])
        only = self.monitor("--json", "job.completed.a", "broker.stats", "broker.beat")
        everything = self.monitor("--json")
        for queue in "aba":
            self.json("submit", "work", "--queue", queue, "--wait")
        self.wait_topics(everything, "job.completed.b", "job.completed.a")
        self.wait_topics(only, "job.completed.a", "broker.stats")
        wait_for(lambda: "broker.beat" in only.out(), "the beat")
        topics = {event["topic"] for event in self.events(only)}
        self.assertLessEqual(topics, {"job.completed.a", "broker.stats", "broker.beat"})
        self.muster("monitor", "jobs.done", status=2)

    def test_text(self):
        monitor = self.monitor()
        self.cluster.start_worker(kinds=KINDS, name="w1")
        job = self.json("submit", "work", "--wait")["id"]
        wait_for(lambda: "job.completed.default" in monitor.out(), monitor.out)
        line = next(line for line in monitor.out().splitlines() if "job.completed" in line)
        for word in (job, "work", "w1"):
            self.assertIn(word, line)
        self.assertNotIn("\033", monitor.out())

    def test_lost_and_failed(self):
        monitor = self.monitor("--json", "job.lost", "job.failed", "worker")
        worker = self.cluster.start_worker(kinds=KINDS, name="w1")
        job = self.submit("gate")
        self.wait_handled("start", job)
        worker.kill()
        events = self.wait_topics(monitor, "worker.lost", "job.lost.default", "worker.suspect")
        lost = next(event for event in events if event["topic"] == "job.lost.default")
        self.assertEqual((lost["id"], lost["worker"]), (job, "w1"))
        self.cluster.start_worker(kinds=KINDS, name="w2")
        failed = self.submit("fail", "--backoff", "fixed:1h")
        events = self.wait_topics(monitor, "job.failed.default")
        self.assertEqual([(event["id"], event["code"]) for event in events
                          if event["topic"] == "job.failed.default"], [(failed, "exit_3")])

    def test_broker_restart_is_a_gap(self):
        self.cluster.start_worker(kinds=KINDS)
        monitor = self.monitor("--json", "job.completed")
        self.json("submit", "work", "--wait")
        self.wait_topics(monitor, "job.completed.default")
        self.cluster.restart_broker()
        # What happened meanwhile is not lost silently: it is said, and a new snapshot tells it.
        wait_for(lambda: sum("snapshot" in line for line in self.lines(monitor)) == 2,
                 lambda: f"the new snapshot: {self.lines(monitor)}")
        kinds = [next(iter(line)) for line in self.lines(monitor)]
        self.assertEqual(kinds, ["snapshot", "time", "gap", "snapshot"])
        job = self.json("submit", "work", "--wait")["id"]
        wait_for(lambda: job in [event["id"] for event in self.events(monitor)],
                 lambda: f"the event after the gap: {self.lines(monitor)}")

    def test_slow_reader(self):
        """A monitor that stands still holds up nobody, and is told what it missed."""
        self.cluster.start_worker(kinds=KINDS)
        monitor = self.monitor("--json", "job.submitted")
        os.kill(monitor.pid, signal.SIGSTOP)
        client = self.cluster.client()
        for _ in range(40):
            client.submit("never", [{}] * 500, queue="bulk")
        self.assertEqual(self.json("submit", "work", "--wait")["state"], "completed")
        os.kill(monitor.pid, signal.SIGCONT)

        def all_told():
            count = gaps = 0
            for line in self.lines(monitor):
                count += line.get("count", 0) if line.get("elided") else "time" in line
                gaps += "gap" in json.dumps(line)
            return count >= 20001 or gaps
        wait_for(all_told, "all events, or the gap")

    def test_no_broker(self):
        self.cluster.broker.stop()
        answer = self.muster("--json", "--timeout", "500ms", "monitor", status=4)
        self.assertEqual(answer.error()["code"], "no_broker")


if __name__ == "__main__":
    main()
