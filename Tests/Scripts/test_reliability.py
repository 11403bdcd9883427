"""docs/reliability.md names a test for each promise, and each of them is there."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "docs" / "reliability.md"
SUITE = re.compile(r"@Suite\b[^\n{]*?\b(?:struct|class|actor|enum)\s+(\w+)")


def rows() -> list[tuple[str, str]]:
    """Of each row the kind of trouble, and the cell of its tests."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[0] != "kind":
            assert len(cells) == 4, line
            found.append((cells[0], cells[3]))
    return found


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def known() -> set[str]:
    """Suites, files of suites, and files of the end-to-end tests."""
    names = {file.name for file in (TOP / "Tests" / "EndToEnd").glob("test_*.py")}
    for file in (TOP / "Tests").rglob("*Tests.swift"):
        names.add(file.stem)
        names.update(SUITE.findall(file.read_text()))
    return names


def test_each_promise_names_a_test() -> None:
    assert len(rows()) > 80
    assert [kind for kind, cell in rows() if not named(cell)] == []


def test_each_test_that_is_named_is_there() -> None:
    there = known()
    assert [(kind, name) for kind, cell in rows() for name in named(cell) if name not in there] == []


def test_a_name_that_is_not_there_would_be_seen() -> None:
    assert named("`TestsOfNothing`, `test_nothing.py`") == ["TestsOfNothing", "test_nothing.py"]
    assert not known() & {"TestsOfNothing", "test_nothing.py"}
