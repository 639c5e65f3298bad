# SPDX-License-Identifier: MIT
"""The same SQL over the same topic through Spark and millrace: equal as multisets of rows.

Both read with maxOffsetsPerTrigger and available-now, so both run the same micro-batches. Every case is a topic and a
SELECT; `src` is the Kafka source, `dim` a static table. Spark runs them all in one process.
"""
import json
import random

import pytest

import delta_read
from both_engines import BothEngines
from conftest_shared import FULL
from millrace import binary

VIEW = """(SELECT e.k, e.v, timestamp_millis(e.t) AS ts, e.kind, offset FROM
  (SELECT from_json(CAST(value AS STRING), 'k STRING, v {type}, t BIGINT, kind STRING') AS e, offset FROM STREAM src))
  WATERMARK ts DELAY OF INTERVAL {delay} SECONDS AS e"""


def event(seconds, k="a", v=1, **more):
    return json.dumps({"k": k, "v": v, "t": None if seconds is None else round(seconds * 1000), "kind": "x", **more})


def events(delay=10, type="BIGINT"):
    return VIEW.format(delay=delay, type=type)


def random_events(seed, n, late=0.1):
    """Out of order, some late on either side of both watermarks, some with missing or wrong fields."""
    chance, now, out = random.Random(seed), 1000.0, []
    for i in range(n):
        now += chance.expovariate(1) * 0.8
        time = now - (chance.uniform(0, 60) if chance.random() < late else chance.uniform(0, 3))
        time = chance.choice([time, time, time, float(int(time)), float(int(time / 5) * 5)])
        record = {"k": chance.choice(["a", "b", "c", "d", None]), "v": chance.randrange(-50, 50),
                  "t": int(time * 1000), "kind": chance.choice(["x", "y"])}
        if chance.random() < 0.05:
            record[chance.choice(["k", "v", "t", "kind"])] = chance.choice([None, "many", 1.5, True, {"a": [1]}])
        text = json.dumps(record)
        out.append(text if chance.random() > 0.02 else text[:chance.randrange(len(text))])
    return out


TUMBLING = [event(t, k) for t, k in [(1, "a"), (20, "a"), (9.999, "L1"), (9.999, "L2"), (10, "eq10"), (30, "a"),
                                     (19.999, "L3"), (20, "b"), (35, "a")]]
SLIDING = [event(t, k) for t, k in [(1, "a"), (7, "a"), (10, "a"), (4, "L"), (6, "M"), (30, "a")]]
COUNT = "SELECT window.start AS ws, window.end AS we, k, count(*) AS n FROM {} GROUP BY window(ts, {}), k"
AGGREGATES = """SELECT window.start AS ws, k, count(*) AS n, count(v) AS nv, sum(v) AS s, avg(v) AS a, min(v) AS lo,
  max(v) AS hi, min(kind) AS first_kind, max(ts) AS newest FROM {} GROUP BY window(ts, '10 seconds'), k"""
MANY = """SELECT window.start AS ws, k, count(*) FILTER (WHERE v > 0) AS f1, sum(v) FILTER (WHERE kind = 'x') AS f2,
  count_if(v > 10) AS ci, count_if(kind = 'y') FILTER (WHERE v < 0) AS cf, stddev(v) AS sd, stddev_samp(v) AS ss,
  std(v) AS st, stddev_pop(v) AS sp, variance(v) AS va, var_samp(v) AS vs, var_pop(v) AS vp, max_by(kind, v) AS xb,
  min_by(offset, v) AS nb, max_by(v, kind) FILTER (WHERE v <> 7) AS xf, min_by(ts, k) AS nk, first(v) AS fi,
  first(v, true) AS fn, last(v) AS la, last(v) IGNORE NULLS AS ln, any_value(kind) AS av, first_value(kind) AS fv,
  last_value(kind, true) AS lv, bool_and(v > -40) AS ba, every(v > -49) AS ev, bool_or(v > 40) AS bo,
  some(v > 45) AS so, any(v > 48) AS an, max(v > 3) AS mb, avg(v) FILTER (WHERE false) AS no
  FROM {} GROUP BY window(ts, '10 seconds'), k"""
BITS = """SELECT window.start AS ws, bit_and(v) AS ba, bit_or(v) AS bo, bit_xor(v) AS bx, stddev(v) AS sd,
  bit_xor(offset) AS bl, sum(CAST(v AS STRING)) AS sv FROM {}
  GROUP BY window(ts, '10 seconds')"""
MOMENTS = """SELECT window.start AS ws, k, skewness(v) AS sk, kurtosis(v) AS ku, covar_pop(v, offset) AS cp,
  covar_samp(v, length(kind)) AS cs, corr(v + offset / 1000, offset) AS co, covar_samp(2, v) AS c2,
  skewness(CAST(v AS STRING)) FILTER (WHERE v > 0) AS sf, corr(offset, -offset) AS cm, kurtosis(1) AS k1
  FROM {} GROUP BY window(ts, '10 seconds'), k"""
REGRESSION = """SELECT window.start AS ws, k, regr_count(v, offset) AS n, regr_avgx(v, offset) AS ax,
  regr_avgy(v, offset) AS ay, regr_sxx(v, offset) AS xx, regr_sxy(v, offset) AS xy, regr_syy(v, offset) AS yy,
  regr_slope(v, offset) AS sl, regr_intercept(v, offset) AS ic, regr_r2(v, offset) AS r2,
  regr_slope(v, length(kind)) AS s0, regr_r2(v, length(kind)) AS r0, regr_r2(length(kind), v) AS r1,
  regr_avgx(v, CAST(offset AS DECIMAL(9,2))) AS xd, regr_avgy(CAST(v AS STRING), offset) AS ys,
  regr_count(v, nullif(offset % 3, 0)) FILTER (WHERE v > 0) AS nf,
  regr_slope(nullif(v, 1), nullif(offset % 4, 0)) AS sn,
  regr_sxx(nullif(v, 1), nullif(offset % 4, 0)) AS xn, regr_intercept(nullif(v, 1), offset / 7) AS ic7
  FROM {} GROUP BY window(ts, '10 seconds'), k"""
TRIES = """SELECT window.start AS ws, k, try_sum(v) AS s, try_avg(v) AS a, try_sum(v / 3) AS d,
  try_sum(v * 180000000000000000L) AS o, try_avg(CAST(v AS DECIMAL(9,2))) AS ad, try_sum(CAST(v AS DECIMAL(9,2))) AS sd,
  try_sum(CAST(v AS DECIMAL(38,0)) * 1900000000000000000000000000000000000) AS od, try_sum(CAST(v AS STRING)) AS t,
  try_avg(CAST(v AS DECIMAL(38,0)) * 1900000000000000000000000000000000000) AS oa
  FROM {} GROUP BY window(ts, '10 seconds'), k"""
MODES = """SELECT window.start AS ws, k,
  mode(v, true) AS m, mode(kind, true) AS mk, mode(struct(v % 3, kind), true) AS ms, mode(k) AS m1,
  mode(v % 2 = 0, true) FILTER (WHERE v > 0) AS mf, mode(CAST(v % 4 AS DOUBLE), true) AS md,
  listagg(kind) AS l, string_agg(k, ', ') AS lk, listagg(nullif(kind, 'x'), '|') AS ln, listagg(v % 1, '-') AS lv
  FROM {} GROUP BY window(ts, '10 seconds'), k"""
