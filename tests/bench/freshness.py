# SPDX-License-Identifier: MIT
"""How old a row is when readers see it: from its event to the Delta commit that has it, while a producer goes on.

A stateless job with a trigger of one second reads a live topic from its end. Per row: when the version of the table
appeared, less the event's own time. The first 20 seconds behind the first commit are left out: the JVM compiles, and
the backlog of its start is read.
`correct`: no offset between the first and the last is missing or twice.
"""
import collections
import json
import statistics
import subprocess
import time

import confluent_kafka
import pyarrow.parquet

import delta_read
import spark
import workloads
from millrace import Millrace, binary, until

RATE, WARM_UP_S = "2k/s", 20


class Producer:
    def __init__(self, broker, topic):
        self.process = subprocess.Popen(
            [binary(), "produce", "--bootstrap-servers", broker.address, "--topic", topic, "--rate", RATE],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        consumer = confluent_kafka.Consumer({"bootstrap.servers": broker.address, "group.id": "bench"})
        wanted = confluent_kafka.TopicPartition(topic, 3)
        until(lambda: consumer.get_watermark_offsets(wanted, 5)[1] > 0, 30, "record of the producer")
        consumer.close()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def versions(table):
    return sorted(table.glob("_delta_log/*.json"))


def measure_table(table):
    """(ages in ms of rows of versions after the warm-up, are the offsets whole)."""
    ages, offsets = [], collections.defaultdict(list)
    log = delta_read.Log(table)
    first = None
    for number, actions in sorted(log.commits.items()):
        seen = (table / f"_delta_log/{number:020}.json").stat().st_mtime
        for add in (a["add"] for a in actions if "add" in a):
            rows = pyarrow.parquet.read_table(table / add["path"])
            first = seen if first is None else first
            for partition, offset in zip(rows["partition"].to_pylist(), rows["offset"].to_pylist()):
                offsets[partition].append(offset)
            if seen - first > WARM_UP_S:
                ages += [seen * 1000 - t for t in rows["event_time"].to_pylist()]
    whole = all(sorted(o) == list(range(min(o), max(o) + 1)) for o in offsets.values())
    return ages, bool(offsets) and whole


def enough(table, seconds):
    """After the warm-up, has it gone on for so long and committed three times at least (or is it hopelessly slow)?"""
    seen = [v.stat().st_mtime for v in versions(table) if '"add"' in v.read_text()]
    since = time.time() - min(seen, default=time.time()) - WARM_UP_S
    return since > seconds and (sum(s - min(seen) > WARM_UP_S for s in seen) >= 3 or since > 10 * seconds)


def of_millrace(folder, seconds):
    job = Millrace(folder)
    job.start("run", "job.sql")
    try:
        job.until(lambda: enough(folder / "lake/fresh", seconds), 600, "commits")
    finally:
        job.stop()
    return measure_table(folder / "lake/fresh")


def of_spark(folder, seconds):
    job, table = spark.Job(folder), folder / "spark/fresh"
    try:
        assert job.watch(lambda: enough(table, seconds)), "Spark ended"
    finally:
        job.stop()
    return measure_table(table)


def measure(broker, folder, seconds, with_spark):
    """One JSON line per engine; True when all are correct."""
    topic, correct = broker.create_topic("live", partitions=4), True
    producer = Producer(broker, topic)
    try:
        for engine, run in [("millrace", of_millrace), *([("spark", of_spark)] if with_spark else [])]:
            there = folder / f"fresh-{engine}"
            there.mkdir()
            (there / "job.sql").write_text(workloads.sql("FRESH", broker.address, topic, start="latest"))
            ages, whole = run(there, seconds)
            line = {"workload": "FRESH", "engine": engine, "correct": whole and len(ages) > 0, "rows": len(ages),
                    "event_to_commit_ms": round(statistics.median(ages)) if ages else None,
                    "p99_ms": round(statistics.quantiles(ages, n=100)[98]) if len(ages) > 1 else None}
            print(json.dumps(line), flush=True)
            correct = correct and line["correct"]
    finally:
        producer.stop()
    return correct
