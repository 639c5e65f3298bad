# SPDX-License-Identifier: MIT
"""What only a real broker does: TLS and SASL, transactions, compaction, new partitions, deleted records; and another
writer on the table of a running query."""
import json
import time

import pytest

import delta_read
from conftest_shared import needs_kafka
from kafka_broker import SASL_PASSWORD, SASL_USER, Broker

JAAS = ("org.apache.kafka.common.security.{module}LoginModule required "
        f'username="{SASL_USER}" password="{SASL_PASSWORD}";')


def job_sql(server, topic, properties="", **options):
    more = "".join(f", `{name.replace('__', '.')}` => '{value}'" for name, value in options.items())
    start = "" if "startingOffsets" in options else ", startingOffsets => 'earliest'"
    return f"""CREATE STREAMING TABLE t {properties} AS
SELECT CAST(value AS STRING) AS v, partition AS p, offset AS o
FROM STREAM read_kafka(bootstrapServers => '{server}', subscribe => '{topic}'{start}{more});
"""


def run(millrace, sql, *args, timeout=60):
    (millrace.folder / "job.sql").write_text(sql)
    return millrace.run("run", "job.sql", "--available-now", "--summary", *args, timeout=timeout)


def values(millrace):
    return sorted(r["v"] for r in delta_read.read(millrace.folder / "lake/t"))


# ---- TLS and SASL ----

@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    needs_kafka()
    broker = Broker(tmp_path_factory.mktemp("secure-kafka"), secure=True).start()
    broker.create_topic("secret", 2)
    broker.produce("secret", [(0, "a"), (1, "b"), (0, "c")])
    yield broker
    broker.stop()


def secure_job(broker, protocol, **options):
    port = {"SSL": broker.ssl_port, "SASL_PLAINTEXT": broker.sasl_port, "SASL_SSL": broker.sasl_ssl_port}[protocol]
    if "SSL" in protocol:
        options.setdefault("kafka__ssl__truststore__location", broker.ca_file)
        options.setdefault("kafka__ssl__truststore__type", "PEM")
    options = {name: value for name, value in options.items() if value is not None}
    return job_sql(f"127.0.0.1:{port}", "secret", kafka__security__protocol=protocol, **options)


def user(mechanism, password=SASL_PASSWORD):
    return {"kafka__sasl__mechanism": mechanism, "kafka__sasl__username": SASL_USER,
            "kafka__sasl__password": password}


@pytest.mark.parametrize("protocol, options", [
    ("SSL", {}), ("SASL_PLAINTEXT", user("PLAIN")), ("SASL_PLAINTEXT", user("SCRAM-SHA-256")),
    ("SASL_SSL", user("SCRAM-SHA-512")), ("SASL_SSL", user("PLAIN")),
    ("SASL_SSL", {"kafka__sasl__mechanism": "PLAIN", "kafka__sasl__jaas__config": JAAS.format(module="plain.Plain")}),
    ("SASL_PLAINTEXT", {"kafka__sasl__mechanism": "SCRAM-SHA-512",
                        "kafka__sasl__jaas__config": JAAS.format(module="scram.Scram")}),
])
def test_a_secured_broker_is_read(secured, millrace, protocol, options):
    assert run(millrace, secure_job(secured, protocol, **options)) == 0, millrace.output()
    assert values(millrace) == ["a", "b", "c"]


@pytest.mark.parametrize("protocol, options, said", [
    ("SASL_PLAINTEXT", user("PLAIN", "wrong"), ["authentication", "username or password"]),
    ("SASL_SSL", user("SCRAM-SHA-256", "wrong"), ["authentication"]),
    ("SSL", {"kafka__ssl__truststore__location": None, "kafka__ssl__truststore__type": None}, ["certificate"]),
])
def test_a_refusal_is_told_with_its_reason(secured, millrace, protocol, options, said):
    """Not "broker unreachable": the sentence must lead to the password or the CA, which it must not show."""
    code = run(millrace, secure_job(secured, protocol, **options), timeout=90)
    assert code in (69, 77), (code, millrace.output())
    for text in said:
        assert text in millrace.output().lower(), millrace.output()
    assert "wrong" not in millrace.output()


# ---- transactions ----

