# SPDX-License-Identifier: MIT
"""Random queries over random streams, through Spark and millrace: equal as multisets of rows.

    ./dev parity --pairs 200 --seed 7

A pair that differs is shrunk (rows and clauses) and printed as one file that runs it again; build/parity has it too.
"""
import dataclasses
import itertools
import os
import pathlib
import pprint
import random
import re
import runpy

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
              "avg(CAST(v AS DECIMAL(9,2)))", "max(struct(v, kind))", "round(stddev(v), 6)", "round(var_pop(v), 6)",
              "round(kurtosis(v), 4)", "round(covar_pop(v, offset), 4)",
              "min_by(v, v)", "max_by(offset, struct(v, offset))",
              "min_by(k, struct(offset, v, ts, k)) FILTER (WHERE v <> 0)",  # offsets alone tie between partitions
              "mode(v, true)", "round(regr_slope(v, offset), 4)", "try_sum(v)", "regr_count(v, offset)",
              "round(regr_r2(v, offset), 4)", "percentile_approx(v, 0.5)",
              "sort_array(collect_list(v) FILTER (WHERE k = 'a'))", "median(v)",
              "max(ts) - min(ts) > INTERVAL 2 SECONDS", "count(*) > 2", "sum(v) / count(*)", "map('n', count(v))"]
FILTERS = ["v > 0", "v % 3 <> 0", "kind = 'x'", "k IS NOT NULL", "k IN ('a', 'b')", "k <=> NULL",
           "v BETWEEN -20 AND 20", "ts < TIMESTAMP '1970-01-01 00:20:00'", "ts IS NOT NULL",
           "upper(k) LIKE 'A%'", "coalesce(v, 0) >= 0",
           "offset % 2 = 0", "second(ts) % 10 < 7", "k RLIKE '[ab]'", "NOT (v < 0 OR kind = 'y')",
           "k IN (SELECT d.k FROM dim d)", "kind NOT IN (SELECT d.name FROM dim d WHERE d.name > 'B')",
           "EXISTS (SELECT 1 FROM dim d WHERE d.k = e.k AND v > length(d.name))",
           "NOT EXISTS (SELECT * FROM dim d WHERE d.k = e.k AND second(ts) > 5 * length(d.name))"]
JOINS = {"": 5, "JOIN": 3, "LEFT JOIN": 3, "LEFT SEMI JOIN": 2, "LEFT ANTI JOIN": 2}  # how often
KEYS = ["k", "kind", "upper(k)", "v % 3", "coalesce(k, 'none')", "v > 0"]
VALUES = ["k", "v", "kind", "ts", "v * 2 - 1", "concat_ws('-', k, kind)", "date_format(ts, 'HH:mm:ss')", "v / 3",
          "CASE WHEN v > 0 THEN k ELSE kind END", "hash(k, v)", "lpad(k, 3, '*')", "date_trunc('MINUTE', ts)",
          "array(v, NULL, 7)", "map('v', v)", "named_struct('k', k, 'v', v)", "CAST(v AS DECIMAL(12,3)) / 7"]
TOP = pathlib.Path(__file__).resolve().parents[2]
KINDS = {  # how often
    "window": 6, "session": 3, "chain": 2, "session of windows": 1, "window of sessions": 1, "two watermarks": 2,
    "union of windows": 1, "joined windows": 1, "distinct": 1, "rows": 1, "exploded": 1, "union": 1}
HAVINGS = ["count(*) > 1", "sum(v) > 0", "max(v) IS NOT NULL", "count(*) % 2 = 1"]


