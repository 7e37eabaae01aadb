"""submit --file: many jobs, bad lines, and a client that is killed on the way."""
import collections
import json
import os
import signal
import time

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

LINES = 20000


class Bulk(Case):
    def file(self, lines, name="jobs.ndjson"):
        path = self.cluster.folder / name
        path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n"
                                for line in lines))
        return path

    def jobs(self, **filters):
        return self.cluster.client().all_jobs(**filters)

    def test_fields(self):
        path = self.file([
            {"kind": "a", "args": {"n": 1}, "queue": "q1", "priority": 3, "delay": "1h",
             "max_attempts": 7, "backoff": "fixed:30s", "run_timeout": "10s", "expires_in": "2h",
             "meta": "trace", "idempotency_key": "mine"},
            {"kind": "b"}, "\n", {"args": [1]}, {"kind": "a", "at": "2090-01-01T00:00:00Z"}])
        answer = self.json("submit", "fallback", "--file", path, "--queue", "q2")
        self.assertEqual(answer, {"submitted": 4, "duplicates": 0, "refused": 0})
        first, second, third, fourth = self.jobs()
        self.assertEqual((first["kind"], first["queue"], first["priority"], first["args"],
                          first["max_attempts"], first["state"]),
                         ("a", "q1", 3, {"n": 1}, 7, "scheduled"))
        self.assertEqual((second["kind"], second["queue"], second["args"]), ("b", "q2", {}))
        self.assertEqual((third["kind"], third["args"]), ("fallback", [1]))
        self.assertEqual(fourth["run_at"], "2090-01-01T00:00:00.000Z")
        # From standard input, with the same key: it is there already; with another body: refused.
        for n, status, answer in ((1, 0, [0, 1, 0]), (2, 1, [0, 0, 1])):
            line = {"kind": "a", "args": {"n": n}, "queue": "q1", "idempotency_key": "mine"}
            told = self.json("submit", "--file", "-", stdin=json.dumps(line), status=status)
            self.assertEqual(list(told.values()), answer)

    def test_bad_lines(self):
        """Reported by number, with code and text; the good ones are submitted."""
        path = self.file([{"kind": "a"}, "{no json\n", {"kind": "a", "priority": 10}, "[1]\n",
                          {"kind": "not a name"}, {"kind": "a", "dealy": "1s"},
                          {"kind": "a", "delay": "-1s"}, {"args": 1},
                          {"kind": "a", "args": "x" * 300000}, {"kind": "b"},
                          {"kind": "a", "delay": 5}])
        answer = self.muster("--json", "submit", "--file", path, status=1)
        self.assertEqual(answer.json(), {"submitted": 2, "duplicates": 0, "refused": 9})
        told = [json.loads(line) for line in answer.err.splitlines()]
        self.assertEqual(sorted(line["line"] for line in told), [2, 3, 4, 5, 6, 7, 8, 9, 11])
        self.assertEqual({tuple(sorted(line)) for line in told}, {("code", "error", "line")})
        by_line = {line["line"]: line["error"] for line in told}
        self.assertIn("262144", by_line[9])
        self.assertIn("dealy", by_line[6])
        self.assertEqual([job["kind"] for job in self.jobs()], ["a", "b"])
        text = self.muster("submit", "--file", path, status=1).err
        self.assertIn("line 2: ", text)
        self.muster("submit", "--file", "there-is-no-such-file", status=2)

    def test_killed_and_run_again(self):
        """With a key it submits what is missing and nothing else."""
        path = self.file({"kind": f"k{n % 3}", "args": n} for n in range(LINES))
        words = ["--json", "submit", "--file", path, "--idempotency-key", "import-7"]
        client = self.cluster.client()
        for n in range(3):
            program = self.cluster.start_muster(f"bulk{n}", *words)
            before = client.stats()["jobs_submitted"]
            wait_for(lambda: client.stats()["jobs_submitted"] > before + 500 or
                     not program.alive(), "some jobs")
            program.kill()
        some = len(self.jobs())
        self.assertGreater(some, 500)
        answer = self.json(*words)
        self.assertEqual(answer["submitted"] + answer["duplicates"], LINES)
        self.assertEqual(answer["duplicates"], some)
        self.assertEqual(self.json(*words), {"submitted": 0, "duplicates": LINES, "refused": 0})
        counts = collections.Counter(job["args"] for job in self.jobs())
        self.assertEqual(counts, collections.Counter(range(LINES)))

    def test_over_a_broker_restart(self):
        """Without any key: the session's numbers keep resends from becoming second jobs."""
        path = self.file({"kind": "k", "args": n} for n in range(LINES))
        program = self.cluster.start_muster("bulk", "--json", "submit", "--file", path,
                                            "--timeout", "20s")
        for _ in range(3):
            client = self.cluster.client()
            before = client.stats()["jobs_submitted"]
            wait_for(lambda: client.stats()["jobs_submitted"] > before + 300 or
                     not program.alive(), "some jobs")
            self.cluster.restart_broker()
        self.assertEqual(program.wait(), 0, program.log())
        self.assertEqual(json.loads(program.out()),
                         {"submitted": LINES, "duplicates": 0, "refused": 0})
        counts = collections.Counter(job["args"] for job in self.jobs())
        self.assertEqual(counts, collections.Counter(range(LINES)))

    def test_streams(self):
        """A line is submitted when it comes, not at the end of the input."""
        reader, writer = os.pipe()
        program = self.cluster.start_muster("stream", "submit", "--file", "-", stdin=reader)
        os.close(reader)
        os.write(writer, b'{"kind": "first"}\n')
        wait_for(self.jobs, "the first job, while the input is open")
        os.write(writer, b'{"kind": "last"}')
        os.close(writer)
        self.assertEqual(program.wait(), 0, program.log())
        self.assertEqual([job["kind"] for job in self.jobs()], ["first", "last"])

    def test_broker_that_goes_away(self):
        """--timeout without any acknowledgement: exit status 4, and what is open is said."""
        reader, writer = os.pipe()
        program = self.cluster.start_muster("stream", "--json", "--timeout", "1s", "submit",
                                            "--file", "-", stdin=reader)
        os.close(reader)
        os.write(writer, b'{"kind": "first"}\n')
        wait_for(self.jobs, "the first job")
        os.kill(self.cluster.broker.pid, signal.SIGSTOP)
        began = time.monotonic()
        os.write(writer, b'{"kind": "second"}\n')
        os.close(writer)
        self.assertIn(program.wait(), (4, 6))
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(json.loads(program.out())["submitted"], 1)
        self.cluster.broker.signal(signal.SIGCONT)


