# SPDX-License-Identifier: MIT
"""Spark with Kafka and Delta, twice: `session` inside a script that Spark's own interpreter runs, `run` to run one.

    done = run(spark_python, script, "--what", "it takes")       the fixture spark_python; script is a Path
    spark = session(shuffles=2, **{"spark.sql.x": "y"})

All scripts of one test run share one Spark (starting it costs more than most scripts take): this file, run as a
program, executes what it is told line by line. Each `session` is a fresh one with its own settings and views; what
`millrace export` wrote, which calls getOrCreate(), shares one.
"""
import atexit
import contextlib
import ctypes
import glob
import io
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import traceback

# For two cores and small tables: no page, as many partitions as cores.
SETTINGS = ("ui.enabled=false", "ui.showConsoleProgress=false", "sql.shuffle.partitions=2",
            "databricks.delta.snapshotPartitions=1")


def session(shuffles=1, **conf):
    from pyspark.sql import SparkSession
    first = (SparkSession.builder.master("local[2]").config("spark.jars", os.environ["SPARK_SESSION_JARS"])
             .config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "2g")
             .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC") # short lives
             .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
             .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"))
    for setting in SETTINGS:
        first = first.config(*f"spark.{setting}".split("="))
    first = first.getOrCreate()
    first.sparkContext.setLogLevel("OFF")
    spark = first.newSession()
    for key, value in {"spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": shuffles, **conf}.items():
        spark.conf.set(key, str(value))
    return spark


def submit_environment(spark_python, memory="1g"):
    """For a script that makes its own session in a process of its own."""
    python, folder = spark_python
    jars = ",".join(glob.glob(os.path.join(folder, "*.jar")))
    conf = " ".join(f"--conf spark.{c}" for c in SETTINGS)
    return {**os.environ, "PYSPARK_PYTHON": python, "PYSPARK_SUBMIT_ARGS":
            f"--master local[2] --driver-memory {memory} --jars {jars} {conf} pyspark-shell"}


def serve():
    """One JSON line in: [script, args..]; one out: {"returncode", "stdout", "stderr"}."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the JVM prints is no answer
    session()  # with the jars: a script that makes its own gets this one
    for line in sys.stdin:
        script, *sys.argv[1:] = json.loads(line)
        out, err, code = io.StringIO(), "", 0
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(pathlib.Path(script).read_text(), script, "exec"),
                     {"__name__": "__main__", "__file__": script})
        except BaseException:
            err, code = traceback.format_exc(), 1
        print(json.dumps({"returncode": code, "stdout": out.getvalue(), "stderr": err}), file=answers, flush=True)


class Server:
    def __init__(self, python, folder):
        env = {**os.environ, "SPARK_SESSION_JARS": ",".join(glob.glob(os.path.join(folder, "*.jar"))),
               "PYTHONPATH": str(pathlib.Path(__file__).parent)}
        self.process = subprocess.Popen([python, "-B", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=env)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        atexit.register(self.stop)

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


servers = {}


def run(spark_python, script, *args, timeout=280):
    """CompletedProcess of the script, text captured."""
    if spark_python not in servers:
        servers[spark_python] = Server(*spark_python)
    server = servers[spark_python]
    try:
        server.process.stdin.write(json.dumps([str(script), *map(str, args)]) + "\n")
        server.process.stdin.flush()
        line = server.lines.get(timeout=timeout)
    except (queue.Empty, OSError):
        line = None
    if line is None:
        del servers[spark_python]
        server.process.kill()
        return subprocess.CompletedProcess(script, 1, "", "Spark died, or took too long")
    return subprocess.CompletedProcess(script, **json.loads(line))


if __name__ == "__main__":
    serve()
