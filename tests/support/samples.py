# SPDX-License-Identifier: MIT
"""The sample tables of tests/unit/sink/test_samples.c, and what their rows are.

Every value follows from its row number; the functions below say how, in the order of the columns there.
"""
import datetime
import decimal
import math
import os
import pathlib
import subprocess

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = datetime.timedelta(microseconds=1)


def program():
    """The newest build of the sample writer, or None."""
    top = pathlib.Path(__file__).resolve().parents[2]
    found = [pathlib.Path(p) for p in (os.environ.get("MILLRACE_SAMPLES_PROGRAM"),) if p]
    found = found or list(top.glob("build/*/tests/test_sink_samples"))
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def write(folder):
    """All sample tables into the folder."""
    run(MILLRACE_SAMPLES=str(folder))
    return folder


def our_turn(table):
    """Rows 300 to 309 of partitioned_row into the table, as the next epoch of the samples' query; and a checkpoint when
    the table's interval says so."""
    run(MILLRACE_APPEND=str(table))


def run(**environment):
    done = subprocess.run([str(program())], env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def wrap(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def scaled(unscaled, places):
    return decimal.Decimal(unscaled).scaleb(-places, decimal.Context(prec=38))


def nested(i):
    if i % 4 == 0:
        return None
    inner = None if i % 4 == 1 else {"y": None if i % 4 == 2 else "three" if i % 8 == 3 else "seven", "z": -i}
    return {"x": i, "in": inner}


def typed_row(i):
    return {
        "id": i,
        "flag": None if i % 7 == 0 else i % 3 == 0,
        "tiny": i * 7 % 256 - 128,
        "small": i * 31 % 65536 - 32768,
        "num": wrap(i * 2654435761, 32),
        "big": -2**63 if i == 0 else 2**63 - 1 if i == 1 else i * 1000003,
        "f": i % 100 * 0.5 - 10,
        "d": math.inf if i == 2 else i * 0.1,
        "zero": 0.0 if i % 2 else -0.0,
        "nan": math.nan if i % 10 == 3 else float(i % 10),
        "name": f"row-{i}",
        "low": "" if i % 5 == 0 else f"k{i % 10}",
        "uni": f"žluťoučký kůň 🐎 {i % 3}",
        "long": "z" * 300 + str(i) if i % 1000 == 0 else None,
        "bin": bytes([i & 255, i >> 8 & 255, 0, 255]),
        "day": datetime.date(1970, 1, 1) + datetime.timedelta(days=i * 3 - 10000),
        "ts": EPOCH + (i - 1000) * 3600000001 * MICROSECOND,
        "nothing": None,
        "s": nested(i),
        "d9": None if i % 11 == 0 else scaled(i * 7 - 100000, 2),
        "d18": scaled(i * 1000000007 - 5000000000000, 4),
        "d20": scaled(i * 10**15 - 1, 0),
        "d38": scaled((i - 25000) * 10**30 + i, 10),
        "ints": None if i % 6 == 0 else [None if (i + k) % 5 == 0 else i + k for k in range(i % 6 - 1)],
        "deep": [None if (i + k) % 4 == 0 else
                 {"x": i * 10 + k, "y": None if k == 0 and i % 7 == 0 and i % 3 == 0 else
                  [f"y{j}" for j in range((i + k) % 3)]} for k in range(i % 3)],
    }


WHO = ["plain", "a b/c=d%é:?", None, None, 'quote"back\\slash', "..", "new\nline", "_x"]  # "" is NULL in a partition


def map_row(i):
    """A MAP as pyarrow has it: pairs."""
    return {"id": i, "m": [(f"k{k}", None if k == 1 else i + k / 2) for k in range(i % 4)] if i % 5 else None}


def partitioned_row(i):
    return {"id": i, "day": datetime.date(1970, 1, 1) + datetime.timedelta(days=19000 + i % 3), "who": WHO[i % 8],
            "at": EPOCH + (1704164645120000 + i % 2) * MICROSECOND, "even": i % 2 == 0}


def by_day_row(i):
    """partitioned_row where `who` is stored in files: an empty text is not NULL there."""
    return {**partitioned_row(i), "who": "" if i % 8 == 2 else WHO[i % 8]}
