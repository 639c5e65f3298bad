# SPDX-License-Identifier: MIT
"""Spark reads what the sink writes, to the row: vectorised and not, filters pushed down with page indexes and without;
and Spark and we write one table in turns."""
import json

import pyarrow.parquet
import pytest

import delta_read
import samples as sample
import spark_session
from conftest_shared import FULL
from samples import by_day_row, typed_row

SCRIPT = r'''
import json, sys
from spark_session import session
script = json.loads(sys.argv[1])
spark = session(shuffles=2)
for step in script:
    for key, value in step.get("conf", {}).items():
        spark.conf.set(key, value)
        spark.sparkContext._jsc.hadoopConfiguration().set(key, value)
    rows = spark.sql(step["sql"]).collect()
    if step["sql"].lower().startswith("select"):
        print("ROW " + json.dumps([[str(v) if v is not None else None for v in row] for row in rows]))
'''


@pytest.fixture(scope="module")
def spark(spark_python, tmp_path_factory):
    script = tmp_path_factory.mktemp("spark") / "script.py"
    script.write_text(SCRIPT)

    def run(steps):
        """Results of the SELECTs, values as text."""
        done = spark_session.run(spark_python, script, json.dumps(steps))
        assert done.returncode == 0, done.stderr[-3000:]
        return [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("ROW ")]
    return run


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    if sample.program() is None:
        pytest.skip("test_sink_samples is not built: ./dev check")
    return sample.write(tmp_path_factory.mktemp("samples"))


ROWS = [typed_row(i) for i in range(50000)]
# filter in SQL, the same in Python
TYPED = [
    ("low = ''", lambda r: r["low"] == ""),
    ("name = 'row-31234'", lambda r: r["name"] == "row-31234"),
    ("s.in.y = 'three'", lambda r: r["s"] and r["s"]["in"] and r["s"]["in"]["y"] == "three"),
    ("s IS NULL", lambda r: r["s"] is None),
    ("s.x = 49999", lambda r: r["s"] and r["s"]["x"] == 49999),
    ("big = -9223372036854775808", lambda r: r["big"] == -2**63),
    ("nan = 9.0D", lambda r: r["nan"] == 9.0),
    ("isnan(nan)", lambda r: r["nan"] != r["nan"]),
    ("nan > 8.0D", lambda r: r["nan"] != r["nan"] or r["nan"] > 8),  # NaN is the greatest in Spark
    ("zero = 0.0D", lambda r: True),
    ("d = double('infinity')", lambda r: r["d"] == float("inf")),
    ("f < -9.0F", lambda r: r["f"] < -9),
    ("tiny = -128", lambda r: r["tiny"] == -128),
    ("num = -1640531535", lambda r: r["num"] == -1640531535),
    ("uni LIKE '%1'", lambda r: r["uni"].endswith("1")),
    ("long = concat(repeat('z', 300), '5000')", lambda r: r["long"] == "z" * 300 + "5000"),
    ("long IS NOT NULL", lambda r: r["long"] is not None),
    ("bin = X'010000FF'", lambda r: r["bin"] == b"\x01\x00\x00\xff"),
    ("flag", lambda r: r["flag"]),
    ("flag IS NULL", lambda r: r["flag"] is None),
    ("nothing IS NULL", lambda r: True),
    ("day = DATE'1942-08-16'", lambda r: str(r["day"]) == "1942-08-16"),
    ("ts < TIMESTAMP'1969-11-20 08:00:00'", lambda r: r["id"] == 0),
    ("d9 = -999.93", lambda r: r["id"] == 1),
    ("d9 IS NULL", lambda r: r["d9"] is None),
    ("d18 > 4499999000.0", lambda r: r["d18"] > 4499999000),
    ("d20 = 49998999999999999999", lambda r: r["id"] == 49999),
    ("size(ints) = 3", lambda r: r["ints"] is not None and len(r["ints"]) == 3),
    ("ints IS NULL", lambda r: r["ints"] is None),
    ("get(ints, 1) = 49999", lambda r: r["ints"] is not None and r["ints"][1:2] == [49999]),
    ("get(deep, 1) IS NULL", lambda r: r["deep"][1:2] in ([], [None])),
    ("get(deep, 0).x = 10 AND size(get(deep, 0).y) = 1", lambda r: r["id"] == 1),
    ("exists(deep, e -> e.y IS NULL AND e.x IS NOT NULL)",
     lambda r: any(e and e["y"] is None for e in r["deep"])),
    ("d38 < -2499999999999999999999999.0", lambda r: r["id"] == 0),
    ("d38 = 500000000000000000000000.0000030000", lambda r: r["id"] == 30000),
]
GROUPS = [("id BETWEEN 0 AND 0", 1), ("id BETWEEN 19999 AND 20001", 3), ("id BETWEEN 1048999 AND 1049001", 3),
          ("id >= 1199999", 1), ("id BETWEEN 700000 AND 700100", 101), ("k = 'k1100'", 1000), ("v IS NULL", 300000),
          ("v > 399990D", 29), ("v IS NOT NULL AND id < 30000", 5000), ("id < 0", 0), ("true", 1200000)]


