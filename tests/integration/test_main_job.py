# SPDX-License-Identifier: MIT
"""The main job on a real broker: filter, join, windows; the table equals the oracle to the row, in three readers."""
import collections
import shutil

import pytest

import delta_read
import oracle
from conftest_shared import FULL, needs_kafka
from millrace import produce


def run(millrace, *args):
    code = millrace.run("run", "job.sql", "--available-now", "--summary", *args, timeout=300)
    assert code == 0, millrace.output()
    return millrace.summary()


def same_rows(millrace, expected, table="lake/views"):
    got = oracle.result_rows(delta_read.read(millrace.folder / table))
    assert collections.Counter(got) == collections.Counter(expected.rows)


def late_rows(millrace):
    return [(r["partition"], r["offset"]) for r in delta_read.read(millrace.folder / "late")]


def test_the_table_is_the_oracles(kafka, topic, millrace):
    name = topic(4)
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 200_000)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, name))
    summary = run(millrace)
    job = oracle.Job(oracle.read_ads(millrace.folder / "ads.csv"))
    expected = job.available_now(oracle.read_topic(kafka.address, name))
    assert expected.rows and not expected.late
    same_rows(millrace, expected)
    ledger = summary["ledger"]
    assert ledger["balanced"] and ledger["passed"] == expected.passed and ledger["late"] == 0
    assert ledger["open"] == sum(expected.open.values())
    assert sum(p["read"] for p in ledger["partitions"]) == 200_000
    assert summary["epochs"] == expected.epochs


def test_late_malformed_and_doubled_records_in_planned_epochs(kafka, topic, millrace):
    name = topic(3)
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 100_000, "--late", "2%",
            "--late-by", "90s", "--disorder", "500ms", "--duplicates", "1%", "--malformed", "1%", partitions=3)
    properties = [("millrace.late", "./late"), ("millrace.rejects", "./rejects")]
    sql = oracle.job_sql(kafka.address, name, slide="4 seconds", cap=9000, properties=properties)
    (millrace.folder / "job.sql").write_text(sql)
    summary = run(millrace)
    job = oracle.Job(oracle.read_ads(millrace.folder / "ads.csv"), slide_ms=4000)
    expected = job.available_now(oracle.read_topic(kafka.address, name), cap=9000)
    assert expected.late and summary["epochs"] == expected.epochs
    same_rows(millrace, expected)
    assert collections.Counter(late_rows(millrace)) == collections.Counter(expected.late)
    ledger = summary["ledger"]
    assert ledger["balanced"] and ledger["late"] == len(expected.late) and ledger["passed"] == expected.passed
    assert sum(p["malformed"] for p in ledger["partitions"]) > 0


def test_a_second_run_goes_on_where_the_first_ended(kafka, topic, millrace):
    name = topic(2)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, name))
    job, so_far = None, None
    for second in (0, 30, 60):
        produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 30_000, partitions=2,
                start=f"2024-01-01T00:{second // 60:02}:{second % 60:02}Z")
        summary = run(millrace)
        job = job or oracle.Job(oracle.read_ads(millrace.folder / "ads.csv"))
        so_far = job.available_now(oracle.read_topic(kafka.address, name), run=so_far)
        same_rows(millrace, so_far)
        assert summary["ledger"]["balanced"] and summary["ledger"]["passed"] == so_far.passed


def test_a_run_without_news_writes_nothing(kafka, topic, millrace):
    name = topic(2)
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 20_000, partitions=2)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, name))
    run(millrace)
    version = delta_read.Log(millrace.folder / "lake/views").version
    assert run(millrace)["records"] == 0
    assert delta_read.Log(millrace.folder / "lake/views").version == version


def test_the_first_epoch_makes_the_table_before_any_window_closes(kafka, topic, millrace):
    name = topic(2)
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 1_000, partitions=2)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, name))
    assert run(millrace)["rows_written"] == 0
    assert delta_read.read(millrace.folder / "lake/views") == []
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 30_000, partitions=2,
            start="2024-01-01T00:00:01Z")
    assert run(millrace)["rows_written"] > 0
    assert delta_read.Log(millrace.folder / "lake/views").version == 1


