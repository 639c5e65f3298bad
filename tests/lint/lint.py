#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of the house that a compiler does not check. Standard library only; ctest runs each lint by name.

    lint.py [NAME ..]        run all lints, or these; exit 1 when one finds something or read no file
    lint.py --self-test      each lint must reject its bad sample (tests/lint/bad/NAME) and an empty tree
    lint.py --draw           write the table of rooms between the graph marks of src/README.md
    lint.py --list           the names

A lint is a function from a Tree to problems "path:line: what is wrong". The room table is CMakeLists.txt's own
room(..) lines, so the linker and the lint cannot disagree. exceptions.txt lists what is allowed to stay; an
entry that is no longer needed is a problem too, so the list can only shrink.
"""
import os
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]

FUNCTION_LINES = 80
FILE_LINES = 800
COLUMNS = 120

# A room that may use only these headers of another: the ast, not the parser.
ONLY = {("expr", "sql"): {"ast.h", "parse.h"}}  # parse.h: the schema that from_json is given

# Foreign headers and the rooms that may include them. The roof is "".
FOREIGN = {
    "pthread.h": {"base"}, "stdatomic.h": {"base", "column"}, "utf8proc.h": {"text"}, "jansson.h": {"json"},
    "simdjson.h": {"json"}, "emmintrin.h": {"json"}, "curl/curl.h": {"net"}, "wslay/wslay.h": {"net"},
    "pcre2.h": {"expr"}, "openssl/evp.h": {"text"}, "sqlite3.h": {"state"}, "zstd.h": {"parquet"},
    "zlib.h": {"parquet"}, "snappy-c.h": {"parquet"}, "lz4.h": {"parquet"}, "librdkafka/rdkafka.h": {"kafka"},
    "librdkafka/rdkafka_mock.h": {"kafka"}, "uv.h": {"pipeline", "http", ""}, "microhttpd.h": {"http"},
    "yaml.h": {""},
}
C_AND_POSIX = set("""assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h
setjmp.h signal.h stdalign.h stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h
string.h tgmath.h time.h uchar.h wchar.h wctype.h arpa/inet.h dirent.h fcntl.h fnmatch.h ftw.h
getopt.h glob.h iconv.h langinfo.h libgen.h net/if.h netdb.h netinet/in.h netinet/tcp.h poll.h
pwd.h regex.h sched.h semaphore.h spawn.h strings.h sys/file.h sys/mman.h sys/random.h
sys/resource.h sys/select.h sys/socket.h sys/stat.h sys/statvfs.h sys/time.h sys/types.h sys/uio.h
sys/un.h sys/utsname.h sys/wait.h sys/ioctl.h syslog.h termios.h unistd.h utime.h grp.h
sys/prctl.h sys/sysinfo.h malloc.h endian.h byteswap.h immintrin.h x86intrin.h nmmintrin.h cpuid.h
sys/auxv.h link.h dlfcn.h execinfo.h sys/vfs.h""".split())
CXX = {"string_view", "string", "cstdint", "cstddef", "cstring", "new", "memory", "utility", "array", "limits",
       "cmath", "cstdlib", "cstdio", "algorithm"}


class Tree:
    """The files of a checkout (or of a bad sample), read once, and how many of them a lint looked at."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.n_read = 0
        self.excuses = {}  # (lint, path) -> value
        self.used = set()

    def files(self, *suffixes, under=("src", "tests", "docs", "examples", "web", "migrations", "")):
        """Paths below root, relative, sorted; "" means the top level only."""
        found = set()
        for folder in under:
            base = self.root / folder
            entries = base.iterdir() if folder == "" else base.rglob("*")
            for path in entries if base.is_dir() else ():
                inside = path.relative_to(self.root)
                if path.is_file() and (not suffixes or path.suffix in suffixes or path.name in suffixes) \
                        and inside.parts[:3] != ("tests", "lint", "bad") \
                        and not {"__pycache__", "node_modules", ".git", "build"} & set(inside.parts):
                    found.add(inside)
        return sorted(found)

    def text(self, path):
        self.n_read += 1
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def excuse(self, lint, path, value=None):
        """True when exceptions.txt lets this stay; with a value (a size): when it allows exactly that much."""
        key = (lint, str(path))
        if key not in self.excuses:
            return False
        self.used.add(key)
        return value is None or self.excuses[key] == value

    def load_excuses(self, path):
        for line in path.read_text().splitlines() if path.exists() else ():
            words = line.split("#")[0].split()
            if words:
                value = int(words[2]) if len(words) > 2 else None
                self.excuses[(words[0], words[1])] = value


