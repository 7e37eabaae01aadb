"""A child of --serve. Each kind of job is a way to answer, or to misbehave; beside its answers it
writes START PID to $HANDLER_LOG when it starts, and JOB ID PID when it has read a job."""
import json
import os
import signal
import sys
import time

OUT = sys.stdout.buffer
OURS = ("MUSTER_TEST", "MUSTER_BIN")  # the tests' own variables
GOOD = {
    "echo": lambda job: {"ok": job["args"]},
    "job": lambda job: {"ok": job},
    "pid": lambda job: {"ok": os.getpid()},
    "env": lambda job: {"ok": {key: value for key, value in os.environ.items()
                               if key.startswith("MUSTER_") and key not in OURS}},
    "big": lambda job: {"ok": "x" * job["args"]},
    "answer": lambda job: job["args"],
}


def note(*words):
    with open(os.environ["HANDLER_LOG"], "a", encoding="utf-8") as log:
        log.write(" ".join(map(str, words)) + "\n")


def write(data):
    OUT.write(data)
    OUT.flush()


def line(job, answer):
    return json.dumps({"id": job["id"], **answer}).encode() + b"\n"


def wait_for_file(name):
    while not os.path.exists(os.path.join(os.environ["GATES"], name)):
        time.sleep(0.02)


# ---- misbehaving ----

def garbage(job):
    write(b"this is not JSON\n")


def not_utf8(job):
    write(b'{"id":"' + job["id"].encode() + b'","ok":"\xff"}\n')


def deep(job):
    write(b'{"id":"' + job["id"].encode() + b'","ok":' + b"[" * 5000 + b"]" * 5000 + b"}\n")


def half_line(job):
    write(line(job, {"ok": 1})[:-5])
    sys.exit(0)


def half_then_more(job):
    whole = line(job, {"ok": "in pieces"})
    for at in range(0, len(whole), 3):
        write(whole[at:at + 3])


def too_long(job):
    write(b'{"ok":"' + b"x" * 4000000 + b"\n")


def endless(job):
    while True:
        write(b"x" * 65536)


def wrong_id(job):
    write(line({"id": "0000000000000"}, {"ok": 1}))


def two(job):
    write(line(job, {"ok": "first"}) + line(job, {"ok": "second"}))


def close_out(job):
    os.close(1)
    wait_for_file("never")


def close_all(job):
    os.close(0)
    os.close(1)
    wait_for_file("never")


def exits(job):
    print("about to end", file=sys.stderr, flush=True)
    os._exit(job["args"])


def answer_and_exit(job):
    write(line(job, {"ok": os.getpid()}))
    os._exit(0)


def crash(job):
    os.kill(os.getpid(), signal.SIGSEGV)


def orphan(job):
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()


def stop(job):
    os.kill(os.getpid(), signal.SIGSTOP)


def silent(job):
    signal.pause()


def stray(job):
    write(line(job, {"ok": 1}))
    wait_for_file("stray")
    write(b"nobody asked\n")


def blank(job):
    write(b"\n \t\r\n" + line(job, {"ok": 1}) + b"\n")


def logs(job):
    print("words of", job["id"], file=sys.stderr, flush=True)
    write(line(job, job["args"]))


def chatty(job):
    write(line(job, {"ok": 1}))
    os.write(2, b"and on and on\n" * 30000)


def gate(job):
    wait_for_file("gate")
    write(line(job, {"ok": "through"}))


def polite(job):
    """Answers when it is told to end."""
    def told(*_):
        raise TimeoutError
    signal.signal(signal.SIGTERM, told)
    try:
        signal.pause()
    except TimeoutError:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        write(line(job, job["args"]))


def deaf(job):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pause()


def family(job):
    """Leaves children in groups of their own."""
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
            note("family", os.getpid())
            signal.pause()
    note("family", os.getpid())
    signal.pause()


BAD = {one.__name__: one for one in (
    garbage, not_utf8, deep, half_line, half_then_more, too_long, endless, wrong_id, two, close_out,
    close_all, exits, answer_and_exit, crash, orphan, stop, silent, stray, blank, logs, chatty,
    gate, polite, deaf, family)}


def main():
    note("start", os.getpid())
    print("child is here", file=sys.stderr, flush=True)
    for text in iter(sys.stdin.buffer.readline, b""):
        job = json.loads(text)
        note("job", job["id"], os.getpid())
        if job["kind"] in GOOD:
            write(line(job, GOOD[job["kind"]](job)))
        else:
            BAD[job["kind"]](job)
    note("end", os.getpid())


main()