def test_group_offsets_show_the_lag(kafka, topic, millrace):
    import confluent_kafka
    name = topic(2)
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 5_000, partitions=2)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, name))
    run(millrace)
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.address, "group.id": "millrace-views"})
    at = consumer.committed([confluent_kafka.TopicPartition(name, p) for p in (0, 1)], 10)
    consumer.close()
    assert sum(p.offset for p in at) == 5_000


def test_latest_reads_nothing_and_says_so(kafka, topic, millrace):
    name = topic(1)
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 100, partitions=1)
    earliest = ",\n                             startingOffsets => 'earliest'"
    sql = oracle.job_sql(kafka.address, name).replace(earliest, "")
    assert "startingOffsets" not in sql
    (millrace.folder / "job.sql").write_text(sql)
    assert millrace.run("run", "job.sql", "--available-now") == 0
    assert "startingOffsets is latest" in millrace.output()


def test_until_idle_and_a_stop_by_signal(kafka, topic, millrace):
    name = topic(2)
    properties = [("pipelines.trigger.interval", "200 milliseconds")]
    (millrace.folder / "ads.csv").write_text("ad_id,campaign_id\n")
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, name, properties=properties))
    assert millrace.run("run", "job.sql", "--until-idle", "1s", timeout=30) == 0
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 40_000, partitions=2)
    millrace.start("run", "job.sql", "--summary")
    log = delta_read.Log
    millrace.until(lambda: log(millrace.folder / "lake/views").files, 30, "rows")
    assert millrace.stop() == 0
    assert millrace.summary()["ledger"]["balanced"]
    # whatever epochs it took: every window that is closed is exact
    job = oracle.Job(oracle.read_ads(millrace.folder / "ads.csv"))
    same_rows(millrace, job.available_now(oracle.read_topic(kafka.address, name)))


@pytest.fixture(scope="module")
def backlog(kafka, tmp_path_factory):
    """(topic, its ads.csv, views by window and campaign, newest event time): a record a millisecond, 4 partitions."""
    needs_kafka()
    folder, rows = tmp_path_factory.mktemp("backlog"), 5_000_000 if FULL else 1_000_000
    produce(kafka, "backlog", "--create", "--ads-file", folder / "ads.csv", "--rows", rows, timeout=600)
    views, newest = oracle.views(oracle.read_topic(kafka.address, "backlog"), oracle.read_ads(folder / "ads.csv"))
    yield "backlog", folder / "ads.csv", views, newest
    kafka.delete_topic("backlog")


@pytest.mark.parametrize("how", ["one epoch", "small epochs", "killed in the middle"])
def test_a_backlog_on_four_partitions_loses_nothing_to_its_own_watermark(kafka, backlog, millrace, how):
    name, ads, views, newest = backlog
    shutil.copy(ads, millrace.folder)
    cap = None if how == "one epoch" else 70_000
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, name, delay="10 SECONDS", cap=cap))
    if how == "killed in the middle":
        millrace.start("run", "job.sql", "--available-now")
        millrace.until(lambda: delta_read.Log(millrace.folder / "lake/views").version >= 4, 60, "a fifth version")
        millrace.kill()
    summary = run(millrace)
    assert summary["ledger"]["late"] == 0 and summary["ledger"]["balanced"]
    closed = summary["watermark_ms"]
    assert closed == newest - 10_000
    rows = [(*key, n) for key, n in views.items() if key[0] + 10_000 <= closed]
    got = oracle.result_rows(delta_read.read(millrace.folder / "lake/views"))
    assert collections.Counter(got) == collections.Counter(rows)


def test_large_records_make_epochs_of_fewer(kafka, topic, millrace):
    """540 MB, which must not wait in memory for one commit."""
    name = topic(2)
    kafka.produce(name, [(i % 2, f"{i:08}" + "x" * 900_000) for i in range(600)], **{"compression.type": "zstd"})
    (millrace.folder / "job.sql").write_text(f"""
        CREATE STREAMING TABLE t LOCATION './lake/t' AS SELECT substr(v, 1, 8) AS id, v FROM (
        SELECT CAST(value AS STRING) AS v FROM STREAM read_kafka(
            bootstrapServers => '{kafka.address}', subscribe => '{name}', startingOffsets => 'earliest'))""")
    summary = run(millrace)
    assert summary["rows_written"] == 600 and summary["epochs"] in (2, 3)
    got = delta_read.read(millrace.folder / "lake/t")
    assert sorted(row["id"] for row in got) == [f"{i:08}" for i in range(600)]