WITHIN = """SELECT window.start AS ws, k, percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS a,
  percentile_cont(array(0.1, 0.25, 0.99)) WITHIN GROUP (ORDER BY v DESC) AS b,
  percentile_disc(array(0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.7, 0.9, 1)) WITHIN GROUP (ORDER BY v) AS c,
  percentile_disc(0.4) WITHIN GROUP (ORDER BY CAST(v AS STRING) DESC) AS d, mode() WITHIN GROUP (ORDER BY v) AS e,
  mode() WITHIN GROUP (ORDER BY kind DESC) FILTER (WHERE v > 0) AS f,
  listagg(kind, ',') WITHIN GROUP (ORDER BY kind) AS g, string_agg(k) WITHIN GROUP (ORDER BY k DESC) AS h
  FROM {} GROUP BY window(ts, '10 seconds'), k"""
SKETCH = """SELECT window.start AS ws, approx_count_distinct(v) AS v, approx_count_distinct(v, 0.01) AS v1,
  approx_count_distinct(CAST(v AS DOUBLE), 0.2) AS vd, approx_count_distinct(k) AS k, approx_count_distinct(ts) AS t,
  approx_count_distinct(offset) FILTER (WHERE kind = 'x') AS o, approx_count_distinct(v > 0) AS b,
  approx_count_distinct(concat(k, ' and a text of more than thirty-two bytes ', offset)) AS l,
  approx_count_distinct(CAST(offset AS FLOAT)) AS f, approx_count_distinct(CAST(ts AS DATE)) AS d,
  approx_count_distinct(CAST(k AS BINARY), 0.39) AS y FROM {} GROUP BY window(ts, '200 seconds')"""
SESSION = """SELECT session_window.start AS ws, session_window.end AS we, k, count(*) AS n, sum(v) AS s,
  min(kind) AS lo, first(v) AS f, max_by(v, ts) AS b FROM {} GROUP BY session_window(ts, '{}'), k"""
SESSIONS = [event(t, k) for t, k in [(0, "a"), (10, "a"), (0, "b"), (9.999, "b"), (9, "a"), (18, "a"), (5, "a"),
                                     (5, "a"), (1, "a"), (30, "L"), (9.999, "c"), (50, "z"), (51, "z"), (40, "a"),
                                     (200, "z")]]
INNER = "(SELECT window AS w, k, count(*) AS n FROM {} GROUP BY window(ts, '{}'), k {})"
CHAIN = """SELECT window.start AS ws, window.end AS we, count(*) AS groups, sum(n) AS n, max(n) AS most FROM {}
  GROUP BY window({}, '20 seconds')"""
TWO = """(SELECT 'left' AS side, k, ts FROM {left} WHERE kind = 'x'
  UNION ALL SELECT 'right' AS side, k, ts FROM {right} WHERE kind = 'y')"""
WIDE = [json.dumps(r, ensure_ascii=False) for r in [
    {"i": 1, "l": 2**62, "d": 1.5, "s": "Hello, World", "b": True, "st": {"x": 1, "y": "in"}, "dt": "2024-02-29",
     "ts": "2024-02-29T12:34:56.789Z"},
    {"i": -7, "l": -2**63, "d": -0.0, "s": "", "b": False, "st": {"x": None, "y": ""}, "dt": "1969-12-31",
     "ts": "1969-12-31 23:59:59.5"},
    {"i": 2**31 - 1, "l": 0, "d": 1e300, "s": "  blanks\tand tabs  ", "b": None, "st": None, "dt": "0001-01-01",
     "ts": "2024-01-01"},
    {"i": -2**31, "l": 5, "d": 2.5, "s": "ÄÖÜ ß ŉ İstanbul ﬃ ΟΔΟΣ ΣΑΣ'Σ Σ 𝒳", "b": True, "st": {}, "dt": "9990-12-31",
     "ts": "2024-06-30T23:59:60Z"},
    {"i": "3", "l": 1.0, "d": "NaN", "s": 12, "b": "true", "st": [1], "dt": 5, "ts": 1700000000},
    {"i": None, "l": None, "d": None, "s": None, "b": None, "st": None, "dt": None, "ts": None}, {},
    {"i": 3.0, "l": 1e3, "d": 7, "s": {"a": [1, 2.50, "x"]}, "b": 1, "st": {"x": "1", "y": 2, "z": 3}, "ts": "x"},
    {"i": 10, "l": 9007199254740993, "d": 0.1, "s": "a,b,,c", "b": False, "st": {"x": 2, "y": "a%b_c\\d"},
     "dt": "2023-12-31", "ts": "2000-02-29T00:00:00+05:30"}]]
WIDE += ['{"i": 1, "i": 2, "s": "twice"}', '{"s": "cut', '', 'null', '[{"i": 5}]', ' {"i": 6} ', '{"i": 7} tail',
         "{'i': 8}",
         '{"i": 01}', '{"d": 1e400, "s": "far"}', '{"d": "Infinity", "i": 4}', '{"d": -Infinity}',
         '{"s": "\\u00e9\\n\\ud83d"}',
         '{"l": 99999999999999999999}', '{"s": "tab\there"}', '{"b": "TRUE"}', '{"st": {"x": 1, "x": 2, "y": "q"}}',
         '{"I": 9, "S": "upper"}', '{"i": +1}', '{"i": -0, "d": -0}', '{"d": .5}', '{"d": 5.}', '{"i": 1,}',
         '{"s": tru}']
JSON = """(SELECT from_json(CAST(value AS STRING), 'i INT, l BIGINT, d DOUBLE, s STRING, b BOOLEAN,
  st STRUCT<x: INT, y: STRING>, dt DATE, ts TIMESTAMP') AS j, offset, CAST(value AS STRING) AS raw FROM STREAM src)"""
