# SPDX-License-Identifier: MIT
"""`millrace export` without Spark: its forms, what is refused and where. tests/parity runs what is written."""
import ast
import json
import subprocess

import pytest

from millrace import TOP, binary

SQL = """CREATE STREAMING TABLE t PARTITIONED BY (topic) {more}
AS SELECT topic, CAST(value AS STRING) AS v, count(*) AS n
FROM STREAM read_kafka(bootstrapServers => '${{broker}}', subscribe => 'a,b'{options})
     WATERMARK timestamp DELAY OF INTERVAL 1 MINUTE
GROUP BY window(timestamp, '1 minute'), topic, value;
"""
LOGIN = """, `kafka.security.protocol` => 'SASL_SSL', `kafka.sasl.mechanism` => 'SCRAM-SHA-256',
 `kafka.sasl.username` => 'ann', `kafka.sasl.password` => '{}'"""


@pytest.fixture
def export(tmp_path):
    def run(*args, more="", options="", params=("broker=b:1",)):
        (tmp_path / "job.sql").write_text(SQL.format(more=more, options=options))
        given = [x for p in params for x in ("--param", p)]
        return subprocess.run([binary(), "export", "job.sql", *given, *args], cwd=tmp_path, capture_output=True,
                              text=True, timeout=30)
    run.folder = tmp_path
    return run


@pytest.mark.parametrize("spark", ["4.1", "3.5"])
@pytest.mark.parametrize("target", ["pyspark", "notebook"])
def test_python_forms_are_python(export, target, spark):
    done = export("--target", target, "--spark", spark)
    assert done.returncode == 0, done.stderr
    ast.parse(done.stdout)
    assert ("WATERMARK" in done.stdout) == (spark == "4.1") and ("withWatermark" in done.stdout) == (spark == "3.5")
    assert '.option("kafka.isolation.level", "read_committed")' in done.stdout
    assert '.partitionBy("topic")' in done.stdout and 'fill("${broker}")' in done.stdout


def test_databricks_notebook_has_its_marks(export):
    text = export("--target", "notebook").stdout
    assert text.startswith("# Databricks notebook source\n# MAGIC %md\n")
    cells = text.split("\n# COMMAND ----------\n\n")
    assert len(cells) == 5 and "dbutils.widgets.text(name, default)" in cells[1]


def test_ipynb_is_a_notebook_of_the_same_cells(export):
    assert export("--target", "notebook", "--output", "job.ipynb").returncode == 0
    book = json.loads((export.folder / "job.ipynb").read_text())
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert [c["cell_type"] for c in book["cells"]] == ["markdown"] + ["code"] * 4
    assert len({c["id"] for c in book["cells"]}) == 5
    for cell in book["cells"][1:]:
        ast.parse("".join(cell["source"]))
        assert cell["outputs"] == [] and cell["execution_count"] is None


def test_pipeline_is_a_folder(export):
    assert export("--target", "pipeline", "--output", "p").returncode == 0
    assert {str(p.relative_to(export.folder / "p")) for p in (export.folder / "p").rglob("*") if p.is_file()} == {
        "spark-pipeline.yml", "transformations/sources.py", "transformations/tables.sql"}
    ast.parse((export.folder / "p/transformations/sources.py").read_text())
    sql = (export.folder / "p/transformations/tables.sql").read_text()
    assert "CREATE STREAMING TABLE t\nUSING delta\nPARTITIONED BY (topic)" in sql and "FROM STREAM kafka_a" in sql


def test_databricks_sql_keeps_read_kafka(export):
    text = export("--target", "databricks").stdout
    assert "CREATE OR REFRESH STREAMING TABLE t" in text
    assert "subscribe => 'a,b', `kafka.isolation.level` => 'read_committed')" in text


ASKED = """CREATE TEMPORARY VIEW dim AS SELECT * FROM read_files('dim.csv', format => 'csv', schema => 'k STRING');
CREATE STREAMING TABLE asked AS SELECT topic FROM STREAM read_kafka(bootstrapServers => 'b:1', subscribe => 'a')
LEFT ANTI JOIN dim ON topic = dim.k WHERE topic IN (SELECT k FROM read_files('other.csv', format => 'csv',
schema => 'k STRING')) AND NOT EXISTS (SELECT 1 FROM dim d WHERE d.k = topic);
"""


