"""Which job goes first: priorities, weights, strict order; and what does not stand in the way."""
import collections

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

WORK = {"work": 'exec sh "$HANDLERS/work.sh"'}


class Order(Case):
    def setUp(self):
        super().setUp()
        self.client = self.cluster.client()

    def order(self, worker, count, at_once=1):
        """The ids in the order in which a worker with one slot gets them."""
        got = []
        for number in range(1, count + 1):
            jobs = worker.jobs(at_once)
            got += jobs
            worker.results(number, jobs)
        return got

    def test_priorities(self):
        ids = {priority: self.client.submit("work", [{}] * 2, priority=priority)
               for priority in (5, 9, 0, 7, 1)}
        worker = self.cluster.raw_worker(slots=1, credit=1)
        self.assertEqual(self.order(worker, 10),
                         [job for priority in sorted(ids) for job in ids[priority]])

    def test_first_in_first_out_over_kinds(self):
        """Inside a queue and a priority, whatever the kind."""
        ids = [self.client.submit(f"k{n % 5}")[0] for n in range(30)]
        worker = self.cluster.raw_worker(slots=1, credit=1)
        self.assertEqual(self.order(worker, 30), ids)

    def test_order_outlives_the_broker(self):
        ids = {priority: self.client.submit("work", [{}] * 20, priority=priority)
               for priority in (6, 2)}
        self.cluster.restart_broker()
        worker = self.cluster.raw_worker(slots=1, credit=1)
        self.assertEqual(self.order(worker, 40), ids[2] + ids[6])

    def test_weights(self):
        """Smooth weighted round robin: 5 : 3 : 1, without long rows of one queue."""
        queue_of = {job: queue for queue in ("a", "b", "c")
                    for job in self.client.submit("work", [{}] * 100, queue=queue)}
        worker = self.cluster.raw_worker(slots=1, credit=1, queues=["a", "b", "c"],
                                         weights=[5, 3, 1])
        names = [queue_of[job] for job in self.order(worker, 90)]
        self.assertEqual(collections.Counter(names), {"a": 50, "b": 30, "c": 10})
        self.assertNotIn("aaaa", "".join(names))
        self.assertEqual(collections.Counter(names[:9]), {"a": 5, "b": 3, "c": 1})

    def test_strict(self):
        queue_of = {job: queue for queue in ("low", "high")
                    for job in self.client.submit("work", [{}] * 10, queue=queue)}
        worker = self.cluster.raw_worker(slots=1, credit=1, queues=["high", "low"], strict=1)
        names = [queue_of[job] for job in self.order(worker, 20)]
        self.assertEqual(names, ["high"] * 10 + ["low"] * 10)

    def test_weights_of_a_real_worker(self):
        for queue in ("a", "b"):
            self.client.submit("work", [{}] * 40, queue=queue)
        self.cluster.start_worker("--queue=a:3", "--queue=b", kinds={
            "work": 'echo "start $MUSTER_QUEUE" >>"$HANDLER_LOG"'}, slots=1)
        self.wait_handled("start", count=40)
        names = collections.Counter(line[1] for line in self.cluster.handled()[:40])
        self.assertGreaterEqual(names["a"], 25)
        self.assertGreaterEqual(names["b"], 5)

    def test_unhandled_kind_delays_nobody(self):
        """100,000 jobs that nobody handles, of every priority, before one of another kind."""
        for _ in range(200):
            self.client.submit("nobody", [{}] * 500, priority=0)
        worker = self.cluster.raw_worker(slots=1, credit=1, kinds=["work"])
        for number in range(1, 21):
            [job] = self.client.submit("work", priority=9)
            self.assertEqual(worker.jobs(1, timeout=2), {job: 1})
            worker.results(number, {job: 1})
        # Nor do they after a restart, when they are in no window.
        self.cluster.restart_broker()
        self.client = self.cluster.client()
        worker = self.cluster.raw_worker(slots=1, credit=1, kinds=["work"])
        [job] = self.client.submit("work", priority=9)
        self.assertEqual(worker.jobs(1, timeout=5), {job: 1})
        self.assertLess(self.client.stats()["rss_anon_bytes"], 512 << 20)

    def test_paused_lanes_delay_nobody(self):
        self.client.submit("work", [{}] * 500, queue="held", priority=0)
        self.client.ask("PAUSE", queue="held", paused=1)
        worker = self.cluster.raw_worker(slots=1, credit=1, queues=["held", "open"])
        [job] = self.client.submit("work", queue="open", priority=9)
        self.assertEqual(worker.jobs(1), {job: 1})

    def test_backlog_larger_than_the_window(self):
        """What was submitted before any worker came runs in order, each once."""
        ids = []
        for _ in range(40):
            ids += self.client.submit("work", [{}] * 500)
        worker = self.cluster.raw_worker(slots=64, credit=2000)
        got, number = [], 0
        while len(got) < len(ids):
            message = worker.expect("JOBS")
            jobs = message.job_ids()
            got += jobs
            number += 1
            worker.results(number, dict.fromkeys(jobs, 1))
        self.assertEqual(got, ids)
        wait_for(lambda: self.client.ask("QUEUES")[0][0]["completed"] == len(ids), "all completed")

    def test_free_slots_first(self):
        """Nobody is given a second job while somebody has a free slot."""
        workers = [self.cluster.raw_worker(slots=2, credit=8, name=f"w{n}") for n in range(3)]
        wait_for(lambda: len(self.client.ask("WORKERS")[0]) == 3, "three workers")
        self.client.submit("work", [{}] * 6)
        for worker in workers:
            self.assertEqual(len(worker.jobs(2)), 2)
            self.assertEqual(worker.nothing_but("HEARTBEAT", within=0.1), [])


if __name__ == "__main__":
    main()