EXPRESSIONS = """j.i, j.l, j.d, j.s, j.b, j.st, j.st.x, j.dt, j.ts, j IS NULL
  try_cast(j.s AS INT), try_cast(j.d AS INT), try_cast(j.l AS INT), try_cast(j.l AS SMALLINT), CAST(j.i AS STRING)
  CAST(j.d AS STRING), CAST(j.dt AS STRING), CAST(j.ts AS STRING), CAST(j.b AS STRING), CAST(j.dt AS TIMESTAMP)
  CAST(j.ts AS DATE), CAST(j.i AS DOUBLE), CAST(j.b AS INT), CAST(j.s AS BINARY), try_cast(j.s AS BOOLEAN)
  try_cast(j.s AS DOUBLE), try_cast(j.s AS DATE), try_cast(j.s AS TIMESTAMP), CAST(j.ts AS BIGINT), CAST(j.l AS DOUBLE)
  j.d * 2 + 1, j.i / 2, j.d / 3, -j.d, j.i % 3, CAST(j.i AS BIGINT) * 10 - 3, j.d % 2
  j.i = 1, j.i <> 1, j.d > 1, j.d = j.d, j.s < 'a', j.s >= 'H', j.b AND j.i > 0, j.b OR j.i > 0, NOT j.b
  j.i IS NULL AND j.s IS NOT NULL, j.i IN (1, 2, NULL), j.i NOT IN (1, 2), j.s IN ('a', ''), j.i BETWEEN 1 AND 5
  j.s LIKE '%o%', j.s LIKE 'Hello_ W%', j.st.y LIKE 'a!%b!_c%' ESCAPE '!', j.s NOT LIKE '%a%'
  CASE WHEN j.i > 0 THEN 'plus' WHEN j.i < 0 THEN 'minus' END, CASE j.i WHEN 1 THEN 1.5 ELSE j.d END
  if(j.b, j.i, j.d), coalesce(j.s, j.st.y, 'none'), nullif(j.i, 1), coalesce(j.i, j.d)
  lower(j.s), upper(j.s), trim(j.s), length(j.s), substring(j.s, 2, 3), substring(j.s, -3, 2), substring(j.s, 0)
  concat(j.s, '-', j.i), replace(j.s, 'l', 'LL'), replace(j.s, ',', '')
  split_part(j.s, ',', 2), split_part(j.s, ',', -1)
  startswith(j.s, 'He'), contains(j.s, ','), length(CAST(j.s AS BINARY))
  abs(CAST(j.i AS BIGINT)), abs(j.d), round(j.d), round(j.d, 1)
  CASE WHEN j.i < 1000 AND j.i > -1000 THEN round(j.i, -1) END, greatest(j.i, 5, NULL), least(j.d, 1.0D)
  CASE WHEN abs(j.d) < 1e15 THEN floor(j.d) END, CASE WHEN abs(j.d) < 1e15 THEN ceil(j.d) END, greatest(j.s, 'b')
  timestamp_millis(j.i), timestamp_seconds(j.i), unix_millis(j.ts), unix_seconds(j.ts)
  date_trunc('HOUR', j.ts), date_trunc('month', j.ts), date_trunc('WEEK', j.ts), date_trunc('quarter', j.ts)
  to_date(j.ts)
  year(j.dt), month(j.dt), day(j.dt), hour(j.ts), minute(j.ts), second(j.ts), year(j.ts), date_trunc('nonsense', j.ts)
  j.ts + INTERVAL 90 SECONDS, j.ts - INTERVAL 1 DAY, j.dt + INTERVAL 2 DAYS, j.ts > TIMESTAMP '2024-01-01 00:00:00'
  j.dt = DATE '2024-02-29', get_json_object(raw, '$.s'), get_json_object(raw, '$.st.x'), get_json_object(raw, '$.st')
  get_json_object(raw, '$.s.a[1]'), get_json_object(raw, '$.d'), md5(CAST(j.s AS BINARY))
  sha2(CAST(j.s AS BINARY), 256)
  base64(CAST(j.s AS BINARY)), sha2(CAST(j.s AS BINARY), 512)"""


DECIMAL_JSON = """(SELECT from_json(CAST(value AS STRING), 'a DECIMAL(5,2), b DECIMAL(18,6), c DECIMAL(38,18),
  d DECIMAL(38,0), i INT, l BIGINT, x DOUBLE, s STRING, st STRUCT<q: DECIMAL(10,3)>') AS j, offset FROM STREAM src)"""
DECIMAL_EXPRESSIONS = """j.a, j.b, j.c, j.d, j.st, j.st.q, j IS NULL, j.a + j.b, j.a - j.b, j.a * j.b, j.b * j.b
  j.a * 1.5, j.c + j.a, j.c * j.a, j.i * j.a, j.l + j.b, j.a + j.x, j.x * j.c, -j.c, abs(j.c), j.a % 3, j.c % 1.7
  CASE WHEN j.a <> 0 THEN j.b % j.a END, CASE WHEN j.a <> 0 THEN j.b / j.a END, CASE WHEN j.a <> 0 THEN j.c / j.a END
  CASE WHEN abs(j.b) > 1 THEN try_cast(j.d AS DECIMAL(20,0)) / j.b END, CASE WHEN j.a <> 0 THEN j.b DIV j.a END
  j.a / 3, j.c / 7, j.i / 3.0, j.a = j.b, j.a < j.c, j.c >= j.i, j.a = 1, j.a > 1.5, j.b = j.x, j.a IN (1, 1.5, 2.25)
  j.b BETWEEN -1 AND 1, j.a <=> j.b, j.d > j.c, CAST(j.a AS STRING), CAST(j.c AS STRING), CAST(j.a AS DOUBLE)
  CAST(j.c AS DOUBLE), CAST(j.c AS FLOAT), try_cast(j.a AS INT), try_cast(j.c AS BIGINT), try_cast(j.d AS INT)
  CAST(j.a AS BOOLEAN), CASE WHEN abs(j.b) < 100000000 THEN CAST(j.b AS TIMESTAMP) END
  try_cast(j.c AS DECIMAL(10,3)), try_cast(j.a AS DECIMAL(3,1))
  CAST(j.a AS DECIMAL(38,30)), try_cast(j.s AS DECIMAL(10,3)), try_cast(j.x AS DECIMAL(20,6))
  try_cast(j.l AS DECIMAL(12,2)), try_cast(j.i AS DECIMAL(5,0)), round(j.a), round(j.a, 1), round(j.c, 5)
  round(j.a, -1), round(j.b, -2), floor(j.c), ceil(j.c), floor(j.a), ceil(j.b), greatest(j.a, j.b)
  least(j.a, j.c, j.i), coalesce(j.a, j.c, 0), if(j.a > 0, j.a, j.b), nullif(j.a, 0)
  CASE WHEN j.a > 0 THEN 1 ELSE j.b END, concat(j.a, '/', j.c), length(CAST(j.a AS STRING)), timestamp_seconds(j.a)"""


def decimal_texts(seed, n):
    """Documents whose numbers have more and fewer digits than their types, as numbers and as texts."""
    chance, out = random.Random(seed), []

    def digits(whole, behind):
        text = str(chance.randrange(10 ** chance.randrange(1, whole + 1)))
        if chance.random() < 0.8:
            text += "." + "".join(chance.choice("0123456789") for _ in range(chance.randrange(1, behind + 2)))
        text = chance.choice(["-", ""]) + text + chance.choice(["", "", "", "", "e1", "E-2", "e+0"])
        return chance.choice([text, text, text, f'"{text}"'])

    for _ in range(n):
        fields = {"a": digits(3, 2), "b": digits(12, 6), "c": digits(18, 18), "d": digits(36, 1),
                  "i": str(chance.randrange(-40000, 40000)), "l": str(chance.randrange(-10**17, 10**17)),
                  "x": str(round(chance.uniform(-1e4, 1e4), 3)), "s": '"' + digits(5, 3).strip('"') + '"',
                  "st": '{"q": ' + digits(7, 3) + "}"}
        out.append("{" + ", ".join(f'"{k}": {v}' for k, v in fields.items() if chance.random() < 0.95) + "}")
    return out


