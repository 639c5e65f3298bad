# SPDX-License-Identifier: MIT
"""Reads a Delta table with three independent readers, which must agree to the row:

    deltalake   log replay in Rust, Parquet by arrow-rs (its QueryBuilder)
    DuckDB      log replay by delta-kernel-rs, Parquet by DuckDB
    this file   log replay below, Parquet by pyarrow (C++) with page checksums verified

and proves that every page carries a checksum, which pyarrow alone would not notice.

    rows = read(table)                          list of dicts, the order of the files
    assert multiset(rows) == multiset([{"id": 1, ...}])
    Log(table).commit_infos(), .txn(app_id), .adds()
"""
import collections
import datetime
import decimal
import json
import math
import os
import pathlib
import struct
import sys
import urllib.parse
import zlib

import pyarrow
import pyarrow.parquet


class Log:
    """Our own replay of _delta_log: JSON commits from version 0 on, or from a checkpoint."""

    def __init__(self, table, version=None):
        self.table = pathlib.Path(table)
        self.commits = {}
        self.protocol = self.metadata = None
        self.files, self.txns = {}, {}
        folder = self.table / "_delta_log"
        names = sorted(p for p in folder.glob("[0-9]*.json") if len(p.stem) == 20) if folder.is_dir() else []
        for path in names:
            number = int(path.stem)
            if version is None or number <= version:
                self.commits[number] = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        begins_late = self.commits or list(folder.glob("*.checkpoint*.parquet"))
        self.start = self.load_checkpoint(folder) if begins_late and 0 not in self.commits else -1
        for number in sorted(self.commits):
            if number > self.start:
                for action in self.commits[number]:
                    self.apply(action)

    @property
    def version(self):
        """-1 when there is no table."""
        return max(self.commits, default=self.start)

    def load_checkpoint(self, folder):
        at = max((int(p.name[:20]) for p in folder.glob("*.checkpoint*.parquet")), default=None)
        assert at is not None, "the log begins after version 0 and there is no checkpoint"
        for path in sorted(folder.glob(f"{at:020}.checkpoint*.parquet")):
            for row in pyarrow.parquet.read_table(path).to_pylist():
                self.apply({name: value for name, value in row.items() if value is not None})
        return at

    def apply(self, action):
        if "protocol" in action:
            self.protocol = action["protocol"]
        if "metaData" in action:
            self.metadata = action["metaData"]
        if "txn" in action:
            self.txns[action["txn"]["appId"]] = action["txn"]["version"]
        if "add" in action:
            self.files[action["add"]["path"]] = action["add"]
        if "remove" in action:
            self.files.pop(action["remove"]["path"], None)

    def adds(self):
        """The add actions of the current files, by version of the commit, then as written."""
        return list(self.files.values())

    def paths(self):
        return [self.table / urllib.parse.unquote(add["path"]) for add in self.adds()]

    def txn(self, app_id):
        return self.txns.get(app_id)

    def commit_infos(self):
        """{version: commitInfo} of the JSON commits."""
        return {number: action["commitInfo"] for number, actions in self.commits.items()
                for action in actions if "commitInfo" in action}

    def schema(self):
        return json.loads(self.metadata["schemaString"])

    def partition_columns(self):
        return self.metadata.get("partitionColumns") or []


def clean_up(table, before=None):
    """Removes commits before a version (that of the newest checkpoint), as Spark and deltalake do when they are old;
    returns how many."""
    log = pathlib.Path(table) / "_delta_log"
    if before is None:
        before = max((int(p.name[:20]) for p in log.glob("*.checkpoint.parquet")), default=0)
    gone = [p for p in log.glob("[0-9]*.json") if int(p.stem) < before]
    for path in gone:
        path.unlink()
    return len(gone)


# ---- the pages of a Parquet file ----

