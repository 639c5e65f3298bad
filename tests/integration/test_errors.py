# SPDX-License-Identifier: MIT
"""Bad input gets a clear answer with its place and the right exit code, and nothing is lost."""
import os
import subprocess
import time

import pytest

import delta_read
from millrace import binary

KAFKA = "STREAM read_kafka(bootstrapServers => '{server}', subscribe => '{topic}', startingOffsets => 'earliest')"
SERVER = "127.0.0.1:1"  # nobody listens there


def check(folder, sql, *args, command="check"):
    (folder / "job.sql").write_text(sql.replace("KAFKA", KAFKA).replace("{server}", SERVER).replace("{topic}", "t"))
    return subprocess.run([binary(), command, "job.sql", *args], cwd=folder, capture_output=True, text=True, timeout=60)


WRONG = [  # SQL, exit code, what must be said
    ("CREATE STREAMING TABLE t AS SELECT ofset FROM KAFKA;", 65, ['1:36', 'unknown column "ofset"', 'offset']),
    ("CREATE STREAMING TABLE t AS SELECT lowr(topic) AS a FROM KAFKA;", 65, ["1:36", "lowr", "lower"]),
    ("CREATE STREAMING TABLE t AS SELECT ofset, lowr(topic) AS a FROM KAFKA;", 65, ["1:36", "1:43"]),
    ("CREATE STREAMIN TABLE t AS SELECT 1;", 65, ["1:8"]),
    ("CREATE STREAMING TABLE t AS SELECT topic\nFROM KAFKA\nWHERE;", 65, ["3:6"]),
    ("CREATE STREAMING TABLE t AS SELECT a FROM b WHERE a = 'open;", 65, ["1:55", "this text has no end"]),
    ("CREATE STREAMING TABLE t AS SELECT 'x AS a,\n 'y' AS b FROM KAFKA WHERE\ntopic = 'z';", 65,
     ["1:36", "this text has no end", "close it with '"]),
    ("CREATE STREAMING TABLE t AS SELECT topic FROM STREAM\nread_kafka(bootstrapServers => 'a:1';", 65,
     ["2:11", "this parenthesis has no end"]),
    ("CREATE STREAMING TABLE t AS SELECT CAST(topic AS STRIN) AS a FROM KAFKA;", 65, ["1:50", "STRING"]),
    ("CREATE STREAMING TABLE t AS SELECT CAST(offset AS TIMESTAMP_NTZ) AS a FROM KAFKA;", 65,
     ["TIMESTAMP_NTZ", "not supported"]),
    ("CREATE STREAMING TABLE t AS SELECT topic + true AS a FROM KAFKA;", 65, ["1:36"]),
    ("CREATE STREAMING TABLE t AS SELECT count(*) AS n FROM KAFKA GROUP BY topic;", 65, ["watermark"]),
    ("CREATE STREAMING TABLE t AS SELECT topic AS `a b` FROM KAFKA;", 65, ["a b", "alias"]),
    ("CREATE STREAMING TABLE t PARTITIONED BY (nope) AS SELECT topic FROM KAFKA;", 65, ["nope"]),
    ("CREATE STREAMING TABLE t AS SELECT topic FROM nowhere;", 65, ["nowhere"]),
    ("CREATE STREAMING TABLE t AS SELECT '${who}' AS a FROM KAFKA;", 65, ["who", "--param"]),
    ("CREATE STREAMING TABLE t AS SELECT topic FROM STREAM read_kafka(bootstrapServers => 'a:1', subscibe => 't');", 78,
     ["subscibe", "subscribe"]),
    ("CREATE STREAMING TABLE t TBLPROPERTIES ('millrace.onMalformd' = 'keep') AS SELECT topic FROM KAFKA;", 78,
     ["millrace.onMalformd", "millrace.onMalformed"]),
    ("CREATE STREAMING TABLE t TBLPROPERTIES ('millrace.onMalformed' = 'keeep') AS SELECT topic FROM KAFKA;", 78,
     ["keeep"]),
    ("CREATE STREAMING TABLE t LOCATION 's3://bucket/t' AS SELECT topic FROM KAFKA;", 65, ["local folders", "s3"]),
    ("CREATE STREAMING TABLE t AS SELECT topic FROM STREAM read_kafka(bootstrapServers => 'a:1', "
     "subscribePattern => 't(');", 78, ["subscribePattern", "parenthesis"]),
]


@pytest.mark.parametrize("sql, code, said", WRONG)
def test_bad_sql_is_told_with_its_place(tmp_path, sql, code, said):
    done = check(tmp_path, sql)
    assert done.returncode == code, done.stderr
    for text in said:
        assert text.lower() in done.stderr.lower(), done.stderr
    assert "^" in done.stderr