ODD_DECIMALS = ['{"a": 999.995}', '{"a": 999.994}', '{"a": 1e400}', '{"a": 1e-400}', '{"a": "1,234.5"}',
                '{"a": "1,23.5"}',
                '{"a": ""}', '{"a": " 1"}', '{"a": "+1.5"}', '{"a": "1.5e1"}', '{"a": "abc"}', '{"a": NaN}',
                '{"a": "NaN"}', '{"a": Infinity}', '{"a": true}', '{"a": null}', '{"a": [1]}', '{"a": {"q": 1}}',
                '{"a": -0}', '{"a": -0.0}', '{"a": 0.005}', '{"a": -0.005}', '{"a": 0.004999}', '{"a": 1, "a": "x"}',
                '{"c": 12345678901234567890.1234567890123456789}', '{"c": 123456789012345678901.5}',
                '{"d": 99999999999999999999999999999999999999}', '{"d": 99999999999999999999999999999999999999.5}',
                '{"d": -99999999999999999999999999999999999999}', '{"d": 100000000000000000000000000000000000000}',
                '{"a": 1.}', '{"a": .5}', '{"a": 01}', '{"a": "."}', '{"a": "1."}', '{"a": ".5"}', '{"a": "1d"}',
                '{"b": 123456789012.1234565}', '{"b": 1e11}', '{"b": 1e12}', '{"st": {"q": "x"}}', '{"a": 5 }']
ARRAY_JSON = """(SELECT from_json(CAST(value AS STRING), 'i ARRAY<INT>, s ARRAY<STRING>, d ARRAY<DECIMAL(6,2)>,
  t ARRAY<STRUCT<x: BIGINT, y: ARRAY<DOUBLE>>>, n ARRAY<ARRAY<INT>>, k INT') AS j, offset FROM STREAM src)"""
ARRAY_EXPRESSIONS = """j.i, j.s, j.d, j.t, j.n, size(j.i), get(j.i, 0), get(j.t, 1).x, get(j.n, 0)
  get(get(j.n, 1), 0), try_element_at(j.s, -1), array_contains(j.i, 2), array_contains(j.s, 'a')
  array_position(j.i, 3), array_join(j.s, '+'), array_join(j.s, '+', '?'), array_distinct(j.i), array_distinct(j.s)
  array_min(j.d), array_max(j.d), array_max(j.s), sort_array(j.i), sort_array(j.s, false), sort_array(j.n)
  slice(j.i, 2, 2), slice(j.s, -2, 5), concat(j.i, j.i), concat(j.s, array('z')), array(j.k, 1, NULL), array(j.i, j.i)
  j.i = array(1, 2), j.i < array(2), split('a,b,,c', ','), split(array_join(j.s, ','), ',', 2), cardinality(j.t)
  CAST(j.i AS ARRAY<STRING>), CAST(j.i AS STRING), CAST(j.t AS STRING), coalesce(j.i, array(7))
  if(j.k > 0, j.i, array(j.k)), struct(j.i, j.k), greatest(j.i, array(3))"""


def array_texts(seed, n):
    """Documents with arrays that are missing, NULL, empty, nested, or have an element that cannot be read."""
    chance, out = random.Random(seed), []

    def some(make, wrong):
        if chance.random() < 0.1:
            return chance.choice([None, 5, "x", {"x": 1}])
        return [None if chance.random() < 0.1 else wrong if chance.random() < 0.03 else make()
                for _ in range(chance.choice([0, 1, 2, 3, 4, 9]))]

    def inner():
        return {"x": chance.randrange(9), "y": some(lambda: chance.randrange(20) / 4, "?")}

    for _ in range(n):
        fields = {"i": some(lambda: chance.randrange(5), "?"),
                  "s": some(lambda: chance.choice(["a", "b", "", "é,"]), 3),
                  "d": some(lambda: chance.choice([1, 2.5, "3.125"]), "?"), "t": some(inner, 5),
                  "n": some(lambda: some(lambda: chance.randrange(3), "?"), 1), "k": chance.randrange(-2, 3)}
        out.append(json.dumps({k: v for k, v in fields.items() if chance.random() < 0.9}))
    return out


MAP_JSON = """(SELECT from_json(CAST(value AS STRING), 'm MAP<STRING, INT>, t MAP<STRING, STRUCT<x: BIGINT>>,
  l MAP<STRING, ARRAY<INT>>, s STRUCT<m: MAP<STRING, DOUBLE>>, k STRING') AS j, offset FROM STREAM src)"""
MAP_EXPRESSIONS = """size(j.m), j.m IS NULL, j.m['a'], j.m.b, j.m[j.k], element_at(j.m, 'c'), map_keys(j.m)
  map_values(j.m), map_contains_key(j.m, 'a'), map_contains_key(j.t, j.k), j.t['a'].x, j.t.b, map_values(j.t)
  j.l['a'], get(j.l['b'], 0), map_values(j.l), j.s.m['a'], map_values(j.s.m), CAST(j.m AS STRING), CAST(j.t AS STRING)
  CAST(j.l AS STRING), coalesce(j.m, map('z', 1))['z'], map_keys(map(j.k, 1)) IS NULL OR true
  size(map('a', j.k, 'b', NULL))"""


def map_texts(seed, n):
    """Documents with maps that are missing, NULL, empty, or have a value that cannot be read."""
    chance, out = random.Random(seed), []

    def some(make, wrong):
        if chance.random() < 0.1:
            return chance.choice([None, 5, "x", [1]])
        return {key: None if chance.random() < 0.1 else wrong if chance.random() < 0.03 else make()
                for key in chance.sample(["a", "b", "c", "d e", ""], chance.choice([0, 1, 2, 3, 5]))}

    for _ in range(n):
        fields = {"m": some(lambda: chance.randrange(9), "?"),
                  "t": some(lambda: {"x": chance.choice([1, 2, "?", None])}, chance.choice([5, [1]])),
                  "l": some(lambda: [chance.randrange(3) for _ in range(chance.randrange(3))],
                            chance.choice([5, ["?"]])),
                  "s": {"m": some(lambda: chance.randrange(20) / 4, "?")}, "k": chance.choice(["a", "b", "z"])}
        out.append(json.dumps({k: v for k, v in fields.items() if chance.random() < 0.9}))
    return out


LAMBDA_EXPRESSIONS = """
transform(j.i, x -> x + 1L), transform(j.i, (x, k) -> x * 10 + k), filter(j.i, x -> x > 1), exists(j.i, x -> x = 2)
forall(j.i, x -> x > 0), aggregate(j.i, 0L, (acc, x) -> acc + x), aggregate(j.i, 1, (acc, x) -> acc, acc -> acc + 1)
transform(j.i, x -> concat(CAST(j.k AS STRING), CAST(x AS STRING), CAST(offset AS STRING)))
zip_with(j.i, j.s, (x, y) -> concat(x, y)), transform(array(j.i, j.i), a -> filter(a, x -> x <> size(a)))
transform(j.t, x -> x.x), filter(j.t, x -> exists(x.y, y -> y > 1))
transform(j.n, a -> aggregate(a, 0, (c, x) -> c + x))
array_sort(j.i), array_union(j.i, get(j.n, 0)), array_compact(j.s), flatten(j.n), arrays_zip(j.i, j.s)
"""


DECIMAL_AGGREGATES = """SELECT window.start AS ws, k, count(v) AS n, sum(v) AS s, avg(v) AS a, min(v) AS lo,
  max(v) AS hi, sum(v * 2) AS s2, avg(CAST(v AS DECIMAL(38,10))) AS wide,
  sum(CAST(v AS DECIMAL(38,4))) AS ws38, stddev(v) AS sd,
  approx_count_distinct(v) AS acd, approx_count_distinct(CAST(v AS DECIMAL(30,2))) AS acd2, max_by(kind, v) AS mb,
  first(v) IS NULL AS f FROM {} GROUP BY window(ts, '10 seconds'), k"""


