# SPDX-License-Identifier: MIT
"""What a service costs and how late it is: each function measures one thing and returns a dict for one JSON line.

Numbers depend on the machine, so callers print them and assert loose bounds; ratios are of neighbours in time.
"""
import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import statistics
import struct
import threading
import time

from millrace import produce, until
from service import Service, WebSocket

EVERY = """CREATE STREAMING TABLE {name} TBLPROPERTIES ('pipelines.trigger.interval' = '{trigger}')
AS SELECT e.ad_id, e.event_type, e.event_time
FROM (SELECT from_json(CAST(value AS STRING), 'ad_id STRING, event_type STRING, event_time BIGINT') AS e
      FROM STREAM read_kafka(bootstrapServers => '{broker}', subscribe => '{topic}', startingOffsets => 'earliest'));
"""
COUNTS = """CREATE STREAMING TABLE {name} TBLPROPERTIES ('pipelines.trigger.interval' = '{trigger}')
AS SELECT window.start AS s, event_type, count(*) AS n
FROM (SELECT e.event_type, timestamp_millis(e.event_time) AS t
      FROM (SELECT from_json(CAST(value AS STRING), 'event_type STRING, event_time BIGINT') AS e
            FROM STREAM read_kafka(bootstrapServers => '{broker}', subscribe => '{topic}',
                                   startingOffsets => 'earliest')))
  WATERMARK t DELAY OF INTERVAL 1 SECOND
GROUP BY window(t, '10 seconds'), event_type;
"""


def sql(kind, broker, topic, name, trigger="1 second"):
    return kind.format(broker=broker.address, topic=topic, name=name, trigger=trigger)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")) * 1024


def share(values, part):
    """Percentile by nearest rank."""
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


class Clients:
    """WebSockets that follow one query as the dashboard does. Those that read are drained by a thread; the first
    `stuck` never read."""

    def __init__(self, service, n, stuck, query):
        self.all = [self.open(service, query, small=i < stuck) for i in range(n)]
        self.stuck, self.readers = self.all[:stuck], self.all[stuck:]
        self.received, self.lost, self.stopping = 0, 0, False
        self.selector = selectors.DefaultSelector()
        for client in self.readers:
            client.socket.setblocking(False)
            self.selector.register(client.socket, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.drain, daemon=True)
        self.thread.start()

    @staticmethod
    def open(service, query, small):
        ws = WebSocket(service.url, token=service.token, kernel_bytes=4096 if small else None)
        for id, channel, hz in (("s", "status", 2), ("m", "metrics", 1), ("r", "rows", 4)):
            ws.send({"type": "sub", "id": id, "channel": channel, "params": {"query": query}, "max_hz": hz})
        return ws

    def drain(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.2):
                try:
                    data = key.fileobj.recv(1 << 18)
                except OSError:
                    data = b""
                self.received += len(data)
                if not data:
                    self.lost += 1
                    self.selector.unregister(key.fileobj)
            time.sleep(0.05)  # many frames at once: the client's CPU is not what is measured

    def close(self):
        self.stopping = True
        self.thread.join()
        for client in self.all:
            client.close()


def close_code(client):
    """Reads what the kernel still has; the code of the close frame, None when the stream was only cut."""
    client.socket.settimeout(10)
    try:
        while client.message() is not None:
            pass
    except (OSError, ValueError, struct.error, IndexError):
        return client.close_code
    return client.close_code


def drained(service, folder, broker, topic, rows, n_clients, stuck):
    """One service reads the topic to its end with so many clients on it: CPU-seconds per million records, and RSS."""
    shutil.rmtree(folder, ignore_errors=True)
    service.serve()
    service.post("/queries", {"sql": sql(COUNTS, broker, topic, "counts"), "start": False}, status=201)
    time.sleep(0.3)
    before = rss_bytes(service.pid)
    clients = Clients(service, n_clients, stuck, "counts") if n_clients else None
    time.sleep(0.5)
    rss = rss_bytes(service.pid) - before
    cpu, begin = cpu_seconds(service.pid), time.monotonic()
    service.post("/queries/counts/start")
    service.until_status("counts", lambda s: s["records"] == rows, 300, "all read")
    cpu, seconds = cpu_seconds(service.pid) - cpu, time.monotonic() - begin
    return clients, {"cpu_s_per_million": cpu / rows * 1e6, "rss_bytes": rss, "seconds": seconds}


