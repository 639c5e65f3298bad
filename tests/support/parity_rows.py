# SPDX-License-Identifier: MIT
"""Typed rows of edge values and random ones, for millrace's `evaluate` (tests/parity/evaluate.c) and for Spark.

    rows = Rows(seed=1, n=120)
    rows.evaluate(["i + 1"])             what millrace answers: [{"type", "values", "errors"} or {"refused"}]
    rows.spark_sql()                     SELECT .. FROM VALUES ..: the same rows in Spark's words
    encode("v", data_type)               SQL that turns a value of Spark into what evaluate prints
"""
import datetime
import json
import math
import os
import pathlib
import random
import re
import struct
import subprocess

INT, LONG = 2**31, 2**63
DAY_US = 86_400_000_000
INF, NAN = float("inf"), float("nan")


def day(text):
    return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


def us(text):
    at = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


INTS = [None, 0, 1, -1, 2, 3, 7, -7, 10, 100, 127, -128, 32767, 65536, INT - 1, -INT]
LONGS = [None, 0, 1, -1, 5, -5, 1000, 2**31, -(2**31) - 1, 86_400_000_000, LONG - 1, -LONG, 123456789012]
REALS = [None, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.14159, 1e-5, 123456.789, 1e10, -1e15, 1e308, -1e308,
         5e-324, INF, -INF, NAN, 0.1, 2.675, 1e-300, 9.99999999]
FLOATS = [None, 0.0, -0.0, 1.5, -2.25, 3.4028234663852886e38, 1.401298464324817e-45, INF, -INF, NAN, 0.1, 16777216.0]
DATES = [None, 0, -1, day("2024-02-29"), day("2023-02-28"), day("1999-12-31"), day("2000-01-01"), day("1582-10-15"),
         day("1582-10-04"), day("0001-01-01"), day("9999-12-31"), day("2024-12-30"), day("2021-01-03"),
         day("2024-08-31"), day("1969-07-20")]
TIMES = [None, 0, -1, 1, us("2024-02-29T23:59:59.999999"), us("2023-03-31T12:34:56.789"), us("1999-12-31T00:00:00"),
         us("1582-10-04T05:06:07"), us("0001-01-01T00:00:00"), us("9999-12-31T23:59:59.999999"),
         us("1969-12-31T23:59:59.5"), us("2024-08-31T01:02:03.004005"), us("2021-01-03T13:00:00"),
         us("2000-02-28T12:00:00.1")]
TEXTS = [None, "", " ", "a", "abc", "ABC", "Hello, World", "  blanks\tand tabs \n", "ÄÖÜ ß é", "日本語テキスト", "a,b,,c",
         "İstanbul ΟΔΟΣ", "🐎𝒳y", "aXbXc", "foo123bar45", "x" * 300, "Robert", "Tymczak", "%_\\", "a.b.c.d",
         "the quick brown fox", "aaa", "a=1&b=2", "e\u0301te"]
NUMERALS = [None, "", "0", "1", "-7", " 42 ", "3.5", "1e3", "abc", "99999999999", "-0", "NaN", "Infinity", "true", "no",
            "0x1F", "+5", "9223372036854775807", "9223372036854775808", "1.", ".5", "1d", "١"]
TIMETEXTS = [None, "2024-02-29", "2024-02-29 12:34:56", "2024-02-29T12:34:56.789Z", "2023-02-29", "1970-1-1", "2024",
             "2024-13-01", "", "abc", "2024-02-29 12:34:56.123456+05:30", "29/02/2024 07:08:09",
             "0001-01-01",
             "2024-02-29 12:34:56 Europe/Berlin", "2024-03-31T02:30:00America/New_York", "2024-02-29 12:34:56.5 PST",
         "2024-03-31 02:30:00 Europe/Berlin", "2024-10-27 02:30:00 Europe/Berlin", "2011-12-30 12:00:00 Pacific/Apia",
         "2024-02-29 12:34:56 Europe/Nowhere", "2024-02-29 12:34 Europe/Berlin", "2024-02-29 12:34:56 +2:3",
         "2024-02-29 12", "2024-06", "99999-01-01", "20240229", "Thu, 29 Feb 2024", "1999-12-31 23:59:60",
         " 2024-01-02 "]
BYTES = [None, "", "00", "ff", "616263", "c3a4", "e697a5e69cac", "fffefd00", "00" * 70, "c328"]
UNITS = [None, "year", "MONTH", "week", "DAY", "Hour", "minute", "second", "quarter", "nonsense", "dd", "mon", "yy",
         "MM"]
