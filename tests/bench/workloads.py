# SPDX-License-Identifier: MIT
"""The workloads of ./dev bench: the SQL of each over one topic of ad events, and what plain Python says of it.

    W0   seven JSON columns to Delta, nothing else
    W1   filter, join with a static table, 10 s windows       Yahoo's streaming benchmark, 250-byte JSON
    W2   expressions that cost: regular expressions, a date's text, JSON and back, SHA-256, CASE, DECIMAL
"""
import collections
import datetime
import decimal
import hashlib
import json
import re

import pyarrow.parquet

import delta_read
import oracle

FIELDS = ("user_id", "page_id", "ad_id", "ad_type", "event_type", "event_time", "ip_address")
SCHEMA = ", ".join(f"{f} {'BIGINT' if f == 'event_time' else 'STRING'}" for f in FIELDS)
SOURCE = f"""(SELECT from_json(CAST(value AS STRING), '{SCHEMA}') AS e, partition, offset
  FROM STREAM read_kafka(bootstrapServers => '{{server}}', subscribe => '{{topic}}', startingOffsets => '{{start}}'))"""
W0 = f"CREATE STREAMING TABLE w0 AS SELECT e.* FROM {SOURCE};"
FRESH = f"""CREATE STREAMING TABLE fresh TBLPROPERTIES ('pipelines.trigger.interval' = '1 second')
AS SELECT e.event_time, partition, offset FROM {SOURCE};"""
W2 = f"""CREATE STREAMING TABLE w2 AS SELECT
  regexp_extract(e.user_id, '^([0-9a-f]+)-([0-9a-f]+)', 2) AS middle,
  regexp_replace(e.page_id, '[0-9]+', '#') AS page,
  date_format(timestamp_millis(e.event_time), 'yyyy-MM-dd HH:mm:ss.SSS') AS at,
  to_json(named_struct('ad', e.ad_id, 'kind', upper(e.event_type), 'ip', e.ip_address)) AS doc,
  sha2(concat(e.user_id, '/', e.ad_id), 256) AS visitor,
  CASE WHEN e.event_type = 'purchase' THEN 'buyer'
       WHEN e.event_type = 'click' AND e.ad_type IN ('mail', 'mobile') THEN 'reader' ELSE 'viewer' END AS who,
  round(CAST(e.event_time % 100000 AS DECIMAL(12, 2)) * CAST('1.1925' AS DECIMAL(5, 4)), 2) AS price
FROM {SOURCE};"""


def rows_of(table, columns):
    """Of a Delta table without deletions: column by column, since there are millions."""
    for path in delta_read.Log(table).paths():
        found = pyarrow.parquet.read_table(path, page_checksum_verification=True)
        yield from zip(*(found[c].to_pylist() for c in columns))


def w2_row(doc):
    """The row of W2 for a document of W0's columns."""
    user, page, ad, ad_type, kind, time, ip = (doc[f] for f in FIELDS)
    at = datetime.datetime.fromtimestamp(time // 1000, datetime.timezone.utc)
    who = "buyer" if kind == "purchase" else "reader" if kind == "click" and ad_type in ("mail", "mobile") else "viewer"
    price = decimal.Decimal(time % 100000) * decimal.Decimal("1.1925")
    return (re.match("^([0-9a-f]+)-([0-9a-f]+)", user).group(2), re.sub("[0-9]+", "#", page),
            f"{at:%Y-%m-%d %H:%M:%S}.{time % 1000:03}",
            json.dumps({"ad": ad, "kind": kind.upper(), "ip": ip}, separators=(",", ":")),
            hashlib.sha256(f"{user}/{ad}".encode()).hexdigest(), who,
            price.quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_UP))


class Truth:
    """records: of oracle.read_topic; ads: path of the static table."""

    def __init__(self, records, ads):
        self.records, self.ads = records, ads

    def all_rows(self, table, columns, row):
        left = collections.Counter(row(json.loads(r.value)) for records in self.records for r in records)
        left.subtract(rows_of(table, columns))
        return not any(left.values())

    def w0(self, table):
        return self.all_rows(table, FIELDS, lambda doc: tuple(doc[f] for f in FIELDS))

    def w1(self, table):
        truth, newest = oracle.views(self.records, oracle.read_ads(self.ads))
        closed = {(*key, n) for key, n in truth.items() if key[0] + 10_000 <= newest - 10_000}
        return sorted(oracle.result_rows(delta_read.read(table))) == sorted(closed)

    def w2(self, table):
        return self.all_rows(table, ("middle", "page", "at", "doc", "visitor", "who", "price"), w2_row)


TABLES = {"W0": "w0", "W1": "views", "W2": "w2"}


def sql(name, server, topic, start="earliest"):
    if name == "W1":
        return oracle.job_sql(server, topic, delay="10 SECONDS")
    return {"W0": W0, "W2": W2, "FRESH": FRESH}[name].format(server=server, topic=topic, start=start)
