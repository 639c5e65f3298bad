# SPDX-License-Identifier: MIT
"""The tools of the tests, tested: three readers that agree, pages without checksums, a broker that comes back."""
import datetime
import decimal

import pyarrow
import pyarrow.parquet
import pytest

import delta_read

UTC = datetime.timezone.utc
ROWS = pyarrow.table({
    "id": pyarrow.array([1, 2, 2, None], pyarrow.int64()),
    "d": pyarrow.array([0.5, float("nan"), None, -0.0]),
    "s": ["a", "ü", None, ""],
    "b": pyarrow.array([b"\x00\xff", None, b"", b"x"], pyarrow.binary()),
    "t": pyarrow.array([datetime.datetime(2024, 1, 1, tzinfo=UTC)] * 3 + [None], pyarrow.timestamp("us", "UTC")),
    "n": pyarrow.array([decimal.Decimal("1.50"), None, decimal.Decimal("0.00"), decimal.Decimal("-3.14")],
                       pyarrow.decimal128(10, 2)),
    "l": pyarrow.array([[1, None], [], None, [3]], pyarrow.list_(pyarrow.int32())),
    "r": pyarrow.array([{"x": 1, "y": "z"}, {"x": None, "y": None}, None, {"x": 2, "y": ""}],
                       pyarrow.struct([("x", pyarrow.int32()), ("y", pyarrow.string())])),
    "m": pyarrow.array([[("k", 1)], [], None, [("a", None)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
    "p": ["x", "y", "x", "y"],
})


def write(table, **more):
    from deltalake import WriterProperties, write_deltalake
    write_deltalake(table, ROWS, partition_by=["p"], writer_properties=WriterProperties(**more))


def rewrite(path, crc):
    pyarrow.parquet.write_table(pyarrow.parquet.ParquetFile(path).read(), path, write_page_checksum=crc)


def with_checksums(folder):
    """A table whose files are pyarrow's own, checksums on; the log gets the new sizes."""
    write(folder)
    log = delta_read.Log(folder)
    commit = folder / "_delta_log" / f"{0:020}.json"
    text = commit.read_text()
    for add, path in zip(log.adds(), log.paths()):
        rewrite(path, crc=True)
        text = text.replace(f'"size":{add["size"]}', f'"size":{path.stat().st_size}')
    commit.write_text(text)
    return folder


def test_three_readers_agree_on_all_types(tmp_path):
    table = with_checksums(tmp_path / "t")
    rows = delta_read.read(table)
    assert delta_read.difference(rows, ROWS.to_pylist()) == ""
    assert delta_read.orphans(table) == []


def test_a_page_without_checksum_is_refused(tmp_path):
    table = with_checksums(tmp_path / "t")
    path = delta_read.Log(table).paths()[0]
    rewrite(path, crc=False)
    with pytest.raises(AssertionError, match="no CRC"):
        delta_read.check_pages(path)


def test_a_flipped_bit_is_refused(tmp_path):
    table = with_checksums(tmp_path / "t")
    path = delta_read.Log(table).paths()[0]
    chunk = pyarrow.parquet.read_metadata(path).row_group(0).column(0)
    data = bytearray(path.read_bytes())
    begin = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    data[begin + chunk.total_compressed_size - 1] ^= 1  # the last byte of the column's last page
    path.write_bytes(data)
    with pytest.raises(AssertionError, match="wrong CRC"):
        delta_read.check_pages(path)


def test_a_missing_and_a_doubled_row_show(tmp_path):
    rows = ROWS.to_pylist()
    assert "1 rows only in a" in delta_read.difference(rows, rows[1:], ("a", "b"))
    assert "1 rows only in b" in delta_read.difference(rows, rows + rows[:1], ("a", "b"))


def test_the_broker_comes_back_with_its_data_after_kill(own_kafka):
    own_kafka.create_topic("t", 2)
    own_kafka.produce("t", [(0, "a"), (1, "k", "b", 1000), (1, None, None, 2000)])
    own_kafka.kill()
    own_kafka.start()
    assert own_kafka.end_offsets("t") == {0: (0, 1), 1: (0, 2)}
