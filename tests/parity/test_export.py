# SPDX-License-Identifier: MIT
"""What `millrace export` writes runs on Spark, and gives the rows that millrace gives."""
import collections
import json
import os
import pathlib
import subprocess

import pytest

import delta_read
import oracle
import spark_session
from examples import EXAMPLES, texts
from millrace import Millrace, binary, produce

PLAIN = """
CREATE STREAMING TABLE clicks PARTITIONED BY (kind)
TBLPROPERTIES ('delta.appendOnly' = 'true', 'quality' = 'silver')
AS SELECT event_type AS kind, ad_id, event_time, '$5 "off" \\\\ each' AS text
FROM STREAM events WHERE event_type <> 'view';
"""
# The rule holds for few ads. If Spark moved it below the watermark, the last window would stay open: the newest event
# of such an ad is more than 10 ms older than the newest of all.
JUDGED = """
CREATE STREAMING TABLE judged (
  CONSTRAINT few EXPECT (ad_id < '02') ON VIOLATION DROP ROW, CONSTRAINT some EXPECT (n > 1),
  CONSTRAINT known EXPECT (s > TIMESTAMP '2000-01-01') ON VIOLATION FAIL UPDATE)
AS SELECT window.start AS s, ad_id, count(*) AS n
FROM STREAM events WATERMARK event_time DELAY OF INTERVAL 990 MILLISECONDS
GROUP BY window(event_time, '1 second'), ad_id;
"""
FIVE = ("ad-campaigns", "clickstream-sessions", "iot-quality", "trades-candles", "wikimedia-edits")