class Keys(Case):
    def test_idempotency_key(self):
        first = self.json("submit", "work", '{"a": 1}', "--idempotency-key", "k1")
        self.assertIs(first["duplicate"], False)
        again = self.json("submit", "work", '{"a": 1}', "--idempotency-key", "k1")
        self.assertEqual(again, {"id": first["id"], "duplicate": True})
        # Scoped by queue; another body is refused.
        other = self.json("submit", "work", '{"a": 1}', "--queue", "q", "--idempotency-key", "k1")
        self.assertIs(other["duplicate"], False)
        answer = self.muster("--json", "submit", "work", '{"a": 2}', "--idempotency-key", "k1",
                             status=5)
        self.assertEqual(answer.error()["code"], "key_conflict")
        self.cluster.restart_broker()
        again = self.json("submit", "work", '{"a": 1}', "--idempotency-key", "k1")
        self.assertEqual(again, {"id": first["id"], "duplicate": True})
        # Also after its end.
        self.cluster.start_worker(kinds={"work": 'exec sh "$HANDLERS/work.sh"'})
        self.json("wait", first["id"])
        job = self.json("submit", "work", '{"a": 1}', "--idempotency-key", "k1", "--wait")
        self.assertEqual((job["id"], job["state"]), (first["id"], "completed"))
        self.assertEqual(len([line for line in self.cluster.handled() if line[0] == "start"]), 1)

    def test_many_at_once(self):
        """The same key in one batch, and from clients that race: one job."""
        client = self.cluster.client()
        ids = client.submit("work", [{}] * 10, keys=["same"] * 10)
        self.assertEqual(len(set(ids)), 1)
        racers = [self.cluster.client() for _ in range(8)]
        for racer in racers:
            racer.send_raw(racer.submit_message("work", [{}] * 3, keys=["race", "same", "race"]))
        answers = [racer.expect("SUBMIT_ACK").job_ids() for racer in racers]
        self.assertEqual(len({tuple(answer) for answer in answers}), 1)
        self.assertEqual(len(client.all_jobs()), 2)


if __name__ == "__main__":
    main()
