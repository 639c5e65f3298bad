# SPDX-License-Identifier: MIT
"""millrace serve on an embedded broker: every route and role, restarts, kill -9, a stop under load, no broker."""
import csv
import hashlib
import json
import pathlib
import re
import secrets
import signal
import subprocess
import time

import pytest

from delta_read import read as table_rows
from millrace import binary, die_with_parent, until
from service import Service, WebSocket

TOP = pathlib.Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not binary(), reason="millrace is not built")

JOB = """
CREATE TEMPORARY VIEW ads AS
SELECT e.ad_id, e.event_type, timestamp_millis(e.event_time) AS event_time
FROM (SELECT from_json(CAST(value AS STRING), 'ad_id STRING, event_type STRING, event_time BIGINT') AS e
      FROM STREAM read_kafka(bootstrapServers => '{broker}', subscribe => '{topic}', startingOffsets => 'earliest'));
CREATE STREAMING TABLE {name} {properties}
AS SELECT {columns} FROM STREAM ads {rest};
"""


class EmbeddedBroker:
    def __init__(self):
        self.process = subprocess.Popen([binary(), "broker"], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent)
        self.address = self.process.stdout.readline().strip()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def broker():
    broker = EmbeddedBroker()
    yield broker
    broker.stop()


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    yield service
    if service.is_running():
        service.kill()


def every_event(broker, topic, name="events", trigger="100 milliseconds"):
    """A query without windows: each record is a row."""
    return JOB.format(broker=broker.address, topic=topic, name=name, columns="ad_id, event_type, event_time", rest="",
                      properties=f"TBLPROPERTIES ('pipelines.trigger.interval' = '{trigger}')")


def counts(broker, topic, name="counts"):
    return JOB.format(broker=broker.address, topic=topic, name=name,
                      columns="window.start AS s, event_type, count(*) AS n",
                      rest="WATERMARK event_time DELAY OF INTERVAL 1 SECOND "
                           "GROUP BY window(event_time, '2 seconds'), event_type",
                      properties="TBLPROPERTIES ('pipelines.trigger.interval' = '200 milliseconds')")


def producer(service, broker, topic, rate=500, **more):
    return service.post("/producers", {"name": topic, "topic": topic, "bootstrap_servers": broker.address,
                                       "rate": rate, **more}, status=201)


# ---- queries ----

def test_a_query_is_made_started_stopped_and_deleted(service, broker):
    service.serve()
    made = service.call("POST", "/queries", {"name": "events", "sql": every_event(broker, "t1"), "tags": ["a"]})
    assert made.status == 201 and made.headers["Location"] == "/api/v1/queries/events"
    producer(service, broker, "t1", rate=0, rows=500)
    service.until_state("events", "running")
    status = service.until_status("events", lambda s: s["rows"] == 500)
    assert status["records"] == 500 and status["ledger"]["balanced"] and status["ledger"]["records"]["read"] == 500
    assert status["latency_ms"]["p50"] is not None and status["version"] is not None
    assert service.get("/queries/events/results?limit=7")["total"] == 500
    commit = service.get("/queries/events/commits")["items"][0]
    assert commit["files"] >= 1 and commit["bytes"] > 0 and set(commit["phases_ms"]) == {
        "fill", "compute", "prepare", "record", "commit"}
    stopped = service.call("POST", "/queries/events/stop?wait=20s", {})
    assert stopped.status == 200 and stopped.json()["state"] == "stopped"
    assert service.call("DELETE", "/queries/events").status == 204
    assert service.call("GET", "/queries/events").status == 404
    assert service.stop() == 0


def test_a_query_without_a_commit_balances(service, broker):
    service.serve()
    service.post("/queries", {"sql": every_event(broker, "t20", trigger="30 seconds"), "start": False}, status=201)
    assert service.get("/queries/events/status")["ledger"]["balanced"]
    producer(service, broker, "t20", rate=0, rows=1)
    service.post("/queries/events/start")
    status = service.until_state("events", "running") and service.get("/queries/events/status")
    assert status["ledger"]["balanced"] and status["ledger"]["records"]["read"] == 0


def test_the_ledger_has_every_term_and_rules_are_counted(service, broker):
    service.serve()
    sql = every_event(broker, "t21").replace("TABLE events ", """TABLE events (
        CONSTRAINT is_view EXPECT (event_type = 'view') ON VIOLATION DROP ROW,
        CONSTRAINT named EXPECT (ad_id IS NOT NULL))
        """).replace("TBLPROPERTIES (", "TBLPROPERTIES ('millrace.quarantine' = './lake/aside',")
    service.post("/queries", {"sql": sql}, status=201)
    producer(service, broker, "t21", rate=0, rows=900)
    status = service.until_status("events", lambda s: s["records"] == 900 and s["lag"] == 0 and s["rows"] > 0 and
                                  s["ledger"]["records"]["read"] == 900)
    view, named = status["expectations"]
    assert (view["name"], view["action"], named["name"], named["action"]) == ("is_view", "drop", "named", "keep")
    assert view["passed"] == status["rows"] and view["passed"] + view["failed"] == 900 and view["failed"] > 0
    assert named["passed"] == 900 and named["failed"] == 0
    records, effects = status["ledger"]["records"], status["ledger"]["effects"]
    assert effects["dropped"] == view["failed"] and effects["written"] == view["passed"] and effects["closed"] == 900
    assert set(records) == {"read", "rejected", "filtered", "no_event_time", "future", "no_partner", "passed",
                            "malformed", "lost"}
    assert set(effects) == {"passed", "fan_out", "late", "open", "closed", "written", "having", "dropped"}
    assert status["quarantine"] == "aside"
    assert until(lambda: service.get("/tables/aside")["rows"] == view["failed"], 20, "rows set aside")


