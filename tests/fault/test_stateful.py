# SPDX-License-Identifier: MIT
"""Sessions, chained windows, distinct rows, sketches: killed in the middle, or robbed of their snapshot, they give the
rows that they give undisturbed."""
import json
import random
import shutil
import signal

import pytest

import delta_read
from millrace import Millrace, binary

RUN = ("run", "job.sql", "--available-now", "--summary")
EVENTS = """(SELECT e.k, e.v, timestamp_millis(e.t) AS ts FROM
  (SELECT from_json(CAST(value AS STRING), 'k STRING, v BIGINT, t BIGINT') AS e FROM
   STREAM read_kafka(bootstrapServers => '{server}', subscribe => '{topic}', startingOffsets => 'earliest',
                     maxOffsetsPerTrigger => 250))) WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS e"""
QUERIES = {
    "session": """SELECT session_window.start AS ws, session_window.end AS we, k, count(*) AS n, sum(v) AS s,
      max_by(v, ts) AS b FROM {events}
      GROUP BY session_window(ts, '4 seconds'), k""",
    "chain": """SELECT window.start AS ws, sum(n) AS n, max(n) AS most FROM
      (SELECT window AS w, k, count(*) AS n FROM {events}
      GROUP BY window(ts, '5 seconds'), k HAVING count(*) > 1) GROUP BY window(w, '30 seconds', '15 seconds')""",
    "distinct": "SELECT DISTINCT ts, k FROM {events}",
    "states": """SELECT window.start AS ws, k, approx_count_distinct(v) AS d, round(stddev(v), 9) AS sd,
      min_by(ts, v) AS m, first(v) AS f, count_if(v > 0) AS c, bool_or(v > 40) AS b, sum(v) FILTER (WHERE v < 0) AS s
      FROM {events}
      GROUP BY window(ts, '40 seconds', '20 seconds'), k""",
}


def records(late, n=2000):
    chance, now = random.Random(7), 1000.0
    for _ in range(n):
        now += chance.expovariate(1) * 0.2
        time = now - chance.uniform(0, 3) - (chance.uniform(0, 60) if chance.random() < late else 0)
        yield json.dumps({"k": chance.choice("abc"), "v": chance.randrange(-50, 50), "t": int(time * 1000)})


class Jobs:
    """Per query and topic: the SQL, and the table of an undisturbed run."""

    def __init__(self, kafka, folder):
        self.kafka, self.folder, self.tables = kafka, folder, {}
        for topic, late in (("stateful", 0), ("stateful-late", 0.1)):
            kafka.create_topic(topic, 1)
            kafka.produce(topic, [(0, None, r, 1_700_000_000_000 + n) for n, r in enumerate(records(late))])

    def put(self, name, topic, folder):
        events = EVENTS.format(server=self.kafka.address, topic=topic)
        (folder / "job.sql").write_text(f"CREATE STREAMING TABLE t AS {QUERIES[name].format(events=events)};\n")

    def expected(self, name, topic):
        if (name, topic) not in self.tables:
            undisturbed = Millrace(self.folder / f"{topic}-{name}")
            self.put(name, topic, undisturbed.folder)
            assert undisturbed.run(*RUN) == 0, undisturbed.output()
            assert undisturbed.summary()["ledger"]["balanced"]
            self.tables[name, topic] = delta_read.read(undisturbed.folder / "lake/t")
            assert self.tables[name, topic]
        return self.tables[name, topic]

    def check(self, name, topic, millrace):
        differ = delta_read.difference(delta_read.read(millrace.folder / "lake/t"), self.expected(name, topic),
                                       ("disturbed", "undisturbed"))
        assert not differ, differ


@pytest.fixture(scope="module")
def jobs(kafka, tmp_path_factory):
    if binary() is None:
        pytest.skip("millrace is not built: ./dev build")
    return Jobs(kafka, tmp_path_factory.mktemp("stateful"))


@pytest.mark.parametrize("name", QUERIES)
def test_killed_again_and_again(jobs, millrace, name):
    jobs.put(name, "stateful-late", millrace.folder)
    for failpoint in ("committed.after=kill@2", "prepared.after=kill@1", "snapshot.after=kill@2"):
        assert millrace.run(*RUN, failpoint="pipeline." + failpoint) == -signal.SIGKILL
    assert millrace.run(*RUN) == 0, millrace.output()
    assert millrace.summary()["ledger"]["balanced"]
    jobs.check(name, "stateful-late", millrace)


@pytest.mark.parametrize("name", QUERIES)
def test_the_state_folder_is_lost(jobs, millrace, name):
    jobs.put(name, "stateful", millrace.folder)
    assert millrace.run(*RUN, failpoint="pipeline.committed.after=kill@4") == -signal.SIGKILL
    shutil.rmtree(millrace.folder / ".millrace")
    assert millrace.run(*RUN) == 0, millrace.output()
    assert "made again from the topic" in millrace.output()
    assert millrace.summary()["ledger"]["balanced"]
    jobs.check(name, "stateful", millrace)


@pytest.mark.parametrize("name", QUERIES)
def test_late_rows_that_a_rebuild_cannot_tell_stop_it_and_never_make_wrong_rows(jobs, millrace, name):
    jobs.put(name, "stateful-late", millrace.folder)
    assert millrace.run(*RUN, failpoint="pipeline.committed.after=kill@4") == -signal.SIGKILL
    shutil.rmtree(millrace.folder / ".millrace")
    code = millrace.run(*RUN)
    if code == 0 or name in ("distinct", "states"):  # of one window, always
        assert code == 0, millrace.output()
        jobs.check(name, "stateful-late", millrace)
    else:
        assert "the open windows cannot be made again" in millrace.output()