def columns(text):
    """Expressions, one a comma or line, but not inside parentheses or quotes."""
    out, depth, quoted, now = [], 0, False, ""
    for c in text:
        quoted = quoted != (c == "'")
        depth += 0 if quoted else (c == "(") - (c == ")")
        if (c == "," or c == "\n") and depth == 0 and not quoted:
            out.append(now.strip())
            now = ""
        else:
            now += c
    return [x for x in [*out, now.strip()] if x]


def many(expressions, relation):
    aliased = ", ".join(f"{x} AS c{i}" for i, x in enumerate(columns(expressions)))
    return f"SELECT offset, {aliased} FROM {relation}"


# Rows of their own, or only windows that show where the watermark stands; dim's keys are a, b, b and NULL.
MARKED = "SELECT window.start AS ws, count(*) AS n FROM {} GROUP BY window(ts, '10 seconds')"
MARKS = [event(1), event(100, k=None), event(2), event(30, k="zzz"), event(3), event(4, "b", None), event(50), event(6),
         event(300, "b", None), event(51), event(52, "c"), event(290, "zzz"), event(310)]
ROWS = "SELECT offset, e.k, v FROM {}"
JOINED = {  # behind the stream e; {{}}: what else is asked
    "left semi join": "LEFT SEMI JOIN dim ON e.k = dim.k",
    "semi join using": "SEMI JOIN dim USING (k)",
    "semi join and more": "LEFT SEMI JOIN dim d ON d.k = e.k AND e.v > length(d.name) AND d.name LIKE 'B%' "
                          "AND kind = 'x'",
    "semi join on an expression": "LEFT SEMI JOIN dim d ON upper(e.k) = upper(d.k)",
    "left anti join": "LEFT ANTI JOIN dim ON e.k = dim.k",
    "anti join and more": "ANTI JOIN dim d ON d.k = e.k AND e.v > length(d.name) * 3 AND d.name <> 'Bert'",
    "anti join and the stream": "ANTI JOIN dim d ON d.k = e.k AND kind = 'x'",
    "semi join and anti join": "LEFT SEMI JOIN dim d ON e.k = d.k "
                               "LEFT ANTI JOIN dim f ON e.k = f.k AND f.name = 'Anna'",
    "semi join behind a join": "JOIN dim d ON e.k = d.k LEFT SEMI JOIN dim f ON d.k = f.k AND d.name <> f.name",
    "anti join behind a left join": "LEFT JOIN dim d ON e.k = d.k "
                                    "LEFT ANTI JOIN dim f ON d.name = f.name AND f.k = 'b'",
    "semi join behind a left join": "LEFT JOIN dim d ON e.k = d.k LEFT SEMI JOIN dim f ON d.name = f.name",
    "join behind a left join": "LEFT JOIN dim d ON e.k = d.k JOIN dim f ON d.name = f.name",
    "semi join of an empty table": "LEFT SEMI JOIN (SELECT * FROM dim WHERE name = 'x') d ON e.k = d.k",
    "anti join of an empty table": "LEFT ANTI JOIN (SELECT * FROM dim WHERE name = 'x') d ON e.k = d.k",
    "left join and more": "LEFT JOIN dim d ON e.k = d.k AND v > 0 AND length(d.name) > v % 5",
    "left join and more made inner": "LEFT JOIN dim d ON e.k = d.k AND v > 0 AND length(d.name) > v % 5 "
                                     "WHERE d.k = e.k",
    "inner join and more": "JOIN dim d ON e.k = d.k AND length(d.name) > v % 5",
    "in": "WHERE e.k IN (SELECT k FROM dim)",
    "in and a condition": "WHERE v > -20 AND e.k IN (SELECT k FROM dim WHERE name <> 'Anna') AND kind = 'x'",
    "in of an expression": "WHERE upper(e.k) IN (SELECT upper(k) FROM dim)",
    "in, correlated": "WHERE e.k IN (SELECT k FROM dim WHERE length(name) > e.v % 6)",
    "not in with NULL in the table": "WHERE e.k NOT IN (SELECT k FROM dim)",
    "not in": "WHERE e.k NOT IN (SELECT k FROM dim WHERE k IS NOT NULL)",
    "not in nothing": "WHERE NOT e.k IN (SELECT k FROM dim WHERE name = 'x')",
    "exists": "WHERE EXISTS (SELECT * FROM dim WHERE dim.k = e.k)",
    "exists and more": "WHERE EXISTS (SELECT 1 FROM dim d WHERE d.k = e.k AND e.v > length(name) AND kind = 'x')",
    "not exists": "WHERE NOT EXISTS (SELECT name FROM dim WHERE k = e.k) AND v % 2 = 0",
    "not exists and more": "WHERE NOT EXISTS (SELECT 1 FROM dim d WHERE d.k = e.k AND e.v > length(name))",
    "exists of the event time": "WHERE EXISTS (SELECT 1 FROM dim d WHERE d.k = e.k AND second(e.ts) > length(name))",
    "not in over joins": "JOIN dim d ON e.k = d.k WHERE d.name NOT IN (SELECT name FROM dim WHERE k = 'a') AND "
                         "NOT EXISTS (SELECT 1 FROM dim f WHERE f.name = d.name AND f.k = e.k AND e.v > 10)",
    "in over a left join": "LEFT JOIN dim d ON e.k = d.k WHERE d.name IN (SELECT name FROM dim WHERE name > 'B')",
}
RIGHT = {
    "right join": ("SELECT offset, e.k, v, name FROM dim RIGHT OUTER JOIN {} ON e.k = dim.k", None),
    "right join using": ("SELECT * FROM dim RIGHT JOIN (SELECT k, v, offset FROM {}) USING (k)", None),
    "table join": ("SELECT dim.*, offset FROM dim JOIN {} ON e.k = dim.k", None),
    "table join using": ("SELECT * FROM dim JOIN (SELECT k, v, offset FROM {}) USING (k)", None),
    "semi join of all columns": ("SELECT * FROM {} LEFT SEMI JOIN dim USING (k)", None),
    "right join of windows": (MARKED.replace("{}", "dim RIGHT JOIN {} ON e.k = dim.k AND v > 0"), 75),
    "semi join of windows": ("SELECT w.start AS ws, n FROM (SELECT window AS w, k, count(*) AS n FROM {} GROUP BY "
                             "window(ts, '5 seconds'), k) i LEFT SEMI JOIN dim ON i.k = dim.k", 50),
    "anti join of windows": ("SELECT window.start AS ws, sum(n) AS n, count(*) AS m FROM (SELECT window AS w, k, "
                             "count(*) AS n FROM {} GROUP BY window(ts, '5 seconds'), k) i LEFT ANTI JOIN dim "
                             "ON i.k = dim.k AND n > 1 GROUP BY window(w, '10 seconds')", 50),
    "in of windows": ("SELECT w.start AS ws, k, n FROM (SELECT window AS w, k, count(*) AS n FROM {} GROUP BY "
                      "window(ts, '5 seconds'), k) i WHERE k IN (SELECT k FROM dim) AND NOT EXISTS (SELECT 1 FROM dim "
                      "WHERE length(name) = n + 2)", 50),
    "exists over a union": ("SELECT * FROM (SELECT k, v, offset FROM {0} UNION ALL SELECT kind, v, -offset FROM {0}) u "
                            "WHERE EXISTS (SELECT 1 FROM dim WHERE dim.k = u.k AND length(name) < u.v)", None),
    "in over exploded": ("SELECT offset, p FROM (SELECT offset, explode(split(CAST(value AS STRING), '\"')) AS p FROM "
                         "STREAM src) WHERE p IN (SELECT k FROM dim)", None),
}
JOINS = {name: (ROWS.format(events() + " " + join), random_events(200 + i, 200), None)
         for i, (name, join) in enumerate(JOINED.items())}