def test_filters_find_every_row_whatever_is_skipped(spark, samples):
    steps = []
    for vectorised in ("true", "false"):
        for index in ("true", "false") if FULL else ("true",):
            conf = {"spark.sql.parquet.enableVectorizedReader": vectorised, "parquet.filter.columnindex.enabled": index,
                    "parquet.page.verify-checksum.enabled": "true"}
            counts = ", ".join(f"count_if({where})" for where, _ in TYPED)
            steps.append({"conf": conf, "sql": f"SELECT {counts} FROM delta.`{samples}/types_zstd`"})
            for table, wheres in (("types_zstd", [w for w, _ in TYPED]), ("groups", [w for w, _ in GROUPS])):
                union = " UNION ALL ".join(f"SELECT {i} AS i, count(*) FROM delta.`{samples}/{table}` WHERE {where}"
                                           for i, where in enumerate(wheres))
                steps.append({"sql": f"SELECT * FROM ({union}) ORDER BY i"})
    expected = [sum(1 for row in ROWS if is_in(row)) for _, is_in in TYPED]
    got = spark(steps)
    assert len(got) == len(steps)
    for n in range(0, len(steps), 3):
        assert [int(v) for v in got[n][0]] == expected
        assert [int(row[1]) for row in got[n + 1]] == expected
        assert [int(row[1]) for row in got[n + 2]] == [n_rows for _, n_rows in GROUPS]


