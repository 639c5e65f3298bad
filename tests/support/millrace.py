# SPDX-License-Identifier: MIT
"""Runs the millrace binary for a test: start, wait, stop, kill -9, and what it printed.

    job = Millrace(tmp_path).start("run", "job.sql", "--available-now")
    assert job.wait() == 0, job.output()

MILLRACE_BIN names the binary (./dev sets it). Sanitizer reports in the output fail the test by themselves.
"""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]


def binary():
    path = os.environ.get("MILLRACE_BIN", str(TOP / "build" / "release" / "millrace"))
    return path if shutil.which(path) else None


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Millrace:
    """One process at a time in `folder` (its working directory); output of all runs goes to millrace.log."""

    def __init__(self, folder, env=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env = dict(env or {})
        self.log = self.folder / "millrace.log"
        self.process = None
        self.started_at = 0

    def start(self, *args, failpoint=None, env=None, limits=None):
        """failpoint: see `millrace help failpoints`. limits: a function called in the child before exec."""
        assert self.process is None, "still running"
        assert binary(), "millrace is not built: run ./dev build"
        environment = {**os.environ, "MILLRACE_FAILPOINT": failpoint or "", **self.env, **(env or {})}
        if not environment["MILLRACE_FAILPOINT"]:
            del environment["MILLRACE_FAILPOINT"]
        self.started_at = self.log.stat().st_size if self.log.exists() else 0

        def before_exec():
            die_with_parent()
            if limits:
                limits()

        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([binary(), *map(str, args)], cwd=self.folder, stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, env=environment, preexec_fn=before_exec)
        return self

    def run(self, *args, timeout=60, **more):
        """start and wait; returns the exit code (negative: ended by that signal)."""
        return self.start(*args, **more).wait(timeout)

    def wait(self, timeout=60):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # a core and the log's last words, rather than nothing
            self.process.wait()
            self.process = None
            raise AssertionError(f"millrace did not end within {timeout} s:\n{self.output()[-3000:]}") from None
        self.process = None
        self.check_sanitizers()
        return code

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=60):
        """An orderly stop (SIGTERM); returns the exit code."""
        if not self.process:
            return None
        self.process.terminate()
        return self.wait(timeout)

    def kill(self):
        """kill -9, as a power cut would look to everybody else."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def output(self, all_runs=False):
        data = self.log.read_bytes() if self.log.exists() else b""
        return data[0 if all_runs else self.started_at:].decode(errors="replace")

    def check_sanitizers(self):
        for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer"):
            assert mark not in self.output(), self.output()[-6000:]

    def until(self, condition, timeout=60, what="condition"):
        """Polls condition() while the process runs; returns its first true value."""
        return until(condition, timeout, what, alive=self.is_running, tell=self.output)

    def until_output(self, text, timeout=60):
        return self.until(lambda: text in self.output(), timeout, f"{text!r} in the output")

    def summary(self):
        """What the last run printed by --summary."""
        return json.loads(self.output().splitlines()[-1])

    def get(self, url, timeout=5):
        """(status, body) of an HTTP GET; status 0 when nothing answers."""
        return http_get(url, timeout)


def produce(kafka, topic, *args, partitions=4, start="2024-01-01T00:00:00Z", timeout=300):
    """`millrace produce`, one record a millisecond of event time, round the partitions; returns what it said."""
    command = [binary(), "produce", "--bootstrap-servers", kafka.address, "--topic", topic, "--step", "1ms",
               "--start-time", start, "--partitions", partitions, *args]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stderr


def until(condition, timeout=60, what="condition", alive=lambda: True, tell=lambda: ""):
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if not alive():
            value = condition()
            assert value, f"the process ended before {what}:\n{tell()[-3000:]}"
            return value
        assert time.monotonic() < end, f"no {what} within {timeout} s:\n{tell()[-3000:]}"
        time.sleep(0.05)


def http_get(url, timeout=5):
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return error.code, error.read()
    except OSError:
        return 0, b""
