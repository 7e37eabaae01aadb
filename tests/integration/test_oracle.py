"""The oracle itself: it is silent on what may happen, and finds each fault that it is there for."""
import unittest

from lib.main import main
from lib.oracle import Oracle


def job(name="j", state="completed", result="j.1", attempts=(), **more):
    told = [{"attempt": n, "worker": worker, "outcome": outcome}
            for n, (worker, outcome) in enumerate(attempts, 1)]
    return {"id": name, "state": state, "result": result, "attempts": told, "failures": 0,
            "losses": 0, "error": None, "waits": None, **more}


def lines(text):
    return [line.split() for line in text.strip().splitlines()]


ONCE = "start j j.1 1 w1 7\nend j j.1 0 w1 7\n"
TWICE = "start j j.1 1 w1 7\nstart j j.2 1 w2 8\nend j j.2 0 w2 8\n"


class Judge(unittest.TestCase):
    def setUp(self):
        self.oracle = Oracle()
        self.oracle.acknowledged = {"j"}

    def fine(self, jobs, log):
        self.assertEqual(self.oracle.judge(jobs, lines(log)), [])

    def finds(self, words, jobs, log):
        found = self.oracle.judge(jobs, lines(log))
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_what_may_happen(self):
        self.fine([job()], ONCE)
        self.fine([job(state="parked", result=None)], "start j j.1 1 w1 7")
        self.fine([job(result="j.2", attempts=[("w1", "lost"), ("w2", "completed")])], TWICE)
        self.fine([job(result="j.2", attempts=[("w1", "snoozed"), ("w2", "completed")])], TWICE)
        self.oracle.killed = {"w1"}
        self.fine([job(result="j.2")], TWICE)
        self.oracle.acknowledged, self.oracle.maybe = set(), {"j"}
        self.fine([job()], ONCE)
        self.fine([], "")

    def test_lost_and_invented(self):
        self.finds("is missing", [], "")
        self.finds("is listed 2 times", [job(), job()], ONCE)
        self.oracle.acknowledged = set()
        self.finds("nobody submitted", [job()], ONCE)

    def test_not_ended(self):
        for state in ("ready", "running", "scheduled"):
            self.finds("has not ended", [job(state=state)], "")

    def test_token_twice(self):
        self.finds("more than once", [job()], "start j j.1 1 w2 6\n" + ONCE)

    def test_stale_result(self):
        attempts = [("w1", "lost"), ("w2", "completed")]
        self.finds("has the result 'j.1', and run 2", [job(result="j.1", attempts=attempts)], TWICE)
        self.finds("never run", [job()], "")
        self.finds("did not come to its end", [job()], "start j j.1 1 w1 7")

    def test_runs_without_a_cause(self):
        self.finds("without a cause", [job(result="j.2")], TWICE)
        self.finds("without a cause", [job(result="j.2", attempts=[("w2", "lost")])], TWICE)
        # One cause explains one run.
        log = TWICE + "start j j.3 1 w1 9\nstart j j.4 1 w3 9\nend j j.4 0 w3 9"
        attempts = [("w1", "lost"), ("w2", "failed"), ("w3", "completed")]
        self.finds("after run 3 on w1", [job(result="j.4", attempts=attempts)], log)

    def test_beside_its_re_run(self):
        self.oracle.killed = {"w1"}
        log = ("start j j.1 1 w1 7\nstart j j.2 1 w2 8\nend j j.1 0 w1 7\nend j j.2 0 w2 8")
        self.finds("went on beside", [job(result="j.2")], log)

    def test_failures_that_never_were(self):
        self.finds("failures", [job(failures=1)], ONCE)


if __name__ == "__main__":
    main()
