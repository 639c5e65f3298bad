# SPDX-License-Identifier: MIT
"""The examples for tests: what fills their topics, what has to come out, what an export leaves out.

    example = EXAMPLES["iot-quality"]
    example.fill(kafka, folder)          job.sql into the folder, the README's `millrace produce` into the topic
    example.expected()                   rows of expected.csv, as texts
    texts(delta_read.read(..))           rows of a table in the same form
"""
import csv
import datetime
import json
import re
import shlex
import shutil
import subprocess

from millrace import TOP, binary
from replay_server import ReplayServer


class Example:
    """stream: (shape, recorded files, flags, what the producer says at its end) of an example with a public stream."""

    def __init__(self, name, table, without="", stream=None):
        self.name, self.table, self.without, self.stream = name, table, without, stream
        self.folder = TOP / "examples" / name

    def produce_flags(self):
        """The flags of the command in the example's README."""
        text = (self.folder / "README.md").read_text().replace("\\\n", " ")
        return shlex.split(re.search(r"^millrace produce (.*)$", text, re.M).group(1))

    @property
    def topic(self):
        flags = self.produce_flags()
        return flags[flags.index("--topic") + 1]

    def produce(self, kafka, folder, *more):
        flags = [f.replace("localhost:9092", kafka.address) for f in self.produce_flags()]
        done = subprocess.run([binary(), "produce", *flags, *map(str, more)], cwd=folder, capture_output=True,
                              text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def fill(self, kafka, folder):
        shutil.copy(self.folder / "job.sql", folder)
        if not self.stream:
            self.produce(kafka, folder)
            return
        shape, files, flags, said = self.stream
        texts = [(self.folder / f).read_text() for f in files]
        if shape == "poll":
            flags = [*flags, "--rows", reports(texts)]
        with ReplayServer(shape, texts if shape == "poll" else texts[0].splitlines()) as server:
            assert said in self.produce(kafka, folder, "--url", server.url, *flags)

    def expected(self, file="expected.csv"):
        with open(self.folder / file, newline="") as rows:
            return sorted(map(tuple, list(csv.reader(rows))[1:]))


def reports(feeds):
    """How many different reports the states of a feed hold."""
    return len({(f["id"], f["properties"]["updated"]) for text in feeds for f in json.loads(text)["features"]})


def text(value):
    """As expected.csv has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        at = value.astimezone(datetime.timezone.utc) if value.tzinfo else value  # Spark's files do not say UTC
        return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{at.microsecond // 1000:03}" if at.microsecond else "") + "Z"
    return str(value)


def texts(rows):
    return sorted(tuple(map(text, row.values())) for row in rows)


EXAMPLES = {e.name: e for e in (
    Example("ad-campaigns", "campaign_views", "millrace.onMalformed,millrace.rejects,millrace.late"),
    Example("clickstream-sessions", "visits", "millrace.late"),
    Example("iot-quality", "trusted", "millrace.quarantine"),
    Example("trades-candles", "candles", "millrace.late",
            ("ws", ["events.ndjson"], ["--rows", 700],
             "sent 700, acknowledged 700, failed 0; 0 came again, 0 not understood")),
    Example("wikimedia-edits", "edits_per_minute", "millrace.late",
            ("sse", ["events.ndjson"], ["--rows", 420], "sent 420, acknowledged 420, failed 0; 1 came again, "
             "0 not understood, 0 missed, 1 connections")),
    Example("earthquakes", "quakes_per_10_minutes", "millrace.late",
            ("poll", ["feed-1.json", "feed-2.json", "feed-3.json"], ["--poll-every", "100ms"], "not understood")))}