@dataclasses.dataclass
class Pair:
    kind: str                 # one of KINDS
    delay: int
    size: int
    slide: int                # 0: tumbling
    keys: list
    values: list              # aggregates, or expressions of rows
    filters: list
    having: list
    join: str                 # one of JOINS
    cap: int
    records: list             # per partition

    def sql(self):
        join = f" {self.join} dim ON e.k = dim.k" if self.join else ""
        where = f" WHERE {' AND '.join(map(self.of_event, self.filters))}" if self.filters else ""
        view = streams.events(self.delay)
        if self.kind == "exploded":
            view = view.replace("(SELECT ", "(SELECT *, posexplode_outer(sequence(0, v % 4)) FROM (SELECT ", 1)
            view = view.replace(") AS e, offset FROM STREAM src))", ") AS e, offset FROM STREAM src)))")
        source = f"{view}{join}{where}"
        keys = [self.of_event(key) for key in self.keys] + (["name"] if self.join in ("JOIN", "LEFT JOIN") else [])
        values = [f"{self.of_event(x)} AS c{i}" for i, x in enumerate(self.values)]
        named = [f"{key} AS k{i}" for i, key in enumerate(keys)]
        match self.kind:
            case "distinct":
                return f"SELECT DISTINCT {', '.join(['ts', *named])} FROM {source}"
            case "rows":
                return f"SELECT {', '.join([*values, 'offset'])} FROM {source}"
            case "union":
                other = f"{streams.events(self.delay)}{join} WHERE v > 5"
                return f"SELECT {', '.join([*values, 'offset'])} FROM {source} UNION ALL " \
                       f"SELECT {', '.join([*values, '-offset'])} FROM {other}"
            case "two watermarks":
                both = f"(SELECT k, v, kind, ts, offset FROM {streams.events(self.delay)} WHERE kind = 'x' UNION ALL " \
                       f"SELECT k, v, kind, ts, -offset FROM {streams.events(self.size)} WHERE v > 0) AS e"
                return self.grouped(f"{both}{join}{where}", keys, self.window("ts"), [*named, *values])
        window = self.window("ts")
        plain = self.grouped(source, keys, window, [*named, *values])
        if self.kind in ("window", "session", "exploded"):
            return plain
        if self.kind == "union of windows":
            other = f"{streams.events(self.size)}{join} WHERE v > 5"
            return f"{plain} UNION ALL {self.grouped(other, keys, window, [*named, *values])}"
        inner = self.grouped(source, keys, window, [*named, "count(*) AS n"], whole=True)
        if self.kind == "joined windows":
            letter = f"SELECT *, substr('abcd', n, 1) AS d FROM ({inner})"
            return f"SELECT w.start AS ws, w.end AS we, n, dim.name AS other FROM ({letter}) LEFT JOIN dim ON d = dim.k"
        if self.kind == "session of windows":
            return f"SELECT session_window.start AS ws, session_window.end AS we, n % 2 AS k, count(*) AS m FROM " \
                   f"({inner}) GROUP BY session_window(window_time(w), '{self.size} seconds'), n % 2"
        time = "wt" if self.kind == "window of sessions" else "w"
        inner = f"SELECT window_time(w) AS wt, n FROM ({inner})" if time == "wt" else inner
        return f"SELECT window.start AS ws, count(*) AS m, sum(n) AS n FROM ({inner}) " \
               f"GROUP BY window({time}, '{self.size * 2} seconds')"

    def window(self, time):
        if self.kind in ("session", "window of sessions"):
            return f"session_window({time}, '{self.size} seconds')"
        return f"window({time}, '{self.size} seconds'" + (f", '{self.slide} seconds')" if self.slide else ")")

    def grouped(self, source, keys, window, columns, whole=False):
        """One aggregation; its window as columns, or whole as w."""
        name = window.split("(")[0]
        bounds = [f"{name} AS w"] if whole else [f"{name}.start AS ws", f"{name}.end AS we"]
        having = f" HAVING {' AND '.join(self.having)}" if self.having else ""
        return f"SELECT {', '.join([*bounds, *columns])} FROM {source} GROUP BY {', '.join([window, *keys])}{having}"

    def of_event(self, x):
        return re.sub(r"(?<![.\w])k\b", "e.k", x) if self.join else x

    def case(self):
        return self.sql(), self.records, self.cap


