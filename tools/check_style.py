#!/usr/bin/env python3
"""Check the rules of our C style that a script can check cheaply.

Lines: 100 columns, no tabs, no trailing white space. Files: at most 1,200 lines, every name once
in the repository. Functions: at most 70 lines and 4 levels of nesting, unless the comment
`tidy: long` stands on the line before or after the one with the opening brace (or signature);
names of the project outside `static`. Banned: functions that overflow buffers or keep hidden
state, printing and exiting in src/ and port/, #pragma, notes to be done later. Compiler extensions
stand in src/base/base.h, and those that SIMD needs in src/parquet/kernels_*.c. Every folder of
src/ has a README.md of at most 60 lines; every function of include/ has a comment.

Prints `file:line: what` for each offence, then `N passed, N failed` (files).
"""
import os
import re
import sys

COLUMNS, FILE_LINES, FUNCTION_LINES, NESTING, README_LINES = 100, 1200, 70, 4, 60
CODE = ["src", "port", "include", "server", "cli", "examples", "test"]
TEXT = CODE + ["tools", "doc", ".ci"]
ROOT_FILES = ["CMakeLists.txt", "Makefile", "README.md", "ARCHITECTURE.md", "CHANGELOG.md",
              "CONTRIBUTING.md", "STYLE.md", "quickstart", "run-tests"]
BANNED = r"\b(sprintf|vsprintf|strcpy|strcat|strncpy|strncat|gets|alloca|setjmp|longjmp|strtok|" \
         r"strtok_r|atoi|atol|atof)\s*\("
PRINTING = r"\b(printf|fprintf|vprintf|vfprintf|puts|putchar|fputs|perror|exit|_exit|abort)\s*\("
EXTENSION = re.compile(r"\b(__attribute__|__builtin_\w+|__asm__|asm|__restrict|__typeof__)\b")
LATER = re.compile(r"\b(TO" r"DO(?!\(#\d+\))|FIX" r"ME|XX" r"X)\b")
KEYWORDS = {"if", "for", "while", "switch", "do", "else", "return", "sizeof"}


def repository_files():
    for top in TEXT:
        for root, dirs, files in os.walk(top):
            dirs[:] = sorted(d for d in dirs if d not in ("__pycache__", "corpus"))
            for name in sorted(files):
                yield os.path.join(root, name)
    for name in ROOT_FILES:
        if os.path.exists(name):
            yield name