# ---- reading C ----

def code_only(text):
    """Comments and the insides of strings blanked out, line breaks kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        found = match.group()
        if found[0] in "\"'":
            return found[0] + " " * (len(found) - 2) + found[0]
        return re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text)


def functions(text):
    """(name, first line, number of lines) of each function body at the top level."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), code_only(text),
                  flags=re.M)
    code = re.sub(r'extern\s+" *"\s*\{', lambda m: " " * len(m.group()), code)
    depth, start, head_from = 0, None, 0
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        if match.group() == "{":
            if depth == 0:
                head = code[head_from:at].strip()
                named = re.search(r"(\w+)\s*\(", head)
                if named and head.endswith(")") and "=" not in head.split("(")[0]:
                    start = (named.group(1), code.count("\n", 0, at) + 1)
            depth += 1
        elif match.group() == "}":
            depth = max(0, depth - 1)
            if depth == 0:
                if start:
                    yield start[0], start[1], code.count("\n", 0, at) + 2 - start[1]
                start, head_from = None, at + 1
        elif depth == 0:
            head_from = at + 1


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
        if match:
            yield number, match.group(1), match.group(2)


def room_of(path):
    return path.parts[1] if len(path.parts) > 2 else ""


def room_table(tree):
    """{room: (floor, [rooms it may include])}, from the room(..) lines of CMakeLists.txt."""
    table = {}
    path = tree.root / "CMakeLists.txt"
    text = path.read_text() if path.exists() else ""
    for name, floor, deps in re.findall(r"^room\((\w+)\s+FLOOR\s+(\d+)(?:\s+DEPS\s+([\w\s]*?))?(?:\s+LIBS[^)]*)?\)",
                                        text, re.M):
        table[name] = (int(floor), deps.split())
    return table


def sources(tree):
    return [p for p in tree.files(".c", ".h", ".cc", under=("src",)) if "vendor" not in p.parts]


# ---- the lints ----

def floors(tree):
    """a room includes its own folder and the rooms of its row, and never another's private header"""
    table = room_table(tree)
    for name, (floor, deps) in table.items():
        for dep in deps:
            if dep not in table or table[dep][0] > floor:
                yield f"CMakeLists.txt:1: room {name} (floor {floor}) lists {dep}, which is above it or unknown"
    for path in sources(tree):
        room = room_of(path)
        for line, ours, _ in includes(tree.text(path)):
            if ours is None:
                continue
            where = f"{path}:{line}"
            target, _, header = ours.rpartition("/")
            if room and room not in table:
                yield f"{where}: {room} is not a room of CMakeLists.txt"
            elif target == "":
                if room or not ours.endswith(".inc"):
                    ok = not room and (tree.root / "src" / ours).exists()
                    if not ok:
                        yield f'{where}: write the room: "{room or "room"}/{ours}"'
            elif target not in table:
                yield f"{where}: {target} is not a room"
            elif room and target != room and target not in table[room][1]:
                if not tree.excuse("floors", path):
                    yield f"{where}: {room} may not include {target} (its row: {' '.join(table[room][1]) or '-'})"
            elif (room, target) in ONLY and header not in ONLY[room, target]:
                if not tree.excuse("floors", path):
                    yield f"{where}: {room} may include only {', '.join(sorted(ONLY[room, target]))} of {target}"
            elif target != room and re.search(r"_priv\.h$", header):
                yield f"{where}: {ours} is private to {target}"


def foreign(tree):
    """one foreign header, one room"""
    for path in sources(tree):
        room = room_of(path)
        for line, _, header in includes(tree.text(path)):
            if header is None or header in C_AND_POSIX or (path.suffix == ".cc" and header in CXX):
                continue
            if header not in FOREIGN:
                yield f"{path}:{line}: <{header}> is not in the table of foreign headers"
            elif room not in FOREIGN[header] and not tree.excuse("foreign", path):
                rooms = ", ".join(sorted(r or "the roof" for r in FOREIGN[header]))
                yield f"{path}:{line}: <{header}> belongs to {rooms}"


