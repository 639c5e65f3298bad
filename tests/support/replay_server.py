# SPDX-License-Identifier: MIT
"""Public streams, played back from a file on this machine, for tests and for trying an example without the internet:

    python3 tests/support/replay_server.py sse examples/wikimedia-edits/events.ndjson       prints the address for --url
    python3 tests/support/replay_server.py ws examples/trades-candles/events.ndjson
    python3 tests/support/replay_server.py poll examples/earthquakes/feed-*.json            one more document per poll

It speaks the protocols as the services do: event ids and Last-Event-ID, subscribe and its answer, ETag and 304. A test
may make it unkind: cut the connection after some events, refuse with Retry-After, repeat events, break frames.
"""
import base64
import hashlib
import http.server
import json
import pathlib
import struct
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server.replay
        with server.lock:
            server.requests.append((self.path, dict(self.headers.items()), time.monotonic()))
            refuse = server.refusals.pop(0) if server.refusals else None
        try:
            if refuse:
                self.refuse(*refuse)
            else:
                getattr(self, server.shape)(server)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    def refuse(self, status, fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    # ---- an event stream: ids are positions ----

    def sse(self, server):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()
        self.wfile.write(b":ok\n\n")
        at = int(self.headers.get("Last-Event-ID", 0))
        at = max(0, at - server.overlap)
        end = min(len(server.events), at + server.cut_after) if server.cut_after else len(server.events)
        for number in range(at, end):
            self.wfile.write(f"event: message\nid: {number + 1}\ndata: {server.events[number]}\n\n".encode())
        self.wfile.flush()
        if not server.cut_after or end == len(server.events):
            server.stopped.wait()

    # ---- a WebSocket that wants a subscription first ----

    def ws(self, server):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        self.connection.settimeout(10)
        wish = json.loads(self.hear())
        server.subscriptions.append(wish)
        products = set(wish["product_ids"])
        self.say(json.dumps({"type": "subscriptions", "channels": [{"name": n, "product_ids": sorted(products)}
                                                                    for n in wish["channels"]]}))
        sent = 0
        for event in server.events[server.ws_at:]:
            server.ws_at += 1
            if json.loads(event).get("product_id", None) in products or '"product_id"' not in event:
                self.say(event)
                sent += 1
            if sent == server.cut_after:
                return
        self.wfile.write(b"\x89\x00")  # a ping: the client must answer it
        self.wfile.flush()
        self.connection.settimeout(None)
        while not server.stopped.is_set():
            self.hear()

    def say(self, text):
        data = text.encode()
        head = bytes([0x81, len(data)]) if len(data) < 126 else bytes([0x81, 126]) + struct.pack(">H", len(data))
        self.wfile.write(head + data)
        self.wfile.flush()

    def hear(self):
        head = self.rfile.read(2)
        if len(head) < 2:
            raise BrokenPipeError
        assert head[1] & 0x80, "a client must mask"
        size = head[1] & 0x7f
        size = struct.unpack(">H", self.rfile.read(2))[0] if size == 126 else size
        mask = self.rfile.read(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
        self.server.replay.opcodes.append(head[0] & 15)
        return data.decode(errors="replace")

    # ---- a document that changes ----

    def poll(self, server):
        with server.lock:
            text = server.documents[min(server.polled, len(server.documents) - 1)]
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
        same = self.headers.get("If-None-Match") == tag
        with server.lock:
            server.polled += 1
            server.not_modified += same
        self.send_response(304 if same else 200)
        self.send_header("ETag", tag)
        self.send_header("Cache-Control", "max-age=60")
        self.send_header("Content-Length", "0" if same else str(len(text.encode())))
        self.end_headers()
        if not same:
            self.wfile.write(text.encode())


class ReplayServer:
    """with ReplayServer("sse", lines) as s: ... s.url"""

    def __init__(self, shape, texts, cut_after=0, overlap=0, refusals=()):
        self.shape, self.cut_after, self.overlap = shape, cut_after, overlap
        self.events = self.documents = list(texts)
        self.refusals = list(refusals)  # (status, fields) of the first requests
        self.requests, self.subscriptions, self.opcodes = [], [], []
        self.polled = self.not_modified = self.ws_at = 0
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.replay = self
        scheme = "ws" if shape == "ws" else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/v2/stream"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()


def main(shape, *paths):
    texts = [pathlib.Path(p).read_text() for p in paths]
    if shape != "poll":
        texts = [line for text in texts for line in text.splitlines()]
    with ReplayServer(shape, texts) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
