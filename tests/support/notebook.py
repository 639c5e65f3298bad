# SPDX-License-Identifier: MIT
"""Databricks' notebook source format (.py) as a Jupyter notebook, and run.

    python notebook.py run SOURCE.py OUT.ipynb      with the interpreter's own kernel; outputs are kept
"""
import json
import pathlib
import subprocess
import sys

FIRST, CELL = "# Databricks notebook source\n", "\n\n# COMMAND ----------\n\n"


def cells(source):
    """[(kind, text)], kind "markdown" or "code"."""
    assert source.startswith(FIRST)
    found = []
    for text in source[len(FIRST):].rstrip("\n").split(CELL):
        lines = text.split("\n")
        prose = lines[0] == "# MAGIC %md"
        if prose:
            assert all(line == "# MAGIC" or line.startswith("# MAGIC ") for line in lines), text
            lines = [line[8:] for line in lines[1:]]
        found.append(("markdown" if prose else "code", "\n".join(lines)))
    return found


def to_ipynb(source):
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": [], "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}, "nbformat": 4,
            "nbformat_minor": 5}
    for i, (kind, text) in enumerate(cells(source)):
        cell = {"cell_type": kind, "id": f"cell-{i}", "metadata": {}, "source": text.splitlines(keepends=True)}
        if kind == "code":
            cell.update(execution_count=None, outputs=[])
        book["cells"].append(cell)
    return book


def sources(book):
    return [(c["cell_type"], "".join(c["source"])) for c in book["cells"]]


def run(source, out, python=sys.executable, env=None, timeout=900):
    """CompletedProcess; the notebook with its outputs is at `out` when it went well."""
    out = pathlib.Path(out)
    out.write_text(json.dumps(to_ipynb(pathlib.Path(source).read_text())))
    command = [python, "-B", "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace",
               "--ExecutePreprocessor.timeout=300", str(out)]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=timeout)


if __name__ == "__main__":
    done = run(sys.argv[2], sys.argv[3])
    print(done.stderr[-3000:], file=sys.stderr)
    sys.exit(done.returncode)
