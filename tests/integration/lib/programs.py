"""Processes of ours: started in groups of their own, waited for with deadlines, ended for sure."""
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import time

TICK = 0.02
PATIENCE = 30.0  # seconds that a sanitized program on a busy machine may need
SANITIZER = re.compile(r"(ERROR|SUMMARY): \w+Sanitizer|runtime error:|Assertion .* failed")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def bin_folder():
    return pathlib.Path(os.environ["MUSTER_BIN"]).resolve()


def wait_for(condition, what, timeout=PATIENCE):
    """Until condition() is true; its value. `what` says, after the deadline, what did not come."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"after {timeout} s still not: {text}")
        time.sleep(0.02)


def _die_with_us():
    """In the child: whatever happens to the test, this process does not stay."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """One process; what it says lies in files of the test's folder."""

    def __init__(self, name, command, folder, environment=None, stdin=None, cwd=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.out_path = folder / f"{name}.out"
        self.log_path = folder / f"{name}.log"
        settings = {**os.environ, "ASAN_OPTIONS": "exitcode=99:allocator_may_return_null=1",
                    "LSAN_OPTIONS": "exitcode=99", **(environment or {})}
        with open(self.out_path, "ab") as out, open(self.log_path, "ab") as log:
            self.out_start, self.log_start = out.tell(), log.tell()
            self.process = subprocess.Popen(
                self.command, stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=log,
                env=settings, start_new_session=True, cwd=cwd or folder, preexec_fn=_die_with_us)
        self.pid = self.process.pid

    def out(self):
        return self.out_path.read_text(errors="replace")[self.out_start:]

    def log(self):
        return self.log_path.read_text(errors="replace")[self.log_start:]

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def kill(self):
        """kill -9, of this process alone."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def wait(self, timeout=PATIENCE):
        """Its exit status; negative: the signal that ended it."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s\n"
                                 f"{self.tail()}") from None

    def stop(self, timeout=PATIENCE):
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait_ready(self, pattern, count=1, timeout=PATIENCE):
        """The count-th line of stdout that matches, as a match."""
        def found():
            matches = list(re.finditer(pattern, self.out(), re.M))
            if len(matches) >= count:
                return matches[count - 1]
            if not self.alive() and not re.search(pattern, self.out(), re.M):
                raise NotReady(self)
            return None
        return wait_for(found, lambda: f"{self.name} ready\n{self.tail()}", timeout)

    def tail(self, lines=25):
        return "\n".join(f"    {line}" for line in self.log().splitlines()[-lines:])

    def sanitizer_report(self):
        """What a sanitizer or an assertion said, or None."""
        text = self.log_path.read_text(errors="replace")
        found = SANITIZER.search(text)
        return text[found.start():found.start() + 4000] if found else None


class NotReady(AssertionError):
    """It ended before it was ready."""

    def __init__(self, program):
        super().__init__(f"{program.name} ended with {program.process.returncode} before it was "
                         f"ready\n{program.tail()}")
        self.status = program.process.returncode


def marked(marker):
    """(pid, command) of all processes whose environment has this variable."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                found.append((int(entry.name), b" ".join(words).decode(errors="replace")))
        except OSError:
            pass  # it has ended, or is not ours
    return found