def test_partitions_tell_where_they_begin_and_how_fast_they_are(service, broker):
    service.serve()
    producer(service, broker, "t22", rate=400)
    service.post("/queries", {"sql": counts(broker, "t22")}, status=201)
    holder = service.until_status("counts", lambda s: s["watermark_holder"] and s["rows"] > 0)["watermark_holder"]
    assert holder["topic"] == "t22" and holder["partition"] in range(4)

    def look():
        at = service.get("/sources/counts.0/partitions")["items"]
        return at if 200 < sum(p["records_per_s"] for p in at) < 800 else None

    partitions = until(look, 20, "rates near 400/s")
    assert all(p["low"] == 0 and p["records_per_s"] > 0 for p in partitions)
    assert 200 < service.get("/sources/counts.0")["records_per_s"] < 800


def test_wrong_requests_are_told_what_is_wrong(service, broker):
    service.serve()

    def refused(status, code, method, path, body=None, hint=None, headers=None):
        answer = service.call(method, path, body, headers)
        problem = answer.json()
        assert (answer.status, problem["code"]) == (status, code), problem
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert hint is None or hint in problem["hint"]
        return problem

    refused(422, "unknown_field", "POST", "/queries", {"sqll": "x"}, hint="sql")
    refused(422, "missing_field", "POST", "/queries", {"name": "x"})
    refused(422, "invalid_field", "POST", "/queries", {"sql": 3})
    refused(422, "invalid_field", "POST", "/queries", {"name": "No Name", "sql": "x"})
    wrong = every_event(broker, "t").replace("ad_id,", "ad_it,", 2)
    problem = refused(422, "sql_semantic", "POST", "/queries", {"sql": wrong})
    assert problem["errors"][0]["line"] > 1 and problem["errors"][0]["column"] > 0
    service.post("/queries", {"sql": every_event(broker, "t2")}, status=201)
    refused(409, "name_taken", "POST", "/queries", {"sql": every_event(broker, "t2")})
    taken = refused(409, "table_taken", "POST", "/queries", {"name": "rival", "sql": every_event(broker, "t2")},
                    hint="name another table")
    assert re.match(r"query events writes to /.*/events already$", taken["detail"]), taken
    service.post("/queries", {"sql": every_event(broker, "t2", name="other"), "start": False}, status=201)
    refused(409, "table_taken", "PUT", "/queries/other", {"sql": every_event(broker, "t2")})
    refused(404, "not_found", "GET", "/queries/evens", hint="events")
    refused(422, "invalid_parameter", "GET", "/queries/events/commits?limit=x")
    refused(404, "not_found", "GET", "/tables/evens", hint="events")
    refused(404, "not_found", "GET", "/sources/events.9")
    assert service.call("GET", "/errors/name_taken").status == 200


def test_every_code_of_an_error_has_its_page(service):
    service.serve()
    codes = set()
    for room in ("http", "api"):
        for file in (TOP / "src" / room).glob("*.c"):
            text = file.read_text()
            codes |= set(re.findall(r'(?:refuse|problem)\([^;]*?,\s*\d{3},\s*"(\w+)"', text))
            codes |= set(re.findall(r'\.code = "(\w+)"', text)) | set(re.findall(r'\{ERR_\w+, \d{3}, "(\w+)"\}', text))
    assert {"malformed_request", "table_taken", "name_taken", "sql_semantic"} <= codes
    assert [c for c in sorted(codes) if service.call("GET", f"/errors/{c}").status != 200] == []


def test_etags_guard_against_lost_updates(service, broker):
    service.serve()
    sql = every_event(broker, "t3")
    service.post("/queries", {"sql": sql, "start": False}, status=201)
    first = service.call("GET", "/queries/events").headers["ETag"]
    changed = service.call("PATCH", "/queries/events", {"tags": ["x"]}, {"If-Match": first})
    assert changed.status == 200 and changed.json()["tags"] == ["x"]
    assert service.call("PATCH", "/queries/events", {"tags": []}, {"If-Match": first}).status == 412
    assert service.call("PUT", "/queries/events", {"sql": sql}, {"If-None-Match": "*"}).status == 409
    assert service.state("events") == "stopped"


