# SPDX-License-Identifier: MIT
"""from_json over good, odd and broken documents: Spark's answer, field by field, PERMISSIVE and FAILFAST.

Documents in the manner of JSONTestSuite, texts that make trouble, and random mutations of valid documents.
"""
import json
import os
import random
import re
import time

import pytest

import parity_rows
import test_functions as functions
from conftest_shared import FULL

SCHEMAS = {
    "numbers": "a INT, b BIGINT, c DOUBLE, d FLOAT, e SMALLINT, f TINYINT",
    "texts": "a STRING, b BINARY, c BOOLEAN",
    "times": "a TIMESTAMP, b DATE, c STRING",
    "decimals": "a DECIMAL(5,2), b DECIMAL(38,18), d DECIMAL(18,0), f DECIMAL(3,3)",
    "arrays": "a ARRAY<INT>, b ARRAY<STRING>, c ARRAY<STRUCT<x: INT, y: STRING>>, d DOUBLE",
    "maps": "a MAP<STRING, INT>, b MAP<STRING, STRING>, c MAP<STRING, ARRAY<BIGINT>>, d BOOLEAN",
    "nested": "a STRUCT<x: INT, y: STRUCT<z: STRING, w: DOUBLE>>, b STRING, c STRUCT<x: BIGINT>",
}
VALUES = ['null', 'true', 'false', '0', '-0', '1', '-1', '12', '127', '128', '-128', '32768', '2147483647',
          '2147483648', '-2147483649', '9223372036854775807', '9223372036854775808', '1.0', '1.5', '-0.0', '1e3',
          '1E400', '1e-400', '0.1', '123456789012345678901234567890', 'NaN', 'Infinity', '-Infinity', '+1', '01',
          '1.', '.5', '1e', '0x10', '""', '"a"', '"1"', '"1.5"', '" 1 "', '"true"', '"NaN"', '"Infinity"', '"-INF"',
          '"null"', '"\\u00e9\\n\\t"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\udc00x"', '"\\x"', '"\\u12"',
          '"tab\there"', '"日本語 🐎"', '"aGk="', '"aGk"', '"2024-02-29"', '"2024-02-30"', '"2024-02-29T12:34:56.789Z"',
          '"2024-02-29 12:34:56.123456"', '"12:34"', '"2024"', '"2024-02-29T12:34:56+05:30"', '"0001-01-01"',
          '"9999-12-31T23:59:59.999999Z"', '1709210096', '1709210096789', '[]', '[1, 2]', '[{}]', '{}', '{"x": 1}',
          '{"x": "1"}', '{"x": null, "y": {"z": "in"}}', '{"y": {"z": {"deep": [1, 2.50]}, "w": 1}}',
          '{"x": 1, "x": 2}', '{"x": 1.5}', '{"y": []}', '{"x": tru}', "'single'", 'undefined', '[1,]', '{,}',
          '"open', 'tru', 'nul', '--1', '1 2', '"a" "b"', '1e5', '-', '1_000']
WHOLE = ['', ' ', '\n', 'null', 'true', '1', '"text"', '[]', '{}', '[{}]', '[{"a": 1}]', '[1]', '{', '}', '{]', '[}',
         '{{}}', '{"a"}', '{"a":}', '{"a": 1,}', '{,"a": 1}', '{"a": 1 "b": 2}', '{"a": 1, "b": 2} tail',
         '{"a": 1}{"b": 2}', '{"a": 1} {"a": 2}', '{a: 1}', "{'a': 1}", '{"a": 1, "a": 2}', '{"A": 1}', '{"a ": 1}',
         '{"": 1}', '{"a": 1}}', '\ufeff{"a": 1}', '{"a": 1 // no\n}', '{"a": /* no */ 1}', '{"a"\n:\t1}',
         '{"\\u0061": 1}', '{"a": 1}\x00', '{"a": 1, "b": {"c": [1, {"d": 2}]}}', '{' * 40,
         '{"a": ' * 60 + '1' + '}' * 60, '[' * 300, '{"x": [[[[]]]]}', '{"a": "' + 'x' * 5000 + '"}',
         '{"k": ' + '9' * 400 + ', "a": 1}', '{"a": 1, "z": tru}', '{"z": "\\q", "a": 1}', '{"a": -}', '{"a": 1.e5}',
         '{"a":1,"b":"two","c":3.5,"d":null}', '  {"a": 7}  ', '{"a": "\x01"}', 'nul', '"', '[', '{"a": 1\n',
         '{"b": 1, "a": ', '{"a": 5, "b": "\\', '{"a": 5, "b": "\\u00']
