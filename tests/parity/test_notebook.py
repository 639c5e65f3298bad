# SPDX-License-Identifier: MIT
"""examples/notebook: every cell runs on Spark and Kafka, both engines' tables are equal, kept outputs are current."""
import ast
import json
import os
import subprocess

import notebook
import spark_session
from millrace import TOP, binary

SOURCE = TOP / "examples/notebook/kafka_to_insight.py"
KEPT = SOURCE.with_suffix(".ipynb")


def outputs(book):
    return [o for c in book["cells"] if c["cell_type"] == "code" for o in c["outputs"]]


def printed(book):
    return "".join("".join(o["text"]) for o in outputs(book) if o["output_type"] == "stream" and o["name"] == "stdout")


def pictures(book):
    return [o for o in outputs(book) if "image/png" in o.get("data", {})]


def test_the_kept_notebook_is_of_this_source():
    book = json.loads(KEPT.read_text())
    assert notebook.sources(book) == notebook.cells(SOURCE.read_text()), "run it again: tests/support/notebook.py"
    assert "equal, row for row" in printed(book) and len(pictures(book)) == 2
    assert not [o for o in outputs(book) if o["output_type"] == "error"]


def test_the_source_imports_as_a_databricks_notebook():
    """By format: header, separators, magics. A cell is prose or code; nothing needs IPython or Databricks."""
    text = SOURCE.read_text()
    assert text.startswith("# Databricks notebook source\n") and text.endswith("\n")
    marks = [line for line in text.splitlines() if line.startswith("# COMMAND")]
    assert marks and set(marks) == {"# COMMAND ----------"} == {m.strip() for m in marks}
    cells = notebook.cells(text)
    assert len(cells) == len(marks) + 1 and all(body.strip() for _, body in cells)
    for kind, body in cells:
        if kind == "code":
            assert "MAGIC" not in body, body
            ast.parse(body)  # no % and no !
    assert text.count("dbutils") == 2  # in setting(), which has an answer where there is none


def test_nbconvert_renders_it(spark_python, tmp_path):
    command = [spark_python[0], "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path), str(KEPT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "JUPYTER_PLATFORM_DIRS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "kafka_to_insight.html").read_text()
    assert page.count('class="jp-RenderedImage') == 2 and "equal, row for row" in page
    assert all(f">{n}. " in page for n in range(1, 12))  # the headings of its sections


def test_every_cell_runs_and_the_tables_are_equal(kafka, topic, spark_python, tmp_path):
    env = {**spark_session.submit_environment(spark_python), "bootstrap_servers": kafka.address, "topic": topic(1),
           "base_path": str(tmp_path / "base"), "millrace": binary(), "JUPYTER_PLATFORM_DIRS": "1",
           "IPYTHONDIR": str(tmp_path / "ipython"), "PYTHONWARNINGS": "ignore"}
    out = tmp_path / "run.ipynb"
    done = notebook.run(SOURCE, out, spark_python[0], env)
    assert done.returncode == 0, done.stderr[-3000:]
    book = json.loads(out.read_text())
    assert "equal, row for row" in printed(book) and len(pictures(book)) == 2
    if os.environ.get("MILLRACE_KEEP_NOTEBOOK"):
        KEPT.write_text(json.dumps(book, indent=1) + "\n")