def test_changed_sql_keeps_its_state_or_is_refused(service, broker):
    service.serve()
    service.post("/queries", {"sql": counts(broker, "t4")}, status=201)
    producer(service, broker, "t4")
    service.until_status("counts", lambda s: s["rows"] > 0)
    other = counts(broker, "t4").replace("'2 seconds'", "'3 seconds'")
    refused = service.call("PUT", "/queries/counts", {"sql": other})
    assert refused.status == 409 and refused.json()["code"] == "incompatible_state"
    assert "window" in refused.json()["detail"]
    slower = counts(broker, "t4").replace("200 milliseconds", "300 milliseconds")
    kept = service.call("PUT", "/queries/counts", {"sql": slower}).json()
    assert kept["compatibility"] == "state_kept"
    service.until_status("counts", lambda s: s["state"] == "running" and s["trigger_ms"] == 300)
    dropped = service.call("PUT", "/queries/counts?on_incompatible=reset", {"sql": other}).json()
    assert dropped["compatibility"] == "state_dropped"
    until(lambda: service.get("/queries/counts")["generation"] == 2, 30, "generation 2")


def test_queries_share_a_table_of_rejects_and_each_row_is_there_once(service, broker):
    service.serve()
    producer(service, broker, "t31", rate=0, rows=2000, malformed_pct=5)
    properties = "TBLPROPERTIES ('millrace.onMalformed' = 'reject', 'millrace.rejects' = './lake/rejects', "
    names = ("one", "two")
    for name in names:
        sql = every_event(broker, "t31", name=name).replace("TBLPROPERTIES (", properties)
        service.post("/queries", {"sql": sql}, status=201)
    for name in names:
        service.until_status(name, lambda s: s["records"] == 2000 and s["ledger"]["records"]["read"] == 2000)
    bad = [service.get(f"/queries/{name}/status")["ledger"]["records"]["rejected"] for name in names]
    assert bad[0] == bad[1] > 50 and service.get("/tables/rejects")["rows"] == sum(bad)
    assert sorted(t["name"] for t in service.get("/tables")["items"]) == ["one", "rejects", "two"]


def test_a_missing_topic_is_waited_for(service, broker):
    service.serve()
    sql = every_event(broker, "later").replace(broker.address, "127.0.0.1:9")
    service.post("/queries", {"sql": sql}, status=201)
    waiting = service.until_status("events", lambda s: s["state"] == "waiting", 40)
    assert waiting["restarts"] >= 1 and waiting["next_try_at"] and waiting["error"]["text"]
    assert service.call("GET", "/readyz").status == 200
    assert "degraded" in service.call("GET", "/readyz").body.decode()
    assert service.call("GET", "/healthz").status == 503
    assert service.get("/info")["degraded"][0]["what"] == "query events"
    assert service.stop(15) == 0


# ---- producers ----

def test_a_rate_holds_within_a_second(service, broker):
    service.serve()
    producer(service, broker, "t5", rate=100)
    until(lambda: service.get("/producers/t5")["actual_rate"] > 50, 20, "the first rate")
    answer = service.call("PATCH", "/producers/t5", {"rate": 3000})
    assert answer.status == 200 and answer.json()["rate"] == 3000
    until(lambda: service.get("/producers/t5")["actual_rate"] > 2000, 4, "the new rate")
    service.post("/producers/t5/stop?wait=10s")
    assert service.get("/producers/t5")["state"] == "stopped"
    assert service.call("PATCH", "/producers/t5", {"rats": 1}).json()["hint"] == 'did you mean "rate"?'
    assert service.call("DELETE", "/producers/t5").status == 204


def test_a_producer_ends_with_its_rows(service, broker):
    service.serve()
    producer(service, broker, "t6", rate=0, rows=1000, malformed_pct=10)
    done = until(lambda: (p := service.get("/producers/t6"))["state"] == "stopped" and p, 20, "the end")
    assert done["acked"] == 1000 and done["desired_state"] == "stopped" and done["reason"] == "all rows are sent"


# ---- tables, errors, sources ----