def memory(tree):
    """malloc and its family only in base/alloc.c, so that every allocation is counted and can be made to fail"""
    family = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|strndup|asprintf|vasprintf|aligned_alloc|"
                        r"posix_memalign|alloca)\s*\(")
    for path in sources(tree):
        if str(path) == "src/base/alloc.c":
            continue
        for number, line in enumerate(code_only(tree.text(path)).splitlines(), 1):
            match = family.search(line)
            if match and not tree.excuse("memory", path):
                yield f"{path}:{number}: {match.group(1)}: use base/alloc"


def sizes(tree):
    """functions stop at 80 lines, files at 800"""
    for path in sources(tree) + [p for p in tree.files(".c", ".h", under=("tests",))]:
        text = tree.text(path)
        n_lines = text.count("\n")
        if n_lines > FILE_LINES and not tree.excuse("sizes", path, n_lines):
            yield f"{path}:1: {n_lines} lines; a file stops at {FILE_LINES}"
        for name, line, n in functions(text):
            if n > FUNCTION_LINES and not tree.excuse("sizes", f"{path}:{name}", n):
                yield f"{path}:{line}: {name} has {n} lines; a function stops at {FUNCTION_LINES}"


def columns(tree):
    """lines stop at 120 columns; no tabs, no blanks at the end of a line"""
    for path in sources(tree) + tree.files(".c", ".h", ".py", ".sh", ".js", ".mjs", ".css", "dev", "run",
                                           under=("tests", "web", "")):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if len(line) > COLUMNS and not tree.excuse("columns", path):
                yield f"{path}:{number}: {len(line)} columns; a line stops at {COLUMNS}"
            if "\t" in line or line != line.rstrip():
                yield f"{path}:{number}: tab, or blanks at the end of the line"


def heads(tree):
    """every file begins with its licence; a header, and a .c without one, then says what it is for"""
    paths = sources(tree) + tree.files(".c", ".h", ".py", ".sh", ".js", ".mjs", ".css", ".sql", "dev",
                                       "CMakeLists.txt", "Dockerfile", under=("tests", "web", "migrations", ""))
    for path in paths:
        if "sql" in path.parts[1:2] and path.suffix == ".sql":
            continue  # cases of tests/sql
        text = tree.text(path)
        first = text.split("\n")[:2]
        if not any("SPDX-License-Identifier: MIT" in line for line in first):
            yield f"{path}:1: the first line is not SPDX-License-Identifier: MIT"
        if path.suffix not in (".c", ".h", ".cc"):
            continue
        alone = path.suffix == ".h" or not (tree.root / path).with_suffix(".h").exists()
        rest = text.split("\n", 1)[-1].lstrip()
        in_src = path.parts[0] == "src"
        if in_src and alone and not rest.startswith("/*") and not tree.excuse("heads", path):
            yield f"{path}:2: no comment that says what the file is for"


def strangers(tree):
    """nothing that only this machine or this day knows: paths, registry hosts, notes to oneself"""
    words = [r"(?<![\w.])/(?:root|work|home|Users|opt)/(?!millrace)\w",
             r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bXX" r"X\b",
             r"registry\.npm" r"js", r"pypi" r"\.org", r"python" r"hosted", r"crates" r"\.io", r"repo1?\.maven",
             r"proxy\.golang", r"deb\.deb" r"ian", r"maven\.org/maven2"]
    pattern = re.compile("|".join(words))
    suffixes = """.c .h .cc .py .sh .md .sql .js .css .html .txt .lock .xml .yml .yaml .json .toml .properties .csv
        dev CMakeLists.txt Dockerfile""".split()
    for path in tree.files(*suffixes) + [p for p in (pathlib.Path(".ci/run"),) if (tree.root / p).exists()]:
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            match = pattern.search(line)
            if match and path.name != "expect.txt" and not tree.excuse("strangers", path):
                yield f"{path}:{number}: {match.group()}"


def anchor(heading):
    heading = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", lambda m: m.group(1) or "", heading.strip().lower())
    return re.sub(r" ", "-", re.sub(r"[^\w\- ]", "", heading))


