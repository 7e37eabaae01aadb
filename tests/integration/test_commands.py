"""Every command of muster on its usual path: names, JSON and exit status as they are promised."""
import os
import re
import signal
import tempfile

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import bin_folder, marked, wait_for

WORK = {"work": 'exec sh "$HANDLERS/work.sh"', "gate": 'exec sh "$HANDLERS/gate.sh" gate',
        "bad": 'exec sh "$HANDLERS/exit.sh" 65'}
JOB = ["id", "kind", "queue", "state", "priority", "args", "created_at", "run_at", "started_at",
       "finished_at", "schedule", "nominal_time", "max_attempts", "failures", "losses", "result",
       "error", "waits", "stopping", "worker", "attempts"]
ATTEMPT = ["attempt", "worker", "started_at", "ended_at", "outcome", "code", "message",
           "exit_status", "signal", "log"]
QUEUE = ["queue", "paused", "ready", "running", "scheduled", "parked", "completed", "failed",
         "lost", "cancelled", "expired", "oldest_ready_s", "submitted_per_s", "completed_per_s",
         "failed_per_s", "submitted_per_s_1m", "completed_per_s_1m", "failed_per_s_1m", "wait_ms",
         "run_ms", "total_ms"]
WORKER = ["name", "session", "state", "host", "pid", "queues", "kinds", "slots", "jobs"]
ID = re.compile(r"^[0-9a-hjkmnp-tv-z]{13}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class Names(Case):
    def test_submit_show_wait(self):
        answer = self.json("submit", "work", '{"a": [1, 2.5, null, "x"]}', "--queue", "mail",
                           "--priority", "2", "--max-attempts", "7")
        self.assertEqual(sorted(answer), ["duplicate", "id"])
        self.assertIs(answer["duplicate"], False)
        self.assertRegex(answer["id"], ID)
        job = self.show(answer["id"])
        self.assertEqual(list(job), JOB)
        expected = {"id": answer["id"], "kind": "work", "queue": "mail", "state": "ready",
                    "priority": 2, "args": {"a": [1, 2.5, None, "x"]}, "started_at": None,
                    "finished_at": None, "schedule": None, "nominal_time": None,
                    "max_attempts": 7, "failures": 0, "losses": 0,
                    "result": None, "error": None, "stopping": False, "worker": None,
                    "attempts": []}
        self.assertEqual({key: job[key] for key in expected}, expected)
        self.assertRegex(job["created_at"], TIME)
        self.assertEqual(job["waits"]["reason"], "no_worker")
        self.assertTrue(job["waits"]["text"])

        self.cluster.start_worker(kinds=WORK, queues=["mail"], name="w1")
        ended = self.json("wait", answer["id"])
        self.assertEqual([list(one) for one in ended], [JOB])
        job = ended[0]
        self.assertEqual((job["state"], job["result"], job["worker"]),
                         ("completed", f"{job['id']}.1", "w1"))
        for key in ("created_at", "started_at", "finished_at"):
            self.assertRegex(job[key], TIME)
        self.assertLessEqual(job["created_at"], job["finished_at"])
        self.assertEqual([list(one) for one in job["attempts"]], [ATTEMPT])
        attempt = job["attempts"][0]
        self.assertEqual((attempt["attempt"], attempt["outcome"], attempt["worker"],
                          attempt["signal"]), (1, "completed", "w1", None))
        self.assertEqual(self.show(job["id"]), job)

    def test_text_output(self):
        """What people see: the id alone, and lines that name what they tell."""
        self.cluster.start_worker(kinds=WORK, name="w1")
        job = self.muster("submit", "work").out.strip()
        self.assertRegex(job, ID)
        self.assertIn("completed", self.muster("wait", job).out)
        shown = self.muster("show", job).out
        for word in (job, "work", "default", "completed", "w1"):
            self.assertIn(word, shown)
        self.assertIn(job, self.muster("list").out)
        self.assertIn("default", self.muster("queues").out)
        self.assertIn("w1", self.muster("workers").out)
        self.assertIn("completed", self.muster("stats").out)
        self.assertEqual(self.muster("--version").out.split()[0], "muster")
        self.assertNotIn("\033", shown)

    def test_submit_wait(self):
        self.cluster.start_worker(kinds=WORK)
        job = self.json("submit", "work", "--wait")
        self.assertEqual((job["state"], job["result"]), ("completed", f"{job['id']}.1"))
        job = self.json("submit", "bad", "--wait", status=1)
        self.assertEqual((job["state"], job["error"]["code"]), ("parked", "exit_65"))
        answer = self.muster("--json", "--timeout", "300ms", "submit", "gate", "--wait", status=6)
        self.assertEqual(answer.error()["code"], "timeout")
        self.cluster.open_gate()
        self.assertEqual(self.muster("submit", "work", "--wait").out.count("\n"), 1)

    def test_args(self):
        """Any JSON value, - and @FILE; {} when absent."""
        (self.cluster.folder / "args.json").write_text('["from a file"]\n')
        for words, stdin, args in (((), None, {}), (("7",), None, 7), (("-7",), None, -7),
                                   (('"text"',), None, "text"), (("null",), None, None),
                                   (("18446744073709551615",), None, 18446744073709551615),
                                   (("-",), '{"from": "stdin"}', {"from": "stdin"}),
                                   (("@args.json",), None, ["from a file"])):
            job = self.json("submit", "work", *words, stdin=stdin)["id"]
            self.assertEqual(self.show(job)["args"], args)
        answer = self.muster("--json", "submit", "work", "{'a': 1}", status=2)
        self.assertEqual(sorted(answer.error()), ["code", "error"])

    def test_list(self):
        jobs = [self.submit(kind, "--queue", queue) for queue in ("a", "b") for kind in "xyx"]
        self.assertEqual([job["id"] for job in self.json("list")], jobs)
        listed = self.json("list", "--queue", "b", "--kind", "x")
        self.assertEqual([job["id"] for job in listed], [jobs[3], jobs[5]])
        self.assertEqual(list(listed[0]), JOB)
        self.assertEqual([job["id"] for job in self.json("list", "--limit", "2")], jobs[:2])
        after = self.json("list", "--limit", "2", "--after", jobs[1])
        self.assertEqual([job["id"] for job in after], jobs[2:4])
        self.json("cancel", jobs[0], jobs[4])
        for state, ids in (("ready", [jobs[1], jobs[2], jobs[3], jobs[5]]),
                           ("cancelled", [jobs[0], jobs[4]]), ("parked", []), ("running", [])):
            self.assertEqual([job["id"] for job in self.json("list", "--state", state)], ids)
        self.muster("list", "--state", "done", status=2)

    def test_cancel(self):
        job, other = self.submit("work"), self.submit("work", "--delay", "1h")
        self.assertEqual(self.show(other)["state"], "scheduled")
        gone = self.json("cancel", job, other)
        self.assertEqual([(one["id"], one["state"]) for one in gone],
                         [(job, "cancelled"), (other, "cancelled")])
        self.assertEqual(self.show(job)["state"], "cancelled")
        self.muster("wait", job, status=1)
        answer = self.muster("--json", "show", wire.id_text(2**63), status=3)
        self.assertEqual(answer.error()["code"], "not_found")
        self.muster("show", "no-id", status=2)

    def test_queues(self):
        self.assertEqual(self.json("queues"), [])
        self.submit("work", "--queue", "b")
        self.submit("work", "--queue", "b", "--delay", "1h")
        self.submit("work", "--queue", "a")
        self.submit("gate", "--queue", "a")
        self.submit("gate", "--queue", "a")
        queues = {one["queue"]: one for one in self.json("queues")}
        self.assertEqual(sorted(queues), ["a", "b"])
        self.assertEqual(list(queues["a"]), QUEUE)
        self.assertEqual([queues["b"][key] for key in ("ready", "scheduled", "running", "paused")],
                         [1, 1, 0, False])
        self.assertEqual(queues["a"]["ready"], 3)
        self.cluster.start_worker(kinds=WORK, queues=["a"], slots=2)

        def running():
            queue = {one["queue"]: one for one in self.json("queues")}["a"]
            return queue["running"] == 2 and queue["completed"] == 1 and queue
        queue = wait_for(running, lambda: f"two running: {self.json('queues')}")
        self.assertEqual(queue["ready"], 0)
        self.cluster.open_gate()
        wait_for(lambda: {one["queue"]: one for one in self.json("queues")}["a"]["completed"] == 3,
                 "three completed")

    def test_pause_and_resume(self):
        self.cluster.start_worker(kinds=WORK, queues=["a", "b"])
        self.muster("--json", "pause", "a", status=3)
        self.json("submit", "work", "--queue", "a", "--wait")
        self.json("pause", "a")
        self.assertIs(self.json("queues")[0]["paused"], True)
        held = self.submit("work", "--queue", "a")
        self.json("submit", "work", "--queue", "b", "--wait")
        self.assertEqual(self.show(held)["waits"]["reason"], "paused")
        self.cluster.restart_broker()
        self.json("submit", "work", "--queue", "b", "--wait", timeout=30)
        self.assertEqual(self.show(held)["state"], "ready")
        self.json("resume", "a")
        self.assertEqual(self.json("wait", held)[0]["state"], "completed")

    def test_workers_and_stats(self):
        self.assertEqual(self.json("workers"), [])
        worker = self.cluster.start_worker(kinds=WORK, queues=["a:3", "b"], slots=3, name="w1")
        job = self.submit("gate", "--queue", "b")
        self.wait_state(job, "running")
        shown = self.json("workers")
        self.assertEqual([list(one) for one in shown], [WORKER])
        one = shown[0]
        self.assertEqual((one["name"], one["state"], one["pid"], one["slots"], one["jobs"]),
                         ("w1", "alive", worker.pid, 3, [job]))
        self.assertEqual((one["queues"], sorted(one["kinds"])), (["a", "b"], sorted(WORK)))
        session = re.search(r"session=(\S+)", worker.out())[1]
        self.assertEqual(one["session"], session)
        stats = self.json("stats")
        self.assertEqual((stats["workers"], stats["running"]), (1, 1))
        self.cluster.open_gate()
        self.json("wait", job)
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(self.json("workers"), [])

    def test_global_options_before_and_after(self):
        for words in (("--json", "queues"), ("queues", "--json"),
                      ("queues", "--json", "--no-color"), ("--timeout", "3s", "queues", "--json")):
            self.assertEqual(self.muster(*words).json(), [])
        for command in ("submit", "show", "wait", "list", "cancel", "queues", "workers", "stats",
                        "pause", "resume", "parked list", "parked show", "parked retry",
                        "parked delete", "monitor", "bench"):
            self.assertIn("muster", self.muster(*command.split(), "--help").out)
        self.muster("sumbit", "x", status=2)
        self.muster("submit", "x", "--quue", "y", status=2)
        answer = self.muster("--json", "submit", "work", "--delay", "-1s", status=2)
        self.assertEqual(sorted(answer.error()), ["code", "error"])
        self.muster("submit", "work", "--delay", "10", status=2)


class Mistyped(Case):
    broker_first = False

    def test_second_words_are_compared_with_those_of_the_first(self):
        for words, meant in (("schedule rm x", "schedule delete"), ("schedule ls", "schedule list"),
                             ("schedule run x", "schedule trigger"),
                             ("schedule trigr", "schedule trigger"),
                             ("schedule add x", "schedule put"), ("schedul list", "schedule list"),
                             ("parked rm 1", "parked delete"), ("parked run 1", "parked retry"),
                             ("schedle", "scheduler"), ("sumbit x", "submit")):
            with self.subTest(words):
                said = self.muster(*words.split(), status=2).err
                self.assertIn(f'; did you mean "{meant}"?\n', said)
        for option, meant in (("--tz", "timezone"), ("--timzone", "timezone"), ("--since", "from")):
            said = self.muster("schedule", "next", "@daily", option, "x", status=2).err
            self.assertIn(f"unknown option {option}; did you mean --{meant}?\n", said)
        said = self.muster("schedule", "qqqqqqq", status=2).err
        self.assertEqual(said.splitlines()[0], "muster: unknown command schedule qqqqqqq")


class Bench(Case):
    broker_first = False

    def test_names(self):
        """A private broker, and figures under the promised names."""
        # Beside the programs if we may: temporary files may be in memory.
        beside = bin_folder().parent
        place = beside if os.access(beside, os.W_OK) else None
        with tempfile.TemporaryDirectory(dir=place) as folder:
            answer = self.muster("--json", "bench", "--jobs", "3000", "--payload", "100",
                                 "--data", folder, timeout=120)
        told = answer.json()
        for name in ("jobs", "jobs_per_s", "rss_anon_bytes", "ready_s", "filesystem"):
            self.assertIn(name, told)
        for name in ("submit_ack_ms", "submit_to_result_ms", "commit_ms"):
            self.assertLessEqual({"p50", "p99"}, set(told[name]))
            self.assertGreater(told[name]["p50"], 0)
        self.assertEqual(told["jobs"], 3000)
        self.assertGreater(told["jobs_per_s"], 0)

    def test_shapes(self):
        """Several processes, kinds, priorities and queues, rounds, and a backlog that is drained:
        bench itself compares the broker's counters with what it submitted."""
        beside = bin_folder().parent
        place = beside if os.access(beside, os.W_OK) else None
        shape = {"jobs": 1200, "lanes": 3, "priorities": 2, "queues": 2, "submitters": 2,
                 "workers": 2, "rounds": 2, "backlog": 1000}
        words = [word for name, value in shape.items() for word in (f"--{name}", value)]
        with tempfile.TemporaryDirectory(dir=place) as folder:
            told = self.muster("--json", "bench", *words, "--single", "--data", folder,
                               timeout=120).json()
        self.assertEqual({name: told[name] for name in shape}, shape)
        self.assertIs(told["single"], True)
        for name in ("jobs_per_s", "empty_jobs_per_s", "backlog_ratio", "backlog_submit_per_s",
                     "drain_jobs_per_s", "drain_ratio", "ready_s", "store_bytes"):
            self.assertGreater(told[name], 0, name)
        self.assertLessEqual(told["jobs_per_s_min"], told["jobs_per_s"])
        self.assertLessEqual(told["jobs_per_s"], told["jobs_per_s_max"])

    def test_broker_dies(self):
        """Nobody waits for ever for a broker that is no more, and nothing is left behind."""
        beside = bin_folder().parent
        place = beside if os.access(beside, os.W_OK) else None
        with tempfile.TemporaryDirectory(dir=place) as folder:
            bench = self.cluster.start_muster("bench", "--json", "bench", "--jobs", 1000000000,
                                              "--data", folder)

            def broker():
                return [pid for pid, command in marked(self.cluster.marker)
                        if "/musterd " in command]
            os.kill(wait_for(broker, "the broker of bench")[0], signal.SIGKILL)
            self.assertEqual(bench.wait(), 5)
            self.assertEqual(os.listdir(folder), [])

    def test_refuses_tmpfs(self):
        answer = self.cluster.muster("--json", "bench", "--jobs", "10", "--data", "/dev/shm")
        self.assertNotEqual(answer.status, 0, repr(answer))
        self.assertIn("memory", answer.error()["error"])


class Parked(Case):
    def test_parked(self):
        self.cluster.start_worker(kinds=WORK)
        first = self.json("submit", "bad", "--wait", status=1)["id"]
        second = self.json("submit", "bad", "--queue", "default", "--wait", status=1)["id"]
        other = self.submit("work", "--queue", "unserved")
        self.assertEqual([job["id"] for job in self.json("parked", "list")], [first, second])
        self.assertEqual(self.json("parked", "list", "--kind", "work"), [])
        self.assertEqual(self.json("parked", "list", "--queue", "unserved"), [])
        job = self.json("parked", "show", first)
        self.assertEqual((list(job), job["state"], job["failures"]), (JOB, "parked", 1))
        self.assertEqual(job["error"], {"code": "exit_65", "message": "exits with 65"})
        attempt = job["attempts"][-1]
        self.assertEqual((attempt["outcome"], attempt["exit_status"], attempt["log"]),
                         ("failed", 65, "first words on stderr, attempt 1\nexits with 65\n"))

        again = self.json("parked", "retry", first)
        self.assertEqual([one["id"] for one in again], [first])
        self.assertEqual(again[0]["failures"], 0)
        runs = self.wait_handled("end", first, count=2)
        self.assertEqual(len({run[2] for run in runs}), 2)  # a retry is a new run
        job = self.wait_state(first, "parked")
        self.assertEqual(job["failures"], 1)
        self.assertEqual(self.json("parked", "retry", other)[0]["state"], "ready")
        answer = self.muster("--json", "parked", "delete", other, status=5)
        self.assertEqual(answer.error()["code"], "wrong_state")
        self.assertEqual(self.show(other)["state"], "ready")

        self.json("parked", "retry", "--all", "--kind", "bad")
        self.wait_handled("end", second, count=2)
        self.wait_state(second, "parked")
        self.wait_state(first, "parked")
        self.json("parked", "delete", first)
        answer = self.muster("--json", "show", first, status=3)
        self.assertIn(answer.error()["code"], ("gone", "not_found"))
        self.json("parked", "delete", "--all")
        self.assertEqual(self.json("parked", "list"), [])
        self.muster("parked", "delete", first, status=3)
        self.muster("parked", "retry", status=2)
        queue = {one["queue"]: one for one in self.json("queues")}["default"]
        self.assertEqual(queue["parked"], 0)

    def test_gone(self):
        """A finished job that history no longer holds is told from one that never was."""
        self.cluster.broker.stop()
        self.cluster.start_broker(retain_jobs=3)
        self.cluster.start_worker(kinds=WORK)
        jobs = [self.json("submit", "work", "--wait")["id"] for _ in range(8)]
        answer = {}

        def gone():
            answer["is"] = self.cluster.muster("--json", "show", jobs[0])
            return answer["is"].status == 3
        wait_for(gone, lambda: repr(answer))
        self.assertEqual(answer["is"].error()["code"], "gone")
        self.assertEqual(self.show(jobs[-1])["state"], "completed")



class Terminal(Case):
    def test_control_characters_of_others_are_not_printed(self):
        job = self.submit("a", r'"\u001b[2J\u009b2J\u007f"', "--max-attempts", "1")
        worker = self.cluster.raw_worker(credit=1)
        runs = worker.jobs(1)
        evil = "\x1b]0;title\x07 \u009b2J \x7f"
        detail = wire.nested("DETAIL", code=evil, message=evil, log=(evil + "\n\ttab").encode())
        worker.results(1, runs, wire.PARKED, detail_lengths=[len(detail)], details=detail)
        self.wait_state(job, "parked")
        for words in (["show", job], ["parked", "show", job], ["parked", "list"], ["list"],
                      ["wait", job]):
            answer = self.cluster.muster(*words)
            self.assertIn(job, answer.out)
            self.assertNotRegex(answer.out + answer.err, "[\x00-\x08\x0b-\x1f\x7f-\x9f]", words)
        self.assertIn("\ttab", self.muster("show", job).out)


if __name__ == "__main__":
    main()
