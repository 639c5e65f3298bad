# SPDX-License-Identifier: MIT
"""Public streams as producers, against servers on this machine that speak the same protocols."""
import json
import signal
import subprocess
import time

import pytest

import oracle
from millrace import binary
from replay_server import ReplayServer


def edits(n, first=0):
    return [json.dumps({"$schema": "/mediawiki/recentchange/1.0.0", "id": i, "type": "edit", "wiki": f"w{i % 3}wiki",
                        "title": f"Page {i % 7}", "user": "Ann", "bot": i % 5 == 0, "timestamp": 1700000000 + i,
                        "meta": {"id": f"e-{i}", "dt": f"2023-11-14T22:13:{20 + i % 40:02}.25Z", "domain": "x.org"}})
            for i in range(first, first + n)]


def ticker(product, number, sequence):
    return json.dumps({"type": "ticker", "sequence": sequence, "product_id": product, "price": f"{100 + number}.5",
                       "side": "buy", "time": f"2024-05-01T10:00:{number:02}.123456Z", "trade_id": 1000 + number,
                       "last_size": "0.5", "best_bid": "100", "best_ask": "101"})


def feed(*quakes):
    features = [{"type": "Feature", "id": name,
                 "properties": {"mag": mag, "place": "off the coast", "time": at, "updated": updated, "net": name[:2]},
                 "geometry": {"type": "Point", "coordinates": [-120.5, 35.25, 7.9]}}
                for name, mag, at, updated in quakes]
    return json.dumps({"type": "FeatureCollection", "metadata": {"count": len(features)}, "features": features})


def follow(kafka, topic, preset, server, *flags, timeout=60):
    """(what it said, the topic's records)"""
    command = [binary(), "produce", "--bootstrap-servers", kafka.address, "--topic", topic, "--template", preset,
               "--url", server.url, *flags]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stderr, [r for partition in oracle.read_topic(kafka.address, topic) for r in partition]


def test_edits_have_key_time_and_identity(kafka, topic):
    name = topic(2)
    events = edits(50)
    canary = json.dumps({"meta": {"id": "c", "dt": "2023-11-14T22:13:20Z", "domain": "canary"}, "wiki": "x"})
    with ReplayServer("sse", [canary, "not json", *events]) as server:
        said, records = follow(kafka, name, "wikimedia", server, "--rows", 50)
        assert server.requests[0][1]["User-Agent"].startswith("millrace/")
        assert server.requests[0][1]["Accept"] == "text/event-stream"
    assert "sent 50, acknowledged 50, failed 0; 0 came again, 1 not understood" in said
    got = {json.loads(r.value)["dedup_id"]: r for r in records}
    assert got.keys() == {f"e-{i}" for i in range(50)}
    for i, text in enumerate(events):
        value = json.loads(got[f"e-{i}"].value)
        at = 1700000000250 + i % 40 * 1000
        assert got[f"e-{i}"].key == f"w{i % 3}wiki".encode()
        assert value.pop("event_time") == at == got[f"e-{i}"].timestamp_ms
        del value["dedup_id"]
        assert value == json.loads(text)  # nothing else was touched


def test_a_cut_stream_resumes_without_loss_or_doubles(kafka, topic):
    name = topic(1)
    with ReplayServer("sse", edits(100), cut_after=23, overlap=4) as server:
        said, records = follow(kafka, name, "wikimedia", server, "--rows", 100)
        resumed = [fields.get("Last-Event-ID") for _, fields, _ in server.requests]
    assert resumed[:3] == [None, "23", "42"]  # 4 come again each time
    ids = [json.loads(r.value)["dedup_id"] for r in records]
    assert sorted(ids) == sorted(f"e-{i}" for i in range(100)) and len(ids) == 100
    assert " 0 came again" not in said


def test_retry_after_is_honoured(kafka, topic):
    name = topic(1)
    with ReplayServer("sse", edits(3), refusals=[(429, {"Retry-After": "2"}), (503, {})]) as server:
        follow(kafka, name, "wikimedia", server, "--rows", 3)
        times = [at for _, _, at in server.requests]
    assert len(times) == 3 and times[1] - times[0] >= 2.0 and times[2] - times[1] >= 0.4


