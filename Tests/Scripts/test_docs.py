"""The documentation holds together: the index has every page, no link is dead, and lists are as the sources have them."""

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / "docs"
INDEX = DOCS / "README.md"

LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every Markdown file that belongs to the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=TOP, capture_output=True, text=True, check=True,
    )
    return sorted(TOP / name for name in listed.stdout.split() if (TOP / name).is_file())


def prose(page: Path) -> str:
    """Without code, in which brackets are no links."""
    return re.sub(r"`[^`\n]*`", lambda code: code.group().replace("[", " ").replace("]", " "), FENCE.sub("", page.read_text()))


def links(page: Path) -> list[str]:
    return [first or second for first, second in LINK.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    found: dict[str, int] = {}
    result = set(re.findall(r'<a (?:id|name)="([^"]+)"', page.read_text()))
    for heading in re.findall(r"^#{1,6} (.+?)\s*$", FENCE.sub("", page.read_text()), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        result.add(slug if count == 0 else f"{slug}-{count}")
    return result


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(TOP)))
def test_no_link_is_dead(page: Path) -> None:
    dead = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            dead.append(link)
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            dead.append(link)
    assert dead == []


def test_the_index_lists_every_page_of_the_documentation() -> None:
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links(INDEX)}
    missing = [
        str(page.relative_to(DOCS))
        for page in pages()
        if DOCS in page.parents and page != INDEX and page not in listed and page.parent.name != "decisions"
    ]
    assert missing == []
    assert (DOCS / "decisions") in listed


def test_the_readme_fits_on_a_few_screens() -> None:
    text = (TOP / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    assert "make run" in text and "make test" in text and "docs/top.svg" in text


def test_every_variable_that_is_read_is_in_the_reference() -> None:
    """As the sources spell them: in quotes, where the environment is asked."""
    read = set()
    for source in (TOP / "Sources" / "Host").rglob("*.swift"):
        if "Reference" in source.parts or source.name == "DefaultFile.swift":
            continue
        read |= set(re.findall(r'"((?:NEXUS|XDG)_[A-Z_]+|STATE_DIRECTORY|NO_COLOR|COLUMNS)"', source.read_text()))
    table = (DOCS / "reference" / "configuration.md").read_text().split("## Environment")[1]
    listed = set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))
    assert read == listed