@pytest.mark.parametrize("target", ["pyspark", "databricks"])
def test_tables_asked_in_where_are_exported(export, target):
    (export.folder / "asked.sql").write_text(ASKED)
    done = subprocess.run([binary(), "export", "asked.sql", "--target", target, "--files", "/Volumes/v"],
                          cwd=export.folder, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "LEFT ANTI JOIN dim ON topic = dim.k WHERE topic IN (SELECT k FROM" in done.stdout
    assert "NOT EXISTS (SELECT 1 FROM dim d WHERE d.k = topic)" in done.stdout
    if target == "databricks":
        assert "read_files('/Volumes/v/other.csv'" in done.stdout
    else:
        assert "read_files" not in done.stdout and "FROM files_other)" in done.stdout


@pytest.mark.parametrize("more, name", [("TBLPROPERTIES ('millrace.late' = './late')", "millrace.late"),
                                        ("TBLPROPERTIES ('millrace.onMalformed' = 'reject')", "millrace.onMalformed")])
def test_what_spark_cannot_do_is_refused_until_it_is_left_out(export, more, name):
    done = export(more=more)
    assert done.returncode == 65 and "job.sql:1:" in done.stderr and f"--without {name}" in done.stderr
    done = export("--without", name, more=more)
    assert done.returncode == 0 and "millrace." not in done.stdout.split("spark.conf.set")[-1]


RULES = """STREAMING TABLE t (
CONSTRAINT `it's "many"` EXPECT (n > ${least}), CONSTRAINT some EXPECT (n > 0) ON VIOLATION DROP ROW,
CONSTRAINT named EXPECT (v <> '') ON VIOLATION FAIL UPDATE) """


@pytest.mark.parametrize("target, has", [
    ("pyspark", ['t = expect(t, "t", [', r"""("it's \"many\"", fill("n > ${least}"), "")""",
                 '("some", "n > 0", "DROP ROW")',
                 '("named", "v <> \'\'", "FAIL UPDATE")', "import SparkSession, functions", "def expect("]),
    ("databricks", ["CONSTRAINT `it's \"many\"` EXPECT ((n > 5) IS TRUE),",
                    "CONSTRAINT some EXPECT ((n > 0) IS TRUE) ON VIOLATION DROP ROW",
                    "CONSTRAINT named EXPECT ((v <> '') IS TRUE) ON VIOLATION FAIL UPDATE)"]),
    ("pipeline", ["-- The expectation it's \"many\" keeps", "SELECT * FROM (", "WHEN rand() < 0 THEN false",
                  "WHEN (v <> '') IS NOT TRUE THEN raise_error(", "WHEN (n > 0) IS NOT TRUE THEN false"])])
def test_each_expectation_is_somewhere(export, target, has):
    (export.folder / "job.sql").write_text(SQL.format(more="", options="").replace("STREAMING TABLE t ", RULES))
    args = ["--param", "broker=b:1", "--param", "least=5", "--target", target, "--output", "out"]
    done = subprocess.run([binary(), "export", "job.sql", *args], cwd=export.folder, text=True, capture_output=True,
                          timeout=30)
    assert done.returncode == 0, done.stderr
    out = export.folder / "out"
    text = (out / "transformations/tables.sql" if out.is_dir() else out).read_text()
    assert [h for h in has if h not in text] == [], text
    if target == "pyspark":
        ast.parse(text)


def test_a_quarantine_is_refused_by_name(export):
    done = subprocess.run([binary(), "export", str(TOP / "examples/iot-quality/job.sql"), "--param", "broker=b:1"],
                          cwd=export.folder, text=True, capture_output=True, timeout=30)
    assert done.returncode == 65 and "--without millrace.quarantine" in done.stderr


def test_sparks_own_ways_need_no_leaving_out(export):
    done = export(more="TBLPROPERTIES ('millrace.onMalformed' = 'keep', 'millrace.onError' = 'fail')")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target", ["pipeline", "databricks"])
def test_a_pipeline_places_its_tables_itself(export, target):
    done = export("--target", target, "--output", "out", more="LOCATION '/tmp/t'")
    assert done.returncode == 65 and "LOCATION" in done.stderr


def test_passwords_are_never_written(export):
    done = export(options=LOGIN.format("tiger"))
    assert done.returncode == 65 and "tiger" not in done.stdout + done.stderr.split("error")[1].splitlines()[0]
    done = export(options=LOGIN.format("${password}"), params=("broker=b:1", "password=tiger"))
    assert done.returncode == 0 and "tiger" not in done.stdout
    assert "scram.ScramLoginModule" in done.stdout and 'fill("${password}")' in done.stdout
    assert '"password":' not in done.stdout


@pytest.mark.parametrize("args, code, words", [
    (["--target", "flink"], 2, "pyspark, notebook, pipeline or databricks"), (["--spark", "2"], 2, "4.1 or 3.5"),
    (["--target", "pipeline"], 2, "--output"), (["--target", "databricks", "--spark", "3.5"], 2, "neither"),
    (["--from-state", "nowhere"], None, "")])
def test_wrong_use_is_said(export, args, code, words):
    done = export(*args)
    assert done.returncode == code if code else done.returncode != 0
    assert words in done.stderr
