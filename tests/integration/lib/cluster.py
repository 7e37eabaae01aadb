"""A broker, workers and command lines in a folder that goes away."""
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import unittest
import uuid

from lib import wire
from lib.programs import NotReady, Program, bin_folder, marked, wait_for

READY = r"^musterd: ready frontend=(\S+) backend=(\S+) feed=(\S+)$"
WORKER_READY = r"^muster-worker: ready name=(\S+) session=(\S+) slots=(\d+)$"
ANYWHERE = {"frontend": "tcp://127.0.0.1:*", "backend": "tcp://127.0.0.1:*",
            "feed": "tcp://127.0.0.1:*"}
# A short lease makes tests quick; on a busy machine it must still bear what the scheduler does.
QUICK = {"heartbeat": "200ms", "lease": "2s", "restart-grace": "3s"}
HANDLERS = pathlib.Path(__file__).resolve().parents[1] / "handlers"


class Answer:
    """How a command of muster ended."""

    def __init__(self, command, status, out, err):
        self.command, self.status, self.out, self.err = command, status, out, err

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            raise AssertionError(f"no JSON: {self!r}") from None

    def error(self):
        """The JSON error on stderr: its last line."""
        try:
            return json.loads(self.err.strip().splitlines()[-1])
        except (ValueError, IndexError):
            raise AssertionError(f"no JSON error: {self!r}") from None

    def __repr__(self):
        return (f"{shlex.join(self.command)}: status {self.status}\n"
                f"  stdout: {self.out[:3000]}\n  stderr: {self.err[:3000]}")


