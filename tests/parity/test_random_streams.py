# SPDX-License-Identifier: MIT
"""Random queries over random streams, through Spark and millrace: equal as multisets of rows.

    ./dev parity --pairs 200 --seed 7

A pair that differs is shrunk (rows, then clauses) and printed as one file; PARITY_REPLAY=that file runs it again.
"""
import dataclasses
import json
import os
import random
import re

import pytest

import test_streams as streams
from both_engines import BothEngines
from conftest_shared import FULL
from millrace import binary

PAIRS = int(os.environ.get("PARITY_PAIRS") or (200 if FULL else 20))
SEED = int(os.environ.get("PARITY_SEED") or 1)
AGGREGATES = ["count(*)", "count(v)", "count(k)", "sum(v)", "min(v)", "max(v)", "avg(v)", "min(kind)", "max(ts)",
              "sum(CASE WHEN v > 0 THEN 1 ELSE 0 END)", "max(length(k))", "sum(abs(v))", "count(nullif(v, 0))",
              "min(concat(k, kind))", "sum(v % 7)", "max(hour(ts))", "count_if(v > 3)", "count(*) FILTER (WHERE v > 0)",
              "sum(v) FILTER (WHERE kind = 'x')", "sort_array(collect_list(v))", "sort_array(collect_set(k))",
              "approx_count_distinct(v)", "max_by(v, v)", "bool_or(v > 40)", "bit_xor(v)", "size(collect_list(k))",
              "avg(CAST(v AS DECIMAL(9,2)))", "max(struct(v, kind))"]
FILTERS = ["v > 0", "v % 3 <> 0", "kind = 'x'", "k IS NOT NULL", "k IN ('a', 'b')", "k <=> NULL",
           "v BETWEEN -20 AND 20", "ts < TIMESTAMP '1970-01-01 00:20:00'", "ts IS NOT NULL",
           "upper(k) LIKE 'A%'", "coalesce(v, 0) >= 0",
           "offset % 2 = 0", "second(ts) % 10 < 7", "k RLIKE '[ab]'", "NOT (v < 0 OR kind = 'y')"]
KEYS = ["k", "kind", "upper(k)", "v % 3", "coalesce(k, 'none')", "v > 0"]
VALUES = ["k", "v", "kind", "ts", "v * 2 - 1", "concat_ws('-', k, kind)", "date_format(ts, 'HH:mm:ss')", "v / 3",
          "CASE WHEN v > 0 THEN k ELSE kind END", "hash(k, v)", "lpad(k, 3, '*')", "date_trunc('MINUTE', ts)",
          "array(v, NULL, 7)", "map('v', v)", "named_struct('k', k, 'v', v)", "CAST(v AS DECIMAL(12,3)) / 7"]
HAVINGS = ["count(*) > 1", "sum(v) > 0", "max(v) IS NOT NULL", "count(*) % 2 = 1"]


@dataclasses.dataclass
class Pair:
    kind: str                 # window, session, chain (of windows), distinct, rows, union
    delay: int
    size: int
    slide: int                # 0: tumbling
    keys: list
    values: list              # aggregates, or expressions of rows
    filters: list
    having: list
    join: str                 # "", JOIN, LEFT JOIN
    cap: int
    records: list             # per partition

    def sql(self):
        where = f" WHERE {' AND '.join(map(self.of_event, self.filters))}" if self.filters else ""
        view = streams.events(self.delay)
        join = f" {self.join} dim ON e.k = dim.k" if self.join else ""
        keys = [self.of_event(key) for key in self.keys] + (["name"] if join else [])
        named = [f"{self.of_event(x)} AS c{i}" for i, x in enumerate(self.values)]
        if self.kind == "distinct":
            names = ", ".join(["ts", *[f"{key} AS k{i}" for i, key in enumerate(keys)]])
            return f"SELECT DISTINCT {names} FROM {view}{join}{where}"
        if self.kind in ("rows", "union"):
            select = f"SELECT {', '.join([*named, 'offset'])} FROM {view}{join}{where}"
            if self.kind == "rows":
                return select
            return f"{select} UNION ALL SELECT {', '.join([*named, '-offset'])} FROM {view}{join} WHERE v > 5"
        window = f"window(ts, '{self.size} seconds'" + (f", '{self.slide} seconds')" if self.slide else ")")
        select = ["window.start AS ws", "window.end AS we", *[f"{key} AS k{i}" for i, key in enumerate(keys)], *named]
        having = f" HAVING {' AND '.join(self.having)}" if self.having else ""
        if self.kind == "session":
            window, select[:2] = f"session_window(ts, '{self.size} seconds')", ["session_window.start AS ws",
                                                                               "session_window.end AS we"]
        grouped = f"FROM {view}{join}{where} GROUP BY {', '.join([window, *keys])}{having}"
        if self.kind == "chain":
            inner = f"SELECT window AS w, {', '.join(select[2:])} {grouped}"
            outer = f"window(w, '{self.size * 2} seconds')"
            return f"SELECT window.start AS ws, count(*) AS n FROM ({inner}) GROUP BY {outer}"
        return f"SELECT {', '.join(select)} {grouped}"

    def of_event(self, x):
        return re.sub(r"\bk\b", "e.k", x) if self.join else x

    def case(self):
        return self.sql(), self.records, self.cap


