# SPDX-License-Identifier: MIT
"""What `millrace export` writes runs on Spark, and gives the rows that millrace gives."""
import collections
import glob
import os
import pathlib
import shutil
import subprocess

import pytest

import delta_read
import oracle
from ad_campaigns import EXAMPLE, TOPIC, expected_rows, produce_flags
from millrace import binary, produce

PLAIN = """
CREATE STREAMING TABLE clicks PARTITIONED BY (kind)
TBLPROPERTIES ('delta.appendOnly' = 'true', 'quality' = 'silver')
AS SELECT event_type AS kind, ad_id, event_time, '$5 "off" \\\\ each' AS text
FROM STREAM events WHERE event_type <> 'view';
"""


def export(folder, *args):
    done = subprocess.run([binary(), "export", *map(str, args)], cwd=folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def spark_environment(spark_python):
    python, folder = spark_python
    jars = ",".join(glob.glob(os.path.join(folder, "*.jar")))
    settings = "ui.enabled=false", "sql.shuffle.partitions=2", "ui.showConsoleProgress=false"
    conf = " ".join(f"--conf spark.{c}" for c in settings)
    return {**os.environ, "PYSPARK_PYTHON": python, "PYSPARK_SUBMIT_ARGS":
            f"--master local[2] --driver-memory 1g --jars {jars} {conf} pyspark-shell"}


def run_script(spark_python, script, *args):
    done = subprocess.run([spark_python[0], "-B", str(script), "--available-now", *map(str, args)], text=True,
                          cwd=script.parent, env=spark_environment(spark_python), capture_output=True, timeout=280)
    assert done.returncode == 0, done.stderr[done.stderr.find("Traceback"):][:3000]


@pytest.fixture
def job(kafka, topic, millrace):
    """A topic with late and malformed records, and two tables over it: windows, and a stateless one with partitions."""
    name = topic(partitions=2)
    produce(kafka, name, "--ads-file", millrace.folder / "ads.csv", "--rows", 20_000, "--late", "1%",
            "--malformed", "1%", partitions=2)
    sql = oracle.job_sql("${broker}", name, cap=8_000)
    (millrace.folder / "both.sql").write_text(sql + PLAIN)
    (millrace.folder / "views.sql").write_text(sql)
    (millrace.folder / "clicks.sql").write_text(sql[:sql.index("CREATE STREAMING TABLE")] + PLAIN)
    millrace.param = f"broker={kafka.address}"
    return millrace


def run_here(millrace):
    for table in "views", "clicks":
        code = millrace.run("run", f"{table}.sql", "--param", millrace.param, "--available-now", "--state-dir", table)
        assert code == 0, millrace.output()


def test_pyspark_gives_the_same_rows(job, spark_python):
    run_here(job)
    script = job.folder / "spark" / "both.py"
    script.parent.mkdir()
    export(job.folder, "both.sql", "--param", "broker=nowhere:1", "--output", script)
    run_script(spark_python, script, "--param", job.param, "--files", job.folder)
    for table in "views", "clicks":
        ours, spark = (delta_read.read(folder / "lake" / table) for folder in (job.folder, script.parent))
        assert ours and delta_read.multiset(ours) == delta_read.multiset(spark)
    log = next((script.parent / "lake/clicks/_delta_log").glob("*00.json")).read_text()
    assert '"delta.appendOnly":"true"' in log and '"quality":"silver"' in log and '"partitionColumns":["kind"]' in log


def test_spark_takes_over_in_the_middle_of_open_windows(kafka, topic, millrace, spark_python):
    """Rows of both engines together are those of one: no window twice, none lost, late records stay late."""
    name = topic(partitions=2)
    ads = millrace.folder / "ads.csv"
    produce(kafka, name, "--ads-file", ads, "--rows", 25_000, "--late", "1%", "--malformed", "1%", partitions=2)
    (millrace.folder / "job.sql").write_text(oracle.job_sql(kafka.address, name))
    code = millrace.run("run", "job.sql", "--available-now", "--summary", "--state-dir", "state")
    assert code == 0, millrace.output()
    assert millrace.summary()["ledger"]["open"] > 0
    job = oracle.Job(oracle.read_ads(ads))
    run = job.available_now(oracle.read_topic(kafka.address, name))
    written = len(run.rows)
    produce(kafka, name, "--ads-file", ads, "--rows", 25_000, "--late", "2%", "--malformed", "1%", partitions=2,
            start="2024-01-01T00:00:25Z")
    run = job.available_now(oracle.read_topic(kafka.address, name), run=run)
    assert 0 < written < len(run.rows) and run.late

    script = millrace.folder / "job.py"
    export(millrace.folder, "job.sql", "--from-state", "state", "--output", script)
    run_script(spark_python, script)
    got = oracle.result_rows(delta_read.read(millrace.folder / "lake/views"))
    assert collections.Counter(got) == collections.Counter(run.rows)


def test_pipeline_gives_the_same_rows(job, spark_python):
    run_here(job)
    python, jars = spark_python
    folder, conf = job.folder / "pipeline", job.folder / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text(f"""
spark.driver.extraClassPath {jars}/*
spark.sql.extensions io.delta.sql.DeltaSparkSessionExtension
spark.sql.catalog.spark_catalog org.apache.spark.sql.delta.catalog.DeltaCatalog
spark.sql.shuffle.partitions 2
spark.ui.enabled false
""")
    export(job.folder, "both.sql", "--param", job.param, "--target", "pipeline", "--output", folder, "--files",
           job.folder)
    spec = folder / "spark-pipeline.yml"
    spec.write_text("\n".join(f"storage: file://{folder}/storage" if line.startswith("storage:") else line
                              for line in spec.read_text().splitlines()))
    tool = pathlib.Path(python).parent / "spark-pipelines"
    done = subprocess.run([str(tool), "run", "--spec", str(spec)], cwd=folder, capture_output=True, text=True,
                          timeout=280, env={**os.environ, "SPARK_CONF_DIR": str(conf), "PYSPARK_PYTHON": python,
                               "PATH": f"{tool.parent}:{os.environ['PATH']}"})
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    for table in "views", "clicks":
        ours, spark = delta_read.read(job.folder / "lake" / table), delta_read.read(folder / "spark-warehouse" / table)
        assert ours and delta_read.multiset(ours) == delta_read.multiset(spark)


def test_the_example_gives_the_same_rows(kafka, millrace, spark_python):
    """examples/ad-campaigns: what Spark has nothing like is left out by name; the table's rows do not depend on it."""
    script = millrace.folder / "job.py"
    flags = [f.replace("localhost:9092", kafka.address) for f in produce_flags()]
    subprocess.run([binary(), "produce", *flags], cwd=millrace.folder, check=True, capture_output=True, timeout=60)
    shutil.copy(EXAMPLE / "job.sql", millrace.folder)
    export(millrace.folder, "job.sql", "--param", f"broker={kafka.address}", "--output", script,
           "--without", "millrace.onMalformed,millrace.rejects,millrace.late")
    try:
        run_script(spark_python, script)
    finally:
        kafka.delete_topic(TOPIC)
    got = oracle.result_rows(delta_read.read(millrace.folder / "lake/campaign_views"))
    assert collections.Counter(got) == collections.Counter(expected_rows())
