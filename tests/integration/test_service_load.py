# SPDX-License-Identifier: MIT
"""Short forms of ./dev bench service: the numbers are printed (pytest -rP), the bounds are those of any machine."""
import os

import pytest

import service_load as load
from millrace import binary

pytestmark = pytest.mark.skipif(not binary(), reason="millrace is not built")
FULL = bool(os.environ.get("MILLRACE_FULL"))


def checked(result):
    assert not load.broken_bounds(load.say(result))
    return result


def test_a_service_with_ten_queries_is_ready_soon(tmp_path, kafka):
    checked(load.start_to_ready(tmp_path, kafka, repeats=5 if FULL else 2))


def test_probes_answer_under_full_load(tmp_path, kafka):
    checked(load.probe_latency(tmp_path, kafka, rows=2_000_000 if FULL else 400_000))


def test_64_queries_on_one_service(tmp_path, kafka):
    checked(load.many_queries(tmp_path, kafka, seconds=20 if FULL else 3))


def test_rows_are_seen_soon_after_their_event(tmp_path, kafka):
    seen = checked(load.frame_latency(tmp_path, kafka, rate=50_000 if FULL else 20_000, seconds=20 if FULL else 5))
    assert seen["rows_seen"] > 100


def test_a_thousand_clients_of_which_some_never_read(tmp_path, kafka):
    seen = checked(load.many_clients(tmp_path, kafka, rows=1_000_000 if FULL else 300_000, repeats=3 if FULL else 1))
    assert seen["slow_closed_with_1013"] == seen["never_read"], seen
