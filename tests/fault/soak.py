# SPDX-License-Identifier: MIT
"""./dev soak [--minutes N] [--rate N]: the main job under steady load; memory must stay flat and the answer exact.

A producer fills a topic at a rate, the job runs with a trigger of one second; its RSS is read every five seconds. At
the end the job is stopped, run once more to the end of the topic, and compared with a plain Python count. Prints one
JSON line; exit code 1 when the rows differ or RSS grew by more than a tenth between the middle and last third.
"""
import argparse
import collections
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import delta_read
import oracle
from kafka_broker import Broker
from millrace import Millrace, binary


def rss_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) / 1024


def wrong_rows(folder, records):
    """Closed windows that are not exactly what the topic holds."""
    truth, got = oracle.views(records, oracle.read_ads(folder / "ads.csv"))[0], collections.Counter()
    for start, campaign, views in oracle.result_rows(delta_read.read_pyarrow(folder / "lake/views")):
        got[(start, campaign)] += views
    closed = max(start for start, _ in got)
    return sum(truth[k] != got[k] for k in truth | got if k[0] <= closed)


def soak(folder, minutes, rate):
    broker = Broker(folder / "kafka").start()
    try:
        broker.create_topic("soak", 4)
        job = Millrace(folder / "job")
        produce = subprocess.Popen([binary(), "produce", "--bootstrap-servers", broker.address, "--topic", "soak",
                                    "--partitions", "4", "--rate", str(rate), "--ads-file", job.folder / "ads.csv"],
                                   stderr=subprocess.DEVNULL)
        while not (job.folder / "ads.csv").exists():
            time.sleep(0.05)
        (job.folder / "job.sql").write_text(oracle.job_sql(
            broker.address, "soak", delay="5 SECONDS", properties=[("pipelines.trigger.interval", "1 second")]))
        job.start("run", "job.sql")
        end, samples = time.monotonic() + minutes * 60, []
        while time.monotonic() < end and job.is_running():
            time.sleep(5)
            samples.append(rss_mb(job.pid))
        produce.terminate()
        produce.wait(60)
        code = job.stop()
        last = job.run("run", "job.sql", "--available-now", timeout=300)
        records = oracle.read_topic(broker.address, "soak")
        third = max(1, len(samples) // 3)
        first, final = statistics.median(samples[third:2 * third] or samples), statistics.median(samples[-third:])
        return {"minutes": minutes, "records": sum(map(len, records)), "exit_codes": [code, last],
                "rss_mb_middle": round(first, 1), "rss_mb_end": round(final, 1), "flat": final <= first * 1.1,
                "wrong_rows": wrong_rows(job.folder, records)}
    finally:
        broker.stop()


def main():
    parser = argparse.ArgumentParser(prog="dev soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=20_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="millrace-soak-") as folder:
        result = soak(pathlib.Path(folder), args.minutes, args.rate)
    print(json.dumps(result))
    sys.exit(0 if result["flat"] and result["wrong_rows"] == 0 and result["exit_codes"] == [0, 0] else 1)


if __name__ == "__main__":
    main()
