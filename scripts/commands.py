#!/usr/bin/env python3
"""Writes the reference of the command line, docs/reference/commands.md, from what the program tells of itself.

    scripts/commands.py [PROGRAM]     prints it; the usual program is .build/release/nexus
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent

HEAD = """\
# Commands

<!-- Made from the program's own help (NEXUS_WRITE_DOCS=1 pytest Tests/EndToEnd/test_reference.py); a test compares the two. -->

What `nexus --help` and the help of each command say, on one page. `nexus help COMMAND` shows one of them;
`nexus --generate-completion-script bash` (or zsh, fish) writes completions. Commands that talk to a running gateway find it by
`--url`, else by the configuration and the environment ([configuration.md](configuration.md)).

## Exit statuses

| status | of all commands |
|---|---|
| 0 | all is well |
| 1 | something is wrong |
| 2 | the command line is: an unknown command or option, a value that cannot be |

`nexus serve` ends with 0 after an orderly end, and with 1 if it could not start, was ended by a second signal, or an adapter did not
end its instances in time. What else 1 means is said with a command.
"""



def dump(program: Path) -> dict[str, Any]:
    told = subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True, text=True)
    command: dict[str, Any] = json.loads(told.stdout)["command"]
    return command


def shown(arguments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without help and version, which all have."""
    return [each for each in arguments if each["shouldDisplay"] and each["valueName"] not in ("help", "version")]


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def term(argument: dict[str, Any]) -> str:
    value = f"<{argument['valueName']}>" + ("..." if argument["isRepeating"] else "")
    if argument["kind"] == "positional":
        return f"`{value}`"
    marks = {"long": "--", "short": "-", "longWithSingleDash": "-"}
    names = ", ".join(marks[name["kind"]] + name["name"] for name in argument["names"])
    return f"`{names}`" if argument["kind"] == "flag" else f"`{names} {value}`"


def meaning(argument: dict[str, Any]) -> str:
    words = argument.get("abstract", "")
    if "allValues" in argument and not all(value in words for value in argument["allValues"]):
        words += " One of " + ", ".join(f"`{value}`" for value in argument["allValues"]) + "."
    if "defaultValue" in argument:
        words += f" Default: `{argument['defaultValue']}`."
    if not argument["isOptional"]:
        words += " Required."
    return cell(words.strip())


def usage(path: str, arguments: list[dict[str, Any]]) -> str:
    line = f"nexus {path}"
    for argument in arguments:
        word = term(argument).strip("`")
        line += f" {word}" if not argument["isOptional"] else f" [{word}]"
    return line


def write(command: dict[str, Any], path: str, lines: list[str]) -> None:
    if not command["shouldDisplay"] or path == "help":
        return
    children = command.get("subcommands", [])
    arguments = shown(command.get("arguments", []))
    if path:
        lines += ["", f"{'##' if ' ' not in path else '###'} nexus {path}", "", cell(command["abstract"])]
        if "discussion" in command:
            lines += ["", command["discussion"].strip()]
    if path and not children:
        lines += ["", "```", usage(path, arguments), "```"]
        if arguments:
            lines += ["", "| argument | what it is |", "|---|---|"]
            lines += [f"| {cell(term(each))} | {meaning(each)} |" for each in arguments]
    for child in children:
        write(child, f"{path} {child['commandName']}".strip(), lines)


def markdown(program: Path) -> str:
    lines: list[str] = []
    write(dump(program), "", lines)
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(markdown(Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / ".build/release/nexus"))