def blank(text):
    """The C text without comments, string contents and preprocessor lines; same line numbers."""
    def keep_lines(m):
        return re.sub(r"[^\n]", " ", m.group(0))

    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    text = re.sub(pattern, keep_lines, text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", keep_lines, text, flags=re.M)


def functions(code):
    """Yield (name, signature, first line, line of the brace, last line, deepest nesting, its
    line) of every function in blanked C text."""
    lines = code.split("\n")
    depth, head, head_line, current, blocks = 0, "", 0, None, 0
    for num, line in enumerate(lines, 1):
        for pos, ch in enumerate(line):
            if ch == "{":
                depth += 1
                is_block = not line[pos + 1:].strip()
                is_block = is_block and not re.search(r"[=,({]\s*$", line[:pos])
                if depth == 1:
                    m = re.search(r"(\w+)\s*\((.*)\)\s*\w*\s*$", head, re.S)
                    if m and "=" not in head and m.group(1) not in KEYWORDS:
                        current = [m.group(1), head, head_line, num, num, 0, num]
                    blocks = []
                else:
                    blocks.append(is_block)
                    if current and sum(blocks) > current[5]:
                        current[5], current[6] = sum(blocks), num
            elif ch == "}":
                depth = max(depth - 1, 0)
                if depth == 0:
                    if current:
                        current[4] = num
                        yield tuple(current)
                    current, head = None, ""
                elif blocks:
                    blocks.pop()
            elif depth == 0:
                if ch == ";":
                    head = ""
                else:
                    if not head.strip():
                        head_line = num
                    head += ch
        if depth == 0:
            head += "\n"


def check_functions(path, text, code, bad):
    lines = text.split("\n")
    for name, head, first, brace, last, nesting, deep_line in functions(code):
        around = "\n".join(lines[max(first - 2, 0):brace + 1])
        if "tidy: long" not in around:
            if last - brace + 1 > FUNCTION_LINES:
                bad.append((path, first, f"{name}() has {last - brace + 1} lines, "
                                         f"more than {FUNCTION_LINES}"))
            if nesting > NESTING:
                bad.append((path, deep_line, f"{name}() nests {nesting} deep, more than {NESTING}"))
        is_static = re.search(r"\bstatic\b", head)
        if path.startswith("src/") and not is_static and not name.startswith(("pq_", "pqdb_")):
            bad.append((path, first, f"{name}() is not static: its name starts with pq_"))


def has_extensions(path):
    """The files that may use them; doc/decisions/0011-simd-kernels.md says why the kernels."""
    return path == "src/base/base.h" or path.startswith("src/parquet/kernels_")


def check_code(path, text, bad):
    code = blank(text)
    for num, line in enumerate(code.split("\n"), 1):
        m = re.search(BANNED, line)
        if m and not path.startswith("test/"):
            bad.append((path, num, f"{m.group(1)}() is banned"))
        m = re.search(PRINTING, line)
        if m and path.startswith(("src/", "port/")) and path != "src/base/base.c":
            bad.append((path, num, f"{m.group(1)}(): src/ and port/ never print or exit"))
        if m is None and path.startswith("src/") and not path.startswith("src/base/"):
            m = re.search(r"(?<!->)\b(malloc|calloc|realloc|free|snprintf|vsnprintf)\s*\(", line)
            if m:
                bad.append((path, num, f"{m.group(1)}() is used only in src/base"))
        m = EXTENSION.search(line)
        if m and path.startswith("src/") and not has_extensions(path):
            bad.append((path, num, f"{m.group(1)} is a compiler extension: src/base/base.h"))
    for num, line in enumerate(text.split("\n"), 1):
        if re.match(r"\s*#\s*pragma|.*\b_Pragma\b", line) and path != "src/base/base.h":
            bad.append((path, num, "#pragma is not allowed"))
    count = text.count("\n")
    if count > FILE_LINES:
        bad.append((path, count, f"{count} lines, more than {FILE_LINES}"))
    check_functions(path, text, code, bad)


def check_text(path, text, bad):
    is_code = path.endswith((".c", ".h", ".py", ".sh", ".txt")) or "." not in path
    if path.startswith("test/") and not is_code:
        return  # test data
    for num, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            bad.append((path, num, "trailing white space"))
        if "\t" in line and os.path.basename(path) != "Makefile":
            bad.append((path, num, "tab"))
        if is_code and len(line) > COLUMNS:
            bad.append((path, num, f"{len(line)} columns, more than {COLUMNS}"))
        m = LATER.search(line)
        if m:
            bad.append((path, num, f"{m.group(1)} does not land"))
    if text and not text.endswith("\n"):
        bad.append((path, text.count("\n") + 1, "no newline at the end"))


def check_public_header(path, text, bad):
    """A prototype has a comment above it, or follows one that has."""
    prev, is_documented = "", False
    for num, line in enumerate(text.split("\n"), 1):
        m = re.match(r"(?:PQDB_API )?[a-z][\w \*]*?\**(pqdb_\w+)\(", line)
        if m and not line.startswith("typedef"):
            is_documented = prev.rstrip().endswith("*/") or (is_documented and prev.strip())
            if not is_documented:
                bad.append((path, num, f"{m.group(1)}() has no comment"))
        elif not line.strip():
            is_documented = False
        prev = line


def check_readmes(bad):
    for name in sorted(os.listdir("src")):
        path = os.path.join("src", name, "README.md")
        if not os.path.isdir(os.path.join("src", name)):
            continue
        if not os.path.exists(path):
            bad.append((path, 1, "is missing"))
        elif open(path, encoding="utf-8").read().count("\n") > README_LINES:
            bad.append((path, README_LINES, f"more than {README_LINES} lines"))


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    bad, names, count = [], {}, 0
    for path in repository_files():
        try:
            text = open(path, encoding="utf-8").read()
        except UnicodeDecodeError:
            continue  # test data
        count += 1
        check_text(path, text, bad)
        name = os.path.basename(path)
        if path.endswith((".c", ".h", ".py")):
            if name in names:
                bad.append((path, 1, f"the name is also that of {names[name]}"))
            names.setdefault(name, path)
        if path.endswith((".c", ".h")):
            check_code(path, text, bad)
            if path.startswith("include/"):
                check_public_header(path, text, bad)
    check_readmes(bad)
    for path, num, what in bad:
        print(f"{path}:{num}: {what}")
    failed = len({path for path, _, _ in bad})
    print(f"{max(count - failed, 0)} passed, {failed} failed")
    return 1 if bad else 0


sys.exit(main())
