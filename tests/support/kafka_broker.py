# SPDX-License-Identifier: MIT
"""A real Apache Kafka broker (KRaft, one node) for the tests, from the jars that `./dev setup --tests` fetched.

From Python: Broker(folder).start(); conftest.py hands one per session to the tests as the fixture `kafka`.
By hand:     ./dev python tests/support/kafka_broker.py run [--port N] [--folder D]      until Ctrl-C
             ./dev python tests/support/kafka_broker.py topic HOST:PORT NAME PARTITIONS [key=value ..]

The broker is a child of the caller and dies with it. stop() is orderly, kill() is SIGKILL, pause() is SIGSTOP:
to clients it then looks like a hung machine. start() after stop() or kill() keeps the data and the port.
"""
import argparse
import ctypes
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CLUSTER = "4L6g3nShT-eMCtK--X86sw"
SASL_USER, SASL_PASSWORD = "alice", "pw-alice"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/logs
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=2097152
background.threads=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.ms=-1
log.flush.start.offset.checkpoint.interval.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"""

SECURITY = """\
ssl.keystore.location={folder}/ks.p12
ssl.keystore.password=changeit
ssl.keystore.type=PKCS12
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def jars():
    """The class path, or None when the jars were not fetched."""
    folder = os.environ.get("MILLRACE_KAFKA_JARS", "")
    return f"{folder}/*" if glob.glob(f"{folder}/kafka_2.13-*.jar") and shutil.which("java") else None


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Broker:
    """One broker. `secure` adds SSL, SASL_PLAINTEXT and SASL_SSL listeners (self.ssl_port and so on)."""

    def __init__(self, folder, port=None, heap="256m", extra="", secure=False):
        self.folder = pathlib.Path(folder)
        self.port = port or free_port()
        self.controller = free_port()
        self.ssl_port, self.sasl_port, self.sasl_ssl_port = (free_port() for _ in range(3))
        self.heap, self.extra, self.secure = heap, extra, secure
        self.process = None
        self.admin_ = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def ca_file(self):
        return self.folder / "ca.pem"

    def java(self, *args, heap="128m"):
        return ["java", f"-Xmx{heap}", "-Xms64m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto",
                f"-Dlog4j2.configurationFile={HERE}/kafka/log4j2.properties", "-Dlog4j2.disableJmx=true",
                "-cp", jars(), *args]

    def write_properties(self):
        listeners, security = "", ""
        if self.secure:
            listeners = (f",SSL://127.0.0.1:{self.ssl_port},SASL_PLAINTEXT://127.0.0.1:{self.sasl_port}"
                         f",SASL_SSL://127.0.0.1:{self.sasl_ssl_port}")
            security = SECURITY.format(folder=self.folder)
            plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
            scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
            for name in ("sasl_plaintext", "sasl_ssl"):
                security += f"listener.name.{name}.plain.sasl.jaas.config={plain} required " \
                            f"user_{SASL_USER}=\"{SASL_PASSWORD}\";\n"
                for size in ("256", "512"):
                    security += f"listener.name.{name}.scram-sha-{size}.sasl.jaas.config={scram} required;\n"
        text = PROPERTIES.format(port=self.port, controller=self.controller, folder=self.folder,
                                 listeners=listeners)
        (self.folder / "server.properties").write_text(text + security + self.extra + "\n")

    def make_keys(self):
        store = ["-keystore", str(self.folder / "ks.p12"), "-storepass", "changeit"]
        subprocess.run(["keytool", "-genkeypair", "-alias", "b", "-keyalg", "RSA", "-dname", "CN=localhost",
                        "-ext", "san=dns:localhost,ip:127.0.0.1", "-storetype", "PKCS12", *store],
                       check=True, capture_output=True)
        pem = subprocess.run(["keytool", "-exportcert", "-rfc", "-alias", "b", *store],
                             check=True, capture_output=True).stdout
        self.ca_file.write_bytes(pem)

    def format(self):
        properties = str(self.folder / "server.properties")
        scram = []
        if self.secure:
            self.make_keys()
            for size in ("256", "512"):
                scram += ["--add-scram", f"SCRAM-SHA-{size}=[name={SASL_USER},password={SASL_PASSWORD}]"]
        subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", properties, *scram),
                       check=True, capture_output=True)

    def start(self, timeout=60):
        if jars() is None:
            raise RuntimeError("Apache Kafka is not there: run ./dev setup --tests, and start through ./dev")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_properties()
        if not (self.folder / "logs" / "meta.properties").exists():
            self.format()
        log = self.folder / "broker.log"
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                self.java("kafka.Kafka", str(self.folder / "server.properties"), heap=self.heap),
                stdout=out, stderr=out, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        end = time.monotonic() + timeout
        while b"Kafka Server started" not in log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("Kafka did not start:\n" + log.read_text(errors="replace")[-2000:])
            time.sleep(0.05)
        return self

    def stop(self, timeout=30):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    # ---- topics and records, through confluent-kafka ----

    def admin(self):
        if self.admin_ is None:
            from confluent_kafka.admin import AdminClient
            self.admin_ = AdminClient({"bootstrap.servers": self.address, "log_level": 2})
        return self.admin_

    def create_topic(self, name, partitions=1, **config):
        """Dots in a key of config are written as underscores: retention_ms=1000."""
        from confluent_kafka.admin import NewTopic
        config = {key.replace("_", "."): str(value) for key, value in config.items()}
        wait_for(self.admin().create_topics(
            [NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)]))
        return name

    def delete_topic(self, name):
        wait_for(self.admin().delete_topics([name]))

    def add_partitions(self, name, total):
        from confluent_kafka.admin import NewPartitions
        wait_for(self.admin().create_partitions([NewPartitions(name, total)]))

    def delete_records(self, name, partition, before_offset):
        """Moves the start of the log: what a reader of older offsets then sees is data loss."""
        from confluent_kafka import TopicPartition
        wait_for(self.admin().delete_records([TopicPartition(name, partition, before_offset)]))

    def produce(self, topic, records, **config):
        """records: values, or (partition, value) or (partition, key, value, timestamp_ms[, headers]).
        Values are bytes, str or None. Returns when all are acknowledged."""
        from confluent_kafka import Producer
        failures = []
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 5, "acks": "all", **config})
        for record in records:
            args = {"on_delivery": lambda err, _: failures.append(err) if err else None}
            if isinstance(record, tuple) and len(record) == 2:
                args["partition"], args["value"] = record
            elif isinstance(record, tuple):
                args["partition"], args["key"], args["value"], args["timestamp"] = record[:4]
                if len(record) > 4:
                    args["headers"] = record[4]
            else:
                args["value"] = record
            while True:
                try:
                    producer.produce(topic, **args)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        left = producer.flush(60)
        assert left == 0 and not failures, f"{left} records not acknowledged, {failures[:3]}"

    def end_offsets(self, topic):
        """{partition: (first, next)}"""
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "end-offsets"})
        try:
            partitions = consumer.list_topics(topic, 10).topics[topic].partitions
            return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10) for p in partitions}
        finally:
            consumer.close()

    def committed(self, group, topic):
        """{partition: offset}, without partitions that have none."""
        from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
        parts = [TopicPartition(topic, p) for p in self.end_offsets(topic)]
        found = self.admin().list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, parts)])
        return {t.partition: t.offset for t in found[group].result(10).topic_partitions if t.offset >= 0}


def wait_for(futures):
    for future in futures.values():
        future.result(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--port", type=int, default=19092)
    run.add_argument("--folder", default=None)
    run.add_argument("--secure", action="store_true")
    topic = commands.add_parser("topic")
    topic.add_argument("address")
    topic.add_argument("name")
    topic.add_argument("partitions", type=int)
    topic.add_argument("config", nargs="*")
    args = parser.parse_args()
    if args.command == "topic":
        broker = Broker(tempfile.gettempdir(), port=int(args.address.rsplit(":", 1)[1]))
        broker.create_topic(args.name, args.partitions, **dict(c.split("=", 1) for c in args.config))
        return 0
    folder = args.folder or tempfile.mkdtemp(prefix="millrace-kafka-")
    broker = Broker(folder, port=args.port, secure=args.secure).start()
    print(f"Kafka is ready at {broker.address}, data in {folder}; Ctrl-C stops it", flush=True)
    if args.secure:
        print(f"SSL {broker.ssl_port}, SASL_PLAINTEXT {broker.sasl_port}, SASL_SSL {broker.sasl_ssl_port}; "
              f"CA {broker.ca_file}; {SASL_USER} / {SASL_PASSWORD}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        broker.process.wait()
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        broker.stop()
        if not args.folder:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
