# SPDX-License-Identifier: MIT
"""pytest starts here for every folder of tests/; run through `./dev test` or `./dev python -m pytest tests/..`."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))

from conftest_shared import *  # noqa: E402,F401,F403  fixtures
