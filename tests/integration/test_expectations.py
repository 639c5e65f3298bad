# SPDX-License-Identifier: MIT
"""CONSTRAINT .. EXPECT: what is counted, dropped, set aside; and what ends the query."""
import json
import signal

import pytest

import delta_read

RECORDS = [{"k": "a", "v": 1}, {"k": "b", "v": -2}, {"k": None, "v": 3}, {"k": "c", "v": None}, {"k": "d", "v": 700}]
JOB = """CREATE STREAMING TABLE t ({rules}) {clauses} AS {query};"""
ROWS = """SELECT e.k AS k, e.v AS v, offset FROM
  (SELECT from_json(CAST(value AS STRING), 'k STRING, v INT') AS e, offset
  FROM STREAM read_kafka(bootstrapServers => '{server}', subscribe => '{topic}', startingOffsets => 'earliest',
                         maxOffsetsPerTrigger => {cap}))"""
QUARANTINE = "TBLPROPERTIES ('millrace.quarantine' = './quarantine')"
RUN = ("run", "job.sql", "--available-now", "--summary")


@pytest.fixture
def job(kafka, topic, millrace):
    def put(records, rules, query=ROWS, clauses="", cap=2):
        name = topic(1)
        kafka.produce(name, [(0, None, json.dumps(r), 1_700_000_000_000 + n) for n, r in enumerate(records)])
        query = query.replace("{rows}", ROWS).format(server=kafka.address, topic=name, cap=cap)
        (millrace.folder / "job.sql").write_text(JOB.format(rules=rules, clauses=clauses, query=query))
        return millrace
    return put


def rules_of(summary):
    assert summary["ledger"]["balanced"]
    return {r["name"]: (r["passed"], r["failed"]) for r in summary["ledger"]["expectations"]}


def offsets(folder):
    return sorted(r["offset"] for r in delta_read.read(folder))


def test_kept_dropped_and_set_aside(job):
    millrace = job(RECORDS, """CONSTRAINT named EXPECT (k IS NOT NULL),
        CONSTRAINT positive EXPECT (v > 0) ON VIOLATION DROP ROW,
        CONSTRAINT small EXPECT (v < 500) ON VIOLATION DROP ROW""", clauses=QUARANTINE)
    assert millrace.run(*RUN) == 0, millrace.output()
    summary = millrace.summary()
    assert rules_of(summary) == {"named": (4, 1), "positive": (3, 2), "small": (3, 2)}  # NULL is a violation
    assert summary["ledger"]["dropped"] == 3 and summary["ledger"]["written"] == 2 and summary["rows_written"] == 2
    assert offsets(millrace.folder / "lake/t") == [0, 2]
    aside = {r["offset"]: (r["_failed_expectations"], r["_dropped"])
             for r in delta_read.read(millrace.folder / "quarantine")}
    assert aside == {1: ("positive", True), 2: ("named", False), 3: ("positive, small", True), 4: ("small", True)}
    log = delta_read.Log(millrace.folder / "quarantine")
    assert [f["name"] for f in log.schema()["fields"]] == \
        ["k", "v", "offset", "_failed_expectations", "_dropped", "_epoch"]


def test_counters_go_on_after_a_restart(job):
    millrace = job(RECORDS, "CONSTRAINT positive EXPECT (v > 0) ON VIOLATION DROP ROW", clauses=QUARANTINE)
    assert millrace.run(*RUN, failpoint="pipeline.committed.after=kill@2") == -signal.SIGKILL
    assert millrace.run(*RUN) == 0, millrace.output()
    assert rules_of(millrace.summary()) == {"positive": (3, 2)}
    assert offsets(millrace.folder / "lake/t") == [0, 2, 4]
    assert offsets(millrace.folder / "quarantine") == [1, 3]