JOINS |= {f"{name}, and the watermark": (MARKED.format(events(1) + " " + join), MARKS, 1)
          for name, join in JOINED.items()}
JOINS |= {name: (sql.format(events(2)), random_events(300 + i, 300), cap)
          for i, (name, (sql, cap)) in enumerate(RIGHT.items())}
if not FULL:
    JOINS = {name: JOINS[name] for name in (
        "semi join and more", "anti join and more", "left join and more", "in, correlated", "not in",
        "right join using", "in of windows", "exists over a union", "left semi join, and the watermark",
        "in, and the watermark", "left anti join, and the watermark", "exists of the event time, and the watermark")}

CASES = {  # name: (SELECT, records or lists of them per partition, maxOffsetsPerTrigger)
    "expressions": (many(EXPRESSIONS, JSON), WIDE, None),
    "tumbling": (COUNT.format(events(), "'10 seconds'"), TUMBLING, 1),
    "tumbling, no delay": (COUNT.format(events(0), "'10 seconds'"),
                           [event(t, k) for t, k in [(1, "a"), (10, "a"), (9, "L1"), (9, "L2"), (11, "a"),
                                                     (20, "a")]], 1),
    "sliding": (COUNT.format(events(0), "'10 seconds', '5 seconds'"), SLIDING, 1),
    "late and new in one batch": (COUNT.format(events(0), "'10 seconds'"),
                                  [event(t, k) for t, k in [(1, "a"), (25, "a"), (2, "x"), (26, "a"), (3, "y"),
                                                            (27, "a"), (4, "z"), (28, "a")]], 2),
    "start offset, before 1970": (COUNT.format(events(1), "'10 seconds', '10 seconds', '3 seconds'"),
                                  [event(t) for t in (-25, -13, -7.001, -7, -0.5, 0, 2.999, 3, 40)], 3),
    "no event time": (COUNT.format(events(1), "'10 seconds'"),
                      [event(None), event(1), event(None), event(50), '{"k": "a"}', event(51)], 2),
    "filter below the watermark": (COUNT.format(events(1) + " WHERE kind = 'x'", "'10 seconds'"),
                                   [event(1), event(100, kind="y"), event(2), event(30), event(4), event(31)], 1),
    "filter on event time": (COUNT.format(events(1) + " WHERE ts < TIMESTAMP '1970-01-01 00:01:00'", "'10 seconds'"),
                             [event(1), event(100), event(2), event(30), event(4), event(31)], 1),
    "having": (COUNT.format(events(1), "'10 seconds'") + " HAVING count(*) > 1 AND k <> 'c'",
               random_events(1, 300), 75),
    "aggregates of BIGINT": (AGGREGATES.format(events()), random_events(2, 600), 150),
    "aggregates of DOUBLE": (AGGREGATES.format(events(type="DOUBLE")), random_events(3, 300), 100),
    "aggregates of SMALLINT": (AGGREGATES.format(events(type="SMALLINT")), random_events(4, 300), 100),
    "aggregates of STRING": ("SELECT window.start AS ws, count(v) AS n, min(v) AS lo, max(v) AS hi FROM "
                             + events(type="STRING") + " GROUP BY window(ts, '10 seconds')", random_events(5, 200), 50),
    "more aggregates of BIGINT": (MANY.format(events()), random_events(60, 600), 150),
    "more aggregates of DOUBLE": (MANY.format(events(type="DOUBLE")), random_events(61, 400), 90),
    "moments and pairs": (MOMENTS.format(events()), random_events(64, 300), 70),
    "regression": (REGRESSION.format(events()), random_events(66, 300), 70),
    "regression, few": (REGRESSION.format(events()), [event(1, "a", v=3), event(2, "a", v=4), event(3, "b", v=5),
                                                      event(4, "c", v=None), event(60, "z", v=1)], None),
    "modes and lists of texts": (MODES.format(events()), random_events(67, 300), 70),
    "in an order of their own": (WITHIN.format(events()), random_events(68, 400), 90),
    "sums that are NULL when they overflow": (TRIES.format(events()), random_events(67, 300), 70),
    "moments and pairs, few": (MOMENTS.format(events()), [event(1, "a", v=3), event(2, "a", v=4), event(3, "b", v=5),
                                                              event(4, "b", v=None), event(50, "a", v=1)], None),
    "more aggregates of SMALLINT": (BITS.format(events(type="SMALLINT")), random_events(62, 400), 90),
    "collected": ("SELECT window.start AS ws, k, collect_list(v) AS l, sort_array(collect_set(kind)) AS s, "
                  "array_agg(v) FILTER (WHERE v > 30) AS f FROM " + events() + " GROUP BY window(ts, '10 seconds'), k",
                  random_events(84, 300), 75),
    "percentiles": (
        "SELECT window.start AS ws, k, percentile_approx(v, 0.5) AS p, percentile_approx(v, array(0.1, 0.9, 0.3), 7) "
        "AS l, approx_percentile(v / 2, 0.75, 3) AS q, percentile(v, 0.3) AS e, "
        "percentile(v, array(0, 1, 0.45)) AS el, median(v) AS m, "
        "percentile_approx(ts, 0.4, 4) FILTER (WHERE v > 0) AS t FROM " + events() +
        " GROUP BY window(ts, '30 seconds'), k", random_events(85, 900), 75),
    "lambdas": (many(LAMBDA_EXPRESSIONS, ARRAY_JSON), array_texts(86, 300), None),
    "inline": (f"SELECT offset, p, q FROM {ARRAY_JSON} LATERAL VIEW OUTER inline(transform(j.i, x -> "
               "if(x > 5, NULL, named_struct('a', x, 'b', concat('n', x))))) t AS p, q", array_texts(88, 200), None),
    "inline as an item": (f"SELECT offset, inline(transform(j.i, (x, n) -> named_struct('a', x, 'b', n))), j.k "
                          f"FROM {ARRAY_JSON}", array_texts(89, 200), None),
    "stack": (f"SELECT offset, n, v, w FROM {ARRAY_JSON} LATERAL VIEW stack(3, 'size', size(j.i), 1.5, 'k', NULL, "
              "NULL, NULL, get(j.i, 0)) t AS n, v, w", array_texts(92, 100), None),
    "lateral views": (f"SELECT offset, x, p, c FROM {ARRAY_JSON} LATERAL VIEW explode(j.i) t AS x "
                      "LATERAL VIEW OUTER posexplode(filter(j.i, y -> y > x)) u AS p, c", array_texts(87, 300), None),
    "approx_count_distinct": (SKETCH.format(events()), random_events(63, 900), 300),
    "decimals of JSON": (many("j.a, j.b, j.c, j.d, j.st, j IS NULL", DECIMAL_JSON),
                         ODD_DECIMALS + decimal_texts(70, 300), None),
    "decimals computed": (many(DECIMAL_EXPRESSIONS, DECIMAL_JSON), decimal_texts(71, 400), None),
    "arrays": (many(ARRAY_EXPRESSIONS, ARRAY_JSON), array_texts(80, 400), None),
    "maps": (many(MAP_EXPRESSIONS, MAP_JSON), map_texts(90, 300), None),
    "aggregates of DECIMAL": (DECIMAL_AGGREGATES.format(events(type="DECIMAL(9,2)")), random_events(72, 400), 100),
    "grouped by DECIMAL": (
        "SELECT window.start AS ws, v, CAST(v AS DECIMAL(25,3)) / 3 AS third, count(*) AS n FROM "
        + events(type="DECIMAL(6,1)") + " GROUP BY window(ts, '30 seconds'), v, CAST(v AS DECIMAL(25,3)) / 3",
        random_events(73, 400), 100),
    "group by event time": (f"SELECT ts, k, count(*) AS n FROM {events(2)} GROUP BY ts, k", random_events(6, 300), 75),
    "inner join": ("SELECT window.start AS ws, name, count(*) AS n, sum(v) AS s FROM " + events() +
                   " JOIN dim ON e.k = dim.k GROUP BY window(ts, '10 seconds'), name", random_events(7, 300), 80),
    "left join": ("SELECT window.start AS ws, name, count(*) AS n, sum(v) AS s FROM " + events() +
                  " LEFT JOIN dim ON e.k = dim.k GROUP BY window(ts, '10 seconds'), name", random_events(8, 300), 80),
    "join without windows": (f"SELECT e.offset, e.k, v, name FROM {events()} LEFT JOIN dim ON e.k = dim.k WHERE v > 0",
                             random_events(9, 300), None),
    **JOINS,
    "union": (f"SELECT k, v FROM {events()} WHERE v > 10 UNION ALL SELECT kind, v FROM {events()} WHERE v < -10",
              random_events(10, 200), None),
    "three partitions": (COUNT.format(events(3), "'10 seconds', '4 seconds'"),
                         [random_events(11, 400), random_events(12, 50), random_events(13, 900)], 270),
    "window end and expressions of keys": (
        "SELECT window.end AS we, upper(k) AS kk, sum(v) * 2 AS twice FROM " + events() +
        " GROUP BY window(ts, '1 minute'), upper(k)", random_events(14, 400), 100),
    "sessions": (SESSION.format(events(0), "10 seconds"), SESSIONS, 1),
    "sessions, several rows an epoch": (SESSION.format(events(3), "10 seconds"), SESSIONS, 4),
    "sessions of random rows": (SESSION.format(events(8), "3 seconds"), random_events(64, 500, late=0.3), 60),
    "sessions of a partition each": (
        "SELECT session_window.start AS ws, session_window.end AS we, k, count(*) AS n, sum(v) AS s FROM " + events(8) +
        " GROUP BY session_window(ts, '1 second 500 milliseconds'), k HAVING count(*) > 1",
        [random_events(65, 200, late=0.3), random_events(66, 300)], 90),
    "window over window_time": (CHAIN.format(INNER.format(events(2), "5 seconds", ""), "window_time(w)"),
                                random_events(67, 500), 70),
    "window over a window": (CHAIN.format(INNER.format(events(2), "5 seconds", "HAVING count(*) > 1"), "w"),
                             random_events(68, 500), 70),
    "three windows": (
        "SELECT window.start AS ws, sum(n) AS n, count(*) AS c FROM (SELECT window AS w, count(*) AS c, "
        "sum(n) AS n FROM " + INNER.format(events(2), "2 seconds", "") +
        " GROUP BY window(w, '4 seconds', '2 seconds')) GROUP BY window(w, '10 seconds')", random_events(69, 400), 50),
    "session over windows": (
        "SELECT session_window.start AS ws, session_window.end AS we, k, sum(n) AS n FROM " +
        INNER.format(events(2), "2 seconds", "") + " GROUP BY session_window(window_time(w), '3 seconds'), k",
        random_events(70, 400), 50),
    "window over sessions": (
        "SELECT window.start AS ws, count(*) AS n, avg(n) AS a FROM (SELECT wt, n FROM (SELECT window_time(w) AS wt, n "
        "FROM (SELECT session_window AS w, k, count(*) AS n FROM " + events(2) +
        " GROUP BY session_window(ts, '2 seconds'), k))) GROUP BY window(wt, '20 seconds')",
        random_events(71, 400), 50),
    "grouped again by the window": (
        "SELECT w.end AS we, count(*) AS c, sum(n) AS n FROM " + INNER.format(events(2), "5 seconds", "") +
        " GROUP BY w", random_events(72, 400), 50),
    "distinct": (f"SELECT DISTINCT ts, k, kind FROM {events(2)}", random_events(73, 400), 50),
    "distinct windows": ("SELECT DISTINCT w, lower(k) AS k, n > 1 AS many FROM " +
                         INNER.format(events(2), "5 seconds", ", kind"), random_events(74, 400), 50),
    "two watermarks": ("SELECT side, window.start AS ws, k, count(*) AS n FROM " + TWO.format(left=events(2),
                       right=events(9)) + " GROUP BY window(ts, '5 seconds'), side, k", random_events(75, 400), 50),
    "union without all": (f"SELECT ts, k FROM {events(2)} UNION SELECT ts, kind FROM {events(3)}",
                          random_events(83, 300), 50),
    "union of aggregations": (COUNT.format(events(2), "'5 seconds'") + " UNION ALL " +
                              COUNT.format(events(4), "'7 seconds', '3 seconds'"), random_events(76, 300), 50),
    "union of windows and rows": (
        "SELECT window.start AS t, k, count(*) AS n FROM " + events(2) + " GROUP BY window(ts, '5 seconds'), k "
        f"UNION ALL SELECT ts, kind, v FROM {events(1)} WHERE v > 20", random_events(77, 300), 50),
    "windows joined with a table": (
        "SELECT w.start AS ws, name, n FROM " + INNER.format(events(2), "5 seconds", "") + " AS i "
        "JOIN dim ON i.k = dim.k", random_events(78, 300), 50),
    "joined, then grouped again": (
        "SELECT window.start AS ws, name, sum(n) AS n FROM " + INNER.format(events(2), "5 seconds", "") + " AS i "
        "LEFT JOIN dim ON i.k = dim.k GROUP BY window(w, '10 seconds'), name", random_events(79, 300), 50),
    "lateral aliases": (f"SELECT offset, v + 1 AS b, b * 2 AS c, c + b AS v, v AS d FROM {events()}",
                        random_events(80, 100), None),
    "lateral aliases of aggregates": (
        "SELECT window.start AS ws, count(*) AS n, n + 1 AS m, m * 2 AS n2, upper(k) AS u, concat(u, '!') AS e FROM " +
        events() + " GROUP BY window(ts, '10 seconds'), k", random_events(81, 300), 75),
    "exploded, then windows": (
        "SELECT window.start AS ws, x, count(*) AS n, sum(pos) AS p FROM (SELECT ts, pos, col AS x FROM (SELECT "
        "timestamp_millis(j.k * 3000L + offset * 100) AS ts, posexplode_outer(j.i) FROM " + ARRAY_JSON + ")) "
        "WATERMARK ts DELAY OF INTERVAL 2 SECONDS AS e GROUP BY window(ts, '5 seconds'), x", array_texts(87, 300), 40),
    "entries of maps": (f"SELECT offset, k2, v2 FROM (SELECT j.m AS m, offset FROM {MAP_JSON}) "
                        "LATERAL VIEW OUTER explode(m) t AS k2, v2", map_texts(91, 200), None),
    "maps of a group": (
        "SELECT window.start AS ws, k, map('n', count(*), k, sum(v)) AS m FROM " + events() +
        " WHERE k IS NOT NULL GROUP BY window(ts, '10 seconds'), k", random_events(92, 300), 75),
    "day and week": ("SELECT window.start AS ws, count(*) AS n FROM " + events(1) + " GROUP BY window(ts, '1 week') "
                     "UNION ALL SELECT window.start AS ws, count(*) AS n FROM " + events(1) +
                     " GROUP BY window(ts, '1 day')",
                     [event(t * 86400) for t in (0, 0.5, 1, 6.9, 7, 3, 13.99, 14, 20, 21, 40)], 1),
    "a slide that does not divide": (COUNT.format(events(2), "'10 seconds', '3 seconds'"), random_events(93, 300), 40),
    "microseconds at the watermark": (
        "SELECT window.start AS ws, count(*) AS n, max(ts) AS m FROM (SELECT timestamp_micros(e.t) AS ts FROM "
        "(SELECT from_json(CAST(value AS STRING), 't BIGINT') AS e FROM STREAM src)) "
        "WATERMARK ts DELAY OF INTERVAL 0 SECONDS AS e GROUP BY window(ts, '10 milliseconds')",
        [f'{{"t": {t}}}' for t in (1, 9999, 10000, 10999, 20999, 9998, 21000, 19999, 20000, 31001, 29999, 41000,
                                   50000)], 1),
    "distinct at the watermark": (f"SELECT DISTINCT ts, k FROM {events(0)}", [event(t, k) for t, k in [
        (1, "a"), (1, "a"), (2, "a"), (2, "b"), (1, "c"), (2, "a"), (2, "c"), (2.001, "a"), (2, "d"), (2.001, "a"),
        (3, "a"), (2.001, "e"), (4, "a"), (3, "z")]], 1),
    "time in a CASE is above the watermark": (
        COUNT.format(events(1) + " WHERE CASE WHEN ts < TIMESTAMP '1970-01-01 00:01:00' THEN true ELSE kind = 'x' END",
                     "'10 seconds'"),
        [event(1), event(100, kind="y"), event(2), event(30), event(4), event(131), event(5)], 1),
    "a missing or NULL key and the watermark": (
        "SELECT window.start AS ws, name, count(*) AS n FROM " + events(1) + " JOIN dim ON e.k = dim.k "
        "GROUP BY window(ts, '10 seconds'), name",
        [event(1), event(100, k=None), event(2), event(30, k="zzz"), event(3), event(4, "b"), event(50), event(6)], 1),
    "seconds as TIMESTAMP": (
        "SELECT window.start AS ws, count(*) AS n FROM (SELECT j.t AS ts FROM (SELECT from_json(CAST(value AS STRING), "
        "'t TIMESTAMP') AS j FROM STREAM src)) WATERMARK ts DELAY OF INTERVAL 5 SECONDS AS e "
        "GROUP BY window(ts, '10 seconds')",
        ['{"t": 1700000000}', '{"t": 1700000012}', '{"t": ""}', '{"t": 1.5}', '{"t": "2023-11-14T22:13:30Z"}',
         '{"t": 1700000001}', '{"t": 1700000100}', '{"t": 1700000002}'], 2),
    "local days": (
        "SELECT window.start AS ws, date_format(window.end, 'yyyy-MM-dd HH') AS we, count(*) AS n, min(h) AS h FROM "
        "(SELECT from_utc_timestamp(j.t, 'Europe/Berlin') AS ts, "
        "date_format(from_utc_timestamp(j.t, j.z), 'HH:mm') AS h FROM "
        "(SELECT from_json(CAST(value AS STRING), 't TIMESTAMP, z STRING') AS j FROM STREAM src)) "
        "WATERMARK ts DELAY OF INTERVAL 1 HOUR AS e GROUP BY window(ts, '1 day')",
        [json.dumps({"t": f"2024-{t}", "z": z}) for t, z in [
            ("03-30T22:59:59Z", "Asia/Kolkata"), ("03-30T23:00:00Z", "PST"), ("03-31T00:59:59Z", None),
            ("03-31T01:00:00Z", "+2:00"), ("03-31T02:30:00 Europe/Berlin", "UTC"), ("03-31T21:59:59Z", "EST"),
            ("03-31T22:00:00Z", "Pacific/Apia"), ("04-01T23:30:00Z", "Asia/Tokyo"), ("04-01T21:00:00Z", "GMT"),
            ("10-27T00:30:00Z", "Europe/Paris"), ("10-27T01:30:00Z", "Australia/Lord_Howe"),
            ("10-27T22:59:59Z", "Z"), ("10-27T23:00:00Z", "UTC"), ("10-30T00:00:00+01:00", "UTC")]], 2),
    "group by a struct": ("SELECT window.start AS ws, s, s.v AS v, count(*) AS n FROM (SELECT ts, named_struct('k', k, "
                          "'v', v % 3) AS s FROM " + events() + ") GROUP BY window(ts, '10 seconds'), s",
                          random_events(82, 300), 75),
    "kafka columns": ("SELECT topic, partition, offset, timestamp, timestampType, key, value FROM STREAM src",
                      random_events(15, 20), None),
}
for seed in range(20, 36 if FULL else 22):
    CASES[f"random {seed}"] = (COUNT.format(events(seed % 7), f"'{4 + seed % 5} seconds', '{1 + seed % 4} seconds'"),
                               [random_events(seed, 250, late=0.3), random_events(seed + 100, 150)], 30 + seed)