def test_tables_and_samples(service, broker):
    service.serve()
    service.post("/queries", {"sql": every_event(broker, "t7")}, status=201)
    producer(service, broker, "t7", rate=0, rows=2000, malformed_pct=5)
    service.until_status("events", lambda s: s["records"] == 2000 and s["lag"] == 0 and s["rows"] > 0)
    table = until(lambda: (t := service.get("/tables/events")) and t["rows"] == 2000 and t, 20, "2000 rows")
    assert table["files"] >= 1 and [c["name"] for c in table["columns"]] == ["ad_id", "event_type", "event_time"]
    assert service.get("/tables")["items"][0]["name"] == "events"
    history = service.get("/tables/events/history")["items"]
    assert history[0]["version"] == table["version"] and sum(v["rows"] for v in history) == 2000
    assert sum(f["rows"] for f in service.get("/tables/events/files")["items"]) == 2000
    assert len(service.get("/tables/events/schema")["items"]) == 3
    rows = service.get("/tables/events/rows?limit=10")
    assert len(rows["rows"]) == 10 and rows["total"] == 2000
    csv = service.call("GET", "/tables/events/dump?format=csv").body.decode()
    assert csv.startswith("ad_id,event_type,event_time\r\n") and csv.count("\r\n") == 2001
    dumped = [json.loads(line) for line in service.call("GET", "/tables/events/dump?format=ndjson").body.splitlines()]
    theirs = table_rows(pathlib.Path(table["path"]))
    assert sorted(str(r["ad_id"]) for r in dumped) == sorted(str(r["ad_id"]) for r in theirs)
    errors = service.get("/queries/events/errors")
    assert errors["counts"]["malformed"] > 0
    assert all(s["topic"] == "t7" and s["offset"] >= 0 and s["reason"] for s in errors["samples"])
    source = service.get("/sources")["items"][0]
    assert source["id"] == "events.0" and source["topics"] == ["t7"] and source["partitions"] == 4
    partitions = service.get("/sources/events.0/partitions")["items"]
    assert sum(p["position"] for p in partitions) == 2000 and all(p["lag"] == 0 for p in partitions)
    assert "t7" in [t["name"] for t in service.get("/topics")["items"]]
    assert len(service.get("/topics/t7/sample?n=4")["items"]) == 4
    tested = service.post("/sources/test", {"bootstrap_servers": broker.address, "topic": "t77"})
    assert not tested["ok"] and "did you mean t7" in tested["steps"][-1]["error"]


def test_lists_and_maps_are_read_back_and_formulas_are_harmless(service, broker):
    service.serve()
    sql = every_event(broker, "t23").replace("SELECT ad_id, event_type, event_time FROM", """SELECT
        array(event_type, CAST(NULL AS STRING)) AS list, map(event_type, array(1, 2)) AS map,
        array(named_struct('id', ad_id, 'none', CAST(NULL AS ARRAY<INT>))) AS deep,
        concat('=', event_type) AS formula FROM""")
    service.post("/queries", {"sql": sql}, status=201)
    producer(service, broker, "t23", rate=0, rows=20)
    service.until_status("events", lambda s: s["rows"] == 20)
    rows = service.get("/tables/events/rows?limit=100")["rows"]
    assert len(rows) == 20
    for list_, map_, deep, formula in rows:
        kind = formula[1:]
        assert list_ == [kind, None] and map_ == {kind: [1, 2]} and deep[0]["none"] is None and len(deep[0]["id"]) > 3
    assert sorted(map(str, service.get("/queries/events/results")["rows"])) == sorted(map(str, rows))

    def dump(query):
        return service.call("GET", f"/tables/events/dump?{query}").body.decode()

    assert json.loads(dump("format=ndjson").splitlines()[0])["formula"].startswith("=")
    head, *lines = csv.reader(dump("format=csv").splitlines())
    assert head == ["list", "map", "deep", "formula"] and len(lines) == 20
    assert all(line[3].startswith("'=") and json.loads(line[0])[1] is None for line in lines)
    assert next(csv.reader(dump("format=csv&raw=true").splitlines()[1:]))[3].startswith("=")


def test_waiting_for_a_record(service, broker):
    service.serve()
    service.post("/queries", {"sql": every_event(broker, "t8")}, status=201)
    producer(service, broker, "t8", rate=0, rows=400)
    record = {"topic": "t8", "partition": 1, "offset": 99, "timeout": "20s"}
    done = service.post("/queries/events/wait", record, status=200)
    assert done["done"] and done["version"] is not None
    late = service.call("POST", "/queries/events/wait", {**record, "offset": 100, "timeout": "200ms"})
    assert late.status == 202 and not late.json()["done"]


def test_rows_as_they_come(service, broker):
    service.serve()
    producer(service, broker, "t9", rate=100)
    service.post("/queries", {"sql": every_event(broker, "t9")}, status=201)
    service.until_state("events", "running")
    lines = service.call("GET", "/queries/events/stream?max_rows=20").body.decode().splitlines()
    assert [c["name"] for c in json.loads(lines[0])["columns"]] == ["ad_id", "event_type", "event_time"]
    assert len(lines) == 22 and json.loads(lines[-1]) == {"end": True}
    assert len(json.loads(lines[1])) == 3


# ---- SQL ----

def test_sql_is_checked_and_explained(service, broker):
    service.serve()
    good = service.post("/sql/validate", {"sql": counts(broker, "t")})
    assert good["valid"] and good["tables"][0]["watermark"]["delay_ms"] == 1000
    bad = service.post("/sql/validate", {"sql": "CREATE STREAMING TABLE t AS SELEC 1"})
    assert not bad["valid"] and bad["errors"][0]["line"] == 1 and bad["errors"][0]["column"] > 20
    assert "read_kafka" in service.call("POST", "/sql/explain?format=text", {"sql": counts(broker, "t")}).body.decode()


