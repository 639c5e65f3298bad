# SPDX-License-Identifier: MIT
"""./dev bench [--rows N] [--repeats N] [--only W0|W1|IDLE]: speed on a real broker, one JSON line per workload.

    W0   seven JSON columns to Delta, nothing else          bytes per row count too
    W1   filter, join with a static table, 10 s windows     Yahoo's streaming benchmark, 250-byte JSON
    IDLE W1 on a topic that nobody writes to                what waiting costs: CPU, memory; and the start

Each repeat runs the bare librdkafka loop and then the workload on the same topic, so that `ratio` compares neighbours
in time; machines are noisy. CPU-seconds are those of the whole process without start-up. `correct` compares the table
with a plain Python computation over the topic; of IDLE it says that nothing was read or written and the end was
orderly. Exit code 1 when anything is not correct.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import pyarrow.parquet

import delta_read
import oracle
from kafka_broker import Broker
from millrace import TOP, Millrace, binary, produce

FIELDS = ("user_id", "page_id", "ad_id", "ad_type", "event_type", "event_time", "ip_address")
SCHEMA = ", ".join(f"{f} {'BIGINT' if f == 'event_time' else 'STRING'}" for f in FIELDS)
W0 = """CREATE STREAMING TABLE w0 AS SELECT e.* FROM (
  SELECT from_json(CAST(value AS STRING), '{schema}') AS e
  FROM STREAM read_kafka(bootstrapServers => '{server}', subscribe => '{topic}', startingOffsets => 'earliest'));
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def bare_loop():
    ninja = ["ninja", "-C", TOP / "build/release", "--quiet", "bare_loop"]
    subprocess.run(ninja, check=True, stdout=subprocess.DEVNULL)
    return next(p for p in (TOP / "build/release").rglob("bare_loop") if os.access(p, os.X_OK) and p.is_file())


class Bench:
    def __init__(self, broker, folder, rows):
        self.broker, self.folder, self.rows, self.topic = broker, folder, rows, "bench"
        say(f"producing {rows} records")
        produce(broker, self.topic, "--create", "--rows", rows, "--ads-file", folder / "ads.csv")
        say("computing the truth")
        self.records = oracle.read_topic(broker.address, self.topic)
        assert sum(map(len, self.records)) == rows

    def bare(self, program):
        done = subprocess.run([program, self.broker.address, self.topic, "4", str(self.rows)], check=True,
                              capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def run(self, name, sql):
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(self.folder / "ads.csv", folder)
        (folder / "job.sql").write_text(sql)
        done = subprocess.run([binary(), "run", "job.sql", "--available-now", "--summary"], cwd=folder, check=True,
                              capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def w0(self):
        return self.run("w0", W0.format(schema=SCHEMA, server=self.broker.address, topic=self.topic))

    def w0_is_correct(self):
        truth = collections.Counter()
        for records in self.records:
            truth.update(tuple(json.loads(r.value).values()) for r in records)
        for path in delta_read.Log(self.folder / "w0/lake/w0").paths():
            table = pyarrow.parquet.read_table(path, page_checksum_verification=True)
            truth.subtract(zip(*(table[f].to_pylist() for f in FIELDS)))
        return not any(truth.values())

    def w1(self):
        return self.run("w1", oracle.job_sql(self.broker.address, self.topic, delay="10 SECONDS"))

    def w1_is_correct(self):
        truth, newest = oracle.views(self.records, oracle.read_ads(self.folder / "ads.csv"))
        closed = {(*key, n) for key, n in truth.items() if key[0] + 10_000 <= newest - 10_000}
        return sorted(oracle.result_rows(delta_read.read(self.folder / "w1/lake/views"))) == sorted(closed)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1000


def measure_idle(bench, seconds, repeats):
    """What a query costs that has nothing to do, from two seconds after its start; and how soon it can read."""
    topic, first_polls, correct = bench.broker.create_topic("idle", partitions=4), [], True
    sql = oracle.job_sql(bench.broker.address, topic, delay="10 SECONDS")
    for run in range(repeats):
        job = Millrace(bench.folder / f"idle-{run}")
        shutil.copy(bench.folder / "ads.csv", job.folder)
        (job.folder / "job.sql").write_text(sql)
        job.start("run", "job.sql", "--summary")
        time.sleep(2)
        before, began = cpu_seconds(job.pid), time.monotonic()
        time.sleep(seconds if run == 0 else 0)
        if run == 0:
            cpu, memory = (cpu_seconds(job.pid) - before) / (time.monotonic() - began), rss_mb(job.pid)
        code = job.stop()
        summary = job.summary()
        correct = correct and code == 0 and summary["records"] == 0 and summary["rows_written"] == 0
        first_polls.append(summary["first_poll_ms"])
    line = {"workload": "IDLE", "correct": correct, "seconds": seconds, "cpu_percent": round(cpu * 100, 2),
            "rss_mb": round(memory, 1), "first_poll_ms": round(statistics.median(first_polls), 1)}
    print(json.dumps(line), flush=True)
    return line["correct"]


def measure(bench, name, repeats, program):
    million, runs, bares = bench.rows / 1e6, [], []
    for _ in range(repeats):
        bares.append(bench.bare(program)["cpu_s_per_million"])
        runs.append(getattr(bench, name)())
    cpu = [(r["cpu_seconds"] - r["start_cpu_seconds"]) / million for r in runs]
    line = {"workload": name.upper(), "correct": getattr(bench, f"{name}_is_correct")(), "rows": bench.rows,
            "repeats": repeats, "cpu_s_per_million": round(statistics.median(cpu), 3), "least": round(min(cpu), 3),
            "bare_loop_cpu_s_per_million": round(statistics.median(bares), 3),
            "ratio": round(statistics.median(c / b for c, b in zip(cpu, bares)), 2),
            "peak_rss_mb": round(max(r["peak_rss_bytes"] for r in runs) / 1e6, 1),
            "first_poll_ms": round(statistics.median(r["first_poll_ms"] for r in runs), 1)}
    if name == "w0":
        files = delta_read.Log(bench.folder / "w0/lake/w0").paths()
        line["bytes_per_row"] = round(sum(os.path.getsize(p) for p in files) / bench.rows, 2)
    print(json.dumps(line), flush=True)
    return line["correct"]


def main():
    parser = argparse.ArgumentParser(prog="dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["W0", "W1", "IDLE"])
    parser.add_argument("--idle-seconds", type=int, default=20)
    args = parser.parse_args()
    program = bare_loop()
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        broker = Broker(pathlib.Path(folder) / "kafka", heap="512m").start()
        try:
            bench = Bench(broker, pathlib.Path(folder), args.rows)
            correct = [measure(bench, name, args.repeats, program) for name in ("w0", "w1")
                       if not args.only or args.only.lower() == name]
            if not args.only or args.only == "IDLE":
                correct.append(measure_idle(bench, args.idle_seconds, args.repeats))
        finally:
            broker.stop()
    sys.exit(0 if all(correct) else 1)


if __name__ == "__main__":
    main()