def transactional(kafka, name):
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": name, "linger.ms": 0})
    producer.init_transactions(30)
    return producer


def transaction(producer, topic, records, commit):
    producer.begin_transaction()
    for partition, value in records:
        producer.produce(topic, value, partition=partition)
    producer.flush(30)
    (producer.commit_transaction if commit else producer.abort_transaction)(30)


@pytest.mark.parametrize("cap", [None, 3])
def test_aborted_records_never_appear(kafka, topic, millrace, cap):
    """Markers take offsets too: a planned end may fall on one, or behind records that were aborted."""
    name = topic(2)
    producer = transactional(kafka, name)
    kept = []
    for i in range(12):
        commit = i % 3 != 1
        records = [(k % 2, f"{i}-{k}") for k in range(4)]
        transaction(producer, name, records, commit)
        kept += [v for _, v in records] if commit else []
    transaction(producer, name, [(0, "last"), (1, "last")], False)
    options = {"maxOffsetsPerTrigger": cap} if cap else {}
    assert run(millrace, job_sql(kafka.address, name, **options)) == 0, millrace.output()
    assert values(millrace) == sorted(kept)
    assert millrace.summary()["ledger"]["balanced"]


def test_an_open_transaction_is_waited_for_not_read(kafka, topic, millrace):
    name = topic(1)
    done, hanging = transactional(kafka, name + "-1"), transactional(kafka, name + "-2")
    transaction(done, name, [(0, "before")], True)
    hanging.begin_transaction()
    hanging.produce(name, "hanging", partition=0)
    hanging.flush(30)
    transaction(done, name, [(0, "behind")], True)
    sql = job_sql(kafka.address, name)
    assert run(millrace, sql) == 0, millrace.output()  # up to the last stable offset
    assert values(millrace) == ["before"]
    hanging.abort_transaction(30)
    assert run(millrace, sql) == 0, millrace.output()
    assert values(millrace) == ["before", "behind"]


def test_uncommitted_records_are_read_when_asked_for(kafka, topic, millrace):
    name = topic(1)
    producer = transactional(kafka, name)
    transaction(producer, name, [(0, "aborted")], False)
    transaction(producer, name, [(0, "committed")], True)
    sql = job_sql(kafka.address, name, kafka__isolation__level="read_uncommitted")
    assert run(millrace, sql) == 0, millrace.output()
    assert values(millrace) == ["aborted", "committed"]


# ---- compaction ----

def readable(kafka, topic, total):
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "readable", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = []
    while True:
        message = consumer.poll(10)
        assert message is not None
        if message.error():
            break
        found.append(message.offset())
    consumer.close()
    return found


def test_a_gap_of_compaction_at_a_planned_end_does_not_hang(tmp_path, millrace):
    needs_kafka()
    broker = Broker(tmp_path / "kafka", extra="log.cleaner.backoff.ms=100\n").start()
    try:
        broker.create_topic("compacted", 1, cleanup_policy="compact", min_cleanable_dirty_ratio="0.001",
                            segment_ms=200, max_compaction_lag_ms=300)
        broker.produce("compacted", [(0, "k", str(i), 1_700_000_000_000 + i) for i in range(200)])
        end = time.monotonic() + 60
        while len(readable(broker, "compacted", 200)) > 20:  # each record rolls the segment, or it is not cleaned
            assert time.monotonic() < end, "the broker did not compact"
            broker.produce("compacted", [(0, "roll", "r", int(time.time() * 1000))])
            time.sleep(0.5)
        offsets = readable(broker, "compacted", 200)
        gap = offsets[0]
        assert gap > 20
        sql = job_sql(broker.address, "compacted", maxOffsetsPerTrigger=7)
        assert run(millrace, sql, timeout=120) == 0, millrace.output()
        got = sorted(r["o"] for r in delta_read.read(millrace.folder / "lake/t"))
        assert set(got) <= set(offsets) | set(range(gap, offsets[-1] + 1)) and "199" in values(millrace)
    finally:
        broker.stop()


# ---- partitions and deleted records ----

