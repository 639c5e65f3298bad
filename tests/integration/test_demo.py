# SPDX-License-Identifier: MIT
"""millrace demo on a terminal: where the page is, the newest rows above one status line, how to read the table."""
import json
import os
import pty
import re
import select
import signal
import urllib.request

import pytest

from millrace import binary, until

pytestmark = pytest.mark.skipif(not binary(), reason="millrace is not built")
ROW = rb"\r\n20\d\d-\d\d-\d\d [^\r]{30,}"


class Terminal:
    def __init__(self, *args):
        self.pid, self.screen = pty.fork()
        self.shown = b""
        if self.pid == 0:
            os.execv(binary(), ["millrace", *args])

    def sees(self, pattern):
        if select.select([self.screen], [], [], 0.2)[0]:
            self.shown += os.read(self.screen, 65536)
        return re.search(pattern, self.shown)


def test_a_terminal_shows_the_page_the_newest_rows_and_how_to_read_them():
    terminal = Terminal("demo", "--listen", "127.0.0.1:0", "--rate", "500/s")
    code = None
    try:
        until(lambda: terminal.sees(rb"http://127.0.0.1:\d+/"), 20, "the page")
        until(lambda: terminal.sees(ROW + rb"\r\ncampaign_views: \d+ rec/s, lag \d+, watermark 20"), 60, "rows")
        page = re.search(rb"http://127.0.0.1:\d+", terminal.shown).group(0).decode()
        with urllib.request.urlopen(page + "/api/v1/config", timeout=10) as answer:
            settings = {s["key"]: (s["value"], s["origin"]) for s in json.load(answer)["items"]}
        assert settings["storage.state_dir"] == ("./state", "demo") and settings["ui.environment"] == ("demo", "demo")
        assert settings["server.listen"] == ("127.0.0.1:0", "--listen")
        os.write(terminal.screen, b"\x03")
        until(lambda: terminal.sees(rb"Read it with"), 20, "how to read the table")
        code = os.waitpid(terminal.pid, 0)[1]
    finally:
        if code is None:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
    assert code == 0
    assert 0 < max(len(re.findall(ROW, screen)) for screen in terminal.shown.split(b"\x1b[J")) <= 10
