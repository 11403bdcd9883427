#!/usr/bin/env python3
"""Guards the ABI: what nexus_plugin.h lays down must never change, and may only grow at the end.

    scripts/abi.py            checks the header: against the recorded layouts, thread marks, C11 and C++17
    scripts/abi.py --record   records the layout of a version that has none yet

Needs Python's standard library and a C compiler. The layouts are in Sources/PluginAPI/abi, one file a version.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
HEADER = TOP / "Sources/PluginAPI/include/nexus_plugin.h"
RECORDED = TOP / "Sources/PluginAPI/abi"

MARKS = ("[any]", "[loop]", "[main]", "[worker]")
VERSION = ("NEXUS_ABI_MAJOR", "NEXUS_ABI_MINOR")
NOT_CONSTANTS = {"NEXUS_PLUGIN_H", "NEXUS_EXPORT", *VERSION}


class Problem(Exception):
    """What is wrong, and what to do."""


# ------------------------------------------------------------------------------------- reading the header --


@dataclass
class Header:
    version: tuple[int, int] = (0, 0)
    constants: list[str] = field(default_factory=list)
    structs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # name -> (type, field)
    types: dict[str, str] = field(default_factory=dict)  # name -> what it stands for
    functions: dict[str, str] = field(default_factory=dict)
    unmarked: list[str] = field(default_factory=list)  # functions whose comment has no thread mark


IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
COMMENT = re.compile(r"\x01(\d+)\x02")


def read_header(text: str) -> Header:
    """Reads a header in the style of nexus_plugin.h: typedefs, structs of fields, functions, #define."""
    comments: list[str] = []

    def keep(match: "re.Match[str]") -> str:
        comments.append(match.group(0))
        return f"\x01{len(comments) - 1}\x02"

    text = re.sub(r"/\*.*?\*/", keep, text, flags=re.DOTALL).replace("\\\n", " ")
    header = Header()
    code: list[str] = []
    skip = 0
    for line in text.split("\n"):
        words = COMMENT.sub("", line).split(None, 2)
        if not words or not words[0].startswith("#"):
            code.append("" if skip else line)
        elif words[0] == "#define" and words[1].startswith("NEXUS_") and "(" not in words[1]:
            if words[1] not in NOT_CONSTANTS:
                header.constants.append(words[1])
            elif words[1] in VERSION:
                number = int(words[2].rstrip("u"))
                major, minor = header.version
                header.version = (number, minor) if words[1] == VERSION[0] else (major, number)
        # The braces of extern "C" are none of ours.
        elif words[0] == "#ifdef" and words[1] == "__cplusplus":
            skip = 1
        elif words[0] == "#endif":
            skip = 0
    for declaration in declarations("\n".join(code)):
        add(header, declaration, comments)
    return header


def declarations(code: str) -> list[str]:
    """Cuts code at the semicolons outside of braces and parentheses; a comment on a declaration's last line stays with it."""
    result: list[str] = []
    start = depth = index = 0
    while index < len(code):
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(code[index], 0)
        index += 1
        if code[index - 1] == ";" and depth == 0:
            trailing = re.compile(r"[ \t]*\x01\d+\x02").match(code, index)
            index = trailing.end() if trailing else index
            result.append(code[start:index])
            start = index
    rest = COMMENT.sub("", code[start:]).strip()
    if rest:
        raise Problem(f"cannot read the end of the header: {rest[:60]!r}")
    return result


