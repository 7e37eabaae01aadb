"""The peers' servers: how each is started, and ended whatever happens."""
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_S = 10
STOP_S = 10
TRIES = 3  # somebody else may take the port that was free
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class Failed(Exception):
    """A run has failed; the text says why."""


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(command, log, env=None):
    """In a session of its own, so that Ctrl-C is ours to handle; ends when we die."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                            start_new_session=True, preexec_fn=die_with_parent)


def stop(process):
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def data_folder(parent):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serves(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def gearmand(folder, port):
    return [f"--port={port}", "--listen=127.0.0.1", f"--log-file={folder}/log",
            f"--pid-file={folder}/pid", "--threads=1", "--hashtable-buckets=100003"]


def beanstalkd(folder, port, *options):
    return ["-l", "127.0.0.1", "-p", str(port),
            *(option.format(folder=folder) for option in options)]


def redis(folder, port, appendfsync):
    return ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", appendfsync,
            "--auto-aof-rewrite-percentage", "0"]


# program: (packages, its options, how it tells its version). Debian's redis-server is a link to a
# program of redis-tools.
PROGRAMS = {
    "gearmand": (("gearman-job-server",), gearmand, "--version"),
    "beanstalkd": (("beanstalkd",), beanstalkd, "-v"),
    "redis-server": (("redis-server", "redis-tools"), redis, "--version"),
}


def find(packages, name):
    return packages.program(name, *PROGRAMS[name][0])


def version(packages, name):
    path = find(packages, name)
    done = subprocess.run([path, PROGRAMS[name][2]], capture_output=True, text=True, timeout=10,
                          stdin=subprocess.DEVNULL, env=packages.environment())
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found.group() if found else "unknown version"


@contextlib.contextmanager
def serving(packages, name, folder, *options):
    """Starts the server on a free port, gives the port, and ends the server."""
    path = find(packages, name)
    with open(folder / "output", "wb") as log:
        for _ in range(TRIES):
            port = free_port()
            server = start([path, *PROGRAMS[name][1](folder, port, *options)], log,
                           packages.environment())
            try:
                if wait_for(server, port):
                    yield port
                    return
            finally:
                stop(server)
    text = (folder / "output").read_text(errors="replace").strip()
    raise Failed(f"{name} does not start: " + (text.splitlines()[-1] if text else "no output"))


def wait_for(server, port):
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        if serves(port):
            return server.poll() is None
        time.sleep(0.01)
    return False


def call(command, seconds, env=None):
    """Runs a load program to its end and gives what it prints."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=env, start_new_session=True,
                               preexec_fn=die_with_parent)
    try:
        out, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"{os.path.basename(command[0])} took more than {seconds} s")
    finally:
        stop(process)
    if process.returncode:
        text = (errors.strip() or out.strip() or f"exit status {process.returncode}")
        raise Failed(text.splitlines()[-1])
    return out