def test_spark_reads_every_value(spark, samples):
    """A sum of all columns over all rows, worked out on both sides, and the answers Spark takes from add statistics."""
    table = f"delta.`{samples}/types_zstd`"
    got = spark([{"sql": f"SELECT count(*), sum(id), sum(CAST(tiny AS INT)), sum(small), sum(CAST(num AS BIGINT)), "
                         f"sum(length(name) + length(low) + length(uni)), sum(s.in.z), sum(unix_date(day)), "
                         f"sum(unix_micros(ts)), count(flag), count_if(flag), sum(f) FROM {table}"},
                 {"sql": f"SELECT min(id), max(id), min(day), max(day), max(tiny), count(*) FROM {table}"},
                 {"sql": f"SELECT count(*), count_if(who IS NULL), count_if(who = '..'), count_if(even), "
                         f"count_if(at = TIMESTAMP'2024-01-02 03:04:05.12') FROM delta.`{samples}/partitions`"},
                 {"sql": f"SELECT count(*), count(m), sum(size(m)), sum(m['k2']), count_if(m['k1'] IS NULL AND "
                         f"map_contains_key(m, 'k1')) FROM delta.`{samples}/maps`"}])
    epoch_day, epoch = ROWS[0]["day"].replace(1970, 1, 1), sample.EPOCH
    assert got[0][0] == [str(v) for v in (
        50000, sum(r["id"] for r in ROWS), sum(r["tiny"] for r in ROWS), sum(r["small"] for r in ROWS),
        sum(r["num"] for r in ROWS), sum(len(r["name"]) + len(r["low"]) + len(r["uni"]) for r in ROWS),
        sum(r["s"]["in"]["z"] for r in ROWS if r["s"] and r["s"]["in"]), sum((r["day"] - epoch_day).days for r in ROWS),
        sum((r["ts"] - epoch) // sample.MICROSECOND for r in ROWS), sum(r["flag"] is not None for r in ROWS),
        sum(bool(r["flag"]) for r in ROWS), sum(r["f"] for r in ROWS))]
    assert got[1][0] == ["0", "49999", str(ROWS[0]["day"]), str(ROWS[-1]["day"]), "127", "50000"]
    assert got[2][0] == ["480", "120", "60", "240", "240"]
    maps = [dict(sample.map_row(i)["m"]) for i in range(45000) if sample.map_row(i)["m"] is not None]
    assert got[3][0] == [str(v) for v in (45000, len(maps), sum(map(len, maps)), sum(m.get("k2", 0.0) for m in maps),
                                          sum("k1" in m for m in maps))]


def test_spark_and_we_write_in_turns(spark, samples, tmp_path):
    table = tmp_path / "t"
    row = "DATE'2022-01-08', 'spark', TIMESTAMP'2024-01-02 03:04:05', true"
    spark([{"sql": f"CREATE TABLE delta.`{table}` (id BIGINT, day DATE, who STRING, at TIMESTAMP, even BOOLEAN) "
                   "USING delta PARTITIONED BY (day)"},
           {"sql": f"INSERT INTO delta.`{table}` SELECT 1, {row}"}])
    sample.our_turn(table)
    got = spark([{"sql": f"INSERT INTO delta.`{table}` SELECT 2, {row}"}] * 9 +  # past Spark's checkpoint at version 10
                [{"sql": f"SELECT count(*) FROM delta.`{table}`"}])
    assert got == [[["20"]]]
    sample.our_turn(table)
    got = spark([{"sql": f"SELECT id, who FROM delta.`{table}` ORDER BY id, who"},
                 {"sql": f"SELECT count(*) FROM delta.`{table}` WHERE day = DATE'2022-01-09' AND id >= 300"}])
    ours = [by_day_row(i) for i in range(300, 310)] * 2
    expected = [("1", "spark")] + [("2", "spark")] * 9 + [(str(r["id"]), r["who"]) for r in ours]
    assert sorted(map(str, got[0])) == sorted(str(list(r)) for r in expected)
    assert int(got[1][0][0]) == sum(str(r["day"]) == "2022-01-09" for r in ours)
    assert delta_read.Log(table).txn("millrace/samples/0") == 1


def test_spark_and_we_go_on_from_each_others_checkpoints(spark, samples, tmp_path):
    """The commits before each checkpoint are removed, so that it is all there is."""
    table = tmp_path / "t"
    row = "DATE'2022-01-08', 'spark', TIMESTAMP'2024-01-02 03:04:05', true"
    spark([{"sql": f"CREATE TABLE delta.`{table}` (id BIGINT, day DATE, who STRING, at TIMESTAMP, even BOOLEAN) "
                   "USING delta PARTITIONED BY (day) TBLPROPERTIES ('delta.checkpointInterval' = '3', "
                   "'delta.minReaderVersion' = '1', 'delta.minWriterVersion' = '2')"}] +
          [{"sql": f"INSERT INTO delta.`{table}` SELECT {i}, {row}"} for i in range(3)])
    theirs = table / "_delta_log" / f"{3:020}.checkpoint.parquet"
    assert theirs.exists()
    delta_read.clean_up(table, 3)
    for _ in range(3):
        sample.our_turn(table)  # versions 4, 5, 6
    ours = table / "_delta_log" / f"{6:020}.checkpoint.parquet"
    assert ours.exists() and json.loads((table / "_delta_log/_last_checkpoint").read_text())["version"] == 6
    expected = [[str(i), "spark"] for i in range(3)]
    expected += [[str(r["id"]), r["who"]] for r in (by_day_row(i) for i in range(300, 310))] * 3
    delta_read.clean_up(table, 6)
    theirs.unlink()
    got = spark([{"sql": f"SELECT id, who FROM delta.`{table}`"},
                 {"sql": f"SELECT count(*) FROM delta.`{table}` WHERE id >= 305"},  # by statistics
                 {"sql": f"SELECT count(*) FROM delta.`{table}` WHERE day = DATE'2022-01-08' AND who = 'spark'"},
                 {"sql": f"OPTIMIZE delta.`{table}`"},  # version 7: removes what the checkpoint has
                 {"sql": f"DELETE FROM delta.`{table}` WHERE id = 1"},
                 {"sql": f"INSERT INTO delta.`{table}` SELECT 4, {row}"},  # version 9: Spark's checkpoint on ours
                 {"sql": f"SELECT count(*) FROM delta.`{table}`"}])
    assert sorted(map(str, got[0])) == sorted(map(str, expected))
    assert got[1] == [[str(sum(int(id_) >= 305 for id_, _ in expected))]] and got[2] == [["3"]]
    assert got[3] == [["33"]]
    assert (table / "_delta_log" / f"{9:020}.checkpoint.parquet").exists()
    delta_read.clean_up(table, 9)
    for _ in range(3):
        sample.our_turn(table)  # with the files that OPTIMIZE removed, as tombstones, in our next checkpoint
    delta_read.clean_up(table, 12)
    for at in (6, 9):
        (table / "_delta_log" / f"{at:020}.checkpoint.parquet").unlink()
    assert spark([{"sql": f"SELECT count(*), count_if(id = 1), count_if(id = 4) FROM delta.`{table}`"}]) == [
        [["63", "0", "1"]]]
    log = delta_read.Log(table)
    assert log.version == 12 and log.txn("millrace/samples/0") == 5
    assert same_shape(table / "_delta_log" / f"{12:020}.checkpoint.parquet", tmp_path, spark)


def leaves(path):
    schema = pyarrow.parquet.ParquetFile(path).schema
    return {c.path: (c.physical_type, str(c.logical_type), c.max_definition_level, c.max_repetition_level)
            for c in (schema.column(i) for i in range(len(schema.names)))}


def same_shape(ours, folder, spark):
    """Spark's columns, types and levels, but for the statistics that Spark has once more in columns."""
    spark([{"sql": f"CREATE TABLE delta.`{folder}/shape` (id BIGINT) USING delta TBLPROPERTIES "
                   "('delta.checkpointInterval' = '1')"}, {"sql": f"INSERT INTO delta.`{folder}/shape` SELECT 1"}])
    theirs = leaves(folder / "shape/_delta_log" / f"{1:020}.checkpoint.parquet")
    mine = leaves(ours)
    return {p: v for p, v in theirs.items() if not p.startswith("add.stats_parsed.")} == mine
