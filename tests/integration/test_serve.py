"""Children that serve job after job: the lines, and what a child may do instead of answering."""
import gzip
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import time

from lib.cluster import WORKER_READY, Case
from lib.main import main
from lib.programs import marked, wait_for

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "serve"
SERVE = '*=exec /usr/bin/python3 "$HANDLERS/serve.py"'


def alive(pid):
    """It runs: neither gone nor a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


class Served(Case):
    def start(self, *flags, slots=1, serve=SERVE, **more):
        return self.cluster.start_worker(f"--serve={serve}", *flags, slots=slots, **more)

    def done(self, kind, args=None, *words, status=0):
        return self.json("submit", kind, "-", *words, "--wait", stdin=json.dumps(args),
                         status=status)

    def failed(self, kind, args=None, *words):
        """A job that has one attempt, and how that ended: (code, message, attempt)."""
        job = self.done(kind, args, "--max-attempts", "1", *words, status=1)
        self.assertEqual(job["state"], "parked", job)
        return job["error"]["code"], job["error"]["message"], job["attempts"][-1]

    def pid(self):
        return self.done("pid")["result"]

    def starts(self):
        return [int(words[1]) for words in self.cluster.handled() if words[0] == "start"]


class Contract(Served):
    def test_what_a_child_gets(self):
        self.start("--queue=mail")
        job = self.done("job", {"é": [None, 1.5, 2**64 - 1]}, "--queue", "mail", "--run-timeout",
                        "9s", "--meta", "trace 1")
        self.assertEqual(job["result"], {
            "id": job["id"], "kind": "job", "queue": "mail", "attempt": 1,
            "token": f"{job['id']}.1", "run_timeout_ms": 9000, "meta": "trace 1",
            "args": {"é": [None, 1.5, 2**64 - 1]}})
        self.assertEqual(self.done("env", {}, "--queue", "mail")["result"], {"MUSTER_SERVE": "1"})

    def test_one_child_takes_job_after_job(self):
        worker = self.start()
        wait_for(lambda: "child is here" in worker.log(), "it is started before any job")
        pids = {self.pid() for _ in range(5)}
        self.assertEqual(self.starts(), list(pids))
        for value in (None, "x" * 200000, [{"k": True}], "ü\n\u0000"):
            self.assertEqual(self.done("echo", value)["result"], value)
        self.assertEqual(len(self.starts()), 1)
        self.assertEqual(worker.stop(), 0)
        # it read the end of its input, and ended by itself
        self.assertEqual(self.cluster.handled()[-1][0], "end")

    def test_answers(self):
        self.start()
        for answer, state, code in (
                ({"ok": [1, {"a": "b"}]}, "completed", None),
                ({"error": {"code": "Oops", "message": "it is so"}}, "scheduled", "Oops"),
                ({"park": {"code": "Never", "message": "it is so"}}, "parked", "Never"),
                ({"discard": True}, "cancelled", None),
                ({"snooze": "1h"}, "scheduled", None)):
            with self.subTest(answer):
                job = self.wait_state(self.submit("answer", json.dumps(answer)), state)
                if code:
                    self.assertEqual((job["error"]["code"], job["error"]["message"]),
                                     (code, "it is so"))
                self.assertEqual(job["failures"], int("error" in answer or "park" in answer))
        job = self.submit("answer", '{"error": {"code": "Later", "retry_after": "2h"}}')
        job = self.wait_state(job, "scheduled")
        self.assertGreater(job["run_at"], job["created_at"])
        self.assertEqual(len(self.starts()), 1)

    def test_release(self):
        self.start()
        job = self.submit("answer", '{"release": true}')
        self.wait_handled("job", job, count=3)
        self.assertEqual(self.show(job)["failures"], 0)
        self.json("cancel", job)

    def test_kinds_with_one_command_share_its_children(self):
        (self.cluster.folder / "w.yaml").write_text(
            'serve:\n  pid: &c exec /usr/bin/python3 "$HANDLERS/serve.py"\n  echo: *c\n'
            "exec:\n  once: echo $$; echo \"${MUSTER_SERVE-unset}\"\n")
        self.cluster.start_worker("--config=w.yaml", slots=1)
        self.assertEqual(self.done("echo", 1)["result"], 1)
        self.assertEqual([self.pid()], self.starts())
        self.assertTrue(self.done("once")["result"].endswith("unset"))

    def test_several_children(self):
        self.start(slots=3)
        wait_for(lambda: len(self.starts()) == 3, "one for each slot, before any job")
        jobs = [self.submit("gate") for _ in range(3)]
        self.wait_handled("job", count=3)
        self.cluster.open_gate()
        self.assertEqual({job["state"] for job in self.json("wait", *jobs)}, {"completed"})
        pids = {words[2] for words in self.cluster.handled() if words[0] == "job"}
        self.assertEqual(len(pids), 3)

    def test_logs(self):
        worker = self.start()
        wait_for(lambda: "child is here" in worker.log(), "it is up")
        job = self.done("logs", {"ok": 1})
        self.assertEqual(job["attempts"][-1]["log"], f"words of {job['id']}\n")
        code, message, attempt = self.failed("logs", {"error": {"code": "E", "message": "m"}})
        self.assertEqual((code, message), ("E", "m"))
        self.assertTrue(attempt["log"].startswith("words of"))
        self.assertIsNone(self.done("pid")["attempts"][-1]["log"])
        self.assertNotIn("words of", worker.log())

    def test_nobody_reads_the_workers_log(self):
        os.mkfifo(self.cluster.folder / "log")
        command = self.cluster.worker_command(f"--serve={SERVE}", name="worker", slots=1)
        worker = self.cluster.start("worker", ["/bin/sh", "-c", 'exec "$@" 2<>log', "sh", *command],
                                    {"WORKER": "worker"})
        worker.wait_ready(WORKER_READY)
        for _ in range(3):
            self.done("chatty")
            self.assertEqual(self.done("echo", "on it goes")["result"], "on it goes")
        self.assertEqual(worker.stop(), 0)

    def test_bad_settings(self):
        for flags, part in ((["--serve=a=x", "--exec=a=y"], "has a command already"),
                            (["--serve=a"], "KIND=COMMAND"), (["--serve=a= "], "empty")):
            program = self.cluster.start("bad", self.cluster.worker_command(*flags, name="bad"))
            self.assertEqual(program.wait(), 2)
            self.assertIn(part, program.log())


class Misbehaving(Served):
    def restarted(self, check):
        """Runs check(); afterwards another child serves."""
        before = self.pid()
        check()
        self.assertNotEqual(self.pid(), before)

    def test_bad_output(self):
        self.start()
        for kind, code, part in (
                ("garbage", "bad_output", "this is not JSON"),
                ("not_utf8", "bad_output", "0xff"),
                ("deep", "bad_output", ""),
                ("half_line", "half_line", "exit status 0"),
                ("too_long", "line_too_long", "longer"),
                ("endless", "line_too_long", "longer"),
                ("wrong_id", "wrong_id", "0000000000000"),
                ("close_out", "closed_stdout", "standard output"),
                ("crash", "signal_SIGSEGV", "SIGSEGV"),
                ("orphan", "supervision_lost", "killed")):
            with self.subTest(kind):
                def check(kind=kind, code=code, part=part):
                    found, message, _ = self.failed(kind)
                    self.assertEqual(found, code, message)
                    self.assertIn(part, message)
                self.restarted(check)
        self.assertEqual(self.json("workers")[0]["state"], "alive")

    def test_ends_in_the_midst(self):
        self.start()
        for status in (0, 1, 75, 127):
            self.pid()  # what it says at its start is no job's
            code, message, attempt = self.failed("exits", status)
            self.assertEqual((code, message, attempt["exit_status"], attempt["log"]),
                             (f"exit_{status}", "about to end", status, "about to end\n"))
        code, _, attempt = self.failed("crash")
        self.assertEqual((code, attempt["signal"]), ("signal_SIGSEGV", "SIGSEGV"))

    def test_result_too_big(self):
        self.cluster.broker.stop()
        self.cluster.start_broker(max_payload="4096")
        self.start()
        self.assertEqual(len(self.done("big", 4000)["result"]), 4000)
        code, message, _ = self.failed("big", 5000)
        self.assertEqual((code, message),
                         ("result_too_big", "the result has 5003 bytes; this broker takes 4096"))
        self.assertEqual(len(self.starts()), 1)  # it did nothing wrong

    def test_odd_but_right(self):
        worker = self.start()
        before = self.pid()
        self.assertEqual(self.done("half_then_more")["result"], "in pieces")
        self.assertEqual(self.done("blank")["result"], 1)
        self.assertEqual(self.pid(), before)
        self.assertNotIn("warn", worker.log())

    def test_two_answers(self):
        worker = self.start()
        def check():
            self.assertEqual(self.done("two")["result"], "first")
        self.restarted(check)
        self.assertIn("without a job", worker.log())

    def test_output_without_a_job(self):
        worker = self.start()
        def check():
            self.assertEqual(self.done("stray")["result"], 1)
            self.cluster.open_gate("stray")
            wait_for(lambda: "nobody asked" in worker.log(), "it is told")
            wait_for(lambda: len(self.starts()) == 2, "another child")
        self.restarted(check)

    def test_killed_while_idle(self):
        worker = self.start()
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(self.starts()) == 2, "another child")
        self.assertIn("SIGKILL", worker.log())
        self.assertEqual([self.done("echo", n)["failures"] for n in range(3)], [0] * 3)

    def test_a_child_for_each_job(self):
        """Ending after an answer costs nothing."""
        self.start(slots=2)
        jobs = [self.submit("answer_and_exit") for _ in range(20)]
        done = self.json("wait", *jobs)
        self.assertEqual({(job["state"], job["failures"]) for job in done}, {("completed", 0)})
        self.assertEqual(len({job["result"] for job in done}), 20)

    def test_cannot_start(self):
        """Burns no attempts, and takes its time between tries."""
        worker = self.start("--serve=good=exec /usr/bin/python3 \"$HANDLERS/serve.py\"",
                            serve="*=exec ./there-is-no-such-command")
        job = self.submit("x")
        wait_for(lambda: "exit status 127" in worker.log(), "it is told")
        wait_for(lambda: "again in 400 ms" in worker.log(), "and tried again")
        (self.cluster.folder / "there-is-no-such-command").write_text(
            '#!/bin/sh\nIFS= read -r x; x=${x#*\\"id\\":\\"}; '
            'printf \'{"id":"%s","ok":"up"}\\n\' "${x%%\\"*}"; exec cat >/dev/null\n')
        (self.cluster.folder / "there-is-no-such-command").chmod(0o755)
        done = self.json("wait", job)[0]
        self.assertEqual((done["state"], done["result"], done["failures"]), ("completed", "up", 0))


class Stopped(Served):
    def test_run_timeout(self):
        """SIGTERM to the group, SIGKILL after 5 s, whatever the child does."""
        self.start(slots=3)
        began = time.monotonic()
        jobs = {kind: self.submit(kind, '{"ok": 1}', "--run-timeout", "300ms", "--max-attempts",
                                  "1") for kind in ("silent", "polite", "stop")}
        for kind, job in jobs.items():
            shown = self.wait_state(job, "parked")
            self.assertEqual((shown["error"]["code"], shown["attempts"][-1]["outcome"]),
                             ("timeout", "timeout"), kind)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(self.done("echo", 1)["result"], 1)

    def test_input_that_is_not_read(self):
        (self.cluster.folder / "w.yaml").write_text("serve: 'deaf=exec sleep 1000'\n")
        self.cluster.start_worker("--config=w.yaml", slots=1)
        code, _, _ = self.failed("deaf", "x" * 200000, "--run-timeout", "300ms")
        self.assertEqual(code, "timeout")

    def test_input_that_is_closed(self):
        self.start("--serve=shut=exec 0<&-; exec sleep 1000")
        code, message, _ = self.failed("shut")
        self.assertEqual((code, message),
                         ("closed_stdin", "it closed its standard input and lives on"))

    def test_cancel(self):
        self.start(slots=2)
        for kind, answer, states in (("silent", {}, {"cancelled"}),
                                     ("polite", {"ok": 1}, {"cancelled", "completed"})):
            job = self.submit(kind, json.dumps(answer))
            self.wait_handled("job", job)
            self.json("cancel", job)
            shown = wait_for(lambda job=job: not self.show(job).get("stopping") and self.show(job),
                             "it has stopped")
            self.assertIn(shown["state"], states)
        # the one that answered is kept; the other one's successor starts in its own time
        wait_for(lambda: len(self.starts()) >= 3, "another child has started")
        self.assertEqual(len(self.starts()), 3)

    def test_drain_lets_jobs_finish(self):
        worker = self.start(slots=2)
        jobs = [self.submit("gate"), self.submit("gate")]
        self.wait_handled("job", count=2)
        worker.signal(signal.SIGTERM)
        wait_for(lambda: self.json("workers")[0]["state"] == "draining", "it drains")
        self.cluster.open_gate()
        self.assertEqual(worker.wait(), 0)
        self.assertEqual({self.show(job)["result"] for job in jobs}, {"through"})

    def test_stop_at_once(self):
        worker = self.start()
        job = self.submit("deaf")
        self.wait_handled("job", job)
        worker.signal(signal.SIGTERM)
        wait_for(lambda: self.json("workers")[0]["state"] == "draining", "it drains")
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(), 0)
        self.assertEqual((self.show(job)["state"], self.show(job)["failures"]), ("ready", 0))
        self.assertFalse(any(alive(pid) for pid in self.starts()))

    def test_kill_9_while_the_supervisor_is_stopped(self):
        worker = self.start()
        self.submit("silent")
        self.wait_handled("job")
        supervisor = next(pid for pid, _ in marked(self.cluster.marker)
                          if parent(pid) == worker.pid)
        os.kill(supervisor, signal.SIGSTOP)
        worker.kill()
        wait_for(lambda: not alive(supervisor), "the supervisor has gone on, and ended")
        self.assertFalse(alive(self.starts()[0]))

    def test_kill_9_leaves_nothing(self):
        worker = self.start(slots=2)
        self.submit("family")
        pids = [int(words[1]) for words in self.wait_handled("family", count=3)]
        wait_for(lambda: len(self.starts()) == 2, "both children")
        pids += self.starts()
        self.assertTrue(all(alive(pid) for pid in pids))
        worker.kill()
        wait_for(lambda: not any(alive(pid) for pid in pids),
                 lambda: f"all gone: {[pid for pid in pids if alive(pid)]}", timeout=5)

    def test_what_a_child_leaves_ends_with_it(self):
        self.start()
        self.failed("family", None, "--run-timeout", "500ms")
        pids = [int(words[1]) for words in self.cluster.handled() if words[0] == "family"]
        self.assertEqual(len(pids), 3)
        self.assertFalse(any(alive(pid) for pid in pids))


class Examples(Served):
    """The programs in docs/examples/serve."""

    def example(self, name, interpreter, *kinds):
        if not shutil.which(interpreter, path="/usr/bin:/usr/local/bin"):
            self.skipTest(f"{interpreter} is not installed")
        command = f"exec {shlex.quote(str(EXAMPLES / name))}"
        first, *others = [f"{kind}={command}" for kind in kinds]
        return self.start(*[f"--serve={one}" for one in others], serve=first,
                          environment={"PATH": "/usr/bin:/bin:/usr/local/bin",
                                       "PYTHONUNBUFFERED": ""})

    def file(self, name, text):
        path = self.cluster.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_python(self):
        self.example("serve.py", "python3", "file.digest", "csv.totals")
        path = self.file("a.csv", "name,count\nx\u2028,1\ny,2.5\n")
        text = pathlib.Path(path).read_bytes()
        self.assertEqual(self.done("file.digest", {"path": path})["result"],
                         {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)})
        job = self.done("csv.totals", {"path": path})
        self.assertEqual(job["result"], {"rows": 2, "totals": {"count": 3.5}})
        self.assertIn("row 1: name is no number", job["attempts"][-1]["log"])
        code, message, attempt = self.failed("file.digest", {"path": "nothing"})
        self.assertEqual((code, message.split("]")[0]), ("FileNotFoundError", "[Errno 2"))
        self.assertIn("Traceback", attempt["log"])
        job = self.done("csv.totals", {"path": self.file("empty.csv", "")}, status=1)
        self.assertEqual((job["state"], job["failures"], job["error"]["code"]),
                         ("parked", 1, "Park"))

    def test_ruby(self):
        self.example("serve.rb", "ruby", "letter.render")
        order = {"to": "Ada Löve\u2028", "order": 7, "items": [{"count": 2, "name": "cogs"}]}
        job = self.done("letter.render", order)
        self.assertEqual(job["result"].splitlines()[-1], "    2 x cogs")
        self.assertTrue(job["result"].startswith("Dear Ada Löve"))
        self.assertEqual(job["attempts"][-1]["log"], "attempt 1 for Ada Löve\u2028\n")
        code, message, attempt = self.failed("letter.render", {"to": "Ada"})
        self.assertEqual((code, message), ("KeyError", "key not found: \"items\""))
        self.assertIn("serve.rb", attempt["log"])
        job = self.done("letter.render", {"to": "Ada", "items": []}, status=1)
        self.assertEqual((job["state"], job["failures"], job["error"]["code"]),
                         ("parked", 1, "Park"))

    def test_node(self):
        self.example("serve.js", "node", "*")
        path = self.file("a\u2028.txt", "text " * 1000)
        job = self.done("file.gzip", {"path": path})
        packed = pathlib.Path(path + ".gz")
        self.assertEqual(job["result"], {"before": 5000, "after": packed.stat().st_size})
        self.assertEqual(gzip.decompress(packed.read_bytes()), b"text " * 1000)
        self.assertIn("attempt 1 at", job["attempts"][-1]["log"])
        self.assertEqual(self.failed("file.gzip", {"path": "nothing"})[0], "ENOENT")
        self.assertEqual(self.failed("file.gzip", {})[0], "TypeError")
        job = self.done("file.gzip", {"path": "a.gz"}, status=1)
        self.assertEqual((job["state"], job["failures"], job["error"]["code"]),
                         ("parked", 1, "Park"))
        self.assertEqual(self.failed("other")[0], "Park")


class Speed(Served):
    def test_throughput(self):
        """A modest floor: four Python children, with or without sanitizers in the worker."""
        self.start(slots=4)
        path = self.cluster.folder / "jobs.ndjson"
        count = 3000
        path.write_text("".join(json.dumps({"args": {"n": n}}) + "\n" for n in range(count)))
        began = time.monotonic()
        self.json("submit", "pid", "--file", path)
        wait_for(lambda: self.json("queues")[0]["completed"] == count, "all done")
        self.assertGreater(count / (time.monotonic() - began), 300)


if __name__ == "__main__":
    main()