class Cluster:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-test-"))
        self.marker = f"MUSTER_TEST={uuid.uuid4()}"
        self.environment = dict([self.marker.split("=")])
        self.programs = []
        self.peers = []
        self.broker = None
        self.settings = dict(QUICK)
        self.endpoints = dict(ANYWHERE)
        self.data = self.folder / "data"
        self.handler_log = self.folder / "handlers"
        self.handler_log.touch()
        self.environment["HANDLER_LOG"] = str(self.handler_log)
        self.environment["HANDLERS"] = str(HANDLERS)
        self.environment["GATES"] = str(self.folder)
        self.started = 0

    # ---- programs ----

    def start(self, name, command, environment=None, **more):
        self.started += 1
        program = Program(name, command, self.folder, {**self.environment, **(environment or {})},
                          **more)
        self.programs.append(program)
        return program

    def broker_command(self, **settings):
        """Keys with _ for -. None leaves a setting out."""
        asked = {key.replace("_", "-"): value for key, value in settings.items()}
        merged = {"data": self.data, **self.endpoints, **self.settings, **asked}
        flags = [f"--{key}={value}" for key, value in merged.items() if value is not None]
        return [bin_folder() / "musterd", *flags]

    def start_broker(self, name="musterd", **settings):
        """Starts it, the first time at free ports, then at the same ones again."""
        def tried():
            program = self.start(name, self.broker_command(**settings))
            try:
                return program, program.wait_ready(READY)
            except NotReady as error:
                # While the broker was away, some connection may have taken the port.
                if error.status != 4 or "*" in "".join(self.endpoints.values()):
                    raise
                return None
        self.broker, ready = wait_for(tried, "the broker at its former ports")
        self.endpoints = dict(zip(("frontend", "backend", "feed"), ready.groups()))
        return self.broker

    def restart_broker(self, **settings):
        """kill -9, and start."""
        self.broker.kill()
        return self.start_broker(**settings)

    def worker_command(self, *flags, name, kinds=None, queues=(), slots=4):
        command = [bin_folder() / "muster-worker", f"--broker={self.endpoints['backend']}",
                   f"--name={name}", f"--slots={slots}"]
        command += [f"--queue={queue}" for queue in queues]
        command += [f"--exec={kind}={shell}" for kind, shell in (kinds or {}).items()]
        return command + list(flags)

    def start_worker(self, *flags, name="worker", wait=True, environment=None, **more):
        """kinds: {kind: command}; environment: what its handlers see besides."""
        program = self.start(name, self.worker_command(*flags, name=name, **more),
                             {"WORKER": name, **(environment or {})})
        if wait:
            program.wait_ready(WORKER_READY)
        return program

    def muster_command(self, *words):
        command = [bin_folder() / "muster"]
        if "--broker" not in words:
            command.append(f"--broker={self.endpoints['frontend']}")
        return [str(word) for word in [*command, *words]]

    def muster(self, *words, stdin=None, environment=None, timeout=60):
        """Runs a command to its end."""
        command = self.muster_command(*words)
        settings = {**os.environ, "ASAN_OPTIONS": "exitcode=99", "LSAN_OPTIONS": "exitcode=99",
                    **self.environment, **(environment or {})}
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=settings,
                              timeout=timeout, cwd=self.folder, check=False,
                              stdin=subprocess.DEVNULL if stdin is None else None)
        answer = Answer(command, done.returncode, done.stdout, done.stderr)
        if done.returncode in (99, -signal.SIGABRT, -signal.SIGSEGV):
            raise AssertionError(f"it crashed: {answer!r}")
        return answer

    def start_muster(self, name, *words, **more):
        """A command that goes on meanwhile."""
        return self.start(name, self.muster_command(*words), **more)

    # ---- raw peers ----

    def client(self, **more):
        peer = wire.Client(self.endpoints["frontend"])
        self.peers.append(peer)
        return peer.hello(**more)

    def raw_worker(self, hello=True, **more):
        peer = wire.Worker(self.endpoints["backend"])
        self.peers.append(peer)
        return peer.hello(**more) if hello else peer

    # ---- handlers ----

    def handled(self):
        """The handlers' log: lists of words."""
        return [line.split() for line in self.handler_log.read_text().splitlines()]

    def open_gate(self, name="gate"):
        """Lets handlers of `gate.sh NAME` go on."""
        (self.folder / name).touch()

    # ---- the end ----

    def close(self):
        """Ends everything; returns what was wrong: sanitizers' reports, processes left over."""
        wrong = []
        for peer in self.peers:
            peer.close()
        for program in reversed(self.programs):
            program.signal(signal.SIGCONT)
            program.kill()
        try:
            wait_for(lambda: not marked(self.marker), "", timeout=10)
        except AssertionError:
            for pid, command in marked(self.marker):
                wrong.append(f"left over: {pid} {command}")
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for name in dict.fromkeys(program.name for program in self.programs):
            program = next(one for one in self.programs if one.name == name)
            report = program.sanitizer_report()
            if report:
                wrong.append(f"{name} says:\n{report}")
        return wrong

    def logs(self, lines=40):
        text = []
        for name in dict.fromkeys(program.name for program in self.programs):
            for suffix in ("out", "log"):
                path = self.folder / f"{name}.{suffix}"
                tail = path.read_text(errors="replace").splitlines()[-lines:]
                if tail:
                    text.append(f"---- {path.name}\n" + "\n".join(tail))
        return "\n".join(text)

    def look(self):
        """What the broker says of itself, for a test that failed."""
        try:
            client = self.client()
            jobs = [str({key: value for key, value in job.items() if value})[:200]
                    for job in client.all_jobs()[:20]]
            parts = [("stats", client.stats()), ("queues", client.ask("QUEUES")[0]),
                     ("workers", client.ask("WORKERS")[0]), ("jobs", "\n".join(jobs))]
            return "".join(f"---- {name}\n{text}\n" for name, text in parts)
        except (AssertionError, OSError, wire.zmq.ZMQError) as error:
            return f"---- the broker does not answer: {error}\n"

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Case(unittest.TestCase):
    """A test with a cluster of its own; `settings` are the broker's."""

    settings = {}
    broker_first = True

    def setUp(self):
        self.cluster = Cluster()
        self.cluster.settings.update(self.settings)
        self.addCleanup(self.end_cluster)
        if self.broker_first:
            self.cluster.start_broker()

    def end_cluster(self):
        result = self._outcome.result
        failed = any(test is self for test, _ in result.failures + result.errors)
        state = self.cluster.look() if failed else ""
        wrong = self.cluster.close()
        if wrong or failed:
            print(f"\n======== {self.id()}\n{self.cluster.logs()}\n{state}========", flush=True)
        self.cluster.remove()
        self.assertFalse(wrong, "\n".join(wrong))

    # ---- short forms ----

    def muster(self, *words, status=0, **more):
        answer = self.cluster.muster(*words, **more)
        self.assertEqual(answer.status, status, repr(answer))
        return answer

    def json(self, *words, **more):
        return self.muster("--json", *words, **more).json()

    def submit(self, *words, **more):
        """The id of a job that is submitted."""
        return self.json("submit", *words, **more)["id"]

    def show(self, job):
        return self.json("show", job)

    def wait_state(self, job, *states, timeout=30):
        """The job, once it is in one of these states."""
        seen = {}

        def reached():
            seen.update(self.show(job))
            return seen["state"] in states and dict(seen)
        return wait_for(reached, lambda: f"{job} in {states}: {seen}", timeout)

    def wait_handled(self, *words, count=1, timeout=30):
        """Until the handlers' log has `count` lines that begin with these words."""
        def lines():
            found = [line for line in self.cluster.handled() if line[:len(words)] == list(words)]
            return len(found) >= count and found
        return wait_for(lines, lambda: f"{count} x {words}: {self.cluster.handled()[-20:]}",
                        timeout)