PARTS = [None, -400, -5, -3, -2, -1, 0, 1, 2, 3, 4, 5, 8, 31, 33, 64, 100]
ZONES = [None, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia",
         "Z", "America/Sao_Paulo", "Africa/Cairo", "GMT+2", "+5:30", "-02:0", "PST", "IST", "HST", "Etc/GMT+2",
         "utc", "ROC", "", "Europe/Berlin ", "+19:00", "../UTC", "Asia/Tokyo"]
URLS = [None, "http://user:pw@host.com:8080/p/a/t/h?query=string&k=v#hash",
        "https://example.org", "ftp://x/y", "not a url",
        "http://a b/", "http://h/p?q=%20x&y", "", "http://h?a=1", "mailto:x@y.z", "//h/p", "http://[::1]:80/x"]

COLUMNS = [("bo", "BOOLEAN", [None, True, False]), ("bo2", "BOOLEAN", [None, False, True, True]),
           ("ti", "TINYINT", [None, 0, 1, -1, 127, -128, 7]), ("ti2", "TINYINT", [3, None, -1, 0, 100]),
           ("sm", "SMALLINT", [None, 0, 1, -1, 32767, -32768, 300]), ("sm2", "SMALLINT", [2, None, 0, -300, 1000]),
           ("i", "INT", INTS), ("i2", "INT", [*reversed(INTS), 4]), ("l", "BIGINT", LONGS),
           ("l2", "BIGINT", [*reversed(LONGS), 9]), ("f", "FLOAT", FLOATS), ("f2", "FLOAT", [*reversed(FLOATS), 7.0]),
           ("d", "DOUBLE", REALS), ("d2", "DOUBLE", [*reversed(REALS), 8.25]), ("n", "INT", PARTS),
           ("n2", "INT", [*reversed(PARTS), 6]), ("s", "STRING", TEXTS), ("s2", "STRING", ["a", "b", "X", ",", "", None,
            "o", "[a-c]", "b.", "é", "テ", "lo", "o, W", " "]), ("num", "STRING", NUMERALS), ("tm", "STRING", TIMETEXTS),
           ("url", "STRING", URLS), ("unit", "STRING", UNITS), ("zone", "STRING", ZONES), ("y", "BINARY", BYTES),
           ("y2", "BINARY", [*reversed(BYTES), "61"]), ("dt", "DATE", DATES),
           ("dt2", "DATE", [*reversed(DATES), 19000]),
           ("ts", "TIMESTAMP", TIMES), ("ts2", "TIMESTAMP", [*reversed(TIMES), 10**15]),
           ("st", "STRUCT<a: INT, b: STRING>", [None, [1, "61"], [None, None], [-5, ""]])]


def bits(value):
    return struct.pack(">d", value).hex()


class Rows:
    def __init__(self, seed, n):
        chance = random.Random(seed)
        self.n = n
        self.values = {name: [self.cell(kind, edge, i, chance) for i in range(n)] for name, kind, edge in COLUMNS}

    @staticmethod
    def cell(kind, edge, i, chance):
        if i < len(edge) or chance.random() < 0.5:
            return edge[i % len(edge)]
        match kind:
            case "TINYINT" | "SMALLINT" | "INT" | "BIGINT":
                top = {"TINYINT": 7, "SMALLINT": 15, "INT": 31, "BIGINT": 63}[kind]
                size = chance.randrange(1, top)
                value = chance.randrange(-2**size, 2**size)
                return min(max(value, -400), 400) if edge is PARTS else value
            case "FLOAT":
                return struct.unpack("f", struct.pack("f", chance.uniform(-1000, 1000)))[0]
            case "DOUBLE":
                return chance.choice([chance.uniform(-10, 10), chance.uniform(-1e6, 1e6),
                                      10 ** chance.uniform(-30, 30)])
            case "DATE":
                return chance.randrange(day("1500-01-01"), day("2500-01-01"))
            case "TIMESTAMP":
                return chance.randrange(us("1500-01-01"), us("2500-01-01"))
        return chance.choice(edge)

    # ---- millrace ----

    @staticmethod
    def coded(kind, value):
        if value is None:
            return None
        if kind in ("FLOAT", "DOUBLE"):
            return bits(value)
        if kind == "STRING":
            return value.encode().hex()
        return int(value) if kind == "BOOLEAN" else value

    def evaluate(self, expressions):
        job = {"now_us": us("2024-06-15T10:00:00"), "expressions": expressions,
               "columns": [["id", "INT"]] + [[name, kind] for name, kind, _ in COLUMNS],
               "values": [list(range(self.n))] +
                         [[self.coded(kind, v) for v in self.values[name]] for name, kind, _ in COLUMNS]}
        return evaluate(job)

    # ---- Spark ----

    @staticmethod
    def literal(kind, value):
        if value is None:
            return f"CAST(NULL AS {kind})"
        match kind:
            case "BOOLEAN":
                return str(value).upper()
            case "FLOAT" | "DOUBLE":
                return f"CAST('{value!r}' AS {kind})"
            case "STRING":
                return f"CAST(X'{value.encode().hex()}' AS STRING)"
            case "BINARY":
                return f"X'{value}'"
            case "DATE":
                return f"date_from_unix_date({value})"
            case "TIMESTAMP":
                return f"timestamp_micros({value}L)"
        if kind.startswith("STRUCT"):
            text = None if value[1] is None else bytes.fromhex(value[1]).decode()
            return f"named_struct('a', {Rows.literal('INT', value[0])}, 'b', {Rows.literal('STRING', text)})"
        return f"CAST('{value}' AS {kind})"

    def spark_sql(self):
        names = ", ".join(["id"] + [name for name, _, _ in COLUMNS])
        rows = ", ".join("(" + ", ".join([str(i)] + [self.literal(kind, self.values[name][i])
                                                     for name, kind, _ in COLUMNS]) + ")" for i in range(self.n))
        return f"SELECT * FROM VALUES {rows} AS v({names})"