@pytest.fixture(scope="module")
def both(kafka, spark_python, tmp_path_factory, request):
    """Spark's tables of the chosen cases, all at once."""
    if binary() is None:
        pytest.skip("millrace is not built: ./dev build")
    chosen = {item.callspec.params["name"] for item in request.session.items if item.path == request.path}
    engines = BothEngines(kafka, spark_python, tmp_path_factory.mktemp("streams"))
    engines.spark({name: case for name, case in CASES.items() if name in chosen}, timeout=1500)
    return engines


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CASES)
def test_spark_gives_the_same_rows(both, name, tmp_path):
    ours, spark, differ = both.compare(name, tmp_path)
    assert not differ, explain(ours, spark, differ)


def explain(ours, spark, differ):
    """For the wide case: which columns differ at which offset."""
    if not ours or "c0" not in ours[0]:
        return differ
    names, lines = columns(EXPRESSIONS), []
    theirs = {r["offset"]: r for r in spark}
    for row in ours:
        for key, value in row.items():
            other = theirs[row["offset"]][key]
            if key != "offset" and delta_read.multiset([{"x": value}]) != delta_read.multiset([{"x": other}]):
                record = WIDE[row["offset"]]
                lines.append(f"{names[int(key[1:])]} of {record[:90]}: millrace {value!r}, Spark {other!r}")
    return "\n".join(lines)