def test_a_preview_shows_rows_and_writes_nothing(service, broker, tmp_path):
    service.serve()
    producer(service, broker, "t16", rate=0, rows=50)
    until(lambda: service.get("/producers/t16")["acked"] == 50, 20, "50 records")
    lines = service.call("POST", "/sql/preview", {"sql": every_event(broker, "t16"), "max_rows": 5}).body.splitlines()
    assert [c["name"] for c in json.loads(lines[0])["columns"]] == ["ad_id", "event_type", "event_time"]
    assert len(lines) == 7 and json.loads(lines[-1]) == {"end": True}
    begin = time.monotonic()
    none = service.call("POST", "/sql/preview", {"sql": counts(broker, "t16"), "timeout": "1s"}).body.splitlines()
    assert len(none) == 2 and time.monotonic() - begin < 10
    gone = service.call("POST", "/sql/preview", {"sql": every_event(broker, "nowhere")}).body.splitlines()
    assert json.loads(gone[-1])["error"]["code"] == "not_found"
    assert not (tmp_path / "lake").exists() and service.get("/queries")["items"] == []
    assert service.stop() == 0


def test_offsets_are_moved_when_stopped(service, broker):
    service.serve()
    producer(service, broker, "t17", rate=0, rows=400)
    service.post("/queries", {"sql": every_event(broker, "t17")}, status=201)
    service.until_status("events", lambda s: s["rows"] == 400)
    assert {o["offset"] for o in service.get("/queries/events/offsets")["offsets"]} == {100}
    back = {"offsets": [{"topic": "t17", "partition": 2, "offset": 90}]}
    assert service.call("PATCH", "/queries/events/offsets", back).status == 409
    service.post("/queries/events/stop?wait=20s")
    nowhere = {"offsets": [{"topic": "t17", "partition": 9, "offset": 90}]}
    assert service.call("PATCH", "/queries/events/offsets", nowhere).status == 404
    moved = service.call("PATCH", "/queries/events/offsets", back).json()["offsets"]
    assert sorted(o["offset"] for o in moved) == [90, 100, 100, 100]
    service.post("/queries/events/start?wait=20s")
    assert until(lambda: service.get("/tables/events")["rows"] == 410, 20, "ten records again")


# ---- the WebSocket ----

def test_channels(service, broker):
    service.serve()
    producer(service, broker, "t10", rate=0, rows=1)
    service.post("/queries", {"sql": every_event(broker, "t10")}, status=201)
    service.until_status("events", lambda s: s["rows"] == 1)
    ws = service.websocket()
    status = ws.sub("s", "status", max_hz=10)["data"]
    assert status["info"]["name"] == "millrace" and status["queries"][0]["name"] == "events"
    assert ws.sub("m", "metrics", params={"query": "events"})["data"]["step_ms"] == 1000
    assert ws.sub("r", "rows", params={"query": "events"}, max_hz=10)["data"]["total"] == 1
    assert len(ws.sub("c", "commits", params={"query": "events"})["data"]["items"]) == 1
    assert ws.sub("p", "partitions", params={"source": "events.0"})["data"]["items"]
    assert ws.sub("e", "events")["data"]["items"]
    ws.sub("x", "errors", params={"query": "events"})
    service.call("PATCH", "/producers/t10", {"rate": 200, "rows": 0, "malformed_pct": 10, "desired_state": "running"})
    rows = ws.next("delta", "r")
    assert rows["data"]["rows"] and len(rows["data"]["rows"][0]) == 3 and rows["seq"] > 0 and rows["t"].endswith("Z")
    assert ws.next("delta", "c")["data"]["items"][0]["records"] > 0
    assert ws.next("delta", "x")["data"]["samples"]
    assert any(ws.next("delta", "m")["data"]["series"]["records_per_s"] for _ in range(3))
    ws.send({"type": "set", "id": "r", "paused": True})
    ws.send({"type": "ping", "t": 1})
    ws.next("hb")
    time.sleep(0.5)
    ws.send({"type": "set", "id": "r", "paused": False})
    assert ws.next("snap", "r")["reset"]
    service.post("/queries/events/stop?wait=20s")
    assert ws.next("state", "r")["state"] == "waiting"
    service.post("/queries/events/start?wait=20s")
    assert ws.next("state", "r")["state"] == "live"
    ws.send({"type": "sub", "id": "bad", "channel": "rowz"})
    assert ws.next("err", "bad")["problem"]["code"] == "invalid_subscription"
    service.signal(signal.SIGTERM)
    assert ws.next("bye")["reason"] == "shutdown"
    assert ws.message() is None and ws.close_code == 1001
    assert service.wait(15) == 0


def test_a_socket_that_says_nothing_or_nonsense_is_closed(service):
    service.serve()
    ws = WebSocket(service.url, hello=False)
    ws.send({"type": "sub", "id": "s", "channel": "status"})
    assert ws.message() is None and ws.close_code == 4000
    silent = WebSocket(service.url, hello=False)
    silent.socket.settimeout(15)
    assert silent.message() is None and silent.close_code == 4000


# ---- restarts ----

def rows_in(service, table):
    return service.get(f"/tables/{table}")["rows"]


