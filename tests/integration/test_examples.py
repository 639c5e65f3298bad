# SPDX-License-Identifier: MIT
"""examples/ad-campaigns on a real broker: its rows are those of expected.csv, and those are what plain Python says."""
import collections
import csv
import datetime
import re
import shlex
import shutil
import subprocess

import pytest

import delta_read
import oracle
from millrace import TOP, binary

EXAMPLE = TOP / "examples/ad-campaigns"
TOPIC = "ad-events"
CAP, DELAY_MS = 2000, 5000  # of job.sql


def produce_flags():
    """The flags of the command in the example's README."""
    text = (EXAMPLE / "README.md").read_text().replace("\\\n", " ")
    return shlex.split(re.search(r"^millrace produce (.*)$", text, re.M).group(1))


def expected_rows():
    with open(EXAMPLE / "expected.csv", newline="") as file:
        for row in csv.DictReader(file):
            start = datetime.datetime.fromisoformat(row["window_start"].replace("Z", "+00:00"))
            yield round(start.timestamp() * 1000), row["campaign_id"], int(row["views"])


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
