# SPDX-License-Identifier: MIT
"""./dev bench [--rows N] [--repeats N] [--only W0|W1|W2|IDLE|FRESH] [--spark]: speed on a real broker.

    W0 W1 W2  workloads over one topic, see workloads.py     CPU, memory, start; of W0 bytes per row too
    IDLE      W1 on a topic that nobody writes to            what waiting costs: CPU, memory; and the start
    FRESH     a live topic, see freshness.py                 from an event to the commit that has it

One JSON line per workload and engine. Each repeat runs the bare librdkafka loop and then the workload on the same
topic, so that `ratio` compares neighbours in time; machines are noisy. With --spark the exported job runs next, once
per workload (spark.py). CPU-seconds are those of the whole process without start-up. `correct` compares the table
with a plain Python computation over the topic; of IDLE it says that nothing was read or written and the end was
orderly. Exit code 1 when anything is not correct.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import delta_read
import freshness
import oracle
import spark
import workloads
from kafka_broker import Broker
from millrace import TOP, Millrace, binary, produce


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
        say("reading them back for the truth")
        records = oracle.read_topic(broker.address, self.topic)
        assert sum(map(len, records)) == rows
        self.truth = workloads.Truth(records, folder / "ads.csv")

    def bare(self, program):
        done = subprocess.run([program, self.broker.address, self.topic, "4", str(self.rows)], check=True,
                              capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def prepare(self, name):
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(self.folder / "ads.csv", folder)
        (folder / "job.sql").write_text(workloads.sql(name, self.broker.address, self.topic))
        return folder

    def millrace(self, name):
        done = subprocess.run([binary(), "run", "job.sql", "--available-now", "--summary"], cwd=self.prepare(name),
                              check=True, capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def spark(self, name):
        job = spark.Job(self.folder / name, "--available-now")
        try:
            return job.result()
        finally:
            job.stop()

    def is_correct(self, name, below):
        return getattr(self.truth, name.lower())(self.folder / name / below / workloads.TABLES[name])


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
    line = {"workload": "IDLE", "engine": "millrace", "correct": correct, "seconds": seconds,
            "cpu_percent": round(cpu * 100, 2), "rss_mb": round(memory, 1),
            "first_poll_ms": round(statistics.median(first_polls), 1)}
    print(json.dumps(line), flush=True)
    return line["correct"]


def report(bench, name, engine, runs, table, **more):
    """The line of some runs, printed; and whether the last one's table is right."""
    cpu = [(r["cpu_seconds"] - r["start_cpu_seconds"]) / (bench.rows / 1e6) for r in runs]
    line = {"workload": name, "engine": engine, "correct": bench.is_correct(name, table), "rows": bench.rows,
            "repeats": len(runs), "cpu_s_per_million": round(statistics.median(cpu), 3), "least": round(min(cpu), 3),
            "peak_rss_mb": round(max(r["peak_rss_bytes"] for r in runs) / 1e6, 1),
            "first_poll_ms": round(statistics.median(r["first_poll_ms"] for r in runs), 1), **more}
    if name == "W0":
        files = delta_read.Log(bench.folder / name / table / "w0").paths()
        line["bytes_per_row"] = round(sum(os.path.getsize(p) for p in files) / bench.rows, 2)
    print(json.dumps(line), flush=True)
    return line


def measure(bench, name, repeats, program, with_spark):
    runs, bares = [], []
    for _ in range(repeats):
        bares.append(bench.bare(program)["cpu_s_per_million"])
        runs.append(bench.millrace(name))
    ratio = statistics.median((r["cpu_seconds"] - r["start_cpu_seconds"]) / (bench.rows / 1e6) / b
                              for r, b in zip(runs, bares))
    ours = report(bench, name, "millrace", runs, "lake", ratio=round(ratio, 2),
                  bare_loop_cpu_s_per_million=round(statistics.median(bares), 3))
    if not with_spark:
        return ours["correct"]
    theirs = [bench.spark(name)]
    cpu = (theirs[0]["cpu_seconds"] - theirs[0]["start_cpu_seconds"]) / (bench.rows / 1e6)
    line = report(bench, name, "spark", theirs, "spark",
                  times_millrace_cpu=round(cpu / ours["cpu_s_per_million"], 1),
                  times_millrace_memory=round(theirs[0]["peak_rss_bytes"] / 1e6 / ours["peak_rss_mb"], 1))
    return ours["correct"] and line["correct"]


def main():
    parser = argparse.ArgumentParser(prog="dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["W0", "W1", "W2", "IDLE", "FRESH"])
    parser.add_argument("--spark", action="store_true", help="the same on Spark, once each")
    parser.add_argument("--idle-seconds", type=int, default=20)
    parser.add_argument("--fresh-seconds", type=int, default=20)
    args = parser.parse_args()
    if args.spark and not spark.interpreter():
        parser.error("Spark is not installed: ./dev setup --spark")
    wanted = [args.only] if args.only else ["W0", "W1", "W2", "IDLE", "FRESH"]
    program, correct = bare_loop(), []
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as temp:
        folder = pathlib.Path(temp)
        broker = Broker(folder / "kafka", heap="512m").start()
        try:
            bench = None if wanted == ["FRESH"] else Bench(broker, folder, args.rows)
            correct += [measure(bench, name, args.repeats, program, args.spark) for name in wanted if name in
                        workloads.TABLES]
            if "IDLE" in wanted:
                correct.append(measure_idle(bench, args.idle_seconds, args.repeats))
            if "FRESH" in wanted:
                correct.append(freshness.measure(broker, folder, args.fresh_seconds, args.spark))
        finally:
            broker.stop()
    sys.exit(0 if all(correct) else 1)


if __name__ == "__main__":
    main()
