# SPDX-License-Identifier: MIT
"""A job of the benchmark on Spark: what `millrace export` writes, in a process of its own, watched from outside.

CPU and memory are those of the Python process and the JVM below it: local[2], 2 GB of heap, as many shuffle partitions
as cores, no page. Its start ends when the first micro-batch has its offsets, as millrace's ends with the first poll;
what it spent until then is left out of the CPU per million, as with millrace.
"""
import os
import pathlib
import signal
import subprocess
import time

import spark_session
from millrace import binary, die_with_parent

EVERY_S = 0.05


def interpreter():
    """(interpreter, folder of jars), or None when Spark is not installed."""
    python, folder = os.environ.get("MILLRACE_SPARK_PYTHON"), os.environ.get("MILLRACE_SPARK_JARS")
    return (python, folder) if python and folder else None


def stat(pid):
    """(parent, CPU seconds, resident bytes) of a process; None when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[1]), sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"),
            int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))


def tree(pid):
    """(CPU seconds, resident bytes) of a process and all below it; of children that ended, too."""
    found = {int(p.name): s for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() for s in [stat(p.name)] if s}
    ours, grown = {pid}, True
    while grown:
        more = {p for p, (parent, _, _) in found.items() if parent in ours} - ours
        ours, grown = ours | more, bool(more)
    ours &= found.keys()
    return sum(found[p][1] for p in ours), sum(found[p][2] for p in ours)


class Job:
    """The job.sql of that folder, exported and started; its table is below folder/spark."""

    def __init__(self, folder, *args):
        self.folder = folder / "spark"
        self.folder.mkdir()
        subprocess.run([binary(), "export", "job.sql", "--output", "spark/job.py", "--files", "."], cwd=folder,
                       check=True)
        env = spark_session.submit_environment(interpreter(), memory="2g")
        self.began = time.monotonic()
        self.errors = open(self.folder / "errors.log", "wb")
        self.process = subprocess.Popen(
            [interpreter()[0], "-B", "spark/job.py", "--warehouse", "spark", "--checkpoints",
             "spark/checkpoints", *args], cwd=folder, env=env, stdout=self.errors, stderr=self.errors,
            start_new_session=True, preexec_fn=die_with_parent)
        self.cpu = self.start_cpu = self.peak = 0
        self.start_ms = None

    def watch(self, until):
        """Looks at the process until `until()` or its end; returns whether it still runs."""
        while self.process.poll() is None and not until():
            cpu, memory = tree(self.process.pid)
            self.cpu, self.peak = max(self.cpu, cpu), max(self.peak, memory)
            if self.start_ms is None and any(self.folder.glob("checkpoints/*/offsets/0")):
                self.start_ms, self.start_cpu = (time.monotonic() - self.began) * 1000, cpu
            time.sleep(EVERY_S)
        return self.process.poll() is None

    def result(self):
        """Waits for its end: what millrace's --summary says of itself."""
        self.watch(lambda: False)
        assert self.process.returncode == 0, (self.folder / "errors.log").read_text()[-3000:]
        return {"cpu_seconds": self.cpu, "start_cpu_seconds": self.start_cpu, "peak_rss_bytes": self.peak,
                "first_poll_ms": self.start_ms}

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.errors.close()