class Thrift:
    """Enough of Thrift's compact protocol to read a struct into {field id: value}."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def value(self, kind):
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 7:
            self.at += 8
            return struct.unpack("<d", self.data[self.at - 8:self.at])[0]
        if kind == 8:
            size = self.varint()
            self.at += size
            return self.data[self.at - size:self.at]
        if kind in (9, 10):
            head = self.byte()
            size = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 15) for _ in range(size)]
        assert kind == 12, f"Thrift type {kind}"
        return self.struct()

    def struct(self):
        fields, field = {}, 0
        while True:
            head = self.byte()
            if head == 0:
                return fields
            field = field + (head >> 4) if head >> 4 else self.zigzag()
            fields[field] = self.value(head & 15)


def check_pages(path):
    """Every page of the file has a CRC-32 that is right, and the pages fill their column chunks exactly.
    Returns how many pages there are."""
    data = pathlib.Path(path).read_bytes()
    assert data[:4] == b"PAR1" == data[-4:], f"{path}: not a Parquet file"
    metadata = pyarrow.parquet.read_metadata(path)
    n_pages = 0
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            at = column.data_page_offset
            if column.has_dictionary_page:
                at = min(at, column.dictionary_page_offset)
            end = at + column.total_compressed_size
            while at < end:
                reader = Thrift(data, at)
                header = reader.struct()
                where = f"{path}: row group {group}, column {column.path_in_schema}, page at {at}"
                assert 4 in header, f"{where}: no CRC"
                body = data[reader.at:reader.at + header[3]]
                assert zlib.crc32(body) == header[4] & 0xFFFFFFFF, f"{where}: wrong CRC"
                at = reader.at + header[3]
                n_pages += 1
            assert at == end, f"{path}: pages of {column.path_in_schema} end at {at}, not {end}"
    return n_pages


# ---- rows that can be compared ----

EPOCH = datetime.datetime(1970, 1, 1)


def plain(value):
    """A hashable form that is equal exactly when SQL values are: times in microseconds, NaN equal to NaN."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return ("us", (value - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(value, decimal.Decimal):
        return ("decimal", value.normalize())
    if isinstance(value, dict):
        return tuple(sorted((key, plain(item)) for key, item in value.items()))
    if isinstance(value, tuple) and len(value) == 2:
        return (plain(value[0]), plain(value[1]))
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) for item in value)
    if isinstance(value, (bytes, bytearray)):
        return ("bytes", bytes(value))
    if isinstance(value, bool):
        return ("bool", value)
    return value


def multiset(rows):
    """rows: dicts. Equal when the same rows occur the same number of times, whatever the order of columns."""
    return collections.Counter(plain(row) for row in rows)


def difference(left, right, names=("left", "right"), at_most=5):
    """What a person wants to read when two multisets differ; "" when they do not."""
    left, right = multiset(left), multiset(right)
    lines = []
    for name, only in ((names[0], left - right), (names[1], right - left)):
        if only:
            lines.append(f"{sum(only.values())} rows only in {name}:")
            lines += [f"  {n} x {dict(row)}" for row, n in list(only.items())[:at_most]]
    return "\n".join(lines)


# ---- the three readers ----

def partition_value(text, kind):
    if text is None or text == "":
        return None
    if kind in ("long", "integer", "short", "byte"):
        return int(text)
    if kind in ("double", "float"):
        return float(text)
    if kind == "boolean":
        return text == "true"
    if kind == "date":
        return datetime.date.fromisoformat(text)
    if kind == "timestamp":
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if kind.startswith("decimal"):
        return decimal.Decimal(text)
    return text


def read_pyarrow(table, version=None):
    log = Log(table, version)
    kinds = {field["name"]: field["type"] for field in log.schema()["fields"]}
    rows = []
    for add, path in zip(log.adds(), log.paths()):
        check_pages(path)
        assert path.stat().st_size == add["size"], f"{path}: size is not the log's {add['size']}"
        # ParquetFile, not read_table: the folder names of partitions must not add columns by themselves.
        part = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True).read().to_pylist()
        if add.get("stats"):
            assert json.loads(add["stats"])["numRecords"] == len(part), f"{path}: numRecords is wrong"
        values = dict(add.get("partitionValues") or {})
        for row in part:
            for name in log.partition_columns():
                row[name] = partition_value(values.get(name), kinds[name])
            rows.append({name: row.get(name) for name in kinds})
    return rows


def read_deltalake(table, version=None):
    from deltalake import DeltaTable, QueryBuilder
    found = QueryBuilder().register("t", DeltaTable(str(table), version=version)).execute("SELECT * FROM t")
    return pyarrow.table(found.read_all()).to_pylist()


def read_duckdb(table, version=None):
    import duckdb
    import duckdb_extension_delta
    folder = pathlib.Path(duckdb_extension_delta.__file__).parent / "extensions"
    extension = next(folder.glob(f"v{duckdb.__version__}/delta.duckdb_extension*"))
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute("SET TimeZone = 'UTC'")
        at = "" if version is None else f", version => {int(version)}"
        return connection.execute(f"SELECT * FROM delta_scan('{table}'{at})").to_arrow_table().to_pylist()


def read(table, version=None):
    """The rows of the table (of that version), after all three readers agreed on them."""
    rows = read_pyarrow(table, version)
    for name, reader in (("deltalake", read_deltalake), ("DuckDB", read_duckdb)):
        differ = difference(rows, reader(table, version), ("pyarrow", name))
        assert not differ, differ
    return rows


def orphans(table):
    """Parquet files below the table that no version of the log names."""
    log = Log(table)
    known = {add["add"]["path"] for actions in log.commits.values() for add in actions if "add" in add}
    known = {urllib.parse.unquote(path) for path in known}
    found = (os.path.relpath(path, table) for path in pathlib.Path(table).rglob("*.parquet"))
    return sorted(path for path in found if path not in known and not path.startswith("_delta_log"))


if __name__ == "__main__":
    for row_ in read(sys.argv[1]):
        print(row_)