def random_pair(seed):
    chance = random.Random(seed)
    some = lambda xs, most: chance.sample(xs, chance.randrange(most + 1))  # noqa: E731
    kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
    of_rows = kind in ("rows", "union")
    size = chance.choice([4, 5, 10, 30])
    records = [streams.random_events(seed * 10 + p, chance.choice([30, 120, 300]), late=chance.choice([0.05, 0.3, 0.6]))
               for p in range(chance.choice([1, 1, 2, 3]))]
    for values in records:  # duplicates
        values += chance.sample(values, len(values) // 10)
    slide = chance.choice([0, 0, size // 2 or 1, 3 if size > 3 else 1])
    keys = some(KEYS, 2) or (["k"] if "session" in kind else [])  # both engines refuse sessions of everybody
    values = chance.sample(VALUES if of_rows else AGGREGATES, chance.randrange(1, 5))
    having = [] if of_rows or kind == "distinct" else some(HAVINGS, 1)
    if kind == "exploded":
        values += ["sum(pos)", "count(col)"]
    cap = max(1, sum(map(len, records)) // chance.choice([1, 3, 5, 8]))
    return Pair(kind, chance.choice([0, 1, 5, 20]), size, slide, keys, values, some(FILTERS, 2), having,
                chance.choices(list(JOINS), list(JOINS.values()))[0], cap, records)


def smaller(pair):
    """Pairs with less in them, the greatest steps first."""
    yield from fewer_records(pair, 2)
    for name in ("filters", "having", "keys", "values"):
        for i in range(len(getattr(pair, name))):
            less = [x for k, x in enumerate(getattr(pair, name)) if k != i]
            if less or name == "filters" or name == "having" or name == "keys" and "session" not in pair.kind:
                yield dataclasses.replace(pair, **{name: less})
    if pair.join:
        yield dataclasses.replace(pair, join="")
    if pair.slide:
        yield dataclasses.replace(pair, slide=0)
    for parts in (4, 16, 1 << 30):
        yield from fewer_records(pair, parts)


def fewer_records(pair, parts):
    """Without one of so many parts of a partition."""
    for n, values in enumerate(pair.records):
        size = max(1, -(-len(values) // parts))
        for at in range(0, len(values), size):
            records = [list(r) for r in pair.records]
            records[n] = values[:at] + values[at + size:]
            if any(records):
                yield dataclasses.replace(pair, records=records)


def shrink(pair, differences, width=8, most=160):
    """Smaller ones that still differ, as long as there are any and the tries last."""
    candidates = smaller(pair)
    while tries := {f"try {i}": p for i, p in enumerate(itertools.islice(candidates, min(width, most)))}:
        most -= len(tries)
        found = differences(tries)
        if found:
            pair = tries[min(found, key=lambda name: int(name.split()[1]))]
            candidates = smaller(pair)
    return pair


FILE = '''"""{name}: {differ}

{sql}

Run it at the top of the clone: ./dev python {path}
"""
import os
import subprocess
import sys

PAIR = {pair}

if __name__ == "__main__":
    sys.exit(subprocess.call([sys.executable, "-m", "pytest", "-q", "tests/parity/test_random_streams.py"],
                             env={{**os.environ, "PARITY_REPLAY": __file__}}))
'''


def write_file(name, pair, differ):
    """The pair as a program of its own: (path, text)."""
    path = TOP / "build/parity" / f"{name.replace(' ', '_')}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    said = differ.replace("\\", "\\\\").replace('"', "'")
    path.write_text(FILE.format(name=name, differ=said, sql=pair.sql(), path=path.relative_to(TOP),
                                pair=pprint.pformat(dataclasses.asdict(pair), width=118, sort_dicts=False)))
    return path, path.read_text()


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


@pytest.fixture(scope="module")
def runner(kafka, spark_python, tmp_path_factory):
    if binary() is None:
        pytest.skip("millrace is not built: ./dev build")
    return Runner(kafka, spark_python, tmp_path_factory.mktemp("random"))


def test_a_pair_that_differs_shrinks_to_what_makes_it_differ_and_its_file_runs_it_again(tmp_path):
    pair = dataclasses.replace(random_pair(1), kind="window", filters=["v > 0", "k IS NOT NULL"], slide=3, join="JOIN",
                               keys=["k", "kind"], values=["count(*)", "sum(v)"], having=["count(*) > 1"],
                               records=[[f"a{i}" for i in range(100)], [f"b{i}" for i in range(60)]])
    tried = []

    def differences(pairs):
        tried.extend(pairs)
        return {name: "differs" for name, p in pairs.items()
                if "a7" in p.records[0] and "b50" in p.records[1] and "sum(v)" in p.values and "v > 0" in p.filters}

    small = shrink(pair, differences)
    assert (small.records, small.values, small.filters) == ([["a7"], ["b50"]], ["sum(v)"], ["v > 0"])
    assert (small.keys, small.having, small.join, small.slide) == ([], [], "", 0)
    assert len(tried) <= 160
    path, text = write_file("test seed", small, 'rows "differ": C:\\new """')
    assert Pair(**runpy.run_path(str(path))["PAIR"]) == small
    assert small.sql() in text and f"./dev python {path.relative_to(TOP)}" in text
    path.unlink()


def test_what_always_differs_shrinks_to_one_record():
    small = shrink(random_pair(2), lambda pairs: dict.fromkeys(pairs, "differs"))
    assert sum(map(len, small.records)) == 1


@pytest.mark.timeout(36000)
def test_random_queries_give_the_same_rows(runner):
    if os.environ.get("PARITY_REPLAY"):
        pairs = {"replay": Pair(**runpy.run_path(os.environ["PARITY_REPLAY"])["PAIR"])}
    else:
        pairs = {f"seed {seed}": random_pair(seed) for seed in range(SEED * 1000, SEED * 1000 + PAIRS)}
    names, reports = list(pairs), []
    for at in range(0, len(names), 20):
        for name, differ in runner.differences({n: pairs[n] for n in names[at:at + 20]}).items():
            pair = shrink(pairs[name], runner.differences) if len(reports) < 3 and name != "replay" else pairs[name]
            reports.append(write_file(name, pair, differ)[1])
    assert not reports, f"{len(reports)} of {len(pairs)} pairs differ:\n" + "\n\n".join(reports)
