# SPDX-License-Identifier: MIT
"""kill -9, failing steps, lost and torn state: start the same command again, and every record counts once."""
import collections
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

import delta_read
import oracle
from conftest_shared import FULL
from millrace import binary, produce

ROWS, CAP = 60_000, 7_000
PROPERTIES = [("millrace.late", "./late"), ("millrace.rejects", "./rejects"), ("millrace.onMalformed", "reject"),
              ("delta.checkpointInterval", "1")]
RUN = ("run", "job.sql", "--available-now", "--summary")


class Job:
    """A topic at rest, the SQL over it, and what the oracle says; shared by all tests of this file."""

    def __init__(self, kafka, folder, rows, cap, name, late_by="60s"):
        self.folder, self.cap = folder, cap
        kafka.create_topic(name, 3)
        produce(kafka, name, "--ads-file", folder / "ads.csv", "--rows", rows, "--late", "2%",
                "--late-by", late_by, "--disorder", "400ms", "--malformed", "0.5%", partitions=3)
        self.sql = oracle.job_sql(kafka.address, name, slide="5 seconds", cap=cap, properties=PROPERTIES)
        self.topic = oracle.read_topic(kafka.address, name)
        job = oracle.Job(oracle.read_ads(folder / "ads.csv"), slide_ms=5000)
        self.expected = job.available_now(self.topic, cap=cap)
        assert self.expected.late and self.expected.epochs > 5

    def put(self, folder):
        shutil.copy(self.folder / "ads.csv", folder)
        (folder / "job.sql").write_text(self.sql)

    def check(self, folder, summary=None):
        got = oracle.result_rows(delta_read.read(folder / "lake/views"))
        assert collections.Counter(got) == collections.Counter(self.expected.rows)
        late = [(r["partition"], r["offset"]) for r in delta_read.read(folder / "late")]
        assert collections.Counter(late) == collections.Counter(self.expected.late)
        rejects = collections.Counter((r["partition"], r["offset"]) for r in delta_read.read(folder / "rejects"))
        assert rejects and max(rejects.values()) == 1
        if summary:
            ledger = summary["ledger"]
            assert ledger["balanced"] and ledger["passed"] == self.expected.passed
            assert ledger["late"] == len(self.expected.late)
            assert sum(p["read"] for p in ledger["partitions"]) == sum(map(len, self.topic))
            assert sum(p["rejected"] for p in ledger["partitions"]) == len(rejects)


@pytest.fixture(scope="module")
def job(kafka, tmp_path_factory):
    if binary() is None:
        pytest.skip("millrace is not built: ./dev build")
    return Job(kafka, tmp_path_factory.mktemp("crash"), ROWS, CAP, "crash")


def finish(millrace, job):
    assert millrace.run(*RUN, timeout=120) == 0, millrace.output()
    job.check(millrace.folder, millrace.summary())