def all_sent(service, query):
    """Records of the topic, once nothing comes any more."""
    sums = []
    for made in service.get("/producers")["items"]:
        until(lambda: service.get("/producers/" + made["name"])["state"] == "stopped", 30, "the producer's end")

    def look():
        sums.append(sum(p["end"] for p in service.get(f"/sources/{query}.0/partitions")["items"]))
        time.sleep(0.3)
        return sums[-1] if len(sums) > 8 and sums[-1] == sums[-9] and sums[-1] else None

    return until(look, 30, "the end of the topic")


def test_kill_9_and_everything_runs_again_and_counts_agree(service, broker):
    service.serve()
    for i in range(3):
        service.post("/queries", {"sql": every_event(broker, "t11", f"events{i}")}, status=201)
    service.post("/queries", {"sql": every_event(broker, "t11", "resting")}, status=201)
    service.post("/queries/resting/stop?wait=20s")
    producer(service, broker, "t11", rate=1000)
    for i in range(3):
        service.until_status(f"events{i}", lambda s: s["rows"] > 500)
    service.kill()
    service.serve()
    for i in range(3):
        service.until_status(f"events{i}", lambda s: s["state"] == "running" and s["rows"] > 100)
    assert service.state("resting") == "stopped"
    service.post("/producers/t11/stop?wait=10s")
    sent = all_sent(service, "events0")
    for i in range(3):
        service.until_status(f"events{i}", lambda s: s["ledger"]["records"]["read"] == sent, what="all read")
        assert until(lambda: rows_in(service, f"events{i}") == sent, 20, "all rows")
        assert len(table_rows(pathlib.Path(service.get(f"/tables/events{i}")["path"]))) == sent
    assert service.stop() == 0


def test_a_stop_under_load_loses_nothing(service, broker):
    service.serve()
    service.post("/queries", {"sql": every_event(broker, "t12")}, status=201)
    producer(service, broker, "t12", rate=20000)
    service.until_status("events", lambda s: s["rows"] > 20000)
    begin = time.monotonic()
    service.signal(signal.SIGTERM)
    codes = set()
    while service.is_running():
        codes.add(service.call_or_gone("/readyz"))
        time.sleep(0.01)
    assert service.wait(1) == 0 and time.monotonic() - begin < 10
    assert codes <= {503, 0}, codes
    service.serve()
    service.post("/producers/t12/stop?wait=10s")
    sent = all_sent(service, "events")
    service.until_status("events", lambda s: s["ledger"]["records"]["read"] == sent, what="all read")
    assert until(lambda: rows_in(service, "events") == sent, 20, "all rows")


def test_a_second_signal_ends_at_once_and_loses_nothing(service, broker):
    service.serve()
    producer(service, broker, "t13", rate=5000)
    service.post("/queries", {"sql": every_event(broker, "t13", trigger="3 seconds")}, status=201)
    service.until_status("events", lambda s: s["records"] > 5000)
    service.signal(signal.SIGTERM)
    service.signal(signal.SIGTERM)
    assert service.wait(5) in (0, 130)
    service.serve()
    service.post("/producers/t13/stop?wait=10s")
    sent = all_sent(service, "events")
    service.until_status("events", lambda s: s["ledger"]["records"]["read"] == sent, what="all read")
    assert until(lambda: rows_in(service, "events") == sent, 20, "all rows")


def test_a_broker_that_goes_away_degrades(service):
    broker = EmbeddedBroker()
    try:
        service.serve()
        producer(service, broker, "t14", rate=0, rows=1)
        service.post("/queries", {"sql": every_event(broker, "t14")}, status=201)
        service.until_state("events", "running")
        broker.stop()
        until(lambda: not service.get("/queries/events/status")["brokers"]["connected"], 40, "broker down")
        assert service.call("GET", "/readyz").status == 200
        assert "[!]query events degraded" in service.call("GET", "/readyz").body.decode()
        assert service.get("/info")["degraded"]
        assert service.call("GET", "/livez").status == 200
        assert service.stop(15) == 0
    finally:
        broker.stop()


# ---- the table of routes ----

def documented():
    """(method, path) of docs/rest.md."""
    page = (TOP / "docs/rest.md").read_text()
    rows = re.findall(r"^\| ((?:GET|POST|PUT|PATCH|DELETE)[^|]*)\|", page, re.M)
    found = set()
    for row in rows:
        methods = re.findall(r"\b(GET|POST|PUT|PATCH|DELETE)\b", row)
        paths = re.findall(r"`(/?[^`]*)`", row)
        base = ""
        for path in paths:
            if not path.startswith("/"):
                path = base.rsplit("/", 1)[0] + "/" + path
            base = path
            found |= {(m, "/api/v1" + path) for m in methods}
    for path in re.search(r"^Beside it: (.*)\.$", page, re.M).group(1).split(", "):
        found.add(("GET", path.strip("`")))
    return found


def served(service):
    paths = service.get("/openapi.json")["paths"]
    return {(m.upper(), path): o for path, operations in paths.items() for m, o in operations.items()}


