# SPDX-License-Identifier: MIT
"""The examples on a real broker: their rows are those of expected.csv, and those are what plain Python says."""
import collections
import datetime
import decimal
import json

import pytest

import delta_read
import oracle
from examples import EXAMPLES, text, texts

D = decimal.Decimal


def utc(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)


# ---- windows of a whole topic, all records in one epoch ----

def tumbling(topic, size_ms, delay_ms, group, result, wanted=lambda event: True):
    """Rows of windows that are complete when the topic ends."""
    windows = collections.defaultdict(list)
    events = [e for records in topic for r in records for e in [json.loads(r.value)] if wanted(e)]
    for event in events:
        windows[event["event_time"] // size_ms * size_ms, group(event)].append(event)
    watermark = max(e["event_time"] for e in events) - delay_ms
    closed = (k for k in windows if k[0] + size_ms <= watermark)
    return [(utc(start), key, *result(windows[start, key])) for start, key in closed]


def best(events, value, of):
    """max_by: of equal ones the newest; min_by with the value negated."""
    found = None
    for event in events:
        if value(event) is not None and (found is None or value(event) >= value(found)):
            found = event
    return of(found) if found else None


def edits(topic):
    def grown(e):
        size = e.get("length", {})
        return size["new"] - size.get("old", 0) if "new" in size else None

    return tumbling(topic, 60_000, 20_000, lambda e: e["wiki"], lambda w: (
        len(w), sum(e["bot"] for e in w), sum(grown(e) for e in w), best(w, grown, lambda e: e["title"])),
        lambda e: e["type"] in ("edit", "new"))


def candles(topic):
    return tumbling(topic, 30_000, 5_000, lambda e: e["product_id"], lambda w: (
        D(best(w, lambda e: -e["trade_id"], lambda e: e["price"])), max(D(e["price"]) for e in w),
        min(D(e["price"]) for e in w), D(best(w, lambda e: e["trade_id"], lambda e: e["price"])),
        sum(D(e["last_size"]) for e in w), len(w), sum(e["side"] == "buy" for e in w)))


def quakes(topic):
    return tumbling(topic, 600_000, 900_000, lambda e: e["properties"]["net"], lambda w: (
        len(w), sum(e["properties"]["status"] == "reviewed" for e in w), max(e["properties"]["mag"] for e in w),
        best(w, lambda e: e["properties"]["mag"], lambda e: e["properties"]["place"]), min(e["depth_km"] for e in w)),
        lambda e: e["properties"]["mag"] >= 1)


# ---- from_json of generated records, some of them broken ----

def fields(record, **kinds):
    """Members as from_json gives them: None for what is not of the kind; all None when there is no document."""
    try:
        doc = json.loads((record.value or b"").decode("utf-8", "replace"))
    except ValueError:
        doc = None
    doc, found = doc if isinstance(doc, dict) else {}, {}
    for name, kind in kinds.items():
        value = doc.get(name)
        if kind is str:
            found[name] = str(value) if isinstance(value, (int, float)) else value
        elif kind is float:
            found[name] = float(value) if isinstance(value, (int, float)) else None
        else:
            found[name] = value if isinstance(value, kind) and (kind is not int or abs(value) < 2**63) else None
    return found


class Visits:
    """Session windows over the epochs that maxOffsetsPerTrigger cuts."""

    cap, gap_ms, delay_ms = 250, 300_000, 60_000

    def __init__(self, topic):
        self.rows, self.late, self.open = [], [], collections.defaultdict(list)
        self.clause = self.late_ms = self.evict_ms = 0
        at, ends = [0] * len(topic), [len(records) for records in topic]
        while at != ends:
            to = oracle.spark_split(at, ends, self.cap) if sum(ends) - sum(at) > self.cap else ends
            self.epoch([r for records, a, b in zip(topic, at, to) for r in records[a:b]])
            at = list(to)
        while self.moved:
            self.epoch([])

    def epoch(self, records):
        newest = 0
        for r in records:
            c = fields(r, event_time=int, user_id=int, url=str, status=int, agent=str)
            time = c["event_time"]
            if c["user_id"] is None or c["agent"] is None or c["agent"].startswith("curl/") or time is None:
                continue
            newest = max(newest, time)
            if time + self.gap_ms <= self.late_ms:
                self.late.append((r.partition, r.offset))
            else:
                self.open[c["user_id"]].append(c)
        for user in self.open:
            self.close(user)
        self.clause = max(self.clause, newest - self.delay_ms)
        self.late_ms, self.moved = self.evict_ms, self.clause > self.evict_ms
        self.evict_ms = max(self.evict_ms, self.clause)

    def close(self, user):
        visits = []
        for click in sorted(self.open[user], key=lambda c: c["event_time"]):
            if not visits or click["event_time"] > visits[-1][-1]["event_time"] + self.gap_ms:
                visits.append([])
            visits[-1].append(click)
        done = [v for v in visits if v[-1]["event_time"] + self.gap_ms <= self.evict_ms]
        self.open[user] = [click for v in visits if v not in done for click in v]
        self.rows += [(utc(v[0]["event_time"]), utc(v[-1]["event_time"] + self.gap_ms), user, len(v),
                       sum(c["url"].startswith("/product/") for c in v), sum((c["status"] or 0) >= 400 for c in v),
                       v[0]["url"], v[-1]["url"], any(c["url"] == "/checkout" for c in v)) for v in done]


def readings(topic):
    """(rows of the table, rows of the quarantine)."""
    trusted, aside = [], []
    for r in (r for records in topic for r in records):
        v = fields(r, device_id=str, event_time=int, temperature=float, humidity=float, battery=int,
                   location=dict)
        latitude = (v["location"] or {}).get("latitude")
        latitude = latitude if isinstance(latitude, float) else None
        time, warm, humid, battery = v["event_time"], v["temperature"], v["humidity"], v["battery"]
        broken = [name for name, met in (
            ("readable", v["device_id"] is not None and v["device_id"].startswith("sensor-") and time is not None),
            ("plausible", warm is not None and humid is not None and 15.5 <= warm <= 25 and 0 <= humid <= 100),
            ("charged", battery is not None and battery >= 55)) if not met]
        at = None if time is None else utc(time)
        row = (v["device_id"], at, warm, humid, battery, latitude, r.partition, r.offset)
        drop = bool({"readable", "plausible"} & set(broken))
        trusted += [] if drop else [row]
        aside += [(*row, ", ".join(broken), drop, 0)] if broken else []
    return trusted, aside


# ---- the examples ----

@pytest.fixture
def done(kafka, millrace):
    """run(name): (the example, its topic's records, the summary); the job has run."""
    made = []

    def run(name):
        example = EXAMPLES[name]
        made.append(example.topic)
        example.fill(kafka, millrace.folder)
        code = millrace.run("run", "job.sql", "--param", f"broker={kafka.address}", "--available-now", "--summary")
        assert code == 0, millrace.output()
        assert millrace.summary()["ledger"]["balanced"]
        return example, oracle.read_topic(kafka.address, example.topic), millrace.summary()

    yield run
    for topic in made:
        kafka.delete_topic(topic)


def table(millrace, name):
    return delta_read.read(millrace.folder / "lake" / name)


def sorted_texts(rows):
    return sorted(tuple(map(text, row)) for row in rows)


def is_right(millrace, example, truth):
    assert truth and texts(table(millrace, example.table)) == sorted_texts(truth) == example.expected()


def coordinates(rows):
    return collections.Counter((r["partition"], r["offset"]) for r in rows)


def test_ad_campaigns(done, millrace):
    example, topic, summary = done("ad-campaigns")
    sql = (example.folder / "job.sql").read_text()
    assert "maxOffsetsPerTrigger => 2000" in sql and "INTERVAL 5 SECONDS" in sql
    truth = oracle.Job(oracle.read_ads(millrace.folder / "ads.csv"), delay_ms=5000).available_now(topic, cap=2000)
    assert truth.late
    is_right(millrace, example, [(utc(start), *row) for start, *row in truth.rows])
    assert coordinates(table(millrace, "late")) == collections.Counter(truth.late)
    assert summary["ledger"]["passed"] == truth.passed
    assert sum(p["rejected"] for p in summary["ledger"]["partitions"]) == len(table(millrace, "rejects"))


def test_clickstream_sessions(done, millrace):
    example, topic, _ = done("clickstream-sessions")
    truth = Visits(topic)
    assert truth.late
    is_right(millrace, example, truth.rows)
    assert coordinates(table(millrace, "late")) == collections.Counter(truth.late)


def test_iot_quality(done, millrace):
    example, topic, summary = done("iot-quality")
    trusted, aside = readings(topic)
    is_right(millrace, example, trusted)
    assert aside and texts(table(millrace, "quarantine")) == sorted_texts(aside) == example.expected("quarantine.csv")
    failed = {r["name"]: r["failed"] for r in summary["ledger"]["expectations"]}
    assert failed == {"on_earth": 0, **collections.Counter(n for row in aside for n in row[-3].split(", "))}


@pytest.mark.parametrize("name, answer", [("wikimedia-edits", edits), ("trades-candles", candles),
                                          ("earthquakes", quakes)])
def test_a_public_stream(done, millrace, name, answer):
    example, topic, _ = done(name)
    is_right(millrace, example, answer(topic))


def test_each_shows_itself():
    """A picture of the page and a way to Spark in each README, and the shelf names each."""
    shelf = (EXAMPLES["ad-campaigns"].folder.parent / "README.md").read_text()
    for example in EXAMPLES.values():
        page = (example.folder / "README.md").read_text()
        assert "](live.png)" in page and (example.folder / "live.png").read_bytes()[:4] == b"\x89PNG"
        assert "millrace export job.sql" in page and (not example.without or f"--without {example.without}" in page)
        assert f"({example.name}/README.md)" in shelf