def export(folder, *args):
    done = subprocess.run([binary(), "export", *map(str, args)], cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_alone(spark_python, script, *args):
    """In a process of its own, as spark-submit does."""
    done = subprocess.run([spark_python[0], "-B", str(script), "--available-now", *map(str, args)], cwd=script.parent,
                          env=spark_session.submit_environment(spark_python), text=True, capture_output=True,
                          timeout=280)
    assert done.returncode == 0, done.stderr[done.stderr.find("Traceback"):][:3000]


def run_script(spark_python, script, warehouse):
    """In the Spark of this test run: CompletedProcess."""
    return spark_session.run(spark_python, script, "--available-now", "--warehouse", warehouse, "--checkpoints",
                             warehouse / "checkpoints")


def run_pipeline(spark_python, folder, *args):
    """Exports to folder/pipeline and runs it; returns the folder of its tables."""
    (python, jars), conf, pipeline = spark_python, folder / "conf", folder / "pipeline"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("\n".join(f"spark.{c.replace('=', ' ', 1)}" for c in (
        f"driver.extraClassPath={jars}/*", "sql.extensions=io.delta.sql.DeltaSparkSessionExtension",
        "sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog", *spark_session.SETTINGS)))
    export(folder, *args, "--target", "pipeline", "--output", pipeline, "--files", folder)
    spec = pipeline / "spark-pipeline.yml"
    spec.write_text("\n".join(f"storage: file://{pipeline}/storage" if line.startswith("storage:") else line
                              for line in spec.read_text().splitlines()))
    tool = pathlib.Path(python).parent / "spark-pipelines"
    done = subprocess.run([str(tool), "run", "--spec", str(spec)], cwd=pipeline, capture_output=True, text=True,
                          timeout=280, env={**os.environ, "SPARK_CONF_DIR": str(conf), "PYSPARK_PYTHON": python,
                               "PATH": f"{tool.parent}:{os.environ['PATH']}"})
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return pipeline / "spark-warehouse"


# ---- tables of every kind ----

TABLES = {"clicks": PLAIN, "judged": JUDGED}


@pytest.fixture
def job(kafka, topic, millrace):
    """The folder with all.sql: tables of every kind over a topic with late and malformed records, which millrace has
    written."""
    name = topic(partitions=2)
    produce(kafka, name, "--rows", 20_000, "--late", "1%", "--malformed", "1%", partitions=2)
    sql = oracle.job_sql("${broker}", name)
    sql = sql[:sql.index("CREATE STREAMING TABLE")]
    (millrace.folder / "all.sql").write_text(sql + "".join(TABLES.values()))
    for table, text in TABLES.items():
        (millrace.folder / "one.sql").write_text(sql + text)
        code = millrace.run("run", "one.sql", "--param", f"broker={kafka.address}", "--available-now", "--state-dir",
                            table)
        assert code == 0, millrace.output()
    return millrace.folder


def are_equal(ours, theirs):
    for table in TABLES:
        rows = delta_read.read(ours / table)
        differ = delta_read.difference(rows, delta_read.read(theirs / table), ("millrace", "Spark"))
        assert rows and not differ, differ
    assert max(r["s"] for r in delta_read.read(theirs / "judged")).second == 18, "see JUDGED"


def test_a_script_gives_the_same_rows(kafka, job, spark_python):
    script = job / "spark" / "all.py"
    script.parent.mkdir()
    export(job, "all.sql", "--param", "broker=nowhere:1", "--output", script)
    run_alone(spark_python, script, "--param", f"broker={kafka.address}")
    are_equal(job / "lake", script.parent / "lake")
    log = next((script.parent / "lake/clicks/_delta_log").glob("*00.json")).read_text()
    assert '"delta.appendOnly":"true"' in log and '"quality":"silver"' in log and '"partitionColumns":["kind"]' in log


def test_a_pipeline_gives_the_same_rows(kafka, job, spark_python):
    are_equal(job / "lake", run_pipeline(spark_python, job, "all.sql", "--param", f"broker={kafka.address}"))


# ---- expectations that are not met ----

@pytest.mark.parametrize("record, says", [('{"v": -1}', True), ('{"v": null}', True), ('{"v": 1}', False)])
def test_fail_update_fails_on_spark_too(kafka, topic, tmp_path, spark_python, record, says):
    """Whatever a rule before it would have dropped; NULL is a violation."""
    name = topic(1)
    kafka.produce(name, [(0, None, record, 1_700_000_000_000)])
    (tmp_path / "job.sql").write_text(f"""CREATE STREAMING TABLE t (
        CONSTRAINT never EXPECT (v > 5) ON VIOLATION DROP ROW,
        CONSTRAINT positive EXPECT (v > 0) ON VIOLATION FAIL UPDATE)
        AS SELECT from_json(CAST(value AS STRING), 'v INT').v AS v FROM STREAM read_kafka(
        bootstrapServers => '{kafka.address}', subscribe => '{name}', startingOffsets => 'earliest')""")
    export(tmp_path, "job.sql", "--output", "job.py")
    done = run_script(spark_python, tmp_path / "job.py", tmp_path / "lake")
    assert (done.returncode != 0) == says == ("the expectation positive" in done.stderr), done.stderr[-3000:]
    assert (Millrace(tmp_path).run("run", "job.sql", "--available-now", "--warehouse", "ours") == 65) == says


# ---- the examples ----

@pytest.fixture(scope="module")
def filled(kafka, tmp_path_factory):
    """folder(name): where that example's job.sql is; its topic is filled."""
    made = {}

    def folder(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            EXAMPLES[name].fill(kafka, made[name])
        return made[name]

    yield folder
    for name in made:
        kafka.delete_topic(EXAMPLES[name].topic)


def flags_of(example, kafka):
    without = ["--without", example.without] if example.without else []
    return ["job.sql", "--param", f"broker={kafka.address}", *without]


def example_on(kafka, filled, name, python, version):
    """What has no match in Spark is left out by name; the table's rows do not depend on it."""
    example, folder = EXAMPLES[name], filled(name)
    script = folder / f"spark-{version}.py"
    export(folder, *flags_of(example, kafka), "--spark", version, "--output", script)
    done = run_script(python, script, folder / version)
    assert done.returncode == 0, done.stderr[-3000:]
    assert texts(delta_read.read(folder / version / example.table)) == example.expected()


@pytest.mark.parametrize("name", FIVE)
def test_an_example_gives_the_same_rows(kafka, filled, name, spark_python):
    example_on(kafka, filled, name, spark_python, "4.1")


def test_violations_are_counted_per_micro_batch(kafka, filled, tmp_path, spark_python):
    """As docs/export.md says: lastProgress["observedMetrics"]."""
    example, folder = EXAMPLES["iot-quality"], filled("iot-quality")
    text = export(folder, *flags_of(example, kafka))
    assert "\n(trusted.writeStream" in text
    (tmp_path / "job.py").write_text(text.replace("\n(trusted.writeStream", "\nquery = (trusted.writeStream") + """
import json
for progress in query.recentProgress:
    print("COUNTED", json.dumps(progress["observedMetrics"]["trusted"].asDict()))
""")
    done = run_script(spark_python, tmp_path / "job.py", tmp_path / "lake")
    assert done.returncode == 0, done.stderr[-3000:]
    counted = collections.Counter()
    for line in done.stdout.splitlines():
        if line.startswith("COUNTED "):
            counted.update(json.loads(line[8:]))
    broken = (name for *_, names, dropped, epoch in example.expected("quarantine.csv") for name in names.split(", "))
    assert dict(counted) == {"on_earth": 0, **collections.Counter(broken)}


@pytest.mark.parametrize("name", FIVE)
def test_an_example_gives_the_same_rows_on_spark_3(kafka, filled, name, spark35_python):
    example_on(kafka, filled, name, spark35_python, "3.5")


@pytest.mark.parametrize("name", ["trades-candles", "iot-quality"])
def test_an_example_as_a_pipeline_gives_the_same_rows(kafka, filled, name, spark_python):
    example = EXAMPLES[name]
    tables = run_pipeline(spark_python, filled(name), *flags_of(example, kafka))
    assert texts(delta_read.read(tables / example.table)) == example.expected()


# ---- hand-over ----

@pytest.fixture
def handed_over(kafka, topic, millrace, spark_python):
    """move(sql): millrace runs the job over half of the stream, Spark goes on; both halves have late and malformed
    records. Returns (topic, its records, number of records in the first half)."""
    def move(sql_of):
        name = topic(partitions=2)

        def more(late, start):
            said = produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 25_000, "--late", late,
                           "--malformed", "1%", partitions=2, start=start)
            assert " 0 late" not in said and " 0 malformed" not in said
        more("1%", "2024-01-01T00:00:00Z")
        (millrace.folder / "job.sql").write_text(sql_of(name))
        code = millrace.run("run", "job.sql", "--available-now", "--summary", "--state-dir", "state")
        assert code == 0, millrace.output()
        first = oracle.read_topic(kafka.address, name)
        more("2%", "2024-01-01T00:00:25Z")
        script = millrace.folder / "job.py"
        export(millrace.folder, "job.sql", "--from-state", "state", "--output", script)
        done = run_script(spark_python, script, millrace.folder / "lake")
        assert done.returncode == 0, done.stderr[-3000:]
        return first, oracle.read_topic(kafka.address, name)
    return move


@pytest.mark.parametrize("slide", [None, "4 seconds"], ids=["tumbling", "sliding"])
def test_spark_takes_over_in_the_middle_of_open_windows(kafka, millrace, handed_over, slide):
    """Rows of both engines together are those of one: no window twice, none lost, late records stay late."""
    first, both = handed_over(lambda name: oracle.job_sql(kafka.address, name, slide=slide))
    assert millrace.summary()["ledger"]["open"] > 0
    one = oracle.Job(oracle.read_ads(millrace.folder / "ads.csv"), slide_ms=4000 if slide else None)
    run = one.available_now(first)
    written, late = len(run.rows), len(run.late)
    run = one.available_now(both, run=run)
    assert 0 < written < len(run.rows) and late < len(run.late)  # late ones after the hand-over, too
    got = oracle.result_rows(delta_read.read(millrace.folder / "lake/views"))
    assert collections.Counter(got) == collections.Counter(run.rows)


def test_spark_takes_over_a_stateless_job(kafka, millrace, handed_over):
    def sql_of(name):
        sql = oracle.job_sql(kafka.address, name)
        return sql[:sql.index("CREATE STREAMING TABLE")] + PLAIN
    first, both = handed_over(sql_of)

    def clicks(topic):
        parsed = (oracle.parse(r.value) for records in topic for r in records)
        return collections.Counter((kind, ad, time) for ad, kind, time in parsed if kind not in (None, "view"))
    got = [(r["kind"], r["ad_id"], r["event_time"] and round(r["event_time"].timestamp() * 1000))
           for r in delta_read.read(millrace.folder / "lake/clicks")]
    assert 0 < clicks(first).total() < clicks(both).total() and collections.Counter(got) == clicks(both)