def add(header: Header, declaration: str, comments: list[str]) -> None:
    inside = re.fullmatch(r"(.*?)typedef struct (\w+) \{(.*)\} (\w+);(.*)", declaration.strip(), re.DOTALL)
    if inside:
        name = inside.group(2)
        header.structs[name] = []
        for part in declarations(inside.group(3)):
            kind, member, is_function = split(plain(part))
            header.structs[name].append((kind, member))
            note_marks(header, f"{name}.{member}", is_function, part, comments)
        return
    text = plain(declaration)
    if text.startswith("typedef "):
        kind, name, is_function = split(text.removeprefix("typedef "))
        header.types[name] = kind
    else:
        match = re.fullmatch(rf"NEXUS_EXPORT (.*?)({IDENTIFIER})(\(.*\));", text)
        if not match:
            raise Problem(f"cannot read the declaration {text!r}: write it in the style of the others")
        name, is_function = match.group(2), True
        header.functions[name] = match.group(1).strip() + " " + parameters(match.group(3))
    note_marks(header, name, is_function, declaration, comments)


def plain(text: str) -> str:
    return " ".join(COMMENT.sub(" ", text).split())


def note_marks(header: Header, name: str, is_function: bool, text: str, comments: list[str]) -> None:
    """Of the comments before a declaration the last one is its own: those further up are headings."""
    if not is_function:
        return
    leading = re.match(r"(?:\s|\x01\d+\x02)*", text)
    end = leading.end() if leading else 0
    own = COMMENT.findall(text[:end])[-1:] + COMMENT.findall(text[end:])
    if not any(mark in comments[int(number)] for number in own for mark in MARKS):
        header.unmarked.append(name)


def split(text: str) -> tuple[str, str, bool]:
    """The type, the name and whether it is a pointer to a function."""
    text = text.rstrip(";").strip()
    function = re.fullmatch(rf"(.*?)\(\*({IDENTIFIER})\)(\(.*\))", text)
    if function:
        return f"{function.group(1).strip()} (*){parameters(function.group(3))}", function.group(2), True
    value = re.fullmatch(rf"(.*?[ *])({IDENTIFIER})", text)
    if not value:
        raise Problem(f"cannot read the field {text!r}: one name to a line, and no arrays")
    return value.group(1).strip(), value.group(2), False


def parameters(text: str) -> str:
    """A parameter list without the names, which are nobody's business."""
    result: list[str] = []
    depth, start = 0, 1
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if (character == "," and depth == 1) or depth == 0:
            one = text[start:index].strip()
            result.append(one if one == "void" or not one else split(one)[0])
            start = index + 1
    return f"({', '.join(result)})"


# --------------------------------------------------------------------------------------------- the layout --


def layout(header: Header, path: Path) -> str:
    """The layout as text, as the C compiler sees it."""
    lines = ["#include <stdio.h>", f'#include "{path}"', "int main(void) {"]
    for name in sorted(header.constants):
        lines.append(
            f'  printf(_Generic(({name}), char *: "constant {name} \\"%s\\"\\n", '
            f'int: "constant {name} %d\\n", unsigned: "constant {name} %u\\n", '
            f'long: "constant {name} %ld\\n", unsigned long: "constant {name} %lu\\n"), {name});'
        )
    for name, kind in sorted(header.types.items()):
        lines.append(f'  printf("type {name} %zu {kind}\\n", sizeof({name}));')
    for name, kind in sorted(header.functions.items()):
        lines.append(f'  printf("function {name} {kind}\\n");')
    for name, fields in sorted(header.structs.items()):
        lines.append(f'  printf("struct {name} %zu %zu\\n", sizeof({name}), _Alignof({name}));')
        for kind, member in fields:
            where = f"offsetof({name}, {member}), sizeof((({name} *)0)->{member})"
            lines.append(f'  printf("  %zu %zu {member} {kind}\\n", {where});')
    lines += ["  return 0;", "}"]
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "layout.c", Path(folder) / "layout"
        source.write_text("\n".join(lines))
        run([os.environ.get("CC", "cc"), "-std=c11", "-w", str(source), "-o", str(program)])
        return run([str(program)])


