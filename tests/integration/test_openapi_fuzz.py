# SPDX-License-Identifier: MIT
"""Requests of all sorts at every operation of /openapi.json: right, nearly right and absurd ones, by a seed.

No answer may be a 5xx (but 503: with source_unreachable, when the broker that was named does not answer, or from a
probe, when a query that was made here has failed), none may take long, every refusal is a problem with a code, and the
service lives. MILLRACE_SEED=n draws other requests.
"""
import http.client
import json
import os
import random
import time
import urllib.parse

import pytest

from millrace import binary
from service import Service
from test_serve import EmbeddedBroker, counts, every_event, producer

pytestmark = pytest.mark.skipif(not binary(), reason="millrace is not built")

SEED = int(os.environ.get("MILLRACE_SEED", "1"))
EACH = 120 if os.environ.get("MILLRACE_FULL") else 12
NAUGHTY = ["", " ", "0", "-1", "null", "none", "true", "1e309", "99999999999999999999", "../../etc/passwd", "%2e%2e",
           "a" * 300, "é", "日本", "'; DROP TABLE x; --", "<script>", "a\tb", "a,b", "\u202e", "{}", "[]", ".", "-", "=1",
           "NaN", "0x10", "10s", "1ms", "-5m", "2024-13-45", "string", "sse", "text", "csv", "state", "scratch"]


@pytest.fixture(scope="module")
def broker():
    broker = EmbeddedBroker()
    yield broker
    broker.stop()


class Fuzzer:
    def __init__(self, service, names, good):
        self.random, self.names, self.good = random.Random(SEED), names, good
        host, port = service.url.removeprefix("http://").split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=30)

    def value(self, kind, name):
        """Of the kind mostly, else of another."""
        r = self.random
        if r.random() < 0.25:
            kind = r.choice(["string", "number", "integer", "boolean", "object", "array", "null"])
        if kind == "string":
            return r.choice([self.good.get(name, "x"), self.good.get(name, "y"), r.choice(NAUGHTY)])
        if kind in ("number", "integer"):
            whole = r.choice([0, 1, -1, 2, 1000, 2**31, 2**53, -2**63, 2**63 - 1])
            return whole if kind == "integer" else r.choice([whole, 0.5, 1e300, -1e-300])
        if kind == "object":
            return {r.choice(NAUGHTY): self.value("string", "") for _ in range(r.randrange(3))}
        if kind == "array":
            return [self.value(r.choice(["string", "integer", "object"]), "") for _ in range(r.randrange(4))]
        return {"boolean": r.random() < 0.5, "null": None}[kind]

    def body(self, schema):
        r, doc = self.random, {}
        for name, field in schema["properties"].items():
            if name in schema.get("required", []) and r.random() < 0.9 or r.random() < 0.5:
                doc[name] = self.value(field["type"], name)
        if r.random() < 0.1:
            doc[r.choice(NAUGHTY)] = 1
        text = json.dumps(doc)
        if r.random() < 0.1:
            text = r.choice([text[:-1], "[" * 5000, '"' + text, "", "nul", text + text, "\ud800", '{"a":1,"a":2}'])
        return text.encode("utf-8", "surrogatepass")

    def path(self, path, operation):
        r, query = self.random, []
        for parameter in operation["parameters"]:
            name = parameter["name"]
            if parameter["in"] == "path":
                value = r.choice(self.names.get(name, ["x"]) * 3 + NAUGHTY[1:])
                path = path.replace("{" + name + "}", urllib.parse.quote(value, safe=""))
            elif r.random() < 0.5:
                value = self.value(parameter["schema"]["type"], name)
                query.append((name, value if isinstance(value, str) else json.dumps(value)))
        if r.random() < 0.1:
            query.append((r.choice(NAUGHTY), r.choice(NAUGHTY)))
        return path + ("?" + urllib.parse.urlencode(query) if query else "")

    def ask(self, method, path, operation):
        headers, body = {}, None
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            body = self.body(schema)
            headers["Content-Type"] = self.random.choice(["application/json"] * 9 + ["text/plain", "x"])
        if self.random.random() < 0.2:
            headers[self.random.choice(["If-Match", "If-None-Match", "Accept", "Last-Event-ID"])] = \
                self.random.choice(['"1"', "*", "1", '"', "text/event-stream", "application/json"])
        target = self.path(path, operation)
        begin = time.monotonic()
        try:
            self.connection.request(method.upper(), target, body, headers)
            answer = self.connection.getresponse()
            # a stream without an end is only looked at
            endless = answer.status == 200 and ("stream" in path or
                                                "event-stream" in answer.headers.get("Content-Type", ""))
            text = b"" if endless else answer.read()
        except http.client.HTTPException as error:
            raise AssertionError(f"{method} {target} {body}: {error!r}") from error
        if endless or answer.will_close:
            self.connection.close()
        return answer, text, time.monotonic() - begin, f"{method} {target} {headers} {body!r:.400}"


def test_no_request_of_the_documented_kind_is_too_much(tmp_path, broker):
    service = Service(tmp_path).serve()
    producer(service, broker, "fuzzed", rate=50)
    sql = every_event(broker, "fuzzed", "events")
    service.post("/queries", {"sql": sql}, status=201)
    service.post("/queries", {"sql": counts(broker, "fuzzed"), "start": False}, status=201)
    service.until_status("events", lambda s: s["rows"] > 0)
    names = {"query": ["events", "counts"], "producer": ["fuzzed"], "table": ["events", "counts"],
             "source": ["events.0", "events.9"], "topic": ["fuzzed"], "code": ["not_found"]}
    good = {"sql": sql, "topic": "fuzzed", "bootstrap_servers": broker.address, "name": "made", "timeout": "1ms",
            "wait": "1ms", "from": "checkpoint", "desired_state": "running", "template": "ad_events"}
    fuzzer = Fuzzer(service, names, good)
    operations = [(method, path, o) for path, all_ in service.get("/openapi.json")["paths"].items()
                  for method, o in all_.items() if not path.endswith("/ws")]
    asked, by_class = 0, {}
    for method, path, operation in operations * EACH:
        answer, text, seconds, what = fuzzer.ask(method, path, operation)
        asked += 1
        by_class[answer.status // 100] = by_class.get(answer.status // 100, 0) + 1
        probe = answer.status == 503 and text.endswith(b"z check failed\n")
        unreachable = answer.status == 503 and b'"source_unreachable"' in text
        assert answer.status < 500 or unreachable or probe, (what, answer.status, text[:500])
        assert seconds < 20, (what, seconds)
        if answer.status >= 400 and not probe:
            assert answer.headers["Content-Type"] == "application/problem+json", (what, answer.status, text[:200])
            assert json.loads(text)["code"], (what, text)
        assert service.is_running(), (what, service.output()[-2000:])
    print(json.dumps({"requests": asked, "operations": len(operations), "seed": SEED, "by_class": by_class}))
    assert by_class[2] > asked / 20 and by_class[4] > asked / 20
    assert service.stop(30) == 0
