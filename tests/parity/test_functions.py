# SPDX-License-Identifier: MIT
"""Every function, operator and cast over edge values and random ones: Spark's type, values and error classes.

millrace says which rows fail and why; Spark then evaluates the others in one query, and one failing row per error
class. What must differ stands in docs/sql/differences.md: more fails, and so does less.
"""
import json
import os
import pathlib
import re

import pytest

import expressions
import parity_rows
import spark_session
from conftest_shared import FULL

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = r'''
import json, sys
from pyspark.errors import PySparkException
from parity_rows import encode, plain
from spark_session import session
job = json.load(open(sys.argv[1]))
spark = session(**{"spark.sql.codegen.wholeStage": "false"})
spark.sql(job["rows"]).createOrReplaceTempView("rows")

def values(sql, where):
    view = spark.sql(f"SELECT id, {sql} AS v FROM rows WHERE {where}")
    kind = view.schema["v"].dataType
    return kind.simpleString(), {row[0]: plain(row[1]) for row in view.selectExpr("id", encode("v", kind)).collect()}

def class_of(error):
    name = error.getCondition() if isinstance(error, PySparkException) else None
    return name or type(error).__name__ + ": " + str(error)[:300]

def answer(case):
    out = {"probes": [], "failed": {}}
    where = f"id NOT IN ({', '.join(map(str, case['failing']))})" if case["failing"] else "true"
    for row in case["probes"]:
        try:
            out["probes"].append(values(case["sql"], f"id = {row}")[1])
        except Exception as error:
            out["probes"].append(class_of(error))
    try:
        out["type"], out["values"] = values(case["sql"], where)
    except Exception as error:
        out["error"] = class_of(error)
        if not case["refused"] and "Analysis" not in type(error).__name__ and "Parse" not in type(error).__name__:
            for row in range(min(job["n"], 400)):
                if row not in case["failing"]:
                    try:
                        values(case["sql"], f"id = {row}")
                    except Exception as inner:
                        out["failed"][row] = class_of(inner)
            if out["failed"]:
                left = [str(r) for r in range(job["n"]) if r not in out["failed"] and r not in case["failing"]]
                out["type"], out["values"] = values(case["sql"], f"id IN ({', '.join(left)})" if left else "false")
    return out

for case in job["cases"]:
    print("CASE " + json.dumps(answer(case)), flush=True)
'''


def differences():
    """{expression: reason} of docs/sql/differences.md; names of functions whose last digit may differ."""
    text = (TOP / "docs/sql/differences.md").read_text()
    listed, last_digit = text.split("## The last digit")
    return dict(re.findall(r"^\| `` (.+?) `` \| (.+?) \|$", listed, re.M)), set(re.findall(r"`(\w+)`", last_digit))


LAST_DIGIT = "the last digit"


def error_class(text):
    return re.match(r"\[([A-Z_0-9.]+)\]", text).group(1)


def fits(name, ours):
    """Is this Spark's error too? Java's own exceptions have no class."""
    return ours is not None and (name == ours or ": " in name)


def compare(sql, ours, theirs, rows):
    """What differs, or None."""
    if "failed" in ours:
        return f"millrace fails: {ours['failed']}"
    if "refused" in ours:
        return None if "error" in theirs else f"millrace refuses: {ours['refused']}; Spark gives {theirs['type']}"
    if "error" in theirs and not theirs["failed"] and set(ours["classes"]) == {theirs["error"]}:
        return None  # a constant that Spark judges before it runs
    if "error" in theirs and not theirs["failed"]:
        return f"Spark refuses: {theirs['error']}; millrace gives {ours['type']}"
    if theirs["failed"]:
        row, name = next(iter(theirs["failed"].items()))
        return f"Spark fails in {len(theirs['failed'])} rows: {inputs(sql, rows, int(row))}: {name}; " \
               f"millrace gives {ours['values'][int(row)]}"
    if ours["type"].lower().replace(" ", "") != theirs["type"].lower():
        return f"type {ours['type']}, Spark {theirs['type']}"
    for name, row, probe in zip(ours["classes"], ours["probes"], theirs["probes"]):
        if not isinstance(probe, str) or not fits(probe, name):
            return f"{inputs(sql, rows, row)}: {name}, Spark {probe}"
    wrong = [(int(row), value) for row, value in theirs["values"].items()
             if not parity_rows.same(ours["values"][int(row)], value)]
    if wrong:
        row, value = wrong[0]
        if ours["type"] == "DOUBLE" and all(parity_rows.near(ours["values"][i], v) for i, v in wrong):
            return LAST_DIGIT
        return f"{len(wrong)} rows: {inputs(sql, rows, row)}: {show(ours, row)}, Spark {shown(ours['type'], value)}"
    return None


