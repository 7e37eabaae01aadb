#!/usr/bin/env python3
"""One client of two brokers with different shards: who has which job, and what one that is away
costs."""
import json
import unittest

from lib.cluster import READY, Case
from lib.main import main
from lib.programs import wait_for

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def number(text):
    value = 0
    for digit in text:
        value = value * 32 + DIGITS.index(digit)
    return value


class Shards(Case):
    settings = {"shard": 1}

    def setUp(self):
        super().setUp()
        self.second = self.start_second()
        self.both = f"{self.cluster.endpoints['frontend']},{self.second_endpoints['frontend']}"

    def start_second(self):
        any_port = "tcp://127.0.0.1:*"
        ends = getattr(self, "second_endpoints", None) or {
            "frontend": any_port, "backend": any_port, "feed": any_port}
        flags = {"data": self.cluster.folder / "data2", "shard": 2, **ends}
        command = [self.cluster.broker_command()[0],
                   *(f"--{key}={value}" for key, value in flags.items())]
        program = self.cluster.start("musterd2", command)
        ready = program.wait_ready(READY)
        self.second_endpoints = dict(zip(("frontend", "backend", "feed"), ready.groups()))
        return program

    def at_both(self, *words, **more):
        return self.json("--broker", self.both, *words, **more)

    def submit_some(self, count):
        """The ids, by shard."""
        lines = "".join(json.dumps({"kind": "k", "args": {"n": n}}) + "\n" for n in range(count))
        done = self.at_both("submit", "--file=-", stdin=lines)
        self.assertEqual(done["submitted"], count)
        jobs = [job["id"] for job in self.at_both("list", "--limit", count)]
        self.assertEqual(jobs, sorted(jobs))
        self.assertEqual(len(set(jobs)), count)
        return {shard: [job for job in jobs if number(job) & 0xff == shard] for shard in (1, 2)}

    def test_jobs_are_at_one_broker_each(self):
        ids = [self.at_both("submit", "k")["id"] for _ in range(4)]
        self.assertEqual({number(job) & 0xff for job in ids} - {1, 2}, set())
        jobs = self.submit_some(900)
        self.assertEqual(len(jobs[1]) + len(jobs[2]), 900)
        one = {job["id"] for job in self.json("list", "--limit", 1000)}
        self.assertEqual({number(job) & 0xff for job in one}, {1} if one else set())
        # Whatever the order, each is found where it is.
        mixed = [job for pair in zip(jobs[1], jobs[2]) for job in pair] or ids
        for job in mixed[:6]:
            self.assertEqual(self.at_both("show", job)["id"], job)

    def test_orders_go_to_both(self):
        self.json("submit", "k", "--queue=slow")
        self.at_both("pause", "slow")  # the second does not know it
        self.json("--broker", self.second_endpoints["frontend"], "submit", "k", "--queue=slow")
        self.at_both("pause", "slow")
        self.assertEqual(self.muster("--json", "--broker", self.both, "pause", "none",
                                     status=3).error()["code"], "not_found")
        for broker in (self.cluster.endpoints, self.second_endpoints):
            queues = self.json("--broker", broker["frontend"], "queues")
            self.assertTrue(all(queue["paused"] for queue in queues if queue["queue"] == "slow"))
        self.assertGreaterEqual(self.at_both("cancel", "--queue=slow")["cancelled"], 2)

    def test_one_that_is_away_gets_nothing_and_stops_nobody(self):
        self.second.kill()
        ids = [self.at_both("submit", "k")["id"] for _ in range(3)]
        self.assertEqual({number(job) & 0xff for job in ids}, {1})
        self.start_second()
        wait_for(lambda: any(number(self.at_both("submit", "k")["id"]) & 0xff == 2
                             for _ in range(3)), "a job at the second broker")

    def test_workers_serve_both(self):
        worker = self.cluster.start_worker(f"--broker={self.second_endpoints['backend']}",
                                           kinds={"k": "cat"})
        worker.wait_ready(r"ready ", count=1)
        jobs = self.submit_some(40)
        done = self.at_both("wait", *(jobs[1] + jobs[2]))
        self.assertEqual({job["state"] for job in done}, {"completed"})


if __name__ == "__main__":
    main()
