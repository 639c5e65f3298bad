# SPDX-License-Identifier: MIT
"""Tables whose log no longer begins at version 0: millrace goes on with them, exactly once, and shows them."""
import collections
import datetime
import json
import shutil

import deltalake
import polars
import pyarrow
import pytest

import delta_read
from millrace import produce
from service import Service

SQL = """
CREATE STREAMING TABLE events {properties}
AS
SELECT CAST(value AS STRING) AS v, partition, offset
FROM STREAM read_kafka(bootstrapServers => '{address}', subscribe => '{topic}', startingOffsets => 'earliest',
                       maxOffsetsPerTrigger => {cap})
"""


def job(millrace, kafka, topic, cap=500, properties=""):
    (millrace.folder / "job.sql").write_text(
        SQL.format(address=kafka.address, topic=topic, cap=cap, properties=properties))
    return millrace.folder / "lake/events"


def run(millrace, *args):
    code = millrace.run("run", "job.sql", "--available-now", *args, timeout=120)
    assert code == 0, millrace.output()


def feed(kafka, topic, rows, millrace):
    produce(kafka, topic, "--ads-file", millrace.folder / "ads.csv", "--rows", rows, partitions=2)


def positions(table, read=delta_read.read):
    """How often each record is in the table, by three readers."""
    return collections.Counter((r["partition"], r["offset"]) for r in read(table))


def each_once(table, rows):
    got = positions(table)
    assert len(got) == rows and set(got.values()) == {1}


def version(table):
    return deltalake.DeltaTable(table).version()


def test_a_log_that_others_have_cleaned_up_goes_on(kafka, topic, millrace):
    name = topic(2)
    feed(kafka, name, 5000, millrace)
    table = job(millrace, kafka, name, properties="TBLPROPERTIES ('delta.logRetentionDuration' = 'interval 0 seconds')")
    run(millrace)
    at = version(table)
    assert at >= 9
    theirs = deltalake.DeltaTable(table)
    theirs.create_checkpoint()
    theirs.cleanup_metadata()
    left = sorted(p.name for p in (table / "_delta_log").glob("*.json"))
    assert len(left) <= 2, left  # it did what it is for
    feed(kafka, name, 3000, millrace)
    run(millrace)
    assert version(table) > at
    each_once(table, 8000)
    run(millrace)  # nothing new
    each_once(table, 8000)


def test_without_its_state_it_goes_on_from_the_last_commit_or_says_that_it_is_gone(kafka, topic, millrace):
    name = topic(2)
    feed(kafka, name, 3000, millrace)
    table = job(millrace, kafka, name)
    run(millrace)
    theirs = deltalake.DeltaTable(table)
    at = theirs.version()
    theirs.create_checkpoint()
    delta_read.clean_up(table, at)
    shutil.rmtree(millrace.folder / ".millrace")
    feed(kafka, name, 1000, millrace)
    run(millrace)
    each_once(table, 4000)

    theirs = deltalake.DeltaTable(table)
    theirs.create_checkpoint()
    delta_read.clean_up(table, theirs.version() + 1)
    run(millrace)  # with its state it needs no commit of its own
    each_once(table, 4000)
    shutil.rmtree(millrace.folder / ".millrace")
    assert millrace.run("run", "job.sql", "--available-now") != 0
    assert "was cleaned up: bring the state folder back" in millrace.output()
    each_once(table, 4000)


def test_a_log_cleaned_up_beside_a_running_query_goes_on(kafka, topic, millrace):
    """Others commit, write a checkpoint and remove every commit that the process has seen."""
    name = topic(2)
    feed(kafka, name, 2000, millrace)
    table = job(millrace, kafka, name, properties="TBLPROPERTIES ('pipelines.trigger.interval' = '200 milliseconds')")
    millrace.start("run", "job.sql")
    millrace.until(lambda: rows_now(table) == 2000, what="the first rows")
    ours = deltalake.DeltaTable(table)
    part = ours.to_pyarrow_table().slice(0, 10)
    deltalake.write_deltalake(ours, part, mode="append")
    theirs = deltalake.DeltaTable(table)
    theirs.create_checkpoint()
    delta_read.clean_up(table, theirs.version() + 1)
    feed(kafka, name, 500, millrace)
    millrace.until(lambda: rows_now(table) == 2510, what="the rows behind the clean-up")
    assert millrace.stop() == 0, millrace.output()
    got = positions(table, delta_read.read_deltalake)
    assert len(got) == 2500 and sorted(got.values())[-11:-9] == [1, 2]


def rows_now(table):
    return deltalake.DeltaTable(table).count() if deltalake.DeltaTable.is_deltatable(str(table)) else 0


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path / "service")
    yield made
    made.kill()


