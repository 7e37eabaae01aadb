"""The contract of commands: what they get, and what becomes of what they say."""
import base64
import json
import os
import pathlib
import signal

import msgpack

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

SEE = """exec python3 -c '
import json, os, sys
print(json.dumps({"stdin": sys.stdin.read(), "cwd": os.getcwd(), "pgid": os.getpgid(0),
                  "ppid": os.getppid(), "pid": os.getpid(),
                  "env": {k: v for k, v in os.environ.items() if k.startswith("MUSTER_")}}))'"""


class Contract(Case):
    def done(self, kind, *words, status=0):
        return self.json("submit", kind, *words, "--wait", status=status)

    def test_what_a_command_gets(self):
        worker = self.cluster.start_worker(kinds={"see": SEE})
        job = self.done("see", '{"é": ["\\u0000", 1e3, true]}', "--queue", "default")
        seen = job["result"]
        self.assertEqual(json.loads(seen["stdin"]), {"é": ["\0", 1e3, True]})
        self.assertEqual(seen["stdin"][-1], "\n")
        mine = ("MUSTER_TEST", "MUSTER_BIN")
        environment = {key: value for key, value in seen["env"].items() if key not in mine}
        self.assertEqual(environment, {
            "MUSTER_JOB_ID": job["id"], "MUSTER_KIND": "see", "MUSTER_QUEUE": "default",
            "MUSTER_ATTEMPT": "1", "MUSTER_TOKEN": f"{job['id']}.1"})
        self.assertEqual(pathlib.Path(seen["cwd"]).resolve(), self.cluster.folder.resolve())
        self.assertEqual(seen["pgid"], seen["pid"])
        self.assertNotEqual(seen["pgid"], os.getpgid(worker.pid))

    def test_fallback_and_own_kind(self):
        self.cluster.start_worker(kinds={"*": "echo other", "mine": "echo mine"})
        self.assertEqual(self.done("mine")["result"], "mine")
        self.assertEqual(self.done("whatever:else/1")["result"], "other")

    def test_args_that_json_does_not_know(self):
        self.cluster.start_worker(kinds={"cat": "cat"})
        client = self.cluster.client()
        value = {b"\x01\xff": 1, 7: 2, "big": 2**64 - 1, "text": "x"}
        packed = msgpack.packb(value, use_bin_type=True)
        packed = packed.replace(b"\xa4text\xa1x", b"\xa4text\xa1\xff")  # no UTF-8
        [number] = client.submit("cat", [packed])
        job = self.json("wait", wire.id_text(number))[0]
        expected = {base64.b64encode(b"\x01\xff").decode(): 1, "7": 2, "big": 2**64 - 1,
                    "text": "\N{REPLACEMENT CHARACTER}"}
        keys = {key.strip('"'): value for key, value in job["result"].items()}
        self.assertEqual(keys, expected)

    def test_results(self):
        self.cluster.start_worker(kinds={
            "json": """echo ' [1, {"a": null}] '""", "text": "echo two words", "none": "true",
            "bytes": r"printf '\377ok'", "digits": "echo 12345678901234567890",
            "long": "head -c 100000 /dev/zero | tr '\\0' x",
            "cut": r"""printf '["%066000d"]' 1"""})
        self.assertEqual(self.done("json")["result"], [1, {"a": None}])
        self.assertEqual(self.done("text")["result"], "two words")
        self.assertIn(self.done("none")["result"], (None, ""))
        self.assertEqual(self.done("bytes")["result"], "\N{REPLACEMENT CHARACTER}ok")
        self.assertEqual(self.done("digits")["result"], 12345678901234567890)
        for kind in ("long", "cut"):
            job = self.done(kind)
            self.assertEqual(job["state"], "completed")
            text = job["result"]
            self.assertLessEqual(len(text), 65536 + 100)
            self.assertGreater(len(text), 60000)
            self.assertIn("cut", text[-100:])

    def test_what_a_completed_attempt_said(self):
        self.cluster.start_worker(kinds={"said": "echo words >&2", "quiet": "true"})
        for kind, log in (("said", "words\n"), ("quiet", None)):
            job = self.done(kind)
            self.assertEqual([(one["attempt"], one["outcome"], one["exit_status"], one["log"])
                              for one in job["attempts"]], [(1, "completed", 0, log)])

    def test_exit_codes(self):
        kinds = {f"exit{n}": f'exec sh "$HANDLERS/exit.sh" {n}' for n in (1, 3, 65, 78, 255)}
        kinds.update({"missing": "exec ./there-is-no-such-command", "kill": "kill -KILL $$",
                      "term": "kill -TERM $$", "silent": "exit 4",
                      "denied": "exec ./not-executable"})
        (self.cluster.folder / "not-executable").write_text("text")
        self.cluster.start_worker(kinds=kinds)
        for kind, outcome, code, exit_status, signal in (
                ("exit1", "failed", "exit_1", 1, None), ("exit3", "failed", "exit_3", 3, None),
                ("exit255", "failed", "exit_255", 255, None),
                ("exit65", "failed", "exit_65", 65, None),
                ("exit78", "failed", "exit_78", 78, None),
                ("missing", "failed", "not_executable", 127, None),
                ("denied", "failed", "not_executable", 126, None),
                ("kill", "failed", "signal_SIGKILL", None, "SIGKILL"),
                ("term", "failed", "signal_SIGTERM", None, "SIGTERM"),
                ("silent", "failed", "exit_4", 4, None)):
            with self.subTest(kind):
                job = self.done(kind, "--max-attempts", "1", status=1)
                attempt = job["attempts"][-1]
                self.assertEqual((job["state"], job["error"]["code"], attempt["outcome"],
                                  attempt["code"], attempt["exit_status"], attempt["signal"]),
                                 ("parked", code, outcome, code, exit_status, signal))
                self.assertTrue(attempt["message"])
        # The worker goes on.
        self.assertEqual(self.json("workers")[0]["state"], "alive")
        # 65 and 78 park whatever attempts are left, others do not.
        self.assertEqual(self.done("exit78", "--max-attempts", "9", status=1)["failures"], 1)

    def test_messages_and_logs(self):
        self.cluster.start_worker(kinds={
            "log": "head -c 100000 /dev/zero | tr '\\0' x >&2; echo >&2; echo '  last words ' >&2; "
                   "echo >&2; exit 3",
            "bytes": r"printf 'no \377 text\n' >&2; exit 65"})
        job = self.done("log", "--max-attempts", "2", "--backoff", "fixed:50ms", status=1)
        self.assertEqual(job["error"]["message"].strip(), "last words")
        first, last = job["attempts"]
        self.assertLessEqual(len(first["log"]), 1024)
        self.assertTrue(first["log"].rstrip().endswith("last words"))
        self.assertLessEqual(len(last["log"]), 65536)
        self.assertGreater(len(last["log"]), 65000)
        job = self.done("bytes", status=1)
        self.assertEqual(job["error"]["message"], "no \N{REPLACEMENT CHARACTER} text")

    def test_run_timeout(self):
        """SIGTERM to the group, SIGKILL after 5 s; the attempt is a failure named timeout."""
        self.cluster.start_worker(kinds={
            "polite": 'trap "echo told >>told; exit 0" TERM; echo x >>begun; '
                      'while :; do sleep 0.05; done',
            "deaf": 'trap "" TERM; (trap "" TERM; exec sleep 1000) & echo $! >deaf.pid; wait; '
                    'while :; do sleep 1; done'})
        job = self.done("polite", "--run-timeout", "500ms", "--max-attempts", "1", status=1)
        self.assertEqual((job["state"], job["error"]["code"]), ("parked", "timeout"))
        self.assertEqual(job["attempts"][-1]["outcome"], "timeout")
        self.assertEqual((self.cluster.folder / "told").read_text(), "told\n")
        job = self.done("deaf", "--run-timeout", "200ms", "--max-attempts", "1", status=1)
        self.assertEqual(job["error"]["code"], "timeout")
        pid = int((self.cluster.folder / "deaf.pid").read_text())
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the whole group ended")

    def test_input_that_nobody_reads(self):
        self.cluster.start_worker(kinds={"deaf": "exec true"})
        text = json.dumps("x" * 200000)
        job = self.json("submit", "deaf", "-", "--wait", stdin=text)
        self.assertEqual(job["state"], "completed")

    def test_what_is_left_in_the_background(self):
        """A handler that has ended has ended, whatever it leaves; what it leaves ends as well."""
        self.cluster.start_worker(kinds={"fork": "sleep 1000 & echo $! >left.pid; echo done"})
        self.assertEqual(self.done("fork")["result"], "done")
        pid = int((self.cluster.folder / "left.pid").read_text())
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the rest of the group ended")

    def test_supervision_that_stands_still(self):
        """A worker that stops ends also what no longer obeys."""
        worker = self.cluster.start_worker(
            kinds={"freeze": 'supervisor=$(sed -n "s/^PPid:[^0-9]*//p" /proc/$PPID/status); '
                             'kill -STOP $supervisor; kill -STOP $PPID; '
                             'echo $$ >freeze.pid; exec sleep 1000'})
        self.submit("freeze")
        path = self.cluster.folder / "freeze.pid"
        pid = int(wait_for(lambda: path.exists() and path.read_text().strip(), "it runs"))
        worker.signal(signal.SIGTERM)
        wait_for(lambda: self.json("workers")[0]["state"] == "draining", "it drains")
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(), 1)
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the command ended")

    def test_reaper_that_was_stopped(self):
        """It goes on, so that a time-out frees the slot."""
        self.cluster.start_worker(slots=1, kinds={
            "freeze": "kill -STOP $PPID; exec sleep 1000", "next": "echo here"})
        job = self.done("freeze", "--run-timeout", "300ms", "--max-attempts", "1", status=1)
        self.assertEqual((job["state"], job["error"]["code"]), ("parked", "timeout"))
        self.assertEqual(self.done("next")["result"], "here")


if __name__ == "__main__":
    main()
