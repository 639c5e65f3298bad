# SPDX-License-Identifier: MIT
"""examples/notebook: every cell runs on Spark and Kafka, both engines' tables are equal, kept outputs are current."""
import json
import os

import notebook
from millrace import TOP, binary
from test_export import spark_environment

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


def test_every_cell_runs_and_the_tables_are_equal(kafka, topic, spark_python, tmp_path):
    env = {**spark_environment(spark_python), "bootstrap_servers": kafka.address, "topic": topic(1),
           "base_path": str(tmp_path / "base"), "millrace": binary(), "JUPYTER_PLATFORM_DIRS": "1",
           "IPYTHONDIR": str(tmp_path / "ipython"), "PYTHONWARNINGS": "ignore"}
    out = tmp_path / "run.ipynb"
    done = notebook.run(SOURCE, out, spark_python[0], env)
    assert done.returncode == 0, done.stderr[-3000:]
    book = json.loads(out.read_text())
    assert "equal, row for row" in printed(book) and len(pictures(book)) == 2
    if os.environ.get("MILLRACE_KEEP_NOTEBOOK"):
        KEPT.write_text(json.dumps(book, indent=1) + "\n")
