# SPDX-License-Identifier: MIT
"""Tables written by the sink alone (tests/unit/sink/test_samples.c), read by other people's readers, value by value."""
import datetime
import decimal
import json
import math
import shutil
import time

import pyarrow.parquet
import pytest

import delta_read
import samples as sample
from samples import EPOCH, by_day_row, map_row, partitioned_row, typed_row


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    if sample.program() is None:
        pytest.skip("test_sink_samples is not built: ./dev check")
    return sample.write(tmp_path_factory.mktemp("samples"))


def read_polars(table):
    import polars
    log = delta_read.Log(table)
    return polars.concat([polars.read_parquet(path) for path in log.paths()]).to_dicts()


def same(got, expected):
    differ = delta_read.difference(got, expected, ("the table", "the formula"))
    assert not differ, differ


@pytest.mark.parametrize("table, n", [("types_none", 2500), ("types_snappy", 2500), ("types_zstd", 50000)])
def test_every_type_and_codec_reads_back(samples, table, n):
    expected = [typed_row(i) for i in range(n)]
    same(delta_read.read(samples / table), expected)
    same(read_polars(samples / table), expected)


def test_maps_read_back(samples):
    from deltalake import DeltaTable
    path, = delta_read.Log(samples / "maps").paths()
    assert pyarrow.parquet.read_table(path).to_pylist() == [map_row(i) for i in range(45000)]
    assert DeltaTable(str(samples / "maps")).to_pyarrow_table().to_pylist() == [map_row(i) for i in range(45000)]


def test_the_sign_of_zero_is_kept(samples):
    path, = delta_read.Log(samples / "types_zstd").paths()
    zeros = pyarrow.parquet.read_table(path, columns=["zero"])["zero"].to_pylist()
    assert [math.copysign(1, z) for z in zeros[:4]] == [-1, 1, -1, 1]


def chunk(path, name, group=0):
    metadata = pyarrow.parquet.ParquetFile(path).metadata
    columns = [metadata.row_group(group).column(i) for i in range(metadata.num_columns)]
    return next(c for c in columns if c.path_in_schema == name)


def test_chunk_statistics_are_true(samples):
    path, = delta_read.Log(samples / "types_zstd").paths()
    rows = [typed_row(i) for i in range(50000)]
    for name in ("id", "flag", "tiny", "small", "num", "big", "f", "d", "low", "name", "uni", "bin", "day", "ts",
                 "d9", "d18", "d20", "d38"):
        values = [row[name] for row in rows if row[name] is not None]
        stats = chunk(path, name).statistics
        assert (stats.min, stats.max) == (min(values), max(values)), name
        assert stats.null_count == len(rows) - len(values), name
    assert chunk(path, "nothing").statistics.null_count == 50000
    assert not chunk(path, "nothing").statistics.has_min_max
    zero = chunk(path, "zero").statistics
    assert (math.copysign(1, zero.min), math.copysign(1, zero.max)) == (-1, 1)
    nan = chunk(path, "nan").statistics
    assert (nan.min, nan.max) == (0.0, 9.0)  # NaN has no place in a range
    assert chunk(path, "s.in.y").statistics.null_count == 37500
    assert (chunk(path, "s.x").statistics.min, chunk(path, "s.x").statistics.max) == (1, 49999)
    long = chunk(path, "long").statistics  # cut: a prefix below, the next prefix above
    assert long.min == "z" * 256 and long.max == "z" * 255 + "{"


def test_dictionaries_stand_where_they_pay(samples):
    path, = delta_read.Log(samples / "types_zstd").paths()
    assert "RLE_DICTIONARY" in chunk(path, "low").encodings and chunk(path, "low").has_dictionary_page
    for name in ("id", "name", "ts"):
        assert not chunk(path, name).has_dictionary_page, name
    small, = delta_read.Log(samples / "types_none").paths()
    assert not chunk(small, "id").has_dictionary_page


