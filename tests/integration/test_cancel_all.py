"""muster cancel by filter: what it takes and leaves, on the command line and over kills."""
import json

from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

BACKLOG = 20000
GATE = {"gate": 'exec sh "$HANDLERS/gate.sh" gate'}


class CancelAll(Case):
    def fill(self, kind, count, **options):
        path = self.cluster.folder / f"{kind}.ndjson"
        line = json.dumps({"kind": kind, **options}) + "\n"
        path.write_text(line * count)
        self.assertEqual(self.json("submit", "--file", path)["submitted"], count)

    def queue(self, name):
        return {queue["queue"]: queue for queue in self.json("queues")}[name]

    def test_filters(self):
        """Each filter takes its jobs alone; running ones are stopped, parked ones stay."""
        self.cluster.start_worker(kinds={**GATE, "bad": 'exec sh "$HANDLERS/exit.sh" 65'}, slots=2,
                                  queues=["q"])
        parked = self.json("submit", "bad", "--queue", "q", "--wait", status=1)["id"]
        running = [self.submit("gate", "--queue", "q") for _ in range(2)]
        wait_for(lambda: all(self.show(job)["state"] == "running" for job in running), "two run")
        self.fill("nobody", 20, queue="q")
        self.fill("later", 10, queue="q", delay="1h")
        self.fill("other", 5, queue="r")
        self.assertEqual(self.json("cancel", "--queue", "q", "--state", "scheduled"),
                         {"cancelled": 10, "running": 0})
        self.assertEqual(self.json("cancel", "--kind", "gate", "--state", "running"),
                         {"cancelled": 2, "running": 2})
        wait_for(lambda: not any(self.show(job)["stopping"] for job in running), "both stopped")
        self.assertEqual(self.json("cancel", "--queue", "q", "--kind", "other"),
                         {"cancelled": 0, "running": 0})
        answer = self.muster("cancel", "--queue", "q")
        self.assertEqual((answer.out, answer.err), ("cancelled 20 jobs\n", ""))
        self.assertEqual(self.show(parked)["state"], "parked")
        self.assertEqual(self.queue("r")["ready"], 5)
        self.assertEqual(self.json("cancel", "--all"), {"cancelled": 5, "running": 0})
        queue = self.queue("q")
        self.assertEqual([queue[name] for name in ("ready", "running", "scheduled", "parked",
                                                   "cancelled")], [0, 0, 0, 1, 32])

    def test_mistakes(self):
        """No filter, a filter beside ids, a state that has ended: nothing happens."""
        job = self.submit("a")
        for words in ([], ["--all", "--queue", "q"], [job, "--queue", "default"], [job, "--all"],
                      ["--state", "ready"], ["--all", "--state", "parked"],
                      ["--all", "--state", "redy"], ["--queue", "no name"]):
            self.muster("cancel", *words, status=2)
        client = self.cluster.client()
        for fields in ({"all": 1, "state": "parked"}, {"all": 1, "cursor": b"abc"},
                       {"all": 1, "cursor": b"\1\2" + b"\0" * 21}, {}, {"all": 1, "kind": "-"}):
            client.send("CANCEL", request=5, **fields)
            self.assertEqual(client.expect("ERROR").code, "invalid", fields)
        self.assertEqual(self.show(job)["state"], "ready")

    def test_killed_on_the_way(self):
        """kill -9 of the broker between and in slices: a cursor holds over it, and the same
        command again ends the rest, each job once."""
        self.fill("a", BACKLOG, queue="q")
        client = self.cluster.client()

        def cancel(**more):
            client.send("CANCEL", request=77, all=1, queue="q", **more)
            return client.expect("REPLY")
        first = cancel()
        self.assertEqual((first.more, self.queue("q")["cancelled"]), (1, 4096))
        later = client.submit("a", [{}] * 10, queue="q")
        client.send("CANCEL", request=77, all=1, queue="q", cursor=first.cursor)
        self.cluster.restart_broker()
        client = self.cluster.client()
        cursor, more, total = first.cursor, 1, self.queue("q")["cancelled"]
        self.assertIn(total, (4096, 8192))
        while more:
            answer = cancel(cursor=cursor)
            cursor, more = answer.cursor, answer.more
        self.assertEqual(self.queue("q")["cancelled"], BACKLOG)
        self.assertEqual(self.queue("q")["ready"], len(later))

        self.fill("b", BACKLOG, queue="q")
        run = self.cluster.start_muster("cancel", "--json", "--timeout", "30s", "cancel", "--all")
        client = self.cluster.client()
        wait_for(lambda: client.stats()["cancelled"] > BACKLOG or not run.alive(), "some")
        self.cluster.restart_broker()
        self.assertEqual(run.wait(), 0)
        self.assertEqual(self.json("cancel", "--all"), {"cancelled": 0, "running": 0})
        queue = self.queue("q")
        self.assertEqual([queue[name] for name in ("ready", "cancelled")],
                         [0, 2 * BACKLOG + len(later)])


if __name__ == "__main__":
    main()