def test_new_partitions_are_found_and_read_from_their_start(kafka, topic, millrace):
    name = topic(1)
    sql = job_sql(kafka.address, name, "TBLPROPERTIES ('pipelines.trigger.interval' = '200 milliseconds')",
                  startingOffsets="latest", kafka__metadata__max__age__ms=1000)
    (millrace.folder / "job.sql").write_text(sql)
    kafka.produce(name, [(0, "before the start")])
    millrace.start("run", "job.sql", "--summary")

    def has_begun():
        kafka.produce(name, [(0, "old")])
        return delta_read.Log(millrace.folder / "lake/t").version >= 0
    millrace.until(has_begun, 60, "a version")
    kafka.add_partitions(name, 3)
    kafka.produce(name, [(1, "one"), (2, "two"), (2, "three")])  # before anybody knows of them
    rows = lambda: delta_read.read_deltalake(millrace.folder / "lake/t")  # noqa: E731  one reader: the table moves on
    millrace.until(lambda: {"one", "two", "three"} <= {r["v"] for r in rows()}, 75, "rows of the new partitions")
    assert millrace.stop() == 0, millrace.output()
    assert "before the start" not in values(millrace)
    assert values(millrace).count("two") == 1
    assert millrace.run("run", "job.sql", "--available-now", "--summary") == 0, millrace.output()
    assert values(millrace).count("two") == 1


def test_deleted_records_are_skipped_and_counted_when_that_is_wanted(kafka, topic, millrace):
    name = topic(1)
    kafka.produce(name, [(0, str(i)) for i in range(10)])
    sql = job_sql(kafka.address, name, failOnDataLoss="false")
    assert run(millrace, sql) == 0, millrace.output()
    kafka.produce(name, [(0, str(i)) for i in range(10, 20)])
    kafka.delete_records(name, 0, 15)
    assert run(millrace, sql) == 0, millrace.output()
    assert values(millrace) == sorted(str(i) for i in range(20) if i < 10 or i >= 15)
    ledger = millrace.summary()["ledger"]
    assert ledger["balanced"] and sum(p["lost"] for p in ledger["partitions"]) == 5, ledger


def test_headers_are_a_column_when_they_are_asked_for(kafka, topic, millrace):
    name = topic(1)
    kafka.produce(name, [(0, None, "none", 1), (0, None, "two", 2, [("id", b"\x00\x01"), ("id", b"again")]),
                         (0, None, "odd", 3, [("empty", b""), ("nothing", None), ("\u00e9", "\u00fc".encode())])])
    sql = f"""CREATE STREAMING TABLE t AS SELECT CAST(value AS STRING) AS v, headers AS h,
transform(filter(headers, x -> x.key = 'id'), x -> CAST(x.value AS STRING)) AS ids
FROM STREAM read_kafka(bootstrapServers => '{kafka.address}', subscribe => '{name}',
startingOffsets => 'earliest', includeHeaders => true);"""
    assert run(millrace, sql) == 0, millrace.output()
    rows = {r["v"]: r for r in delta_read.read(millrace.folder / "lake/t")}
    assert rows["none"]["h"] is None and rows["none"]["ids"] is None
    assert [(x["key"], bytes(x["value"])) for x in rows["two"]["h"]] == [("id", b"\x00\x01"), ("id", b"again")]
    assert rows["two"]["ids"] == ["\0\1", "again"]
    assert [(x["key"], x["value"]) for x in rows["odd"]["h"]] == [
        ("empty", b""), ("nothing", None), ("\u00e9", "\u00fc".encode())]
    ledger = millrace.summary()["ledger"]
    assert ledger["balanced"] and sum(p["read"] for p in ledger["partitions"]) == 3, ledger


def test_tombstones_are_rows_without_a_value(kafka, topic, millrace):
    name = topic(1)
    kafka.produce(name, [(0, "a", "1", 1), (0, "a", None, 2), (0, None, None, 3), (0, "b", "", 4)])
    sql = f"""CREATE STREAMING TABLE t AS SELECT CAST(key AS STRING) AS k, CAST(value AS STRING) AS v,
from_json(CAST(value AS STRING), 'a INT') IS NULL AS j
FROM STREAM read_kafka(bootstrapServers => '{kafka.address}', subscribe => '{name}', startingOffsets => 'earliest');"""
    assert run(millrace, sql) == 0, millrace.output()
    rows = [(r["k"], r["v"], r["j"]) for r in delta_read.read(millrace.folder / "lake/t")]
    assert sorted(rows, key=str) == sorted([("a", "1", False), ("a", None, True), (None, None, True),
                                            ("b", "", True)], key=str)
    assert millrace.summary()["ledger"]["balanced"]


