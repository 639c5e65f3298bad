# SPDX-License-Identifier: MIT
"""./dev bench service [--only NAME]: what a service costs and how late it is, on a real broker; a JSON line each.

    ready    exec to the first 200 of /readyz with 10 stored queries, and resident memory
    probes   /livez and /readyz while a query reads as fast as it can
    queries  64 queries on one service that nobody writes to: memory, CPU, lateness of timers, the stop
    latency  event time of a row to the frame that shows it, at 50,000 events/s, for two triggers
    clients  1,000 WebSockets, of which 1 % never read, against none, interleaved

The short forms run with the tests (tests/integration/test_service_load.py). Exit code 1 when a bound is broken that
does not depend on the machine.
"""
import argparse
import pathlib
import sys
import tempfile

import service_load as load
from kafka_broker import Broker

MEASURES = {
    "ready": lambda folder, broker: [load.start_to_ready(folder, broker)],
    "probes": lambda folder, broker: [load.probe_latency(folder, broker)],
    "queries": lambda folder, broker: [load.many_queries(folder, broker)],
    "latency": lambda folder, broker: [load.frame_latency(folder, broker, trigger=f"{ms} milliseconds")
                                       for ms in (100, 20)],
    "clients": lambda folder, broker: [load.many_clients(folder, broker)],
}


def main():
    parser = argparse.ArgumentParser(prog="dev bench service", description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=MEASURES)
    args = parser.parse_args()
    broken = []
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        broker = Broker(pathlib.Path(folder) / "kafka", heap="512m").start()
        try:
            for name in [args.only] if args.only else MEASURES:
                for result in MEASURES[name](pathlib.Path(folder), broker):
                    broken += load.broken_bounds(load.say(result))
        finally:
            broker.stop()
    for text in broken:
        print(f"bound broken: {text}", file=sys.stderr)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