def links(tree):
    """relative links in Markdown lead somewhere, headings too"""
    for path in tree.files(".md"):
        text = tree.text(path)
        prose = re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)
        prose = re.sub(r"`[^`\n]*`", lambda m: " " * len(m.group()), prose)
        for match in re.finditer(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", prose):
            target = match.group(1)
            if re.match(r"[a-z]+:", target):
                continue
            line = prose.count("\n", 0, match.start()) + 1
            name, _, part = target.partition("#")
            file = (tree.root / path).parent / name if name else tree.root / path
            if not file.exists():
                yield f"{path}:{line}: {target} does not exist"
            elif part and file.suffix == ".md":
                headings = re.findall(r"^#+\s+(.*)$", file.read_text(), re.M)
                if part not in map(anchor, headings):
                    yield f"{path}:{line}: {name or path} has no heading #{part}"


BEGIN, END = "<!-- graph -->", "<!-- /graph -->"


def draw(tree):
    """The table of rooms: what each may include, and in bold what it does include now."""
    table = room_table(tree)
    now = {}
    for path in sources(tree):
        for _, ours, _ in includes(tree.text(path)):
            if ours and "/" in ours:
                now.setdefault(room_of(path), set()).add(ours.split("/")[0])
    rows = ["| Floor | Room | May include; in bold: does |", "|---|---|---|"]
    for room, (floor, deps) in table.items():
        if not (tree.root / "src" / room).is_dir():
            continue
        cells = [f"**{d}**" if d in now.get(room, ()) else d for d in deps]
        rows.append(f"| {floor} | `{room}/` | {' '.join(cells) or '-'} |")
    roof = sorted(now.get("", ()), key=lambda r: list(table).index(r) if r in table else 99)
    rows.append(f"| roof | `main.c` `cli_*.c` `config.c` | all: {' '.join(f'**{r}**' for r in roof) or '-'} |")
    return "\n".join([BEGIN, "", *rows, "", END])


def graph(tree):
    """the table of rooms in src/README.md is the one --draw would write"""
    wanted = draw(tree)
    path = tree.root / "src" / "README.md"
    text = path.read_text() if path.exists() else ""
    if wanted not in text:
        yield "src/README.md:1: the table of rooms is not current: python3 tests/lint/lint.py --draw"


def write_graph(tree):
    path = tree.root / "src" / "README.md"
    text = path.read_text() if path.exists() else "# The house\n"
    if BEGIN in text and END in text:
        text = text[:text.index(BEGIN)] + draw(tree) + text[text.index(END) + len(END):]
    else:
        text = text.rstrip("\n") + "\n\n" + draw(tree) + "\n"
    path.write_text(text)


LINTS = {f.__name__: f for f in (floors, foreign, memory, sizes, columns, heads, strangers, links, graph)}


def run(names, root):
    """Prints problems; returns how many."""
    n_problems = 0
    for name in names:
        tree = Tree(root)
        tree.load_excuses(tree.root / "tests" / "lint" / "exceptions.txt")
        problems = list(LINTS[name](tree))
        if tree.n_read == 0:
            problems.append(f"lint {name} read no file")
        for key, value in tree.excuses.items():
            if key[0] == name and key not in tree.used:
                problems.append(f"tests/lint/exceptions.txt:1: no longer needed: {' '.join(key)} {value or ''}")
        for problem in problems:
            print(problem)
        print(f"lint {name}: {tree.n_read} files, {len(problems)} problems")
        n_problems += len(problems)
    return n_problems


def self_test():
    """Each bad sample holds expect.txt: one line per problem that must be found, and no other may be."""
    n_bad = 0
    with tempfile.TemporaryDirectory() as empty:
        for name, lint in LINTS.items():
            tree = Tree(HERE / "bad" / name)
            got = sorted(lint(tree))
            expect = tree.root / "expect.txt"
            wanted = sorted(expect.read_text().splitlines()) if expect.exists() else []
            nothing = Tree(empty)
            list(lint(nothing))
            ok = got == wanted and wanted and nothing.n_read == 0
            print(f"self-test {name}: {'ok' if ok else 'FAILED'} ({len(got)} problems found)")
            if not ok:
                n_bad += 1
                print("\n".join(f"  {'missed' if p in wanted else 'not expected'}: {p}"
                                for p in sorted(set(wanted) ^ set(got))))
    return n_bad


def main(args):
    if args == ["--list"]:
        print("\n".join(LINTS))
        return 0
    if args == ["--self-test"]:
        return 1 if self_test() else 0
    if args == ["--draw"]:
        write_graph(Tree(TOP))
        return 0
    unknown = [a for a in args if a not in LINTS]
    if unknown:
        print(f"no such lint: {unknown[0]}; there are {' '.join(LINTS)}", file=sys.stderr)
        return 2
    return 1 if run(args or LINTS, TOP) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
