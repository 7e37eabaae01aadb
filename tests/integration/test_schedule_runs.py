"""Runs of schedules: what handlers, people and the feed are told of them. What is put, asked and
fired comes from a client that speaks the protocol by itself; no scheduler is there."""
import json
import struct
import time

import msgpack

from lib import wire
from lib.cluster import Case
from lib.main import main
from lib.programs import wait_for

SEE = "echo \"[\\\"$MUSTER_SCHEDULE\\\",\\\"$MUSTER_NOMINAL_TIME\\\"]\""
UNSET = "echo \"${MUSTER_SCHEDULE-unset} ${MUSTER_NOMINAL_TIME-unset}\""
SERVE = '*=exec /usr/bin/python3 "$HANDLERS/serve.py"'
FIRED, RUN_BY_HAND, BACKFILL = 0, 2, 1


def rfc3339(unix_ms, digits=""):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_ms // 1000)) + digits + "Z"


class Scheduled(Case):
    def setUp(self):
        super().setUp()
        self.client = self.cluster.client()

    def definition(self, name, kind, **more):
        rule = {} if "every_s" in more else {"cron": "0 3 * * *"}
        return wire.nested("SCHEDULE", name=name, queue="default", kind=kind, **rule, **more)

    def put(self, *definitions, source="team.yaml"):
        return self.client.ask("SCHEDULE_PUT", source=source, count=len(definitions),
                               lengths=[len(one) for one in definitions],
                               schedules=b"".join(definitions))

    def schedules(self, **more):
        body, reply = self.client.ask("SCHEDULES", **more)
        self.assertIsNone(reply.code, reply)
        return body, {one["name"]: one for one in body["schedules"]}

    def fire(self, name, mode, *nominals):
        """The ids of the runs."""
        body, known = self.schedules()
        count = len(nominals)
        answer, reply = self.client.ask("FIRE", epoch=body["epoch"], count=count, mode=mode,
                                        revisions=[known[name]["revision"]] * count,
                                        nominals_ms=nominals)
        self.assertIsNone(reply.code, reply)
        self.assertEqual(answer["verdicts"], bytes([FIRED] * count), answer)
        return [wire.id_text(job) for job in struct.unpack(f"<{count}Q", answer["jobs"])]

    def ended(self, job):
        return self.json("wait", job)[0]