def test_the_page_the_table_and_openapi_agree(service):
    service.serve()
    routes = set(served(service))
    assert routes == documented()
    page = service.call("GET", "/docs").body.decode()
    assert all(path in page for _, path in routes)
    assert service.get("/openapi.json")["openapi"] == "3.1.0"


def test_every_route_against_every_role(service, tmp_path):
    tokens = {role: secrets.token_urlsafe(32) for role in ("viewer", "admin")}
    (tmp_path / "tokens").write_text("".join(
        f"{role} {role} sha256:{hashlib.sha256(token.encode()).hexdigest()}\n" for role, token in tokens.items()))
    service.token = tokens["admin"]
    service.serve("--token-file", tmp_path / "tokens")
    rank = {"anyone": 0, "viewer": 1, "admin": 2}
    for (method, path), operation in served(service).items():
        filled = re.sub(r"\{\w+\}", "none", path)
        for role in ("anyone", "viewer", "admin"):
            service.token = tokens.get(role)
            answer = service.call(method, filled, {} if method in ("POST", "PUT", "PATCH") else None)
            allowed = rank[role] >= rank[operation["x-role"]]
            where = (method, path, role, answer.status, answer.body[:200])
            if not allowed:
                assert answer.status == (401 if role == "anyone" else 403), where
            else:
                assert answer.status not in (401, 403, 500), where
    service.token = tokens["admin"]
    assert service.stop() == 0


def test_a_browser_signs_in_with_a_token_and_out(service, tmp_path):
    token = secrets.token_urlsafe(32)
    (tmp_path / "tokens").write_text(f"eve viewer sha256:{hashlib.sha256(token.encode()).hexdigest()}\n")
    service.serve("--token-file", tmp_path / "tokens")
    wrong = service.call("POST", "/session", {"token": "guessed"})
    assert (wrong.status, wrong.json()["code"]) == (401, "auth_failed") and not wrong.headers["Set-Cookie"]
    right = service.call("POST", "/session", {"token": token})
    assert (right.status, right.json()) == (200, {"role": "viewer"})
    cookie, *attributes = right.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes) and token not in cookie
    mine = {"Cookie": cookie}
    assert service.call("GET", "/info", headers=mine).json()["role"] == "viewer"
    assert service.call("GET", "/config", headers=mine).status == 403
    assert service.call("GET", "/info").status == 401
    assert service.call("DELETE", "/session", headers=mine).status == 204
    assert service.call("GET", "/info", headers=mine).status == 401
    service.token = token
    assert service.stop() == 0


def test_sighup_reads_the_tokens_again_and_never_ends_the_service(service, tmp_path):
    tokens, file = [secrets.token_urlsafe(32) for _ in range(2)], tmp_path / "tokens"

    def write(token, *more):
        file.write_text(f"ops admin sha256:{hashlib.sha256(token.encode()).hexdigest()}\n" + "".join(more))

    write(tokens[0])
    service.token = tokens[0]
    service.serve("--token-file", file)
    write(tokens[1])
    service.signal(signal.SIGHUP)
    until(lambda: service.call("GET", "/info").status == 401, 10, "the old token gone")
    service.token = tokens[1]
    assert service.get("/info")["role"] == "admin"
    write(tokens[0], "nonsense\n")
    service.signal(signal.SIGHUP)
    until(lambda: any("tokens stay" in e["text"] for e in service.get("/events")["items"]), 10, "the mistake is told")
    assert service.stop() == 0
    service.serve(env={"MILLRACE_SERVER": ""})
    service.signal(signal.SIGHUP)
    service.until_output("no token file")
    assert service.stop() == 0


def test_metrics_are_prometheus_text(service, broker):
    service.serve()
    service.post("/queries", {"sql": every_event(broker, "t15")}, status=201)
    producer(service, broker, "t15", rate=100)
    service.until_status("events", lambda s: s["rows"] > 0)
    text = service.call("GET", "/metrics").body.decode()
    names, typed = set(), set()
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            name = line.split()[2]
            assert name not in typed, f"{name} stands in two places"
            typed.add(name)
        elif not line.startswith("#"):
            assert re.fullmatch(r'[a-z0-9_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+-]+', line), line
            names.add(re.sub(r"_(bucket|sum|count)$", "", line.split("{")[0].split(" ")[0]))
    assert names <= typed
    assert 'millrace_query_state{query="events",state="running"} 1' in text
    assert {"millrace_source_lag_records", "millrace_e2e_latency_seconds", "process_resident_memory_bytes"} <= names