def program():
    """The newest build of tests/parity/evaluate.c, or None."""
    top = pathlib.Path(__file__).resolve().parents[2]
    found = list(top.glob("build/*/tests/evaluate"))
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def evaluate(job):
    done = subprocess.run([str(program())], input=json.dumps(job), capture_output=True, text=True, timeout=300,
                          env={**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1"})
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def encode(x, kind):
    """SQL for a value of Spark of that type (pyspark's simpleString is enough for atoms), as evaluate prints it."""
    from pyspark.sql import types
    if isinstance(kind, (types.StringType, types.BinaryType)):
        return f"lower(hex(CAST({x} AS BINARY)))"
    if isinstance(kind, types.TimestampType):
        return f"unix_micros({x})"
    if isinstance(kind, types.DateType):
        return f"unix_date({x})"
    if isinstance(kind, types.BooleanType):
        return f"CAST({x} AS INT)"
    if isinstance(kind, types.DecimalType):
        return f"lower(hex(CAST({x} AS STRING)))"
    if isinstance(kind, types.StructType):
        inner = ", ".join(f"{encode(f'{x}.`{f.name}`', f.dataType)} AS c{n}" for n, f in enumerate(kind.fields))
        return f"CASE WHEN {x} IS NOT NULL THEN struct({inner}) END"
    if isinstance(kind, types.ArrayType):
        return f"transform({x}, e -> {encode('e', kind.elementType)})"
    if isinstance(kind, types.MapType):
        return f"transform(map_entries({x}), m -> struct({encode('m.key', kind.keyType)}, " \
               f"{encode('m.value', kind.valueType)}))"
    return x


def plain(value):
    """A collected value as evaluate prints it."""
    if isinstance(value, float):
        return bits(NAN) if math.isnan(value) else bits(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def same(ours, theirs):
    """NaNs of any bits are one."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if ours == theirs:
        return True
    return is_nan(ours) and is_nan(theirs) or shorter_text(ours, theirs)


def shorter_text(ours, theirs):
    """One double as text, with fewer digits here: docs/sql/differences.md."""
    try:
        ours, theirs = (bytes.fromhex(text).decode() for text in (ours, theirs))
        return len(ours) < len(theirs) and re.fullmatch(r"-?\d+\.\d{15,}(E-?\d+)?", theirs) is not None \
            and float(ours) == float(theirs)
    except (TypeError, ValueError):
        return False


def near(ours, theirs, ulps=4):
    """Doubles that differ in their last digit only."""
    return isinstance(ours, str) and isinstance(theirs, str) and abs(int(ours, 16) - int(theirs, 16)) <= ulps


def is_nan(value):
    return isinstance(value, str) and len(value) == 16 and value[1:4].lower() in ("ff8", "ff0") and value[0] in "7f" \
        and math.isnan(struct.unpack(">d", bytes.fromhex(value))[0])
