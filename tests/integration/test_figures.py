"""queues, stats and the feed tell rates, latencies and the age of the oldest ready job."""
import time

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

QUANTILES = ["p50", "p95", "p99"]


class Figures(Case):
    def queue(self, name):
        return {queue["queue"]: queue for queue in self.json("queues")}[name]

    def test_of_jobs_that_ran(self):
        self.cluster.start_worker(kinds={"work": "sleep 0.2", "bad": "exit 1"}, queues=["q"])
        for _ in range(3):
            self.json("submit", "work", "--queue", "q", "--wait", timeout=8)
        self.submit("bad", "--queue", "q", "--backoff", "fixed:1h")
        wait_for(lambda: self.queue("q")["failed"] == 1, "a failure")
        for told in (self.queue("q"), self.json("stats")):
            self.assertGreater(told["submitted_per_s"], 0.2)
            self.assertGreater(told["completed_per_s_1m"], 0.02)
            self.assertGreater(told["failed_per_s"], 0)
            for name in ("wait_ms", "run_ms", "total_ms"):
                values = [told[name][quantile] for quantile in QUANTILES]
                self.assertEqual(sorted(values), values)
            self.assertTrue(185 < told["run_ms"]["p50"] < 5000, told["run_ms"])
            self.assertGreater(told["total_ms"]["p99"], told["run_ms"]["p50"] * 0.9)
        lines = self.muster("queues").out.splitlines()
        self.assertEqual(lines[0].split(), ["QUEUE", "PAUSED", "READY", "RUNNING", "SCHEDULED",
                                            "PARKED", "OLDEST", "IN/S", "OUT/S", "FAIL/S", "WAIT",
                                            "RUN"])
        self.assertLessEqual(max(map(len, lines)), 100)
        self.assertRegex(lines[1].split()[-1], r"^[\d.]+m?s$")
        self.assertIn("run_ms.p95", self.muster("stats").out)

    def test_the_oldest(self):
        """Nobody handles the kind; and over a restart. A paused queue; one where all is taken."""
        begun = time.monotonic()
        self.submit("nobody", "--queue", "old")
        self.cluster.start_worker(kinds={"gate": 'exec sh "$HANDLERS/gate.sh" gate'},
                                  queues=["taken", "paused"], slots=2)
        running = self.submit("gate", "--queue", "taken")
        wait_for(lambda: self.show(running)["state"] == "running", "it runs")
        self.submit("gate", "--queue", "paused")
        wait_for(lambda: self.queue("paused")["running"] == 1, "it runs, too")
        self.json("pause", "paused")
        self.submit("gate", "--queue", "paused")
        self.assertEqual(self.queue("taken")["oldest_ready_s"], 0)
        for _ in range(2):
            age = self.queue("old")["oldest_ready_s"]
            self.assertTrue(0 < age <= time.monotonic() - begun + 0.1, age)
            self.assertTrue(0 < self.queue("paused")["oldest_ready_s"] < age)
            stats = self.json("stats")
            self.assertEqual(stats["oldest_ready_queue"], "old")
            self.assertGreaterEqual(stats["oldest_ready_s"], age)
            self.cluster.restart_broker()
        self.json("cancel", "--queue", "old")
        self.assertEqual(self.queue("old")["oldest_ready_s"], 0)
        self.cluster.open_gate()


if __name__ == "__main__":
    main()