def many_clients(folder, broker, n=1000, rows=1_000_000, repeats=3):
    """Readers of the page against none: what they cost the query, and what becomes of those that never read."""
    topic, stuck = "many-clients", max(1, n // 100)
    produce(broker, topic, "--create", "--rows", rows)
    alone, with_clients, rss = [], [], []
    for i in range(repeats):
        for list_, n_clients in ((alone, 0), (with_clients, n)):
            service = Service(folder / f"clients-{i}-{n_clients}")
            clients, run = drained(service, service.folder / "state", broker, topic, rows, n_clients, stuck)
            list_.append(run["cpu_s_per_million"])
            if clients:
                rss.append(run["rss_bytes"] / n)
                lost = clients.lost
                if i == repeats - 1:
                    codes = slow_closes(service, clients)
                clients.close()
            service.kill()
            shutil.rmtree(service.folder)
    return {"measure": "clients", "clients": n, "never_read": stuck, "records": rows,
            "cpu_s_per_million": round(statistics.median(with_clients), 3),
            "alone_cpu_s_per_million": round(statistics.median(alone), 3),
            "ratio": round(statistics.median(a / b for a, b in zip(with_clients, alone)), 3),
            "rss_kib_per_client": round(statistics.median(rss) / 1024, 1),
            "readers_lost": lost, "slow_closed_with_1013": codes.count(1013),
            "slow_codes": sorted(map(str, set(codes)))}


def slow_closes(service, clients):
    """Waits until the service has closed all that never read; what each of them finds. They ask for more, so that
    what the kernel takes for them is soon full."""
    for client in clients.stuck:
        for i in range(8):
            client.send({"type": "sub", "id": f"more{i}", "channel": "status", "max_hz": 10})

    def closed():
        text = service.call("GET", "/metrics").body.decode()
        return f"millrace_ws_slow_closes_total {len(clients.stuck)}" in text

    until(closed, 120, "closed because too slow")
    return [close_code(c) for c in clients.stuck]


def frame_latency(folder, broker, rate=50_000, seconds=10, trigger="100 milliseconds"):
    """Event time of a row to the moment a client has the frame with it."""
    service, topic = Service(folder / f"latency-{trigger.split()[0]}").serve(), f"latency-{trigger.split()[0]}"
    service.post("/producers", {"name": "events", "topic": topic, "bootstrap_servers": broker.address, "rate": rate,
                                "partitions": 4}, status=201)
    service.until(lambda: service.get("/producers/events")["acked"] > 0, 30, "records")
    service.post("/queries", {"sql": sql(EVERY, broker, topic, "events", trigger)}, status=201)
    service.until_status("events", lambda s: s["rows"] > rate)
    ws, late, records = service.websocket(), [], service.get("/queries/events/status")["records"]
    ws.sub("r", "rows", params={"query": "events"}, max_hz=10, max_rows=500)
    end = begin = time.monotonic()
    while end - begin < seconds:
        message = ws.next("delta", "r")
        now, end = time.time() * 1000, time.monotonic()
        late += [now - int(row[2]) for row in message["data"]["rows"]]
    after = service.get("/queries/events/status")
    result = {"measure": "frame_latency", "rate": rate, "trigger": trigger, "rows_seen": len(late),
              "records_per_s": round((after["records"] - records) / (end - begin)),
              "p50_ms": round(share(late, 0.5), 1), "p99_ms": round(share(late, 0.99), 1),
              "commit_p50_ms": after["commit_ms"]["p50"], "commit_p99_ms": after["commit_ms"]["p99"]}
    ws.close()
    assert service.stop(30) == 0
    return result


def probe_latency(folder, broker, rows=1_000_000):
    """GET /livez and /readyz over kept connections, while a query reads as fast as it can."""
    service, topic = Service(folder / "probes").serve(), "probes"
    produce(broker, topic, "--create", "--rows", rows)
    service.post("/queries", {"sql": sql(COUNTS, broker, topic, "counts")}, status=201)
    service.until_status("counts", lambda s: s["records"] > 0)
    host, port = service.url.removeprefix("http://").split(":")
    times = {"/livez": [], "/readyz": []}
    with socket.create_connection((host, int(port)), timeout=10) as s:
        while service.get("/queries/counts/status")["records"] < rows:
            for path, list_ in times.items():
                for _ in range(10):
                    begin = time.monotonic()
                    s.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
                    answer = s.recv(65536)
                    list_.append((time.monotonic() - begin) * 1000)
                    assert answer.startswith(b"HTTP/1.1 200"), answer
    lag = service.get("/info")["process"]["loop_lag_p99_ms"]
    assert service.stop(30) == 0
    return {"measure": "probes", "records": rows, "n": len(times["/livez"]), "loop_lag_p99_ms": lag,
            **{f"{p[1:]}_{name}_ms": round(share(t, part), 2)
               for p, t in times.items() for name, part in (("p50", 0.5), ("p99", 0.99))}}


def many_queries(folder, broker, n=64, seconds=10):
    """n queries on a topic that nobody writes to: memory and CPU each, and how late the loop's timers are."""
    service, topic = Service(folder / "queries").serve(), "many-queries"
    produce(broker, topic, "--create", "--rows", 1000)
    time.sleep(0.5)
    empty = rss_bytes(service.pid)
    for i in range(n):
        service.post("/queries", {"sql": sql(COUNTS, broker, topic, f"counts{i}")}, status=201)
    for i in range(n):
        service.until_status(f"counts{i}", lambda s: s["records"] == 1000 and s["state"] == "running", 120)
    time.sleep(2)
    cpu, begin = cpu_seconds(service.pid), time.monotonic()
    time.sleep(seconds)
    cpu = (cpu_seconds(service.pid) - cpu) / (time.monotonic() - begin)
    rss, info = rss_bytes(service.pid), service.get("/info")["process"]
    begin = time.monotonic()
    assert service.stop(60) == 0
    return {"measure": "queries", "queries": n, "empty_rss_mb": round(empty / 1e6, 1),
            "rss_mb_per_query": round((rss - empty) / n / 1e6, 2), "idle_cpu_percent": round(cpu * 100, 1),
            "threads": info["threads"], "loop_lag_p99_ms": info["loop_lag_p99_ms"],
            "stop_seconds": round(time.monotonic() - begin, 2)}


def start_to_ready(folder, broker, n=10, repeats=5):
    """From exec to the first 200 of /readyz, with n stored queries that are to run."""
    service, times, said = Service(folder / "ready").serve(), [], []
    produce(broker, "ready", "--create", "--rows", 100)
    for i in range(n):
        service.post("/queries", {"sql": sql(COUNTS, broker, "ready", f"counts{i}")}, status=201)
    for i in range(n):
        service.until_state(f"counts{i}", "running", 60)
    assert service.stop(30) == 0
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    for _ in range(repeats):
        begin = time.monotonic()
        service.start("serve", "--listen", f"127.0.0.1:{port}")
        service.url = f"http://127.0.0.1:{port}"
        while service.call_or_gone("/readyz") != 200:
            assert service.is_running(), service.output()
            time.sleep(0.001)
        times.append((time.monotonic() - begin) * 1000)
        service.until_output("ready in")
        said.append(float(re.search(r"ready in (\d+) ms", service.output()).group(1)))
        idle = rss_bytes(service.pid)
        assert service.stop(30) == 0
    return {"measure": "ready", "stored_queries": n, "ready_ms": round(statistics.median(times), 1),
            "worst_ms": round(max(times), 1), "said_ms": statistics.median(said), "rss_mb": round(idle / 1e6, 1)}


# Measure -> field -> (largest value on any machine, what a quiet one must reach).
BOUNDS = {
    "ready": {"ready_ms": (1000, 100), "said_ms": (500, 100), "rss_mb": (40, 40)},
    "probes": {"livez_p50_ms": (5, 5), "readyz_p50_ms": (5, 5)},
    "queries": {"rss_mb_per_query": (3, 3), "stop_seconds": (10, 2)},
    "frame_latency": {"p99_ms": (5000, 150)},
    "clients": {"ratio": (1.5, 1.15), "rss_kib_per_client": (32, 32), "readers_lost": (0, 0)},
}


def broken_bounds(result):
    """Sentences about what no machine excuses."""
    bounds = BOUNDS[result["measure"]]
    return [f"{result['measure']}: {field} is {result[field]}, at most {most[0]}"
            for field, most in bounds.items() if result[field] > most[0]]


def say(result):
    print(json.dumps(result), flush=True)
    return result