@pytest.mark.parametrize("status, code", [(404, 69), (403, 77), (400, 2)])
def test_what_no_retry_cures_ends_with_its_exit_code(kafka, topic, status, code):
    name = topic(1)
    with ReplayServer("sse", [], refusals=[(status, {})] * 9) as server:
        done = subprocess.run([binary(), "produce", "--bootstrap-servers", kafka.address, "--topic", name, "--template",
                               "wikimedia", "--url", server.url], capture_output=True, text=True, timeout=60)
        assert len(server.requests) == 1
    assert done.returncode == code and f"HTTP status {status}" in done.stderr


def test_tickers_are_subscribed_to_and_gaps_counted(kafka, topic):
    name = topic(1)
    events = [ticker("BTC-USD", 1, 10), ticker("ETH-USD", 1, 11), ticker("BTC-USD", 2, 14), ticker("BTC-USD", 2, 14),
              json.dumps({"type": "heartbeat", "product_id": "BTC-USD", "sequence": 15, "last_trade_id": 1002}),
              json.dumps({"type": "new_kind"}), ticker("BTC-USD", 6, 20), ticker("BTC-USD", 5, 19),
              ticker("ETH-USD", 2, 12)]
    with ReplayServer("ws", events) as server:
        said, records = follow(kafka, name, "coinbase", server, "--symbols", "BTC-USD,ETH-USD", "--rows", 5)
        assert server.subscriptions == [{"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD"],
                                         "channels": ["ticker", "heartbeat"]}]
    assert "2 came again, 0 not understood, 3 missed, 1 connections" in said
    assert [(r.key, json.loads(r.value)["dedup_id"]) for r in records] == [
        (b"BTC-USD", "BTC-USD-1001"), (b"ETH-USD", "ETH-USD-1001"), (b"BTC-USD", "BTC-USD-1002"),
        (b"BTC-USD", "BTC-USD-1006"), (b"ETH-USD", "ETH-USD-1002")]
    assert records[0].timestamp_ms == 1714557601123 == json.loads(records[0].value)["event_time"]


def test_a_lost_websocket_is_subscribed_again(kafka, topic):
    name = topic(1)
    with ReplayServer("ws", [ticker("BTC-USD", i, i + 1) for i in range(40)], cut_after=15) as server:
        _, records = follow(kafka, name, "coinbase", server, "--rows", 40)
        assert len(server.subscriptions) == 3
    assert len({json.loads(r.value)["dedup_id"] for r in records}) == len(records) == 40


def test_a_refused_subscription_ends_with_its_reason(kafka, topic):
    name = topic(1)
    refusal = json.dumps({"type": "error", "message": "Failed to subscribe", "reason": "NOPE-USD is not a product"})
    with ReplayServer("ws", [refusal]) as server:
        done = subprocess.run([binary(), "produce", "--bootstrap-servers", kafka.address, "--topic", name, "--template",
                               "coinbase", "--url", server.url], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "Failed to subscribe: NOPE-USD is not a product" in done.stderr


def test_polls_bring_new_and_revised_quakes_once(kafka, topic):
    name = topic(1)
    first = feed(("us2", 4.5, 1700000100000, 5), ("us1", 3.0, 1700000000000, 1))
    second = feed(("nc3", 1.5, 1700000200000, 7), ("us2", 4.7, 1700000100000, 8), ("us1", 3.0, 1700000000000, 1))
    with ReplayServer("poll", [first, first, second]) as server:
        said, records = follow(kafka, name, "usgs", server, "--rows", 4, "--poll-every", "100ms")
        assert server.not_modified == 1
    values = [json.loads(r.value) for r in records]
    assert [(v["dedup_id"], v["event_time"], v["properties"]["mag"]) for v in values] == [
        ("us1-1", 1700000000000, 3.0), ("us2-5", 1700000100000, 4.5),  # oldest first
        ("us2-8", 1700000100000, 4.7), ("nc3-7", 1700000200000, 1.5)]
    assert values[0]["longitude"] == -120.5 and values[0]["depth_km"] == 7.9 and records[0].key == b"us"
    assert "1 came again" in said


def test_a_signal_ends_it_in_good_order(kafka, topic):
    name = topic(1)
    with ReplayServer("sse", edits(10)) as server:
        process = subprocess.Popen([binary(), "produce", "--bootstrap-servers", kafka.address, "--topic", name,
                                    "--template", "wikimedia", "--url", server.url], stderr=subprocess.PIPE, text=True)
        time.sleep(2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=15)
    assert process.returncode == 0 and "sent 10, acknowledged 10" in said
