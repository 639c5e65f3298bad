#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Autobahn WebSocket suite against our sessions.

    tests/autobahn/run.py [--cases 1.*,9.*] [--build build/debug]

The suite is Python 2. It is installed into a virtual environment of its own below the cache folder, from PyPI, when a
python2.7 is found (PYTHON2 names one); without one the run ends with exit code 77. Cases 12 and 13 are about
compression, which we do not speak. Exit code 1 when a case that applies is not passed.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "millrace" / "autobahn"
SUITE, VIRTUALENV = "autobahntestsuite==25.10.1", "virtualenv==20.15.1"
PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}


def python2():
    found = [os.environ.get("PYTHON2"), shutil.which("python2.7"),
             *map(str, (pathlib.Path.home() / ".pyenv/versions").glob("2.7*/bin/python2.7"))]
    for path in filter(None, found):
        if subprocess.run([path, "-c", "import ssl"], capture_output=True).returncode == 0:
            return path
    return None


def wstest():
    program = CACHE / "venv/bin/wstest"
    if not program.exists():
        python = python2()
        if not python:
            print("no python2.7 (PYTHON2): the suite cannot run here")
            sys.exit(77)
        CACHE.mkdir(parents=True, exist_ok=True)
        run, maker = {"check": True, "stdout": subprocess.DEVNULL}, CACHE / "virtualenv"
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", maker, VIRTUALENV], **run)
        subprocess.run([sys.executable, "-m", "virtualenv", "-q", "-p", python, CACHE / "venv"],
                       env={**os.environ, "PYTHONPATH": str(maker)}, **run)
        subprocess.run([CACHE / "venv/bin/pip", "install", "-q", SUITE], **run)
    return program


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cases", default="*")
    options.add_argument("--build", default=str(TOP / "build/debug"))
    options = options.parse_args()
    suite = wstest()
    subprocess.run(["ninja", "-C", options.build, "ws_echo"], check=True, stdout=subprocess.DEVNULL)
    echo = subprocess.Popen([f"{options.build}/tests/ws_echo"], stdout=subprocess.PIPE, text=True)
    try:
        address = echo.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            spec = {"outdir": f"{folder}/reports", "servers": [{"agent": "millrace", "url": f"ws://{address}/"}],
                    "cases": options.cases.split(","), "exclude-cases": ["12.*", "13.*"], "exclude-agent-cases": {}}
            pathlib.Path(folder, "spec.json").write_text(json.dumps(spec))
            subprocess.run([suite, "-m", "fuzzingclient", "-s", f"{folder}/spec.json"], check=True,
                           stdout=subprocess.DEVNULL)
            verdicts = json.loads(pathlib.Path(folder, "reports/index.json").read_text())["millrace"]
    finally:
        echo.send_signal(signal.SIGTERM)
        code = echo.wait(20)
    counts = collections.Counter(v["behavior"] for v in verdicts.values())
    failed = sorted(n for n, v in verdicts.items()
                    if v["behavior"] not in PASSED or v["behaviorClose"] not in PASSED)
    print(f"{len(verdicts)} cases:", ", ".join(f"{n} {what}" for what, n in counts.most_common()))
    print("failed:", " ".join(failed) or "none")
    return 1 if failed or not verdicts or code != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
