# SPDX-License-Identifier: MIT
"""What is compared with Spark: tests/parity/expressions.txt, by function, and a cast of every type to every other.

docs/sql/functions.md lists every function of the program; one without a section in the file fails the test (an empty
one says that it cannot be compared so: it changes with the day or the run). Columns are those of parity_rows.py.
"""
import pathlib

TYPES = {"BOOLEAN": ["bo"], "TINYINT": ["ti"], "SMALLINT": ["sm"], "INT": ["i"], "BIGINT": ["l"], "FLOAT": ["f"],
         "DOUBLE": ["d"], "STRING": ["s", "num", "tm"], "BINARY": ["y"], "DATE": ["dt"], "TIMESTAMP": ["ts"]}


def sections():
    """{function or 'operator': [expression]}"""
    out, now = {}, None
    for line in pathlib.Path(__file__).with_suffix(".txt").read_text().splitlines():
        if line.startswith("[") and line.endswith("]"):
            now = out.setdefault(line[1:-1], [])
        elif line:
            now.append(line)
    return out


def casts():
    for to in TYPES:
        for columns in TYPES.values():
            for column in columns:
                yield f"CAST({column} AS {to})"
                yield f"TRY_CAST({column} AS {to})"


def all_cases():
    """{expression: function, 'operator' or 'cast'}"""
    out = {x: name for name, cases in sections().items() for x in cases}
    return out | {x: "cast" for x in casts()}
