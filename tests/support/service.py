# SPDX-License-Identifier: MIT
"""A running `millrace serve` for tests: REST by urllib, a WebSocket client of a few lines.

    service = Service(tmp_path, broker).start("job.sql")
    service.get("/queries/clicks/status")["state"]
"""
import base64
import json
import os
import re
import socket
import struct
import urllib.error
import urllib.request

from millrace import Millrace, until


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body) if self.body else None


class Service(Millrace):
    token = None

    def serve(self, *args, **more):
        self.start("serve", "--listen", "127.0.0.1:0", *args, **more)
        self.until_output("ready in", 30)
        self.url = re.search(r"ready in .*?(http://[^/]+)/", self.output()).group(1)
        return self

    def call(self, method, path, body=None, headers=None, timeout=30):
        path = path if path.startswith(("/api", "/livez", "/readyz", "/healthz", "/metrics", "/openapi", "/docs",
                                        "/errors")) else "/api/v1" + path
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, method=method, headers=dict(headers or {}))
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as got:
                return Answer(got.status, got.headers, got.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def call_or_gone(self, path):
        """The status of a GET; 0 when nobody answers any more."""
        try:
            return self.call("GET", path, timeout=2).status
        except OSError:
            return 0

    def get(self, path, **more):
        answer = self.call("GET", path, **more)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json()

    def post(self, path, body=None, status=None, **more):
        answer = self.call("POST", path, body if body is not None else {}, **more)
        assert answer.status == status if status else answer.status < 300, (path, answer.status, answer.body)
        return answer.json()

    def state(self, query):
        return self.get(f"/queries/{query}/status")["state"]

    def until_state(self, query, state, timeout=30):
        return until(lambda: self.state(query) == state, timeout, f"{query} {state}", self.is_running, self.output)

    def until_status(self, query, condition, timeout=60, what="status"):
        def look():
            status = self.get(f"/queries/{query}/status")
            return status if condition(status) else None

        return until(look, timeout, what, self.is_running, self.output)

    def websocket(self, **more):
        return WebSocket(self.url, token=self.token, **more)


class WebSocket:
    def __init__(self, url, protocol="millrace.v1.json", hello=True, token=None, kernel_bytes=None):
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.socket()
        if kernel_bytes:  # what the kernel takes for who does not read
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kernel_bytes)
        self.socket.settimeout(15)
        self.socket.connect((host, int(port)))
        lines = ["GET /api/v1/ws HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Protocol: {protocol}",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        if token:
            lines.append("Authorization: Bearer " + token)
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.read = self.socket.makefile("rb")
        self.status = int(self.read.readline().split()[1])
        while self.read.readline() not in (b"\r\n", b""):
            pass
        self.close_code = None
        if hello and self.status == 101:
            self.send({"type": "hello", "client": "test"})
            assert self.next("welcome")["heartbeat_ms"] == 15000

    def send(self, message):
        data, mask = json.dumps(message).encode(), os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + struct.pack(">H", len(data))
        self.socket.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def frame(self):
        """(opcode, payload); None at the end."""
        head = self.read.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 127
        if size == 126:
            size = struct.unpack(">H", self.read.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.read.read(8))[0]
        return head[0] & 15, self.read.read(size)

    def message(self):
        while True:
            frame = self.frame()
            if frame is None:
                return None
            if frame[0] == 8:
                self.close_code = struct.unpack(">H", frame[1][:2])[0] if frame[1] else 1005
                return None
            if frame[0] == 1:
                return json.loads(frame[1])

    def next(self, kind, id=None, timeout=20):
        self.socket.settimeout(timeout)
        while True:
            message = self.message()
            assert message is not None, f"closed with {self.close_code} before {kind}"
            if message["type"] == kind and (id is None or message.get("id") == id):
                return message

    def sub(self, id, channel, **more):
        self.send({"type": "sub", "id": id, "channel": channel, **more})
        return self.next("snap", id)

    def close(self):
        self.socket.close()