def test_settings_and_their_origin(service, tmp_path):
    (tmp_path / "millrace.yaml").write_text("server:\n  lisen: x\nstorag: {}\n")
    done = subprocess.run([binary(), "config", "show"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 78
    assert "millrace.yaml:2:3: error: unknown key server.lisen; did you mean server.listen?" in done.stderr
    assert "millrace.yaml:3:1: error: unknown section storag; did you mean storage?" in done.stderr
    (tmp_path / "millrace.yaml").write_text("ui:\n  environment: ${env:WHERE}\nstorage:\n  warehouse: ./other\n")
    service.serve(env={"WHERE": "test", "MILLRACE_STORAGE__STATE_DIR": "./kept"})
    info = service.get("/info")
    assert info["environment"]["name"] == "test" and info["warehouse"] == str(tmp_path / "other")
    settings = {s["key"]: s for s in service.get("/config")["items"]}
    assert settings["storage.warehouse"]["value"] == "./other"
    assert settings["storage.warehouse"]["origin"] == "millrace.yaml:4"
    assert settings["storage.state_dir"]["origin"] == "env MILLRACE_STORAGE__STATE_DIR"
    assert settings["ui.environment"]["value"] == "${env:WHERE}" and settings["server.listen"]["origin"] == "--listen"
    assert (tmp_path / "kept/catalog.db").exists()


def test_dashboard_and_alerts_name_metrics_that_exist(service, broker):
    service.serve()
    producer(service, broker, "t18", rate=100)
    service.post("/queries", {"sql": counts(broker, "t18")}, status=201)
    service.until_status("counts", lambda s: s["rows"] > 0)
    existing = set(re.findall(r"^# TYPE (\w+)", service.call("GET", "/metrics").body.decode(), re.M))
    for name in ("grafana.json", "prometheus-alerts.yaml"):
        used = set(re.findall(r"\b((?:millrace|process)_[a-z0-9_]+)\b", (TOP / "examples/deploy" / name).read_text()))
        assert used and {re.sub(r"_(bucket|sum|count)$", "", u) for u in used} <= existing


def test_a_broker_that_is_connected_and_says_nothing_is_told(service):
    service.serve()
    own = EmbeddedBroker()
    try:
        producer(service, own, "t30", rate=0, rows=40)
        service.post("/queries", {"sql": every_event(own, "t30")}, status=201)
        service.until_status("events", lambda s: s["rows"] == 40)
        time.sleep(8)  # nothing comes: that is no silence
        assert "has not answered" not in service.output()
        own.pause()
        silent = service.until_status("events", lambda s: s["brokers"]["silent_since"], 30)
        assert silent["state"] == "running" and silent["brokers"]["connected"]
        assert re.fullmatch(rf"broker {own.address} is connected but has not answered for \d+ s",
                            silent["brokers"]["error"])
        health = service.call("GET", "/healthz")
        assert health.status == 503 and "has not answered for" in health.body.decode()
        assert 'brokers_connected{query="events"} 0' in service.call("GET", "/metrics").body.decode()
        source = service.get("/sources/events.0")
        assert source["silent_since"] and "has not answered" in source["error"]
        assert len(re.findall("has not answered", service.output())) == 1
        own.go_on()
        service.until_status("events", lambda s: not s["brokers"]["silent_since"] and not s["brokers"]["error"], 30)
        assert f"broker {own.address} answers again" in service.output()
        assert service.call("GET", "/healthz").status == 200
    finally:
        own.stop()


def test_the_table_of_metrics_is_what_is_served(service):
    service.serve()
    served_names = set(re.findall(r"^# TYPE (\w+) (\w+)", service.call("GET", "/metrics").body.decode(), re.M))
    page = (TOP / "docs/operations.md").read_text()
    assert served_names == set(re.findall(r"^\| `((?:millrace|process)_\w+)` \| (\w+) \|", page, re.M))


def test_the_command_line_asks_the_service(service, broker):
    service.serve()
    producer(service, broker, "t19", rate=0, rows=40)
    service.post("/queries", {"sql": every_event(broker, "t19")}, status=201)
    service.until_status("events", lambda s: s["rows"] == 40)

    def cli(*args):
        return subprocess.run([binary(), *args, "--server", service.url], capture_output=True, text=True, timeout=60)

    assert cli("health").returncode == 0
    assert re.search(r"^events +running .* 40$", cli("status").stdout, re.M)
    assert json.loads(cli("status", "--json").stdout)["items"][0]["name"] == "events"
    assert cli("stop", "events", "--wait", "20s").stdout == "events: stopped\n"
    assert cli("start", "events", "--wait", "20s").stdout == "events: running\n"
    service.post("/queries", {"sql": every_event(broker, "t19", name="failing"), "start": False}, status=201)
    log = service.folder / "lake/failing/_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("no action")
    failed = cli("start", "failing", "--wait", "20s")
    assert failed.returncode == 75 and failed.stdout.startswith("failing: failed: "), failed
    wrong = cli("stop", "evens")
    assert wrong.returncode == 69 and "did you mean events?" in wrong.stderr
    version = str(service.get("/tables/events")["version"])
    assert cli("tables").stdout.splitlines()[1].split()[:3] == ["events", version, "40"]
    assert len(cli("dump", "events").stdout.splitlines()) == 41
    assert len(cli("dump", "events", "--format", "ndjson").stdout.splitlines()) == 40
    service.stop()
    assert cli("health").returncode == 1 and cli("status").returncode == 69