def test_a_zero_byte_does_not_cut_a_file_of_sql(tmp_path):
    (tmp_path / "job.sql").write_bytes(b"CREATE STREAMING TABLE t AS SELECT 1 AS a\n;\0 and more")
    done = subprocess.run([binary(), "check", "job.sql"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "job.sql: byte 44 is zero" in done.stderr


def test_a_first_start_that_fails_leaves_no_log_folder(tmp_path):
    done = check(tmp_path, "CREATE STREAMING TABLE t AS SELECT topic FROM KAFKA;", "--available-now", command="run")
    assert done.returncode == 69, done.stderr
    assert not (tmp_path / "lake/t/_delta_log").exists()


@pytest.mark.parametrize("args, said", [
    (["rum", "job.sql"], 'did you mean "run"'), (["run", "--availble-now", "job.sql"], "--available-now"),
    (["run", "--until-idle", "soon", "job.sql"], "a duration"), (["run"], "needs a file"),
    (["produce", "--rows", "1"], "--topic"), (["produce", "--topic", "t", "--template", "ad_event"], "ad_events")])
def test_wrong_usage_names_the_nearest(tmp_path, args, said):
    done = subprocess.run([binary(), *args], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr, done.stderr


def test_a_broker_that_is_not_there(tmp_path):
    begun = time.monotonic()
    done = check(tmp_path, "CREATE STREAMING TABLE t AS SELECT topic FROM KAFKA;", command="run")
    assert done.returncode == 69 and SERVER in done.stderr and "no broker answers" in done.stderr
    assert time.monotonic() - begun < 15


def test_a_file_that_is_not_there(tmp_path):
    done = subprocess.run([binary(), "run", "none.sql"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 69 and "none.sql" in done.stderr


def test_a_failpoint_that_does_not_exist_is_refused(tmp_path):
    done = subprocess.run([binary(), "version"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={"MILLRACE_FAILPOINT": "no.such=kill"})
    assert done.returncode == 2 and "no.such" in done.stderr


class Stream:
    """A topic with a few records, and a job over it."""

    def __init__(self, kafka, topic, millrace, records, **config):
        self.kafka, self.name, self.millrace = kafka, topic(1, **config), millrace
        self.send(records)

    def send(self, records):
        self.kafka.produce(self.name, [(0, value) for value in records])

    def run(self, select, *args, table="", timeout=60, **more):
        sql = f"CREATE STREAMING TABLE t {table} AS SELECT {select} FROM KAFKA;"
        sql = sql.replace("KAFKA", KAFKA).replace("{server}", self.kafka.address).replace("{topic}", self.name)
        (self.millrace.folder / "job.sql").write_text(sql)
        return self.millrace.run("run", "job.sql", "--available-now", "--summary", *args, timeout=timeout, **more)

    def rows(self, table="lake/t"):
        return delta_read.read(self.millrace.folder / table)


@pytest.fixture
def stream(kafka, topic, millrace):
    return lambda records, **config: Stream(kafka, topic, millrace, records, **config)


JSON = "from_json(CAST(value AS STRING), 'a INT, s STRING{mode}').a AS a"


def test_malformed_kept_rejected_or_failed(stream, millrace):
    values = [b'{"a": 1}', b'{"a": "x"}', b'{"a": 3', b'\xff\xfe', b'{"a": 99999999999999999999}', b'{"a": 1e400}', b'',
              b'[' * 200, b'{"a": 1, "a": 2}', b'{"a": 4, "s": "\xff"}', None]
    s = stream(values)
    select = JSON.format(mode="")
    assert s.run("offset, " + select) == 0, millrace.output()
    assert [r["a"] for r in sorted(s.rows(), key=lambda r: r["offset"])] == \
        [1, None, None, None, None, None, None, None, 2, 4, None]
    ledger = millrace.summary()["ledger"]
    assert ledger["balanced"] and ledger["partitions"][0]["malformed"] >= 5
    subprocess.run(["rm", "-rf", "lake", ".millrace"], cwd=millrace.folder, check=True)

    rejecting = "TBLPROPERTIES ('millrace.onMalformed' = 'reject', 'millrace.rejects' = './rejects')"
    assert s.run("offset, " + select, table=rejecting) == 0, millrace.output()
    kept = {r["offset"] for r in s.rows()}
    rejected = {r["offset"]: r for r in s.rows("rejects")}
    assert not kept & set(rejected) and kept | set(rejected) == set(range(len(values)))
    assert rejected[2]["value"] == values[2] and rejected[2]["reason"]
    subprocess.run(["rm", "-rf", "lake", ".millrace", "rejects"], cwd=millrace.folder, check=True)

    assert s.run("offset, " + select, table="TBLPROPERTIES ('millrace.onMalformed' = 'fail')") == 65
    assert f"{s.name} partition 0 offset 1" in millrace.output(), millrace.output()


def test_an_ansi_error_names_the_record_or_is_rejected(stream, millrace):
    s = stream([b"10", b"0", b"5"])
    select = "offset, 100 / CAST(CAST(value AS STRING) AS INT) AS a"
    assert s.run(select) == 65
    assert "offset 1" in millrace.output() and s.name in millrace.output(), millrace.output()
    rejecting = "TBLPROPERTIES ('millrace.onError' = 'reject', 'millrace.rejects' = './rejects')"
    assert s.run(select, table=rejecting) == 0, millrace.output()
    assert sorted((r["offset"], r["a"]) for r in s.rows()) == [(0, 10.0), (2, 20.0)]
    assert [r["offset"] for r in s.rows("rejects")] == [1]


def test_an_error_of_a_row_that_never_gets_there(stream, millrace):
    s = stream([b"10", b"0", b"5"])
    number = "CAST(CAST(value AS STRING) AS INT)"
    assert s.run(f"offset, CASE WHEN {number} = 0 THEN NULL ELSE 100 / {number} END AS a") == 0, millrace.output()
    assert sorted((r["offset"], r["a"]) for r in s.rows()) == [(0, 10.0), (1, None), (2, 20.0)]


def test_a_record_above_the_size_limit_is_rejected_by_reference(stream, millrace):
    s = stream([b"small"], **{"max.message.bytes": "2000000"})
    s.kafka.produce(s.name, [(0, b"x" * 1_200_000)], **{"message.max.bytes": 2_000_000})
    s.send([b"after"])
    table = "TBLPROPERTIES ('millrace.rejects' = './rejects')"
    code = s.run("offset, length(value) AS n", table=table)
    assert code == 0, millrace.output()
    assert sorted((r["offset"], r["n"]) for r in s.rows()) == [(0, 5), (2, 5)]
    rejected, = s.rows("rejects")
    assert rejected["offset"] == 1 and rejected["value"] is None and "1200000" in rejected["detail"]


def test_a_missing_topic(kafka, millrace, topic):
    s = Stream(kafka, topic, millrace, [])
    s.name = "there-is-no-such-topic"
    assert s.run("topic") == 69
    assert "there-is-no-such-topic does not exist" in millrace.output()


def test_a_missing_table_file(stream, millrace):
    s = stream([b"x"])
    sql = f"""CREATE STREAMING TABLE t AS SELECT k.topic FROM
        {KAFKA.format(server=s.kafka.address, topic=s.name)} k
        JOIN read_files('no.csv', format => 'csv', schema => 'a STRING') f ON k.topic = f.a;"""
    (millrace.folder / "job.sql").write_text(sql)
    assert millrace.run("run", "job.sql", "--available-now") == 69
    assert "no.csv" in millrace.output()


def test_a_folder_that_cannot_be_written(stream, millrace, tmp_path):
    s = stream([b"x"])
    (millrace.folder / "lake").write_text("a file where the warehouse should be")
    assert s.run("topic") == 74, millrace.output()
    assert "lake" in millrace.output()


def test_a_table_of_others_is_refused_with_the_reason(stream, millrace):
    import deltalake
    import pyarrow
    s = stream([b"x"])
    table = millrace.folder / "lake/t"
    deltalake.write_deltalake(table, pyarrow.table({"topic": pyarrow.array([1], pyarrow.int64())}))
    assert s.run("topic") == 78
    assert "topic" in millrace.output() and "t" in millrace.output()
    assert deltalake.DeltaTable(table).version() == 0


def test_a_young_table_of_others_is_appended_to(stream, millrace):
    import deltalake
    import pyarrow
    s = stream([b"x"])
    deltalake.write_deltalake(millrace.folder / "lake/t", pyarrow.table({"topic": ["before"]}))
    assert s.run("topic") == 0, millrace.output()
    assert sorted(r["topic"] for r in delta_read.read_duckdb(millrace.folder / "lake/t")) == sorted(["before", s.name])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_state_folder_without_permission(stream, millrace):
    s = stream([b"x"])
    state = millrace.folder / ".millrace"
    state.mkdir(mode=0o700)

    def become_nobody():
        os.setgid(65534)
        os.setuid(65534)
    millrace.folder.chmod(0o777)
    for parent in list(millrace.folder.parents)[:3]:
        parent.chmod(0o755)
    if subprocess.run(["test", "-x", binary()], preexec_fn=become_nobody, check=False).returncode != 0:
        pytest.skip("the binary is where others cannot read it")
    assert s.run("topic", limits=become_nobody) == 77, millrace.output()
    assert ".millrace" in millrace.output()