def test_topics_of_a_pattern_are_found_at_the_start_and_while_it_runs(kafka, topic, millrace):
    first, other = topic(2), topic(1)
    stem = first.rsplit("-", 1)[0]
    later = f"{stem}-later"
    pattern = f"{stem}-({first.rsplit('-', 1)[1]}|late..?)"
    sql = job_sql(kafka.address, "x", "TBLPROPERTIES ('pipelines.trigger.interval' = '200 milliseconds')",
                  kafka__metadata__max__age__ms=1000).replace("subscribe => 'x'", f"subscribePattern => '{pattern}'")
    (millrace.folder / "job.sql").write_text(sql)
    kafka.produce(first, [(0, "a"), (1, "b")])
    kafka.produce(other, [(0, "of another topic")])
    millrace.start("run", "job.sql", "--summary")
    table = millrace.folder / "lake/t"
    rows = lambda: delta_read.read_deltalake(table)  # noqa: E731  one reader: the table moves on
    millrace.until(lambda: delta_read.Log(table).version >= 0 and {"a", "b"} <= {r["v"] for r in rows()}, 60,
                   "rows of the first topic")
    kafka.create_topic(later, 1)
    try:
        kafka.produce(later, [(0, "c"), (0, "d")])
        millrace.until(lambda: {"c", "d"} <= {r["v"] for r in rows()}, 75, "rows of the new topic")
        assert millrace.stop() == 0, millrace.output()
        assert values(millrace) == ["a", "b", "c", "d"]
        kafka.produce(later, [(0, "e")])
        assert millrace.run("run", "job.sql", "--available-now", "--summary") == 0, millrace.output()
        assert values(millrace) == ["a", "b", "c", "d", "e"]
        ledger = millrace.summary()["ledger"]
        assert ledger["balanced"] and sum(p["read"] for p in ledger["partitions"]) == 5, ledger
    finally:
        kafka.delete_topic(later)
    assert millrace.run("run", "job.sql", "--available-now") != 0
    assert f"topic {later} is gone" in millrace.output()


def test_a_pattern_that_takes_no_topic_is_told(kafka, millrace):
    sql = job_sql(kafka.address, "x").replace("subscribe => 'x'", "subscribePattern => 'no[-]such.*'")
    assert run(millrace, sql) != 0
    assert "no topic matches subscribePattern 'no[-]such.*'" in millrace.output()


# ---- another writer ----

def test_deltalake_appends_while_the_query_runs(kafka, topic, millrace):
    import pyarrow
    from deltalake import write_deltalake
    name, table = topic(2), millrace.folder / "lake/t"
    sql = job_sql(kafka.address, name, "TBLPROPERTIES ('pipelines.trigger.interval' = '100 milliseconds')")
    (millrace.folder / "job.sql").write_text(sql)
    kafka.produce(name, [(0, "ours-first")])
    millrace.start("run", "job.sql", "--summary")
    millrace.until(lambda: delta_read.Log(table).version >= 0, 60, "a version")
    schema = pyarrow.schema([("v", pyarrow.string()), ("p", pyarrow.int32()), ("o", pyarrow.int64())])
    ours, theirs = ["ours-first"], []
    for i in range(20):
        batch = [(i % 2, f"ours-{i}-{k}") for k in range(50)]
        kafka.produce(name, batch)
        ours += [v for _, v in batch]
        theirs.append(f"theirs-{i}")
        write_deltalake(str(table), pyarrow.Table.from_pylist([{"v": theirs[-1], "p": -1, "o": i}], schema=schema),
                        mode="append")
    millrace.until(lambda: len(delta_read.read_deltalake(table)) == len(ours) + len(theirs), 60, "all rows")
    assert millrace.stop() == 0, millrace.output()
    rows = delta_read.read_deltalake(table)  # theirs have no page checksums, which read() asks for
    assert sorted(r["v"] for r in rows) == sorted(ours + theirs)
    summary = json.loads(millrace.output().splitlines()[-1])
    assert summary["ledger"]["balanced"]