def run(command: list[str]) -> str:
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode != 0:
        raise Problem(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return done.stdout


@dataclass
class Layout:
    """A recorded layout. Every entry is a line, so that what differs can be shown as it stands."""

    entries: dict[str, str] = field(default_factory=dict)  # "constant NAME", "type NAME", ... -> its line
    structs: dict[str, tuple[int, int, list[str]]] = field(default_factory=dict)  # name -> size, alignment, fields


def parse(text: str) -> Layout:
    result = Layout()
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        words = line.split()
        if line.startswith("  "):
            result.structs[name][2].append(line.strip())
        elif words[0] == "struct":
            name = words[1]
            result.structs[name] = (int(words[2]), int(words[3]), [])
        else:
            result.entries[f"{words[0]} {words[1]}"] = line
    return result


def title(version: tuple[int, int]) -> str:
    return (
        f"# The layout of ABI {version[0]}.{version[1]}, recorded by scripts/abi.py. Adapters in use rely on it: never edit it.\n"
        "# struct NAME SIZE ALIGNMENT, then OFFSET SIZE FIELD TYPE\n"
    )


# ----------------------------------------------------------------------------------------------- the rules --


def words(line: str) -> list[str]:
    """The names of a constant that is a list of them."""
    return line.split('"')[1].split()


def changes(old: Layout, new: Layout) -> list[str]:
    """How `new` breaks what was built against `old`. Empty: it only adds."""
    found: list[str] = []
    for name, line in old.entries.items():
        if name not in new.entries:
            found.append(f"{name} was removed: put it back; what is not used any more stays")
        elif name.startswith("constant NEXUS_LIMIT_"):
            # A host that takes more harms nobody; one that takes less would refuse what an adapter relies on.
            if int(new.entries[name].split()[2]) < int(line.split()[2]):
                found.append(f"{name} was lowered from `{line}`: a limit may only be raised")
        elif name.startswith("constant NEXUS_HEADERS_"):
            # A list of names: what passes once passes for ever, and more may.
            lost = sorted(set(words(line)) - set(words(new.entries[name])))
            if lost:
                found.append(f"{name} has lost {', '.join(lost)}: a list may only gain names")
        elif new.entries[name] != line:
            found.append(f"{name} was changed: it was `{line}`, now it is `{new.entries[name]}`: change it back")
    for name, (size, alignment, fields) in old.structs.items():
        if name not in new.structs:
            found.append(f"struct {name} was removed: put it back; what is not used any more stays")
            continue
        new_size, new_alignment, new_fields = new.structs[name]
        added = new_fields[len(fields) :]
        for index, line in enumerate(fields):
            now = new_fields[index] if index < len(new_fields) else None
            if now is None:
                found.append(f"struct {name}: the field `{line}` was removed: put it back; set it to zero if it is unused")
            elif now != line:
                found.append(f"struct {name}: `{line}` has become `{now}`: fields neither move nor change; append new ones")
                added = []
                break
        if added and not any(line.split()[2] == "struct_size" for line in fields):
            found.append(f"struct {name} has no struct_size, so it can never grow: make a new struct instead")
        for line in added:
            if int(line.split()[0]) < size:
                found.append(
                    f"struct {name}: the new field `{line}` lies in the padding of the older struct ({size} bytes), where an "
                    "older side has garbage: put a `reserved` field before it"
                )
        if new_alignment != alignment:
            found.append(f"struct {name}: the alignment was {alignment} and is {new_alignment}: no such field can be appended")
    return found


def differences(old: Layout, new: Layout) -> list[str]:
    """Everything that is not the same."""
    found = changes(old, new)
    raised = [name for name, line in new.entries.items() if name in old.entries and line != old.entries[name]]
    found += [f"{name} was changed" for name in raised if not any(name in problem for problem in found)]
    found += [f"{name} is new" for name in new.entries if name not in old.entries]
    for name, (_, _, fields) in new.structs.items():
        if name not in old.structs:
            found.append(f"struct {name} is new")
        else:
            found += [f"struct {name}: the field `{line}` is new" for line in fields[len(old.structs[name][2]) :]]
    return found


def recorded(folder: Path) -> dict[tuple[int, int], Path]:
    names = ((re.fullmatch(r"(\d+)\.(\d+)\.txt", path.name), path) for path in folder.glob("*.txt"))
    return {(int(match.group(1)), int(match.group(2))): path for match, path in names if match}


def check_layout(header: Header, path: Path, folder: Path) -> None:
    version = header.version
    stated = f"{version[0]}.{version[1]}"
    now = parse(layout(header, path))
    files = recorded(folder)
    found: list[str] = []
    for other, file in sorted(files.items()):
        if other[0] == version[0] and other[1] < version[1]:
            found += [f"against {other[0]}.{other[1]}: {line}" for line in changes(parse(file.read_text()), now)]
        if other > version:
            found.append(f"the header states {stated}, but {other[0]}.{other[1]} is recorded: raise NEXUS_ABI_MINOR again")
    if version in files:
        lines = differences(parse(files[version].read_text()), now)
        found += [f"against {stated}: {line}" for line in lines]
        if lines and all(line.endswith(" is new") for line in lines):
            found.append(f"{stated} is fixed: raise NEXUS_ABI_MINOR for what is new, then run scripts/abi.py --record")
    elif not found:
        found.append(f"no layout of ABI {stated} is recorded: when the header is final, run scripts/abi.py --record")
    if found:
        raise Problem("\n".join(found))


def record(header: Header, path: Path, folder: Path) -> Path:
    version = header.version
    file = folder / f"{version[0]}.{version[1]}.txt"
    if file.exists():
        raise Problem(f"{file} is there already and is never overwritten: raise NEXUS_ABI_MINOR to record what is new")
    text = title(version) + layout(header, path)
    for other, older in sorted(recorded(folder).items()):
        if other[0] == version[0] and other < version and (found := changes(parse(older.read_text()), parse(text))):
            raise Problem("\n".join(f"not recorded, against {other[0]}.{other[1]}: {line}" for line in found))
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def check_marks(header: Header) -> None:
    if header.unmarked:
        raise Problem(
            "\n".join(f"{name} has no comment that says on which thread it is called" for name in header.unmarked)
            + f"\nput one of {', '.join(MARKS)} into the comment before it"
        )


def check_compilers(path: Path) -> str:
    """Compiles the header alone, in both languages, with every compiler that is here."""
    tried: list[str] = []
    for compiler, standard, suffix in [
        ("gcc", "c11", "c"), ("clang", "c11", "c"), ("g++", "c++17", "cc"), ("clang++", "c++17", "cc"),
    ]:
        if shutil.which(compiler) is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / f"alone.{suffix}"
            source.write_text(f'#include "{path}"\nint main() {{ return 0; }}\n' if suffix == "cc" else
                              f'#include "{path}"\nint main(void) {{ return 0; }}\n')
            run([compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", str(source)])
        tried.append(f"{compiler} -std={standard}")
    if not tried:
        raise Problem("no C compiler is here: install gcc or clang")
    return ", ".join(tried)


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks that the ABI only grows.")
    parser.add_argument("--record", action="store_true", help="record the layout of a version that has none yet")
    parser.add_argument("--header", type=Path, default=HEADER, help="the header to check")
    parser.add_argument("--recorded", type=Path, default=RECORDED, help="the folder of recorded layouts")
    options = parser.parse_args()
    path = options.header.resolve()
    try:
        header = read_header(path.read_text())
        check_marks(header)
        compilers = check_compilers(path)
        if options.record:
            print(f"recorded {record(header, path, options.recorded)}")
        check_layout(header, path, options.recorded)
    except Problem as problem:
        print("\n".join(f"abi: {line}" for line in str(problem).splitlines()), file=sys.stderr)
        return 1
    count = len(header.structs)
    print(f"ABI {header.version[0]}.{header.version[1]}: {count} structs as recorded; compiles with {compilers}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