def random_pair(seed):
    chance = random.Random(seed)
    some = lambda xs, most: chance.sample(xs, chance.randrange(most + 1))  # noqa: E731
    kind = chance.choice(["window"] * 5 + ["session", "session", "chain", "distinct", "rows", "union"])
    size = chance.choice([4, 5, 10, 30])
    records = [streams.random_events(seed * 10 + p, chance.choice([30, 120, 300]), late=chance.choice([0.05, 0.3, 0.6]))
               for p in range(chance.choice([1, 1, 2, 3]))]
    for values in records:  # duplicates
        values += chance.sample(values, len(values) // 10)
    slide = chance.choice([0, 0, size // 2 or 1, 3 if size > 3 else 1])
    values = chance.sample(VALUES if kind in ("rows", "union") else AGGREGATES, chance.randrange(1, 5))
    having = some(HAVINGS, 1) if kind in ("window", "session", "chain") else []
    cap = max(1, sum(map(len, records)) // chance.choice([1, 3, 5, 8]))
    return Pair(kind, chance.choice([0, 1, 5, 20]), size, slide, some(KEYS, 2), values, some(FILTERS, 2), having,
                chance.choice(["", "", "JOIN", "LEFT JOIN"]), cap, records)


def smaller(pair):
    """Pairs with less in them, the greatest steps first."""
    for part, values in enumerate(pair.records):
        for size in (len(values) // 2, len(values) // 4, 1):
            for at in range(0, len(values) if size else 0, size or 1):
                records = [list(r) for r in pair.records]
                records[part] = values[:at] + values[at + size:]
                if any(records):
                    yield dataclasses.replace(pair, records=records)
    for name in ("filters", "having", "keys", "values"):
        for i in range(len(getattr(pair, name))):
            less = [x for k, x in enumerate(getattr(pair, name)) if k != i]
            if less or name != "values":
                yield dataclasses.replace(pair, **{name: less})
    if pair.join:
        yield dataclasses.replace(pair, join="")
    if pair.slide:
        yield dataclasses.replace(pair, slide=0)


class Runner:
    def __init__(self, kafka, spark_python, folder):
        self.engines, self.folder, self.n = BothEngines(kafka, spark_python, folder), folder, 0

    def differences(self, pairs):
        """{name: what differs} of those that differ."""
        self.engines.spark({name: pair.case() for name, pair in pairs.items()})
        found = {}
        for name in pairs:
            self.n += 1
            folder = self.folder / f"ours-{self.n}"
            folder.mkdir()
            differ = self.engines.compare(name, folder)[2]
            if differ:
                found[name] = differ
        return found

    def shrink(self, pair, steps=6, width=8):
        """As long as one of the next smaller ones still differs."""
        for _ in range(steps):
            tries = {f"try {i}": p for i, (p, _) in enumerate(zip(smaller(pair), range(width)))}
            found = self.differences(tries)
            if not found:
                return pair
            pair = tries[next(iter(found))]
        return pair


@pytest.fixture(scope="module")
def runner(kafka, spark_python, tmp_path_factory):
    if binary() is None:
        pytest.skip("millrace is not built: ./dev build")
    return Runner(kafka, spark_python, tmp_path_factory.mktemp("random"))


@pytest.mark.timeout(36000)
def test_random_queries_give_the_same_rows(runner):
    if os.environ.get("PARITY_REPLAY"):
        pairs = {"replay": Pair(**json.load(open(os.environ["PARITY_REPLAY"])))}
    else:
        pairs = {f"seed {seed}": random_pair(seed) for seed in range(SEED * 1000, SEED * 1000 + PAIRS)}
    names, reports = list(pairs), []
    for at in range(0, len(names), 20):
        for name, differ in runner.differences({n: pairs[n] for n in names[at:at + 20]}).items():
            pair = runner.shrink(pairs[name]) if len(reports) < 3 else pairs[name]
            file = json.dumps(dataclasses.asdict(pair))
            reports.append(f"{name}: {differ}\n{pair.sql()}\nPARITY_REPLAY file:\n{file}")
    assert not reports, f"{len(reports)} of {len(pairs)} pairs differ:\n" + "\n\n".join(reports)
