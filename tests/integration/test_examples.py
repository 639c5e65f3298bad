# SPDX-License-Identifier: MIT
"""The examples on a real broker: their rows are those of expected.csv, and those are what plain Python says."""
import collections
import csv
import datetime
import decimal
import json
import re
import shlex
import shutil
import subprocess

import pytest

import delta_read
import oracle
from ad_campaigns import EXAMPLE, TOPIC, expected_rows, produce_flags
from millrace import TOP, binary
from replay_server import ReplayServer

CAP, DELAY_MS = 2000, 5000  # of job.sql


@pytest.fixture
def input_topic(kafka, millrace):
    shutil.copy(EXAMPLE / "job.sql", millrace.folder)
    flags = [f.replace("localhost:9092", kafka.address) for f in produce_flags()]
    subprocess.run([binary(), "produce", *flags], cwd=millrace.folder, check=True, capture_output=True, timeout=60)
    yield oracle.read_topic(kafka.address, TOPIC)
    kafka.delete_topic(TOPIC)


def test_ad_campaigns(kafka, millrace, input_topic):
    sql = (EXAMPLE / "job.sql").read_text()
    assert f"maxOffsetsPerTrigger => {CAP}" in sql and f"INTERVAL {DELAY_MS // 1000} SECONDS" in sql
    job = oracle.Job(oracle.read_ads(millrace.folder / "ads.csv"), delay_ms=DELAY_MS)
    truth = job.available_now(input_topic, cap=CAP)
    assert truth.rows and truth.late
    expected = collections.Counter(expected_rows())
    assert expected == collections.Counter(truth.rows)

    code = millrace.run("run", "job.sql", "--param", f"broker={kafka.address}", "--available-now", "--summary")
    assert code == 0, millrace.output()
    got = oracle.result_rows(delta_read.read(millrace.folder / "lake/campaign_views"))
    assert collections.Counter(got) == expected
    late = [(r["partition"], r["offset"]) for r in delta_read.read(millrace.folder / "lake/late")]
    assert collections.Counter(late) == collections.Counter(truth.late)
    ledger = millrace.summary()["ledger"]
    assert ledger["balanced"] and ledger["passed"] == truth.passed
    assert sum(p["rejected"] for p in ledger["partitions"]) == len(delta_read.read(millrace.folder / "lake/rejects"))


# ---- public streams: each example's recorded events, from a server on this machine ----

D = decimal.Decimal


def tumbling(events, size_ms, delay_ms, group, result):
    """Rows of windows that are complete when the topic ends, all events in one epoch: {(start, group): result}."""
    windows = collections.defaultdict(list)
    for event in events:
        windows[event["event_time"] // size_ms * size_ms, group(event)].append(event)
    watermark = max(e["event_time"] for e in events) - delay_ms
    return {(start, key): result(found) for (start, key), found in windows.items() if start + size_ms <= watermark}


def best(events, value, of):
    """max_by: of equal ones the newest; min_by with the value negated."""
    found = None
    for event in events:
        if value(event) is not None and (found is None or value(event) >= value(found)):
            found = event
    return of(found) if found else None


def edits(events):
    def grown(e):
        size = e.get("length", {})
        return size["new"] - size.get("old", 0) if "new" in size else None

    wanted = [e for e in events if e["type"] in ("edit", "new")]
    return tumbling(wanted, 60_000, 20_000, lambda e: e["wiki"], lambda w: (
        len(w), sum(e["bot"] for e in w), sum(grown(e) for e in w), best(w, grown, lambda e: e["title"])))


def candles(events):
    return tumbling(events, 30_000, 5_000, lambda e: e["product_id"], lambda w: (
        D(best(w, lambda e: -e["trade_id"], lambda e: e["price"])), max(D(e["price"]) for e in w),
        min(D(e["price"]) for e in w), D(best(w, lambda e: e["trade_id"], lambda e: e["price"])),
        sum(D(e["last_size"]) for e in w), len(w), sum(e["side"] == "buy" for e in w)))


def quakes(events):
    wanted = [e for e in events if e["properties"]["mag"] >= 1]
    return tumbling(wanted, 600_000, 900_000, lambda e: e["properties"]["net"], lambda w: (
        len(w), sum(e["properties"]["status"] == "reviewed" for e in w), max(e["properties"]["mag"] for e in w),
        best(w, lambda e: e["properties"]["mag"], lambda e: e["properties"]["place"]), min(e["depth_km"] for e in w)))


STREAMS = [
    ("wikimedia-edits", "sse", ["events.ndjson"], ["--rows", 420], edits, "edits_per_minute",
     "sent 420, acknowledged 420, failed 0; 1 came again, 0 not understood, 0 missed, 1 connections"),
    ("trades-candles", "ws", ["events.ndjson"], ["--rows", 700], candles, "candles",
     "sent 700, acknowledged 700, failed 0; 0 came again, 0 not understood"),
    ("earthquakes", "poll", ["feed-1.json", "feed-2.json", "feed-3.json"],
     ["--rows", "QUAKES", "--poll-every", "100ms"], quakes, "quakes_per_10_minutes", "not understood"),
]


def reports(folder, files):
    """How many different reports the feeds hold."""
    return len({(f["id"], f["properties"]["updated"]) for name in files
                for f in json.loads((folder / name).read_text())["features"]})


def flat(rows):
    """Rows as expected.csv has them."""
    for (start, key), values in rows.items():
        at = datetime.datetime.fromtimestamp(start / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield tuple(str(v) for v in (at, key, *values))


@pytest.mark.parametrize("name, shape, files, flags, answer, table, said", STREAMS, ids=[s[0] for s in STREAMS])
def test_a_public_stream(kafka, millrace, name, shape, files, flags, answer, table, said):
    folder = TOP / "examples" / name
    shutil.copy(folder / "job.sql", millrace.folder)
    live = re.search(r"^millrace produce (.*)$", (folder / "README.md").read_text(), re.M).group(1)
    live = [f.replace("localhost:9092", kafka.address) for f in shlex.split(live)]
    topic = live[live.index("--topic") + 1]
    texts = [(folder / f).read_text() for f in files]
    flags = [str(reports(folder, files)) if f == "QUAKES" else str(f) for f in flags]
    with ReplayServer(shape, texts if shape == "poll" else texts[0].splitlines()) as server:
        done = subprocess.run([binary(), "produce", *live, "--url", server.url, *flags], capture_output=True, text=True,
                              timeout=90)
    try:
        assert done.returncode == 0 and said in done.stderr, done.stderr
        events = [json.loads(r.value) for r in oracle.read_topic(kafka.address, topic)[0]]
        code = millrace.run("run", "job.sql", "--param", f"broker={kafka.address}", "--available-now", "--summary")
        assert code == 0, millrace.output()
    finally:
        kafka.delete_topic(topic)
    truth = sorted(flat(answer(events)))
    assert truth
    got = delta_read.read(millrace.folder / "lake" / table)
    assert sorted(tuple(map(text, row.values())) for row in got) == truth
    with open(folder / "expected.csv", newline="") as file:
        assert sorted(map(tuple, list(csv.reader(file))[1:])) == truth
    assert millrace.summary()["ledger"]["balanced"]


def text(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)