FITTING = [
    '{"a": 12, "b": -5, "c": 1.5, "d": 0.25, "e": 7, "f": 1}',
    '{"a": "t\\u00e9xt", "b": "aGkh", "c": true, "b": "aGk="}',
    '{"a": "2024-02-29T12:34:56Z", "b": "2024-02-29", "c": "x\\n"}',
    '{"a": 1.25, "b": "7.5", "d": 12, "f": 0.125}',
    '{"a": [1, 20], "b": ["x", "\\ty"], "c": [{"x": 1, "y": "k"}, {"y": "l", "x": 2.0}, {}], "d": 0.5}',
    '{"a": {"k": 1, "l": 20}, "b": {"x": "1", "y": null}, "c": {"m": [1, 2], "n": []}, "d": true}',
    '{"a": {"x": 1, "y": {"z": "in", "w": 1.5e1}}, "b": "t", "c": {"x": 7}, "a": {"y": {"z": {"b": [false]}}}}']


def valid(chance, depth=0):
    names = ["a", "b", "c", "d", "e", "f", "x", "y", "z", "w", "other"]
    if depth == 0 or chance.random() < 0.2 and depth < 4:
        return {chance.choice(names): valid(chance, depth + 1) for _ in range(chance.randrange(5))}
    return chance.choice([None, True, False, chance.randrange(-300, 300), chance.randrange(-2**40, 2**40),
                          chance.random(), chance.uniform(-1e10, 1e10), "", "text", "2024-05-06",
                          "2024-05-06T07:08:09Z", "é日🐎", "12", "aGk=", [1, "two", None], {"x": 3, "y": {"z": "q"}}])


def mutated(chance, text):
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text) + 1)
        text = chance.choice([text[:at] + text[at + 1:], text[:at],
                              text[:at] + chance.choice('{}[]",:\\ 0e-.\tn\'') + text[at:],
                              text[:at] + text[at:at + 3] + text[at:]])
    return text


def documents(seed, n):
    chance = random.Random(seed)
    out = [None, *WHOLE, *(f'{{"a": {v}}}' for v in VALUES), *(f'{{"b": {v}, "c": {v}}}' for v in VALUES),
           *(f'{{"d": {v}, "e": 1, "f": {v}}}' for v in VALUES)]
    while len(out) < n:
        if chance.random() < 0.4:
            out.append(mutated(chance, chance.choice(FITTING)))
            continue
        text = json.dumps(valid(chance), ensure_ascii=chance.random() < 0.3,
                          separators=chance.choice([(",", ":"), (", ", ": ")]))
        out.append(text if chance.random() < 0.4 else mutated(chance, text))
    # an exponent of many digits in a DECIMAL keeps Spark busy for hours
    return [text for text in out if not re.search(r"[eE][+-]?\d{4}", text or "")]


class Documents:
    """As parity_rows.Rows, of one column."""

    def __init__(self, docs, folder):
        self.n, self.values, self.path = len(docs), {"doc": docs}, folder / "documents.csv"
        self.path.write_text("".join(f"{i},{'n' if d is None else 'h' + d.encode().hex()}\n"
                                     for i, d in enumerate(docs)))

    def evaluate(self, expressions):
        coded = [None if d is None else d.encode().hex() for d in self.values["doc"]]
        return parity_rows.evaluate({"expressions": expressions, "columns": [["doc", "STRING"]], "values": [coded],
                                     "now_us": int(time.time() * 1e6)})  # "12:34" is a time of today

    def spark_sql(self):
        return "SELECT CAST(_c0 AS INT) AS id, CASE WHEN _c1 <> 'n' THEN CAST(unhex(substring(_c1, 2)) AS STRING) " \
               f"END AS doc FROM csv.`{self.path}`"


@pytest.mark.timeout(1200)
def test_spark_reads_the_same_fields(spark_python, tmp_path):
    if parity_rows.program() is None:
        pytest.skip("evaluate is not built: ./dev parity")
    docs = Documents(documents(int(os.environ.get("PARITY_SEED") or 1), 20000 if FULL else 5600), tmp_path)
    fields = [f"from_json(doc, '{schema}')" for schema in SCHEMAS.values()]
    fast = [f"from_json(doc, '{schema}', map('mode', 'FAILFAST'))" for schema in SCHEMAS.values()]
    results, n = functions.both(fields + fast, docs, spark_python, tmp_path)
    print(f"\n{docs.n} documents, {n} answers compared")
    wrong = [f"{sql}: {what}" for sql, what in results if what]
    assert not wrong, "\n".join(wrong)
