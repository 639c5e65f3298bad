# SPDX-License-Identifier: MIT
"""examples/ad-campaigns for tests: the flags that make its input, and the rows that must come out."""
import csv
import datetime
import re
import shlex

from millrace import TOP

EXAMPLE = TOP / "examples/ad-campaigns"
TOPIC = "ad-events"


def produce_flags():
    """The flags of the command in the example's README."""
    text = (EXAMPLE / "README.md").read_text().replace("\\\n", " ")
    return shlex.split(re.search(r"^millrace produce (.*)$", text, re.M).group(1))


def expected_rows():
    with open(EXAMPLE / "expected.csv", newline="") as file:
        for row in csv.DictReader(file):
            start = datetime.datetime.fromisoformat(row["window_start"].replace("Z", "+00:00"))
            yield round(start.timestamp() * 1000), row["campaign_id"], int(row["views"])
