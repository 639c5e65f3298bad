# SPDX-License-Identifier: MIT
"""The answer by other means: the same job over the same topic, in plain Python, one record at a time.

    topic = read_topic(bootstrap, "ads")                     [[Record, ..] per partition]
    job = Job(ads, size_ms=10_000, delay_ms=1_000)           filter, join, windows, as in JOB_SQL
    run = job.available_now(topic, cap=20_000)               epochs planned as documented
    run.rows, run.late, run.passed, run.open

It follows Spark's description of watermarks and append mode and millrace's of epochs (docs/operations.md), and shares
no code with either: JSON by the standard library, sums by Python integers.
"""
import collections
import json
import math

Record = collections.namedtuple("Record", "partition offset timestamp_ms key value")
OWN_CAP = 1_000_000


def read_topic(bootstrap, topic):
    """All committed records of a topic that is at rest, by partition."""
    import confluent_kafka
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "oracle",
                                         "enable.auto.commit": False, "enable.partition.eof": True,
                                         "isolation.level": "read_committed"})
    partitions = sorted(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in partitions])
    records, open_ = [[] for _ in partitions], set(partitions)
    while open_:
        for m in consumer.consume(10_000, 1.0):
            if m.error():
                assert m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF, m.error()
                open_.discard(m.partition())
            else:
                records[m.partition()].append(Record(m.partition(), m.offset(), m.timestamp()[1], m.key(), m.value()))
    consumer.close()
    return records


def read_ads(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "ad_id,campaign_id"
    return dict(line.split(",") for line in lines[1:])


def spark_split(begin, end, limit):
    """Spark's rateLimit: ends for `limit` offsets in proportion to what each partition has."""
    total = sum(e - b for b, e in zip(begin, end) if e > b)
    ends = []
    for b, e in zip(begin, end):
        if total < 1 or e <= b:
            ends.append(e)
            continue
        share = limit * ((e - b) / total)
        share = math.ceil(share) if share < 1 else math.floor(share)
        ends.append(min(e, b + share))
    return ends


def parse(value):
    """from_json(CAST(value AS STRING), 'ad_id STRING, event_type STRING, event_time BIGINT')."""
    nothing = (None, None, None)
    if value is None:
        return nothing
    try:
        doc = json.loads(value.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return nothing
    if not isinstance(doc, dict):
        return nothing

    def text(v):
        return v if v is None or isinstance(v, str) else json.dumps(v, separators=(",", ":"))
    time = doc.get("event_time")
    if isinstance(time, bool) or not isinstance(time, int) or not -2**63 <= time < 2**63:
        time = None
    return text(doc.get("ad_id")), text(doc.get("event_type")), time


def views(topic, ads, size_ms=10_000):
    """Views per (window start, campaign) of all records, whatever is closed; and the newest event time of a view."""
    counts, newest = collections.Counter(), 0
    for records in topic:
        for r in records:
            ad, kind, time = parse(r.value)
            if kind == "view":
                counts[(time - time % size_ms, ads[ad])] += 1
                newest = max(newest, time)
    return counts, newest


class Run:
    def __init__(self):
        self.rows = []       # result: (window start ms, campaign, views)
        self.late = []       # (partition, offset), once per window that the row was too late for
        self.passed = self.effects = 0
        self.open = {}       # (window start ms, campaign): views
        self.at = None       # next offsets
        self.clause = self.late_ms = self.evict_ms = 0
        self.moved = False
        self.epochs = 0


class Job:
    """SELECT window.start, campaign_id, count(*) .. WHERE event_type = 'view' .. JOIN ads .. GROUP BY window(..)."""

    def __init__(self, ads, size_ms=10_000, slide_ms=None, delay_ms=1_000):
        self.ads, self.size, self.slide, self.delay = ads, size_ms, slide_ms or size_ms, delay_ms
        self.parsed = {}

    def windows(self, time):
        """Starts of the windows that hold that time."""
        last = time - time % self.slide
        return range(last - self.slide * ((self.size - 1) // self.slide), last + 1, self.slide)

    def epoch(self, run, topic, end):
        newest = None
        for records, begin, to in zip(topic, run.at, end):
            for r in records[begin:to]:
                ad, kind, time = parse(r.value)
                if kind != "view" or ad is None:
                    continue
                if time is not None:
                    newest = time if newest is None or time > newest else newest
                campaign = self.ads.get(ad)
                if campaign is None or time is None:
                    continue
                run.passed += 1
                for start in self.windows(time):
                    if start + self.size <= time:
                        continue
                    run.effects += 1
                    if start + self.size <= run.late_ms:
                        run.late.append((r.partition, r.offset))
                    else:
                        key = (start, campaign)
                        run.open[key] = run.open.get(key, 0) + 1
        for key in sorted(k for k in run.open if k[0] + self.size <= run.evict_ms):
            run.rows.append((*key, run.open.pop(key)))
        if newest is not None:
            run.clause = max(run.clause, newest - self.delay)
        run.late_ms = run.evict_ms
        run.moved = run.clause > run.evict_ms
        run.evict_ms = max(run.evict_ms, run.clause)
        run.at = list(end)
        run.epochs += 1

    def available_now(self, topic, cap=OWN_CAP, run=None):
        """Epochs up to what is there, then those without rows that a moved watermark asks for."""
        run = run or Run()
        run.at = run.at or [0] * len(topic)
        ends = [len(records) for records in topic]
        for records in topic:  # offsets are positions in the list: no markers, no gaps in these topics
            assert not records or records[-1].offset == len(records) - 1
        while run.at != ends:
            self.epoch(run, topic, spark_split(run.at, ends, cap) if sum(ends) - sum(run.at) > cap else ends)
        while run.moved:
            self.epoch(run, topic, ends)
        return run


def job_sql(bootstrap, topic, size="10 seconds", slide=None, delay="1 SECOND", cap=None, properties=()):
    """The same job as SQL."""
    options = f", maxOffsetsPerTrigger => {cap}" if cap else ""
    table = ", ".join(f"'{k}' = '{v}'" for k, v in properties)
    window = f"window(event_time, '{size}'" + (f", '{slide}')" if slide else ")")
    return f"""
CREATE TEMPORARY VIEW events AS
SELECT e.ad_id, e.event_type, timestamp_millis(e.event_time) AS event_time
FROM (SELECT from_json(CAST(value AS STRING), 'ad_id STRING, event_type STRING, event_time BIGINT') AS e
      FROM STREAM read_kafka(bootstrapServers => '{bootstrap}', subscribe => '{topic}',
                             startingOffsets => 'earliest'{options}));

CREATE STREAMING TABLE views {f'TBLPROPERTIES ({table})' if table else ''}
AS SELECT window.start AS window_start, campaign_id, count(*) AS views
FROM STREAM events WATERMARK event_time DELAY OF INTERVAL {delay} AS e
JOIN read_files('ads.csv', format => 'csv', header => true, schema => 'ad_id STRING, campaign_id STRING') AS ads
  USING (ad_id)
WHERE event_type = 'view'
GROUP BY {window}, campaign_id;
"""


def result_rows(read_rows):
    """delta_read.read()'s rows as the oracle writes them."""
    return [(round(r["window_start"].timestamp() * 1000), r["campaign_id"], r["views"]) for r in read_rows]