def test_file_says_what_it_is(samples):
    path, = delta_read.Log(samples / "types_zstd").paths()
    metadata = pyarrow.parquet.ParquetFile(path).metadata
    assert metadata.created_by.startswith("millrace version ") and " (build " in metadata.created_by
    assert metadata.format_version == "1.0"
    schema = pyarrow.parquet.ParquetFile(path).schema_arrow
    assert str(schema.field("ts").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("tiny").type) == "int8" and str(schema.field("day").type) == "date32[day]"
    assert chunk(path, "low").has_offset_index and chunk(path, "low").has_column_index
    assert not chunk(path, "d").is_stats_set or chunk(path, "d").statistics.max == math.inf


def test_row_groups_pages_and_pushed_filters(samples):
    import duckdb
    import polars
    path, = delta_read.Log(samples / "groups").paths()
    metadata = pyarrow.parquet.ParquetFile(path).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [1049000, 151000]
    first, second = chunk(path, "id", 0).statistics, chunk(path, "id", 1).statistics
    assert (first.min, first.max, second.min, second.max) == (0, 1048999, 1049000, 1199999)
    assert delta_read.check_pages(path) > 150
    for low, high in ((0, 0), (19999, 20001), (1048999, 1049001), (1199999, 1300000), (700000, 700100)):
        n = sum(1 for _ in range(low, min(high, 1199999) + 1))
        where = f"id BETWEEN {low} AND {high}"
        assert duckdb.sql(f"SELECT count(*), min(id), max(id) FROM '{path}' WHERE {where}").fetchone() == (
            n, low, min(high, 1199999))
        assert polars.scan_parquet(path).filter(polars.col("id").is_between(low, high)).collect().height == n
        table = pyarrow.parquet.read_table(path, filters=[("id", ">=", low), ("id", "<=", high)])
        assert table["id"].to_pylist() == list(range(low, min(high, 1199999) + 1))
    assert duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE k = 'k1100'").fetchone() == (1000,)
    assert duckdb.sql(f"SELECT count(*) FROM '{path}' WHERE v IS NULL").fetchone() == (300000,)


def test_epochs_are_versions(samples):
    log = delta_read.Log(samples / "epochs")
    assert log.version == 2 and log.txn("millrace/samples/0") == 2
    assert [len([a for a in log.commits[v] if "add" in a]) for v in range(3)] == [1, 0, 1]
    infos = log.commit_infos()
    assert infos[1]["readVersion"] == 0 and infos[1]["operationMetrics"]["numAddedFiles"] == "0"
    assert infos[2]["millrace"] == {"watermark_ms": 0} and infos[2]["txnId"] == "nonce-2"
    assert log.protocol == {"minReaderVersion": 1, "minWriterVersion": 2}
    assert log.metadata["description"] == "samples"
    for version, n in ((0, 10), (1, 10), (2, 25)):
        same(delta_read.read(samples / "epochs", version), [typed_row(i) for i in range(n)])
    assert delta_read.orphans(samples / "epochs") == []


def test_partition_values_read_back(samples):
    same(delta_read.read(samples / "partitions"), [partitioned_row(i) for i in range(480)])
    log = delta_read.Log(samples / "partitions")
    assert log.partition_columns() == ["day", "who", "at", "even"]  # as the schema writes them
    one = next(a for a in log.adds() if a["partitionValues"]["who"] == "plain")
    assert one["partitionValues"]["at"] == "2024-01-02T03:04:05.120000Z"
    assert all(path.isascii() and "%" not in path for path in (a["path"] for a in log.adds()))


def test_plain_partition_values_make_folders(samples):
    log = delta_read.Log(samples / "by_day")
    assert sorted(a["path"].split("/")[0] for a in log.adds()) == ["day=2022-01-08", "day=2022-01-09", "day=2022-01-10"]
    expected = [by_day_row(i) for i in range(300)]
    same(delta_read.read(samples / "by_day"), expected)


