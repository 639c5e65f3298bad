# SPDX-License-Identifier: MIT
"""millrace.idleTimeout and millrace.maxFutureSkew over a real topic."""
import json
import time

import pytest

import delta_read

JOB = """CREATE STREAMING TABLE t TBLPROPERTIES ({properties}, 'pipelines.trigger.interval' = '200 milliseconds') AS
SELECT window.start AS ws, count(*) AS n FROM (SELECT timestamp_millis(e.t) AS ts FROM
  (SELECT from_json(CAST(value AS STRING), 't BIGINT') AS e FROM
   STREAM read_kafka(bootstrapServers => '{server}', subscribe => '{topic}', startingOffsets => 'earliest')))
  WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY window(ts, '10 seconds')"""


@pytest.fixture
def job(kafka, topic, millrace):
    def put(times_ms, properties):
        name = topic(1)
        kafka.produce(name, [(0, None, json.dumps({"t": t}), 1_700_000_000_000 + t % 1000) for t in times_ms])
        (millrace.folder / "job.sql").write_text(JOB.format(properties=properties, server=kafka.address, topic=name))
        return millrace, lambda t: kafka.produce(name, [(0, None, json.dumps({"t": t}), 1_700_000_000_000)])
    return put


def counts(millrace):
    table = millrace.folder / "lake/t"
    return sorted(r["n"] for r in delta_read.read_pyarrow(table)) if any(table.glob("_delta_log/*.json")) else []


def test_a_topic_that_falls_silent_gets_its_last_windows_written(job):
    millrace, send = job([1000, 2000, 35000], "'millrace.idleTimeout' = '2 seconds'")
    millrace.start("run", "job.sql", "--until-idle", "8s", "--summary")
    millrace.until(lambda: counts(millrace) == [1, 2], what="the last window")
    send(36000)  # its window is closed: late
    send(50000)  # the watermark waits where it is, and goes on from there
    assert millrace.wait() == 0, millrace.output()
    assert counts(millrace) == [1, 1, 2]
    ledger = millrace.summary()["ledger"]
    assert ledger["balanced"] and ledger["late"] == 1 and ledger["open"] == 0


def test_without_the_property_the_last_window_stays_open(job):
    millrace, _ = job([1000, 2000, 35000], "'quality' = 'gold'")
    assert millrace.run("run", "job.sql", "--until-idle", "3s", "--summary") == 0, millrace.output()
    assert counts(millrace) == [2]
    assert millrace.summary()["ledger"]["open"] == 1


def test_one_clock_that_is_years_ahead_makes_nobody_late(job):
    now = int(time.time() * 1000)
    millrace, _ = job([now - 60000, now + 10**11, now - 59000, now], "'millrace.maxFutureSkew' = '1 hour', "
                      "'millrace.rejects' = './rejects'")
    assert millrace.run("run", "job.sql", "--available-now", "--summary") == 0, millrace.output()
    ledger = millrace.summary()["ledger"]
    assert ledger["balanced"] and ledger["late"] == 0 and ledger["partitions"][0]["future"] == 1
    assert [(r["offset"], r["reason"]) for r in delta_read.read(millrace.folder / "rejects")] == [(1, "future")]
