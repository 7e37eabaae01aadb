"""20 broker kills and 40 worker kills under load, judged by the oracle.

Jobs come in all the while: through the command line, in bulk with an idempotency key (run again
until it goes through), and by raw clients. Handlers work for a while, some fail, some put
themselves off. In the end every job that was acknowledged has ended, once, and each run has its
cause.
"""
import collections
import os
import random
import threading
import time
import unittest

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.oracle import Oracle
from lib.programs import wait_for

BROKER_KILLS, WORKER_KILLS = 20, 40
WORKERS = 3
KINDS = {"short": 'exec sh "$HANDLERS/work.sh"', "long": 'exec sh "$HANDLERS/work.sh" 0.3',
         "flaky": 'exec sh "$HANDLERS/exit.sh" 3 3', "bad": 'exec sh "$HANDLERS/exit.sh" 65',
         "later": 'exec sh "$HANDLERS/later.sh"'}
BULK = 1500
LINE = 'read -r n; echo "$n $MUSTER_JOB_ID" >>"$GATES/lines"; exec sh "$HANDLERS/work.sh"'


class Submitter(threading.Thread):
    """A client that submits small batches, over every restart of the broker."""

    def __init__(self, cluster, seed):
        super().__init__()
        self.cluster, self.random = cluster, random.Random(seed)
        self.acknowledged, self.sent = [], 0
        self.stop = threading.Event()

    def run(self):
        peer = None
        number = 0
        message = None  # not acknowledged yet: sent again under the same number
        while not self.stop.is_set() or message:
            try:
                if peer is None:
                    peer = wire.Client(self.cluster.endpoints["frontend"])
                    peer.session = getattr(self, "session", peer.session)
                    self.session = peer.session
                    peer.number = int(time.monotonic() * 1e6)
                    peer.hello()
                if message is None:
                    number += 1
                    kind = self.random.choice(list(KINDS))
                    message = peer.submit_message(
                        kind, [{}] * self.random.randint(1, 4), number=number,
                        confirmed=number - 1, queue="load",
                        backoff_kind=2, backoff_base_ms=100, max_attempts=20)
                peer.send_raw(message)
                answer = peer.expect("SUBMIT_ACK", "UNKNOWN", timeout=2)
                if answer.symbol == "UNKNOWN" or answer.number != number:
                    raise AssertionError(answer)
                self.acknowledged += answer.job_ids()
                message = None
                self.stop.wait(0.15)
            except (AssertionError, OSError, wire.zmq.ZMQError):
                if peer:
                    peer.close()
                peer = None
        peer.close()


class CrashLoop(Case):
    # The grace is longer than the 2 s after which whoever holds a job tries again at the latest:
    # a living worker is always back in time.
    settings = {"heartbeat": "200ms", "lease": "1500ms", "restart-grace": "4s",
                "retain-jobs": 1000000}

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("MUSTER_SEED") or random.randrange(1000000))
        print(f"MUSTER_SEED={seed}", flush=True)
        self.random = random.Random(seed)
        self.oracle = Oracle()
        self.workers = []
        self.worker_count = 0

    def start_worker(self):
        self.worker_count += 1
        self.workers.append(self.cluster.start_worker(
            kinds={**KINDS, "line": LINE}, queues=["load"], slots=3, name=f"w{self.worker_count}",
            wait=False))

    def kill_worker(self):
        worker = self.workers.pop(self.random.randrange(len(self.workers)))
        self.oracle.killed.add(worker.name)
        worker.kill()
        self.start_worker()

    def kill_broker(self):
        self.cluster.broker.kill()
        # Now and then the broker is away for a while.
        if self.random.random() < 0.3:
            self.pause(0.3)
        self.cluster.start_broker()

    def pause(self, seconds):
        until = time.monotonic() + seconds
        wait_for(lambda: time.monotonic() > until, "time")

    def bulk(self):
        """One file with a key, again and again until all of it is in."""
        return self.cluster.start_muster(
            f"bulk-{time.monotonic_ns()}", "submit", "line", "--queue", "load", "--json",
            "--file", self.file, "--idempotency-key", "bulk", "--timeout", "3s")

    def settled(self, client):
        stats = client.stats()
        return not any(stats[key] for key in ("ready", "running", "scheduled", "in_doubt"))

    def test_loop(self):
        self.file = self.cluster.folder / "bulk.ndjson"
        self.file.write_text("".join(f'{{"args": {n}}}\n' for n in range(BULK)))
        for _ in range(WORKERS):
            self.start_worker()
        submitters = [Submitter(self.cluster, seed) for seed in (1, 2)]
        for submitter in submitters:
            submitter.start()
        try:
            bulk = self.bulk()
            kills = ["broker"] * BROKER_KILLS + ["worker"] * WORKER_KILLS
            self.random.shuffle(kills)
            for kill in kills:
                self.pause(self.random.uniform(0.1, 0.9))
                if kill == "broker":
                    self.kill_broker()
                else:
                    self.kill_worker()
                if bulk.process.poll() not in (None, 0):
                    bulk = self.bulk()
        finally:
            for submitter in submitters:
                submitter.stop.set()
        while bulk.wait() != 0:
            bulk = self.bulk()
        for submitter in submitters:
            submitter.join()
            self.oracle.acknowledged.update(map(wire.id_text, submitter.acknowledged))
        client = self.cluster.client()
        wait_for(lambda: self.settled(client), lambda: f"all has ended: {client.stats()}", 60)
        self.judge(client)

    def judge(self, client):
        jobs = client.all_jobs()
        bulk = [job["id"] for job in jobs if job["kind"] == "line"]
        self.assertEqual(len(bulk), BULK)
        self.oracle.acknowledged.update(bulk)
        lines = [line.split() for line in (self.cluster.folder / "lines").read_text().splitlines()]
        jobs_of_line = collections.Counter(n for n, _ in {tuple(line) for line in lines})
        self.assertEqual(jobs_of_line, collections.Counter(map(str, range(BULK))))
        wrong = self.oracle.judge(jobs, self.cluster.handled())
        self.assertFalse(wrong, f"{len(wrong)} findings:\n" + "\n".join(wrong[:30]))
        queue = client.ask("QUEUES")[0][0]
        states = [job["state"] for job in jobs]
        self.assertEqual((queue["completed"], queue["parked"]),
                         (states.count("completed"), states.count("parked")))
        self.assertEqual(queue["failed"], sum(one["outcome"] in ("failed", "timeout")
                                              for job in jobs for one in job["attempts"]))
        self.assertEqual(queue["lost"], sum(job["losses"] for job in jobs))
        runs = sum(line[0] == "start" for line in self.cluster.handled())
        print(f"{len(jobs)} jobs, {runs} runs, {queue['lost']} losses, {states.count('parked')} "
              f"parked", flush=True)
        self.assertGreater(len(jobs), BULK + 200)
        self.assertGreater(runs, len(jobs))


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    main()
