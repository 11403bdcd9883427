#!/usr/bin/env python3
"""Makes the manual pages of the commands from their own help: `manpages.py PROGRAM FOLDER`.

One page for nexus and one for each of its commands, in the man(7) format. What stands in them is what the program says of itself
(`--experimental-dump-help`), so they cannot be behind it.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FILES = [
    ("./nexus.toml, $XDG_CONFIG_HOME/nexus/nexus.toml, /etc/nexus/nexus.toml", "The configuration; the first that is there."),
    (
        "PREFIX/lib/nexus/adapters",
        "Adapters that come with Nexus, and others that are put there. PREFIX is the folder with the bin that has the program: "
        "/usr where a package was installed, /usr/local after make install. /usr/local/lib/nexus/adapters and "
        "/usr/lib/nexus/adapters are looked at in any case.",
    ),
    (
        "PREFIX/share/doc/nexus",
        "The documentation; README.md is its beginning. What the help of a command calls docs/ is the folder docs in there: "
        "docs/logging.md is PREFIX/share/doc/nexus/docs/logging.md.",
    ),
    ("PREFIX/share/nexus/examples, PREFIX/include/nexus_plugin.h", "For authors of adapters."),
    ("/var/lib/nexus", "What the service keeps: the history of requests, changes of backends."),
]


def quoted(text: str) -> str:
    """Text as it is to appear: nothing in it is a request or an escape of roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    lines = text.split("\n")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def wrapped(text: str) -> str:
    """Paragraphs of a discussion; roff fills the lines."""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    return "\n.PP\n".join(quoted("\n".join(textwrap.wrap(part, 100))) for part in paragraphs if part)


def names(argument: dict[str, Any]) -> list[str]:
    return [("-" if name["kind"] == "short" else "--") + name["name"] for name in argument.get("names", [])]


def placeholder(argument: dict[str, Any]) -> str:
    return argument.get("valueName") or "value"


def synopsis(argument: dict[str, Any]) -> str:
    """As it stands in the first line: brackets where it may be left out, dots where it may be repeated."""
    if argument["kind"] == "positional":
        text = f"\\fI{quoted(placeholder(argument))}\\fR"
    else:
        text = f"\\fB{quoted(names(argument)[-1])}\\fR"
        if argument["kind"] == "option":
            text += f" \\fI{quoted(placeholder(argument))}\\fR"
    if argument.get("isRepeating"):
        text += "..."
    return f"[{text}]" if argument.get("isOptional") else text


def entry(argument: dict[str, Any]) -> str:
    if argument["kind"] == "positional":
        head = f"\\fI{quoted(placeholder(argument))}\\fR"
    else:
        head = ", ".join(f"\\fB{quoted(name)}\\fR" for name in names(argument))
        if argument["kind"] == "option":
            head += f" \\fI{quoted(placeholder(argument))}\\fR"
    told = " ".join(part for part in (argument.get("abstract"), argument.get("discussion")) if part)
    if argument.get("defaultValue") and argument["kind"] != "flag":
        told += f" Default: {argument['defaultValue']}."
    if argument.get("allValues"):
        told += f" One of: {', '.join(argument['allValues'])}."
    return f".TP\n{head}\n{wrapped(told) if told else '.br'}\n"


def shown(items: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [item for item in items or [] if item.get("shouldDisplay", True)]


def commands(command: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in shown(command.get("subcommands")) if each["commandName"] != "help"]


def page(path: list[str], command: dict[str, Any], version: str, day: str) -> str:
    title = "-".join(path)
    arguments = shown(command.get("arguments"))
    below = commands(command)
    lines = [f'.TH "{quoted(title.upper())}" "1" "{day}" "Nexus {version}" "Nexus"', ".nh", ".ad l"]
    lines += [".SH NAME", f"{quoted(title)} \\- {quoted((command.get('abstract') or '').rstrip('.'))}"]
    lines += [".SH SYNOPSIS", f"\\fB{quoted(' '.join(path))}\\fR"]
    if below:
        lines.append("\\fIcommand\\fR [\\fIoption\\fR...]" if not arguments or len(path) == 1 else "[\\fIcommand\\fR]")
    if not below or len(path) > 1:
        lines += [synopsis(each) for each in arguments]
    if command.get("discussion"):
        lines += [".SH DESCRIPTION", wrapped(command["discussion"])]
    if below:
        lines.append(".SH COMMANDS")
        for each in below:
            lines.append(f".TP\n\\fB{quoted(title + '-' + each['commandName'])}\\fR(1)\n{wrapped(each.get('abstract') or '')}")
    if arguments:
        lines.append(".SH OPTIONS")
        lines += [entry(each).rstrip("\n") for each in arguments]
    if len(path) == 1:
        lines.append(".SH FILES")
        lines += [f".TP\n\\fI{quoted(name)}\\fR\n{wrapped(words)}" for name, words in FILES]
    lines += [".SH EXIT STATUS", "0 if all is well, 1 if something is wrong, 2 if the command line is."]
    others = ["-".join(path[:-1])] if len(path) > 1 else []
    if others:
        lines += [".SH SEE ALSO", ", ".join(f"\\fB{quoted(other)}\\fR(1)" for other in others)]
    if others and "docs/" in "\n".join(lines):
        lines += [".PP", f"Where docs/ is: \\fI{quoted('PREFIX/share/doc/nexus/docs')}\\fR, see FILES of \\fBnexus\\fR(1)."]
    return "\n".join(lines) + "\n"


def write(folder: Path, path: list[str], command: dict[str, Any], version: str, day: str) -> int:
    (folder / f"{'-'.join(path)}.1").write_text(page(path, command, version, day))
    return 1 + sum(write(folder, [*path, each["commandName"]], each, version, day) for each in commands(command))


def main() -> None:
    program, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    told = json.loads(subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True).stdout)
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    # The same sources give the same pages (https://reproducible-builds.org/specs/source-date-epoch/).
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.fromtimestamp(int(seconds), timezone.utc) if seconds else datetime.now(timezone.utc)
    print(f"{write(folder, ['nexus'], told['command'], version, now.strftime('%Y-%m-%d'))} manual pages in {folder}")


if __name__ == "__main__":
    main()
