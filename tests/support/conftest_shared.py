# SPDX-License-Identifier: MIT
"""Fixtures of all Python tests; tests/conftest.py takes them in. What is not installed is skipped by name."""
import itertools
import os
import re

import pytest

from kafka_broker import Broker, jars
from millrace import Millrace, binary

FULL = bool(os.environ.get("MILLRACE_FULL"))  # ./dev test --full, ./dev parity


def needs_kafka():
    if jars() is None:
        pytest.skip("Apache Kafka is not installed: ./dev setup --tests")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """One broker for the whole session. A test that stops it must start it again: see own_kafka."""
    needs_kafka()
    broker = Broker(tmp_path_factory.mktemp("kafka")).start()
    yield broker
    broker.stop()


@pytest.fixture
def own_kafka(tmp_path):
    """A broker of the test's own, to stop, kill and pause at will."""
    needs_kafka()
    broker = Broker(tmp_path / "kafka").start()
    yield broker
    broker.stop()


@pytest.fixture
def secure_kafka(tmp_path):
    """With SSL, SASL_PLAINTEXT and SASL_SSL listeners too."""
    needs_kafka()
    broker = Broker(tmp_path / "kafka", secure=True).start()
    yield broker
    broker.stop()


counter = itertools.count()


@pytest.fixture
def topic(kafka, request):
    """topic(partitions, **config) makes a fresh topic and returns its name; deleted after the test."""
    made = []

    def make(partitions=1, **config):
        base = re.sub(r"[^A-Za-z0-9_.-]", "_", request.node.name)[:60]
        made.append(kafka.create_topic(f"{base}-{os.getpid()}-{next(counter)}", partitions, **config))
        return made[-1]

    yield make
    for name in made:
        kafka.delete_topic(name)


@pytest.fixture
def millrace(tmp_path):
    """A Millrace in a folder of its own; killed after the test if it still runs."""
    if binary() is None:
        pytest.skip("millrace is not built: ./dev build")
    job = Millrace(tmp_path / "job")
    yield job
    job.kill()


def spark_of(name, option):
    python, folder = os.environ.get(f"MILLRACE_{name}_PYTHON"), os.environ.get(f"MILLRACE_{name}_JARS")
    if not python or not folder:
        pytest.skip(f"this Spark is not installed: ./dev setup {option}")
    return python, folder


@pytest.fixture(scope="session")
def spark_python():
    """(interpreter, folder of jars) of the Spark oracle."""
    return spark_of("SPARK", "--spark")


@pytest.fixture(scope="session")
def spark35_python():
    return spark_of("SPARK35", "--spark35")
