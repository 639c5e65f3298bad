# SPDX-License-Identifier: MIT
"""The documentation is true: its commands run, its SQL is accepted, its flags, codes and names are the program's.

Every page is run from top to bottom in a folder of its own (an example's in a copy of its folder), with the test broker
in place of localhost:9092:

    ```sql      that begins with CREATE passes `millrace check`
    ```sh       is run by bash (set -e); python3 is the tests' Python, millrace the one that is tested
    ```python   is run too
    ```text     is compared with what the block before printed, when <!-- output --> is above it

    <!-- file: NAME -->       above a block: it is written to that file (a ```sh block then is not run)
    <!-- not run: REASON -->  above a block: it is not run
"""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

from millrace import TOP, binary

PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")), *sorted((TOP / "examples").rglob("*.md"))]
pytestmark = pytest.mark.skipif(binary() is None, reason="millrace is not built: ./dev build")
Block = collections.namedtuple("Block", "line language mark text")


def blocks(page):
    found, mark, lines = [], "", page.read_text().splitlines()
    i = 0
    while i < len(lines):
        fence = re.match(r"```(\w*)$", lines[i])
        comment = re.match(r"<!-- (.*) -->$", lines[i])
        if fence:
            end = lines.index("```", i + 1)
            found.append(Block(i + 1, fence.group(1), mark, "\n".join(lines[i + 1:end]) + "\n"))
            i = end
        if comment:
            mark = comment.group(1)
        elif lines[i].strip():
            mark = ""
        i += 1
    return found


def name(page):
    return str(page.relative_to(TOP))


