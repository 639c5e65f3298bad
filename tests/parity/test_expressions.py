# SPDX-License-Identifier: MIT
"""The eval blocks of tests/sql/*.case against Spark: what stands behind => there is what Spark answers.

millrace itself is held to the file by ctest (sql_cases). What it refuses while binding (error[E_..]) Spark may accept.
"""
import json
import pathlib

import pytest

import spark_session

CASES = sorted((pathlib.Path(__file__).resolve().parents[1] / "sql").glob("*.case"))
SCRIPT = r'''
import json, sys
from spark_session import session
spark = session()
for text in json.load(open(sys.argv[1])):
    try:
        row = spark.sql(f"SELECT typeof(x), CAST(x AS STRING), hex(CAST(CAST(x AS STRING) AS BINARY)) FROM "
                        f"(SELECT {text} AS x)").first()
        answer = [row[0].upper(), row[1], None]
        if answer[0].startswith(("ARRAY", "STRUCT", "MAP")) and answer[1] is not None:
            whole = f"to_json(named_struct('x', {text}), map('ignoreNullFields', 'false'))"
            answer[1] = spark.sql(f"SELECT {whole}").first()[0]
        if answer[0] == "BINARY":
            answer[1] = spark.sql(f"SELECT lower(hex({text}))").first()[0]
    except Exception as error:
        answer = [None, None, str(error).split("\n")[0][:300]]
    print("DONE", json.dumps([text, *answer]), flush=True)
'''
NESTED = ("ARRAY", "STRUCT", "MAP")
PLAIN = {"TINYINT", "SMALLINT", "INT", "BIGINT", "BOOLEAN"}


def expressions():
    """(expression, answer) of every line of an eval block."""
    inside = False
    for line in "\n\n".join(path.read_text() for path in CASES).split("\n"):
        inside = line == "eval" or (inside and line != "")
        if inside and line != "eval" and not line.startswith("--"):
            yield line.rsplit(" => ", 1)


def written(kind, text):
    """Spark's answer as the file has it."""
    if text is None:
        return f"{kind.replace(' ', '') if kind.startswith(NESTED) else kind} null"
    if kind.startswith(NESTED):
        return [kind.replace(" ", ""), read(text)[0][1]]
    if kind in PLAIN or kind.startswith("DECIMAL"):
        return f"{kind} {text}"
    if (kind in ("DOUBLE", "FLOAT") and text not in ("NaN", "Infinity", "-Infinity")):
        return f"{kind} {text}"
    return f"{kind} {json.dumps(text, ensure_ascii=False)}"


def read(text):
    """JSON with numbers as written; structs and maps both as lists of pairs, doubles kept."""
    return json.loads(text, parse_float=str, object_pairs_hook=lambda items: [list(pair) for pair in items])


def parsed(ours, kind):
    """The answer in the file, in the form that written() has. A MAP stands there as a list of its pairs."""
    if not kind.startswith(NESTED):
        return ours
    if ours.endswith(" null"):
        return ours[:-len(" null")].replace(" ", "").upper() + " null"
    at = min(i for i in (ours.find(" ["), ours.find(" {")) if i > 0)
    pairs = read(ours[at + 1:])
    if kind.startswith("MAP"):
        pairs = [[key if isinstance(key, str) else json.dumps(key), value] for key, value in pairs]  # a name in JSON
    return [ours[:at].replace(" ", "").upper(), pairs]


@pytest.mark.timeout(300)
def test_the_file_has_what_spark_answers(spark_python, tmp_path):
    wanted = dict(expressions())
    moving = {t for t in wanted if "current_" in t}  # the case files have a clock of their own
    (tmp_path / "list.json").write_text(json.dumps([t for t in wanted if t not in moving]))
    (tmp_path / "script.py").write_text(SCRIPT)
    done = spark_session.run(spark_python, tmp_path / "script.py", tmp_path / "list.json", timeout=280)
    answers = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("DONE ")]
    assert len(answers) == len(wanted) - len(moving) > 100, done.stderr[-3000:]
    wrong = []
    for text, kind, value, error in answers:
        ours = wanted[text]
        if ours.startswith("! error[E_"):
            continue
        good = ours.startswith("!") if error else parsed(ours, kind) == written(kind, value)
        if not good:
            wrong.append(f"{text}\n    file:  {ours}\n    Spark: {error or written(kind, value)}")
    assert not wrong, "\n".join(wrong)