def failpoints():
    if binary() is None:
        return []
    text = subprocess.run([binary(), "help", "failpoints"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^([a-z]+\.[a-z_.]+)", text, re.M)


def test_without_a_fault(job, millrace):
    job.put(millrace.folder)
    finish(millrace, job)


@pytest.mark.parametrize("name", failpoints())
def test_killed_at_a_failpoint_and_again_while_recovering(job, millrace, name):
    job.put(millrace.folder)
    first = millrace.run(*RUN, failpoint=f"{name}=kill@4", timeout=120)
    assert first == -signal.SIGKILL, f"{name} is never reached: {millrace.output()}"
    again = millrace.run(*RUN, failpoint=f"{name}=kill@1", timeout=120)
    assert again in (-signal.SIGKILL, 0)
    finish(millrace, job)


@pytest.mark.parametrize("name", failpoints())
def test_a_step_that_fails_is_tried_again(job, millrace, name):
    job.put(millrace.folder)
    code = millrace.run(*RUN, failpoint=f"{name}=error@5", timeout=120)
    assert "trying again" in millrace.output() or code == 0, millrace.output()
    finish(millrace, job)


def kill_at_random(job, millrace, n, seed, longest, between=lambda: None):
    chance = random.Random(seed)
    job.put(millrace.folder)
    kills = 0
    while kills < n:
        millrace.start(*RUN)
        time.sleep(chance.uniform(0.02, longest))
        if not millrace.is_running():
            millrace.wait()
            shutil.rmtree(millrace.folder / ".millrace")  # all done: once more, with the table removed too
            for table in ("lake", "late", "rejects"):
                shutil.rmtree(millrace.folder / table)
            continue
        millrace.kill()
        kills += 1
        between()
    finish(millrace, job)


def test_kill_9_while_others_clean_the_log_up_behind_each_checkpoint(kafka, tmp_path, millrace):
    removed = []

    def clean_up():
        for table in ("lake/views", "late"):
            removed.append(delta_read.clean_up(millrace.folder / table))

    big = Job(kafka, tmp_path, 500_000, 20_000, "crash-cleaned", "300s")
    kill_at_random(big, millrace, 12, seed=11, longest=0.3, between=clean_up)
    assert sum(removed) > 5
    kafka.delete_topic("crash-cleaned")


def test_kill_9_at_random_moments(kafka, tmp_path, millrace):
    rows, kills = (2_000_000, 100) if FULL else (2_000_000, 20)
    big = Job(kafka, tmp_path, rows, 60_000, f"crash-{rows}", "300s")
    kill_at_random(big, millrace, kills, seed=7, longest=0.35)
    kafka.delete_topic(f"crash-{rows}")


def stop_after(job, millrace, name):
    job.put(millrace.folder)
    assert millrace.run(*RUN, failpoint=f"{name}@5", timeout=120) == -signal.SIGKILL


def state(millrace):
    return millrace.folder / ".millrace"


def test_the_catalog_is_deleted_between_two_commits(job, millrace):
    """Windows are made again from the topic, by what the table's last commit says."""
    stop_after(job, millrace, "pipeline.committed.after=kill")
    shutil.rmtree(state(millrace))
    assert millrace.run(*RUN, timeout=120) == 0, millrace.output()
    assert "made again from the topic" in millrace.output()
    job.check(millrace.folder)


def test_the_catalog_is_deleted_and_the_rebuild_is_killed(job, millrace):
    stop_after(job, millrace, "pipeline.committed.after=kill")
    shutil.rmtree(state(millrace))
    assert millrace.run(*RUN, failpoint="pipeline.snapshot.before=kill@1", timeout=120) == -signal.SIGKILL
    finish(millrace, job)


@pytest.mark.parametrize("damage", ["truncated", "garbage"])
def test_a_corrupt_catalog_is_moved_aside(job, millrace, damage):
    stop_after(job, millrace, "pipeline.committed.after=kill")
    path = state(millrace) / "catalog.db"
    for extra in state(millrace).glob("catalog.db-*"):
        extra.unlink()
    data = path.read_bytes()
    path.write_bytes(data[:1000] if damage == "truncated" else b"garbage " * (len(data) // 8))
    assert millrace.run(*RUN, timeout=120) == 0, millrace.output()
    job.check(millrace.folder)
    if damage == "garbage":  # a file shorter than a page is an empty database to SQLite: as if it were not there
        assert "moved aside" in millrace.output()
        assert list(state(millrace).glob("catalog.db.bad*"))


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_a_snapshot_that_cannot_be_trusted_is_made_again(job, millrace, damage):
    stop_after(job, millrace, "pipeline.committed.after=kill")
    snapshots = sorted((state(millrace) / "snapshots").glob("*.snap"), key=lambda p: p.stat().st_mtime)
    for path in snapshots:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x40
        path.write_bytes(data) if damage == "flipped" else path.unlink()
    assert millrace.run(*RUN, timeout=120) == 0, millrace.output()
    assert "made again from the topic" in millrace.output()
    job.check(millrace.folder)


def test_prepared_files_that_vanished_are_made_again(job, millrace):
    stop_after(job, millrace, "pipeline.prepared.after=kill")
    for table in ("lake/views", "late", "rejects"):
        for path in delta_read.orphans(millrace.folder / table):
            (millrace.folder / table / path).unlink()
    finish(millrace, job)


def test_a_table_that_was_removed_is_not_made_again(job, millrace):
    stop_after(job, millrace, "pipeline.committed.after=kill")
    shutil.rmtree(millrace.folder / "lake/views")
    assert millrace.run(*RUN) == 79
    assert "has lost what this query wrote" in millrace.output()


def test_a_table_that_went_back_in_time_stops_the_query(job, millrace):
    stop_after(job, millrace, "pipeline.committed.after=kill")
    log = sorted((millrace.folder / "lake/views/_delta_log").glob("*.json"))
    log[-1].unlink()
    assert millrace.run(*RUN) == 79


def test_an_older_copy_of_the_state_is_fenced(job, millrace):
    stop_after(job, millrace, "pipeline.committed.after=kill")
    shutil.copytree(state(millrace), millrace.folder / "copy")
    finish(millrace, job)
    shutil.rmtree(state(millrace))
    shutil.move(millrace.folder / "copy", state(millrace))
    assert millrace.run(*RUN) == 76, millrace.output()
    job.check(millrace.folder)


def test_two_on_one_table_the_second_is_fenced(job, millrace):
    """The same query from two state folders: one of them stops, whoever meets the other's epoch first."""
    job.put(millrace.folder)
    stop_after(job, millrace, "pipeline.committed.after=kill")
    shutil.copytree(state(millrace), millrace.folder / "other")
    slow = subprocess.Popen([binary(), *RUN, "--state-dir", "other"], cwd=millrace.folder, stderr=subprocess.PIPE,
                            env={"MILLRACE_FAILPOINT": "sink.commit.before=sleep:300"}, text=True)
    first = millrace.run(*RUN, timeout=120)
    second = slow.wait(120)
    assert sorted((first, second)) == [0, 76], (millrace.output(), slow.stderr.read())
    job.check(millrace.folder)


def test_the_second_process_on_a_state_folder_is_refused(job, millrace):
    job.put(millrace.folder)
    millrace.start(*RUN, failpoint="pipeline.open=sleep:3000")
    millrace.until(lambda: (state(millrace) / "catalog.db").exists(), 20, "the catalog")
    done = subprocess.run([binary(), *RUN], cwd=millrace.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 75 and str(millrace.pid) in done.stderr, done.stderr
    millrace.kill()


def test_a_changed_query_is_refused_and_reset_starts_anew(job, millrace):
    stop_after(job, millrace, "pipeline.committed.after=kill")
    (millrace.folder / "job.sql").write_text(job.sql.replace("'10 seconds'", "'20 seconds'"))
    assert millrace.run(*RUN) == 78
    assert "window" in millrace.output() and "millrace reset" in millrace.output()
    assert millrace.run("reset", "job.sql") == 0
    assert "generation 2" in millrace.output()
    assert millrace.run(*RUN, timeout=120) == 0, millrace.output()
    assert millrace.summary()["generation"] == 2


@pytest.fixture
def full_disk(tmp_path):
    """A small file system with no room for a table."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("cannot mount a small file system")
    try:
        (disk / "fill").write_bytes(b"x" * 385_000)
        yield disk
    finally:
        subprocess.run(["umount", disk], check=False)


def enlarge(disk):
    subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)


def check_on(disk, job, millrace):
    (millrace.folder / "lake").symlink_to(disk / "lake")
    job.check(millrace.folder, millrace.summary())


def test_a_full_disk_pauses_the_query_until_there_is_space(job, millrace, full_disk):
    job.put(millrace.folder)
    millrace.start(*RUN, "--warehouse", full_disk / "lake")
    millrace.until_output("trying again", 60)
    (full_disk / "fill").unlink()
    enlarge(full_disk)
    assert millrace.wait(120) == 0, millrace.output()
    assert "works again" in millrace.output()
    check_on(full_disk, job, millrace)


def test_a_job_that_is_to_end_gives_up_on_a_full_disk(job, millrace, full_disk):
    job.put(millrace.folder)
    began = time.monotonic()
    assert millrace.run(*RUN, "--warehouse", full_disk / "lake", "--give-up-after", "3s", timeout=60) == 74
    assert 3 <= time.monotonic() - began < 20
    assert re.search(r"No space left on device; given up after \d s$", millrace.output(), re.M), millrace.output()
    enlarge(full_disk)
    assert millrace.run(*RUN, "--warehouse", full_disk / "lake", timeout=120) == 0, millrace.output()
    check_on(full_disk, job, millrace)


def test_a_job_that_is_to_end_gives_up_on_a_broker_that_is_away(own_kafka, millrace):
    own_kafka.create_topic("leaves", 1)
    produce(own_kafka, "leaves", "--ads-file", millrace.folder / "ads.csv", "--rows", 100_000, partitions=1)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(own_kafka.address, "leaves", cap=1000))
    millrace.start(*RUN, "--give-up-after", "4s")
    millrace.until(lambda: delta_read.Log(millrace.folder / "lake/views").version >= 0, 30, "a version")
    own_kafka.pause()
    code = millrace.wait(90)
    own_kafka.resume()
    assert code == 69, millrace.output()
    assert re.search("has not answered for .* given up after", millrace.output()), millrace.output()


def test_the_broker_goes_away_and_comes_back(own_kafka, millrace):
    own_kafka.create_topic("away", 2)
    produce(own_kafka, "away", "--ads-file", millrace.folder / "ads.csv", "--rows", 30_000, partitions=2)
    properties = [("pipelines.trigger.interval", "200 milliseconds")]
    (millrace.folder / "job.sql").write_text(oracle.job_sql(own_kafka.address, "away", properties=properties))
    millrace.start("run", "job.sql", "--summary")
    millrace.until(lambda: delta_read.Log(millrace.folder / "lake/views").version >= 0, 30, "a version")
    own_kafka.kill()
    time.sleep(2)
    assert millrace.is_running(), millrace.output()
    own_kafka.start()
    produce(own_kafka, "away", "--rows", 30_000, partitions=2, start="2024-01-01T00:00:30Z")
    job = oracle.Job(oracle.read_ads(millrace.folder / "ads.csv"))
    expected = job.available_now(oracle.read_topic(own_kafka.address, "away"))

    def all_there():
        rows = oracle.result_rows(delta_read.read_pyarrow(millrace.folder / "lake/views"))
        return collections.Counter(rows) == collections.Counter(expected.rows)
    millrace.until(all_there, 60, "all rows")
    assert millrace.stop() == 0


def test_a_topic_that_was_made_anew_stops_the_query(kafka, millrace):
    kafka.create_topic("anew", 1)
    produce(kafka, "anew", "--ads-file", millrace.folder / "ads.csv", "--rows", 3_000, partitions=1)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, "anew"))
    assert millrace.run(*RUN, timeout=60) == 0
    kafka.delete_topic("anew")
    time.sleep(1)
    kafka.create_topic("anew", 1)
    produce(kafka, "anew", "--ads-file", millrace.folder / "ads.csv", "--rows", 5_000, partitions=1)
    assert millrace.run(*RUN, timeout=60) == 79
    assert "anew" in millrace.output()
    kafka.delete_topic("anew")


def test_records_that_were_deleted_are_named(kafka, millrace):
    kafka.create_topic("gone", 1)
    produce(kafka, "gone", "--ads-file", millrace.folder / "ads.csv", "--rows", 1_000, partitions=1)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, "gone"))
    assert millrace.run(*RUN, timeout=60) == 0
    produce(kafka, "gone", "--ads-file", millrace.folder / "ads.csv", "--rows", 1_000, partitions=1)
    kafka.delete_records("gone", 0, 1_500)
    assert millrace.run(*RUN, timeout=60) == 79
    assert "[1000, 1500)" in millrace.output(), millrace.output()
    kafka.delete_topic("gone")


def test_the_catalog_holds_two_epochs_at_most(job, millrace):
    job.put(millrace.folder)
    finish(millrace, job)
    with sqlite3.connect(state(millrace) / "catalog.db") as db:
        tables = [row[0] for row in db.execute("select name from sqlite_master where type = 'table'")]
        name = next(t for t in tables if "epoch" in t)
        assert db.execute(f"select count(*) from {name}").fetchone()[0] <= 2
    assert len(list((state(millrace) / "snapshots").glob("*.snap"))) <= 2


def test_a_query_that_changed_after_its_state_was_lost_can_be_reset(job, millrace):
    """Reset said "nothing to reset" and run asked for a reset, for ever."""
    stop_after(job, millrace, "pipeline.committed.after=kill")
    shutil.rmtree(state(millrace))
    (millrace.folder / "job.sql").write_text(job.sql.replace("'10 seconds'", "'20 seconds'"))
    assert millrace.run(*RUN) == 78
    assert millrace.run("reset", "job.sql") == 0
    assert "generation 2" in millrace.output()
    assert millrace.run(*RUN, timeout=120) == 0, millrace.output()