def test_a_cleaned_up_table_is_shown_from_its_checkpoint_on(kafka, topic, millrace, service):
    name = topic(2)
    feed(kafka, name, 3000, millrace)
    table = job(millrace, kafka, name)
    run(millrace)
    theirs = deltalake.DeltaTable(table)
    at = theirs.version()
    service.serve()
    sql = (millrace.folder / "job.sql").read_text()
    service.post("/queries", {"sql": sql.replace("AS\nSELECT", f"LOCATION '{table}'\nAS\nSELECT"),
                              "start": False}, status=201)
    shown = service.get("/tables/events")
    assert (shown["version"], shown["first_version"], shown["rows"], shown["log_versions"]) == (at, 0, 3000, at + 1)
    rows = service.get("/tables/events/rows?version=0")["total"]
    assert 0 < rows < 3000

    theirs.create_checkpoint()
    delta_read.clean_up(table, at)
    shown = service.get("/tables/events")
    assert (shown["version"], shown["rows"], shown["log_versions"]) == (at, 3000, 0)
    delta_read.clean_up(table, at + 1)
    feed(kafka, name, 500, millrace)
    run(millrace)
    shown = service.get("/tables/events")
    assert (shown["first_version"], shown["rows"], shown["log_versions"]) == (at, 3500, shown["version"] - at)
    assert datetime.datetime.fromisoformat(shown["created_at"])
    history = service.get("/tables/events/history")["items"]
    assert [v["version"] for v in history] == list(range(shown["version"], at - 1, -1))
    assert service.get("/tables/events/rows?limit=7")["total"] == 3500
    assert sum(f["rows"] for f in service.get("/tables/events/files")["items"]) == 3500
    gone = service.call("GET", "/tables/events/rows?version=0")
    assert gone.status == 404 and f"begins at version {at}" in gone.json()["detail"]


# ---- ours ----

OFTEN = "PARTITIONED BY (partition) TBLPROPERTIES ('delta.checkpointInterval' = '4')"


def files_of(theirs):
    """Path, size, partition, statistics of each file, as deltalake understands them."""
    return sorted(pyarrow.table(theirs.get_add_actions(flatten=True)).to_pylist(), key=lambda a: a["path"])


def checkpoints(table):
    return sorted(int(p.name[:20]) for p in (table / "_delta_log").glob("*.checkpoint.parquet"))


def test_others_read_our_checkpoint_when_the_commits_are_gone(kafka, topic, millrace):
    name = topic(2)
    feed(kafka, name, 6000, millrace)
    table = job(millrace, kafka, name, cap=400, properties=OFTEN)
    run(millrace)
    at = checkpoints(table)
    assert at and all(version % 4 == 0 for version in at)
    hint = json.loads((table / "_delta_log/_last_checkpoint").read_text())
    assert list(hint) == ["version", "size", "sizeInBytes", "numOfAddFiles"] and hint["version"] == at[-1]
    assert hint["sizeInBytes"] == (table / "_delta_log" / f"{at[-1]:020}.checkpoint.parquet").stat().st_size
    before = deltalake.DeltaTable(table)
    actions = files_of(before)
    delta_read.clean_up(table, at[-1])
    for older in at[:-1]:
        (table / "_delta_log" / f"{older:020}.checkpoint.parquet").unlink()
    each_once(table, 6000)
    after = deltalake.DeltaTable(table)
    assert files_of(after) == actions
    assert after.metadata().id == before.metadata().id and after.schema() == before.schema()
    assert polars.read_delta(str(table)).group_by("partition").len().sort("partition").rows() == [(0, 3000), (1, 3000)]

    after.optimize.compact()  # by others: our next checkpoint has tombstones
    feed(kafka, name, 4000, millrace)
    run(millrace)
    newest = checkpoints(table)[-1]
    assert newest > after.version()
    delta_read.clean_up(table, newest)
    got = positions(table, delta_read.read_deltalake)
    assert len(got) == 10000 and set(got.values()) == {1}
    assert deltalake.DeltaTable(table).transaction_version("millrace/events/1") is not None
    run(millrace)
    assert positions(table, delta_read.read_deltalake) == got


def test_a_process_killed_between_checkpoint_and_hint_leaves_a_table(kafka, topic, millrace):
    name = topic(2)
    feed(kafka, name, 4000, millrace)
    table = job(millrace, kafka, name, cap=400, properties=OFTEN)
    assert millrace.run("run", "job.sql", "--available-now",
                        failpoint="delta.checkpoint.before_hint=kill@1") == -9
    assert len(checkpoints(table)) == 1 and not (table / "_delta_log/_last_checkpoint").exists()
    delta_read.clean_up(table, checkpoints(table)[0])
    run(millrace)
    each_once(table, 4000)


def test_a_checkpoint_that_fails_is_logged_and_the_query_goes_on(kafka, topic, millrace):
    name = topic(2)
    feed(kafka, name, 4000, millrace)
    table = job(millrace, kafka, name, cap=400, properties=OFTEN)
    assert millrace.run("run", "job.sql", "--available-now",
                        failpoint="delta.checkpoint.before_hint=error") == 0
    assert "checkpoint 4: " in millrace.output() and "its log goes on without" in millrace.output()
    each_once(table, 4000)