def test_add_statistics_follow_delta(samples):
    add, = delta_read.Log(samples / "types_zstd").adds()
    stats = json.loads(add["stats"])
    low, high, nulls = stats["minValues"], stats["maxValues"], stats["nullCount"]
    assert stats["numRecords"] == 50000
    assert (low["id"], high["id"], nulls["id"]) == (0, 49999, 0)
    assert (low["big"], high["big"]) == (-2**63, 2**63 - 1)
    assert (low["day"], high["day"]) == (str(typed_row(0)["day"]), str(typed_row(49999)["day"]))
    assert low["ts"] == "1969-11-20T07:59:59.999Z"  # -1000 * 3600.000001 s is -3600000.001 s: down to whole ms
    assert high["ts"].endswith("Z") and datetime.datetime.fromisoformat(high["ts"]) >= typed_row(49999)["ts"]
    for name in ("flag", "bin", "nan", "d", "nothing"):  # no order, NaN, infinity, nothing but NULL
        assert name not in low and name not in high, name
    assert (nulls["flag"], nulls["nothing"], nulls["nan"]) == (7143, 50000, 0)
    assert (low["low"], high["low"]) == ("", "k9")
    assert low["long"] == "z" * 32 and high["long"] == "z" * 32 + "\x7f"
    assert (low["s"]["in"]["z"], high["s"]["in"]["z"], nulls["s"]["in"]["y"]) == (-49999, -2, 37500)
    exact = json.loads(add["stats"], parse_float=decimal.Decimal, parse_int=decimal.Decimal)
    for name in ("d9", "d18", "d20", "d38"):
        values = [typed_row(i)[name] for i in range(50000) if typed_row(i)[name] is not None]
        assert (exact["minValues"][name], exact["maxValues"][name]) == (min(values), max(values)), name
    assert "x" in low["s"] and "y" in low["s"]["in"]


def day_table(rows, path):
    """Rows as an Arrow table with the schema of our files and the partition column."""
    schema = pyarrow.parquet.ParquetFile(path).schema_arrow
    return pyarrow.Table.from_pylist(rows, schema.insert(1, pyarrow.field("day", pyarrow.date32())))


def test_deltalake_and_we_write_in_turns(samples, tmp_path):
    from deltalake import DeltaTable, write_deltalake
    table = tmp_path / "t"
    shutil.copytree(samples / "by_day", table)
    assert DeltaTable(str(table)).transaction_version("millrace/samples/0") == 0
    extra = [partitioned_row(1000)]
    write_deltalake(str(table), day_table(extra, delta_read.Log(table).paths()[0]), mode="append")
    sample.our_turn(table)
    assert delta_read.Log(table).txn("millrace/samples/0") == 1
    got = delta_read.read_deltalake(table)
    same(got, [by_day_row(i) for i in range(310)] + extra)
    same(delta_read.read_duckdb(table), got)


def test_a_table_made_by_deltalake_is_appended_to(samples, tmp_path):
    from deltalake import write_deltalake
    table = tmp_path / "t"
    rows = [by_day_row(i) for i in range(20)]
    write_deltalake(str(table), day_table(rows, delta_read.Log(samples / "by_day").paths()[0]), partition_by=["day"])
    sample.our_turn(table)
    sample.our_turn(table)
    got = delta_read.read_deltalake(table)
    same(got, rows + [by_day_row(i) for i in range(300, 310)] * 2)
    same(delta_read.read_duckdb(table), got)


def test_deltalake_and_we_write_at_the_same_time(samples, tmp_path):
    import threading
    from deltalake import write_deltalake
    table = tmp_path / "t"
    shutil.copytree(samples / "by_day", table)
    path = delta_read.Log(table).paths()[0]
    extra = [partitioned_row(1000 + i) for i in range(20)]
    failed = []

    def theirs():
        try:
            for row in extra:
                write_deltalake(str(table), day_table([row], path), mode="append")
        except Exception as error:  # noqa: BLE001  shown below, in the test's own thread
            failed.append(error)

    thread = threading.Thread(target=theirs)
    thread.start()
    turns = 0
    while thread.is_alive() or turns < 5:
        sample.our_turn(table)
        turns += 1
        time.sleep(0.01)  # as between epochs; without any pause deltalake never gets a turn and gives up
    thread.join()
    assert not failed
    log = delta_read.Log(table)
    assert log.version == 20 + turns and log.txn("millrace/samples/0") == turns
    same(delta_read.read_deltalake(table),
         [by_day_row(i) for i in range(300)] + extra + [by_day_row(i) for i in range(300, 310)] * turns)