class Handlers(Scheduled):
    def test_a_command_is_told_its_schedule_and_nominal_time(self):
        self.cluster.start_worker(kinds={"see": SEE, "unset": UNSET},
                                  environment={"MUSTER_SCHEDULE": "the worker's own"})
        body, _ = self.put(self.definition("report/daily", "see"))
        self.assertEqual(body, {"put": 1, "changed": 1})
        nominal = (int(time.time()) - 7200) * 1000
        [job] = self.fire("report/daily", BACKFILL, nominal)
        shown = self.ended(job)
        self.assertEqual(shown["result"], ["report/daily", rfc3339(nominal)])
        self.assertEqual((shown["schedule"], shown["nominal_time"]),
                         ("report/daily", rfc3339(nominal, ".000")))
        text = self.muster("show", job).out
        self.assertRegex(text, r"(?m)^schedule +report/daily$")
        self.assertRegex(text, rf"(?m)^nominal_time +{rfc3339(nominal, '.000')}$")

        [job] = self.fire("report/daily", RUN_BY_HAND, 0)
        shown = self.ended(job)
        self.assertEqual(shown["result"][0], "report/daily")
        self.assertRegex(shown["result"][1], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(shown["nominal_time"], shown["result"][1])

        shown = self.json("submit", "unset", "--wait")
        self.assertEqual(shown["result"], "unset unset")
        self.assertEqual((shown["schedule"], shown["nominal_time"]), (None, None))

    def test_a_child_that_stays_is_told_in_the_line(self):
        self.cluster.start_worker(f"--serve={SERVE}", slots=1,
                                  environment={"MUSTER_NOMINAL_TIME": "the worker's own"})
        self.put(self.definition("tick", "job", every_s=60, args=msgpack.packb([1])))
        nominal = (int(time.time()) // 60 - 10) * 60000
        jobs = self.fire("tick", BACKFILL, nominal, nominal + 60000)
        for at, job in enumerate(jobs):
            line = self.ended(job)["result"]
            self.assertEqual((line["args"], line["schedule"], line["nominal_time"]),
                             ([1], "tick", rfc3339(nominal + 60000 * at)))
        self.assertNotIn("schedule", self.json("submit", "job", "--wait")["result"])
        self.assertEqual(self.json("submit", "env", "--wait")["result"], {"MUSTER_SERVE": "1"})


class Words(Scheduled):
    def test_definitions_come_back_as_they_were_put(self):
        first = self.definition("one", "a", description="caf\u00e9", timezone="Asia/Tokyo")
        second = self.definition("two", "b", every_s=90, args=msgpack.packb({"k": 1}))
        self.put(first, second)
        for _ in range(2):
            _, known = self.schedules()
            self.assertEqual([known[name]["definition"] for name in ("one", "two")],
                             [first, second])
            self.assertEqual({one["source"] for one in known.values()}, {"team.yaml"})
            self.cluster.restart_broker()
            self.client.connect()
            self.client.hello()

    def test_what_cannot_be_put_is_explained(self):
        bad = self.definition("bad", "a", timezone="../../etc/passwd")
        self.client.request += 1
        self.client.send("SCHEDULE_PUT", self.client.request, source="team.yaml", count=1,
                         lengths=[len(bad)], schedules=bad)
        error = self.client.expect("ERROR")
        self.assertEqual((error.request, error.code), (self.client.request, "invalid"))
        self.assertEqual(error.text, "schedule bad: timezone: this is no name of the IANA time "
                                     "zones")
        self.assertEqual(self.schedules()[1], {})
        self.put(self.definition("mine", "a"))
        body, reply = self.put(self.definition("mine", "a"), source="other.yaml")
        self.assertEqual((body, reply.code, reply.text),
                         (None, "owned", "schedule mine belongs to team.yaml"))

    def test_log_and_feed_tell_of_changes_and_complaints(self):
        watch = self.cluster.start_muster("monitor", "--json", "monitor", "schedule")
        wait_for(lambda: "snapshot" in watch.out(), "the monitor is there")
        self.put(self.definition("daily", "a"))
        nominal = (int(time.time()) - 7200) * 1000
        [job] = self.fire("daily", BACKFILL, nominal)
        _, reply = self.client.ask("NOTICE", source="team.yaml", code="invalid",
                                   text="team.yaml:3:9: kron is no field")
        self.assertIsNone(reply.code)
        self.client.ask("SCHEDULE_ACT", action=1, names=["daily"])

        def events():
            lines = [json.loads(line) for line in watch.out().splitlines()]
            found = [line for line in lines if "topic" in line]
            return len(found) >= 4 and found
        told = {line["topic"] + "/" + line["code"]: line for line in wait_for(events, "4 events")}
        fired = told["schedule.fired/backfill"]
        self.assertEqual((fired["schedule"], fired["nominal_time"], fired["id"], fired["kind"],
                          fired["queue"]),
                         ("daily", rfc3339(nominal, ".000"), job, "a", "default"))
        self.assertEqual(told["schedule.changed/put"]["schedule"], "daily")
        self.assertEqual(told["schedule.changed/paused"]["schedule"], "daily")
        error = told["schedule.error/invalid"]
        self.assertEqual((error["schedule"], error["text"]),
                         ("team.yaml", "team.yaml:3:9: kron is no field"))
        log = self.cluster.broker.log()
        self.assertRegex(log, r"info +schedule\.changed schedule=daily code=put")
        self.assertRegex(log, r"info +schedule\.changed schedule=daily code=paused")
        self.assertRegex(log, r'error schedule\.error schedule=team\.yaml code=invalid text="team')
        self.assertNotIn("schedule.fired", log)

    def test_the_log_does_not_list_a_large_file(self):
        self.put(*(self.definition(f"entry-{i}", "a") for i in range(150)))
        self.assertEqual(len(self.schedules()[1]), 150)
        log = self.cluster.broker.log()
        self.assertEqual(log.count("code=put"), 100)
        self.assertEqual(log.count("more changes of schedules in this second"), 1)
        figures = self.json("stats")
        self.assertEqual((figures["schedules"], figures["schedule_fired"]), (150, 0))


if __name__ == "__main__":
    main()