def show(ours, row):
    return shown(ours["type"], ours["values"][row])


def shown(kind, value):
    if value is None or not isinstance(value, str):
        return value
    if kind in ("DOUBLE", "FLOAT"):
        return f"{parity_rows.struct.unpack('>d', bytes.fromhex(value))[0]!r} ({value})"
    return bytes.fromhex(value) if len(value) % 2 == 0 else value


def inputs(sql, rows, row):
    names = [name for name in rows.values if re.search(rf"\b{name}\b", re.sub(r"'[^']*'", "", sql))]
    return ", ".join(f"{name} = {rows.values[name][row]!r}" for name in names)


def both(cases, rows, spark_python, folder):
    """[(expression, what differs or None)], evaluations compared"""
    ours = rows.evaluate(cases)
    job = {"rows": rows.spark_sql(), "n": rows.n, "cases": []}
    for sql, answer in zip(cases, ours):
        failing, probes = answer.get("errors", {}), {}
        for row, text in failing.items():
            probes.setdefault(error_class(text), int(row))
        answer["classes"], answer["probes"] = list(probes), list(probes.values())
        job["cases"].append({"sql": sql, "failing": [int(r) for r in failing], "probes": answer["probes"],
                             "refused": "refused" in answer or "failed" in answer})
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "script.py").write_text(SCRIPT)
    done = spark_session.run(spark_python, folder / "script.py", folder / "job.json", timeout=900)
    theirs = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("CASE ")]
    assert len(theirs) == len(cases), done.stderr[-3000:]
    return [(sql, compare(sql, a, b, rows)) for sql, a, b in zip(cases, ours, theirs)], \
        sum(len(b.get("values", ())) + len(b["probes"]) for b in theirs)


def functions_listed():
    rows = [line for line in (TOP / "docs/sql/functions.md").read_text().splitlines() if line.startswith("| `")]
    text = (TOP / "docs/sql/functions.md").read_text()
    aggregates = text[text.index("## Aggregates"):]
    return {name for row in rows if row not in aggregates
            for name in re.findall(r"`(\w+)(?:\([^`]*\))?`", row.split("|")[1])}


def test_every_function_has_cases():
    assert functions_listed() - set(expressions.sections()) == set()


@pytest.mark.timeout(1200)
def test_spark_gives_the_same_values(spark_python, tmp_path):
    if parity_rows.program() is None:
        pytest.skip("evaluate is not built: ./dev parity")
    only, seed = os.environ.get("PARITY_ONLY"), int(os.environ.get("PARITY_SEED", "1"))
    (known, last_digit), listed = differences(), functions_listed()
    cases = [x for x, name in expressions.all_cases().items()
             if (name in listed or name in ("operator", "cast")) and (not only or re.search(only, name))]
    rows = parity_rows.Rows(seed, 400 if FULL else 60)
    results, n = both(cases, rows, spark_python, tmp_path)
    print(f"\n{len(cases)} expressions, {n} evaluations compared")
    names = expressions.all_cases()
    allowed = {sql for sql, what in results if what == LAST_DIGIT and names[sql] in last_digit}
    wrong = [f"{sql}: {what}" for sql, what in results if what and sql not in known and sql not in allowed]
    gone = [sql for sql, what in results if not what and sql in known]
    assert allowed or only, "strike the last digit from docs/sql/differences.md"
    assert not wrong, f"{len(wrong)} of {len(cases)} differ:\n" + "\n".join(wrong)
    assert not gone, "equal now, strike them from docs/sql/differences.md:\n" + "\n".join(gone)