def usage(*args):
    done = subprocess.run([binary(), *args], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def section(page, heading):
    """The lines below that heading, up to the next of its level."""
    text = (TOP / page).read_text()
    return re.search(rf"^(##+) {re.escape(heading)}$(.*?)(?=^\1 |\Z)", text, re.M | re.S).group(2)


def first_column(text):
    return [re.sub(r"`", "", cell).strip() for cell in re.findall(r"^\| ([^|]*(?:\\\|[^|]*)*) \|", text, re.M)]


# ---- the pages run ----

class Page:
    """A page being run."""

    def __init__(self, page, folder, kafka):
        self.folder, self.kafka, self.printed = folder, kafka, None
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "millrace").symlink_to(pathlib.Path(binary()).resolve())
        path = f"{bin_folder}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        self.env = {**os.environ, "PATH": path}
        self.work = folder / "work"
        if page.parent.parent == TOP / "examples":
            shutil.copytree(page.parent, self.work)
        else:
            self.work.mkdir()

    def put(self, text):
        return text.replace("localhost:9092", self.kafka.address) if self.kafka else text

    def command(self, args, block):
        done = subprocess.run(args, cwd=self.work, env=self.env, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"line {block.line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, block):
        text = self.put(block.text)
        if block.mark.startswith("not run: "):
            return
        if block.mark.startswith("file: "):
            (self.work / block.mark[6:]).write_text(text)
        if block.language == "sql" and re.match(r"\s*(--.*\n\s*)*CREATE\b", block.text):
            (self.folder / "block.sql").write_text(text)
            values = [f"--param={found}=x" for found in set(re.findall(r"(?<!\$)\$\{(\w+)\}", text))]
            self.command(["millrace", "check", self.folder / "block.sql", *values], block)
        elif block.language == "python":
            self.printed = self.command([sys.executable, "-c", text], block)
        elif block.language == "sh" and not block.mark.startswith("file: "):
            self.printed = self.command(["bash", "-euo", "pipefail", "-c", text], block)
        elif block.mark == "output":
            assert self.printed.strip() == text.strip(), f"line {block.line}: it printed\n{self.printed}"


def is_run(block):
    return not block.mark.startswith("not run: ") and block.language in ("sql", "sh", "python")


@pytest.mark.parametrize("page", [p for p in PAGES if any(map(is_run, blocks(p)))], ids=name)
def test_a_page_runs(page, tmp_path, request):
    needs_kafka = any("localhost:9092" in b.text for b in blocks(page) if is_run(b) and b.language == "sh")
    kafka = request.getfixturevalue("kafka") if needs_kafka else None
    before = topics(kafka)
    run = Page(page, tmp_path, kafka)
    try:
        for block in blocks(page):
            run.run(block)
            for folder in re.findall(r"^run folder (/tmp/millrace-demo-\w+)", run.printed or "", re.M):
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        for topic in topics(kafka) - before:
            kafka.delete_topic(topic)
        end = time.monotonic() + 20
        while topics(kafka) - before and time.monotonic() < end:
            time.sleep(0.1)


def topics(kafka):
    if kafka is None:
        return set()
    return {t for t in kafka.admin().list_topics(timeout=10).topics if not t.startswith("__")}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_is_not_run_says_why(page):
    for block in blocks(page):
        if block.mark.startswith("not run"):
            assert re.fullmatch(r"not run: \w.{5,}", block.mark), f"{name(page)}:{block.line}"


# ---- names ----

COMMANDS = ["serve", "status", "start", "stop", "tail", "tables", "dump", "health", "config",
            "run", "reset", "check", "explain", "export", "produce", "broker", "demo"]


def flags(command):
    return re.findall(r"^  (--\S+(?: \S+)?)", usage("help", command), re.M)


def test_the_commands_are_the_programs():
    listed = re.findall(r"^  ([a-z]+) ", usage("help").split("Commands:")[1], re.M)
    assert sorted(listed) == sorted([*COMMANDS, "help", "version"])
    headings = re.findall(r"^## ([a-z].*)$", (TOP / "docs/cli.md").read_text(), re.M)
    assert sorted(headings) == sorted([*COMMANDS, "help and version"])


@pytest.mark.parametrize("command", COMMANDS)
def test_flags(command):
    documented = [f.replace("\\|", "|") for f in first_column(section("docs/cli.md", command)) if f.startswith("--")]
    assert sorted(documented) == sorted(f.strip() for f in flags(command))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_flags_that_pages_name_exist(page):
    known = {f.split()[0] for command in COMMANDS for f in flags(command)}
    for code in re.findall(r"`((?:millrace |--)[^`\n]*)`", page.read_text()):
        for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", code):
            assert flag in known | {"--help"}, f"{name(page)}: {code}"


def test_exit_codes():
    documented = [c for c in first_column(section("docs/cli.md", "Exit codes")) if c.isdigit()]
    assert documented == re.findall(r"^(\d+) ", usage("help", "exit-codes"), re.M)


def test_failpoints():
    documented = [c for c in first_column(section("docs/operations.md", "Failpoints")) if "." in c]
    printed = usage("help", "failpoints").split("\n\n", 1)[1]
    assert documented == re.findall(r"\b(?:delta|pipeline|sink|store)\.[a-z_.]+[a-z]", printed)


def test_properties():
    rows = first_column(section("docs/sql.md", "Table properties"))
    documented = re.findall(r"\b(?:pipelines|millrace|delta)\.[\w.]+", " ".join(rows))
    source = (TOP / "src/plan/bind_script.c").read_text()
    assert documented == re.findall(r'\{"([\w.]+)", PROP_', source)


def test_options_of_read_kafka():
    source = re.search(r"rows\[\] = \{(.*?)\n\};", (TOP / "src/kafka/options.c").read_text(), re.S).group(1)
    known = {option.lower() for option in re.findall(r'\{"([\w.]+)", KIND_', source)}
    for code in re.findall(r"`(kafka\.[\w.]+)`", (TOP / "docs/kafka.md").read_text()):
        assert code.lower() in known, code


def test_the_summary_is_explained():
    """Every field that --summary prints, by the source that prints it."""
    text = section("docs/operations.md", "The summary and the ledger")
    for path in ("src/pipeline/summary.c", "src/pipeline/epoch.c"):
        source = (TOP / path).read_text()
        part = source[source.index("void query_summary"):] if "summary" in path else \
            source[source.index("static const struct term slot_terms"):source.index("/* The slot that a saved")]
        for field in re.findall(r'(?:json_key\(&?w, |json_member_\w+\(&?w, |\{)"(\w+)"', part):
            assert re.search(rf"\b{field}\b", text), field


def test_every_function_is_listed_and_none_else():
    rows = [line for line in (TOP / "docs/sql/functions.md").read_text().splitlines() if line.startswith("| `")]
    listed = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", "".join(row.split("|")[1] for row in rows)))
    table = set(re.findall(r'\bF\("(\w+)"', (TOP / "src/expr/functions.c").read_text()))
    source = (TOP / "src/expr/bind_predicate.c").read_text()
    choosing = source[source.index("struct expr *expr__conditional_call"):]
    table |= set(re.findall(r'"(\w+)"', choosing[:choosing.index("\n}\n")]))
    aggregates = (TOP / "src/window/agg.c").read_text()
    table |= set(re.findall(r'\{\{"(\w+)", ', aggregates)) | set(re.findall(r'\{"(\w+)", "\w+", [01]\}', aggregates))
    assert listed == table


# ---- the image ----

def test_the_dockerfile_copies_what_is_there():
    text = (TOP / "Dockerfile").read_text()
    ignore = (TOP / ".dockerignore").read_text().split()
    for source in re.findall(r"^COPY ([\w./]+) ", text, re.M):
        assert (TOP / source).exists(), source
        assert f"!{source}" in ignore, f"{source} is not let through by .dockerignore"


@pytest.mark.skipif(not shutil.which("dpkg") or not shutil.which("readelf"), reason="tells packages by dpkg")
def test_the_image_installs_every_library_the_program_needs():
    text = (TOP / "Dockerfile").read_text()
    installed = set(text[text.rindex("apt-get install"):].split("rm -rf")[0].split())
    dynamic = subprocess.run(["readelf", "-d", binary()], check=True, capture_output=True, text=True).stdout
    for library in re.findall(r"NEEDED.*\[(.*)\]", dynamic):
        found = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True).stdout
        packages = {line.split(":")[0] for line in found.splitlines()}
        assert packages & (installed | {"libc6", "libgcc-s1"}), f"{library} is in {packages}"
    assert "tzdata" in installed, "names of time zones come from it"
