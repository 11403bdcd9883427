"""The reference of the command line is what the program tells of itself. NEXUS_WRITE_DOCS=1 writes it anew."""

import os
import sys

from gateway import BUILD, TOP

sys.path.insert(0, str(TOP / "scripts"))

import commands  # noqa: E402

REFERENCE = TOP / "docs" / "reference" / "commands.md"


def test_the_reference_of_the_commands_is_what_the_program_tells() -> None:
    text = commands.markdown(BUILD / "nexus")

    if os.environ.get("NEXUS_WRITE_DOCS") == "1":
        REFERENCE.write_text(text)
    assert REFERENCE.read_text() == text, "NEXUS_WRITE_DOCS=1 writes docs/reference/commands.md anew"


def test_every_command_and_option_says_what_it_is() -> None:
    silent: list[str] = []

    def look(command: dict, path: str) -> None:
        if not command["shouldDisplay"] or path == "nexus help":
            return
        if not command.get("abstract"):
            silent.append(path)
        silent.extend(
            f"{path} {argument['valueName']}"
            for argument in commands.shown(command.get("arguments", []))
            if not argument.get("abstract")
        )
        for child in command.get("subcommands", []):
            look(child, f"{path} {child['commandName']}")

    look(commands.dump(BUILD / "nexus"), "nexus")
    assert silent == []