def test_an_epoch_between_the_two_tables_is_finished(job):
    """Killed when the quarantine is committed and the main table is not."""
    millrace = job(RECORDS, "CONSTRAINT positive EXPECT (v > 0) ON VIOLATION DROP ROW", clauses=QUARANTINE, cap=100)
    assert millrace.run(*RUN, failpoint="pipeline.prepared.after=kill@1") == -signal.SIGKILL
    assert millrace.run(*RUN) == 0, millrace.output()
    assert offsets(millrace.folder / "lake/t") == [0, 2, 4]
    assert offsets(millrace.folder / "quarantine") == [1, 3]


def test_fail_update_ends_the_query_and_names_the_record(job):
    millrace = job(RECORDS, "CONSTRAINT positive EXPECT (v > 0) ON VIOLATION FAIL UPDATE", cap=1)
    assert millrace.run(*RUN) == 65
    assert 'violates the expectation "positive"' in millrace.output() and "offset 1" in millrace.output()
    written = millrace.folder / "lake/t"
    assert not any(written.glob("_delta_log/*.json")) or offsets(written) == [0]  # its commit may have been on the way


def test_groups_of_windows_are_judged_too(job):
    millrace = job([{"k": k, "v": t} for t in range(40) for k in "aab"[: 1 + t % 3]],
                   "CONSTRAINT busy EXPECT (n > 5) ON VIOLATION DROP ROW", clauses=QUARANTINE, cap=15,
                   query="""SELECT window.start AS ws, k, count(*) AS n FROM (SELECT k, timestamp_seconds(v) AS ts FROM
                   ({rows})) WATERMARK ts DELAY OF INTERVAL 1 SECOND GROUP BY window(ts, '5 seconds'), k""")
    assert millrace.run(*RUN) == 0, millrace.output()
    ledger = millrace.summary()["ledger"]
    kept, aside = delta_read.read(millrace.folder / "lake/t"), delta_read.read(millrace.folder / "quarantine")
    assert kept and aside and all(r["n"] > 5 for r in kept) and all(r["n"] <= 5 for r in aside)
    assert ledger["balanced"] and ledger["dropped"] == sum(r["n"] for r in aside)
    assert ledger["written"] == sum(r["n"] for r in kept)
    assert rules_of(millrace.summary()) == {"busy": (len(kept), len(aside))}


def test_explain_shows_them(job):
    millrace = job([], "CONSTRAINT positive EXPECT (v > 0) ON VIOLATION DROP ROW, CONSTRAINT named EXPECT (k <> '')",
                   clauses=QUARANTINE)
    assert millrace.run("explain", "job.sql") == 0
    assert "expects positive: " in millrace.output() and "else dropped" in millrace.output()
    assert "./quarantine" in millrace.output()


@pytest.mark.parametrize("rules, clauses, said", [
    ("CONSTRAINT a EXPECT (v)", "", "EXPECT needs a BOOLEAN"),
    ("CONSTRAINT a EXPECT (w > 1)", "", 'unknown column "w"'),
    ("CONSTRAINT a EXPECT (v > 1), CONSTRAINT A EXPECT (v > 2)", "", "two expectations are named"),
    ("CONSTRAINT a EXPECT (sum(v) > 1)", "", "not allowed here"),
    ("CONSTRAINT a EXPECT (v > 1) ON VIOLATION IGNORE", "", "DROP ROW or FAIL UPDATE"),
    ("CONSTRAINT a CHECK (v > 1)", "", "EXPECT"),
    ("v INT", "", "a list of columns behind the name"),
])
def test_what_is_wrong_is_told(job, rules, clauses, said):
    millrace = job([], rules, clauses=clauses)
    assert millrace.run("check", "job.sql") == 65
    assert said in millrace.output(), millrace.output()


def test_a_quarantine_without_rules_is_refused(job):
    millrace = job([], "CONSTRAINT a EXPECT (v > 1)", clauses=QUARANTINE)
    text = (millrace.folder / "job.sql").read_text().replace("(CONSTRAINT a EXPECT (v > 1))", "")
    (millrace.folder / "job.sql").write_text(text)
    assert millrace.run("check", "job.sql") == 78
    assert "millrace.quarantine needs an expectation" in millrace.output()
