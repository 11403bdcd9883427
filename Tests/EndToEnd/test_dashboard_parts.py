"""The browser's half of the page's vectors (Tests/DashboardTests/Vectors): whatever the page showed before, new parts make it
the same as a page that begins with them, and keep the elements that stay."""

import os
import shutil
from itertools import permutations
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).resolve().parents[1] / "DashboardTests" / "Vectors"
# As the gateway sends them: the files have a line for each element.
VECTORS = {path.stem: path.read_text().replace(">\n<", "><") for path in sorted(FOLDER.glob("*.html"))}

# Parts into the sections of a page; then the sections as text. Texts of instants are the viewer's own.
REPLACE = """async (html) => {
  const { replaceParts } = await import("/assets/morph.js");
  await replaceParts(html);
}"""
SHOWN = """() => [...document.querySelectorAll("main > section, #overview-view > section")].map((section) => {
  const copy = section.cloneNode(true);
  for (const node of copy.querySelectorAll("[data-own-fresh]")) node.removeAttribute("data-own-fresh");
  return copy.outerHTML;
}).join("")"""
FRESH = """(html) => {
  const parts = new DOMParser().parseFromString(html, "text/html").body.children;
  return [...parts].map((part) => part.outerHTML).join("");
}"""


@pytest.fixture(scope="module")
def browser():
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium is missing; run scripts/setup.sh test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(start, browser):
    """A page of the gateway's, whose own script does not run."""
    gateway = start()
    context = browser.new_context()
    page = context.new_page()
    page.route("**/dashboard.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(gateway.url + "/")
    yield page
    context.close()


def test_there_are_vectors():
    assert {"empty", "one", "mixed", "reordered", "hostile"} <= set(VECTORS)


def test_new_parts_make_the_page_what_it_would_be_from_the_start(page):
    for before, after in [*permutations(VECTORS, 2), *zip(VECTORS, VECTORS)]:
        page.evaluate(REPLACE, VECTORS[before])
        page.evaluate(REPLACE, VECTORS[after])

        assert page.evaluate(SHOWN) == page.evaluate(FRESH, VECTORS[after]), f"{before}, then {after}"


def test_one_part_leaves_the_others_alone(page):
    page.evaluate(REPLACE, VECTORS["mixed"])
    history = page.evaluate("document.getElementById('history').outerHTML")
    part = page.evaluate(
        """(html) => new DOMParser().parseFromString(html, "text/html").getElementById("backends").outerHTML""",
        VECTORS["empty"],
    )

    page.evaluate(REPLACE, part)

    assert page.evaluate("document.getElementById('history').outerHTML") == history
    assert page.locator(".backend-card").count() == 0


def test_what_stays_keeps_its_element_its_focus_and_its_selection(page):
    page.evaluate(REPLACE, VECTORS["mixed"])
    page.evaluate(
        """() => {
          for (const node of document.querySelectorAll("[data-key]")) {
            node.mark = node.dataset.key;
            node.removeAttribute("data-own-fresh");
          }
          document.getElementById("history-panel").focus();
          getSelection().selectAllChildren(document.querySelector("[data-id=four] .backend-url"));
        }"""
    )

    page.evaluate(REPLACE, VECTORS["reordered"])

    marks = page.evaluate("""() => [...document.querySelectorAll("article, #history-tbody tr")].map((it) => it.mark ?? null)""")
    assert sorted(mark for mark in marks if mark) == ["8 r8", "9 r9", "four", "one", "six", "two"]
    assert page.locator("[data-own-fresh]").count() == 1
    assert page.evaluate("document.activeElement.id") == "history-panel"
    assert page.evaluate("getSelection().toString()") == "http://four.test:1"


def test_texts_from_outside_stay_texts(page):
    page.evaluate(REPLACE, VECTORS["one"])
    page.evaluate(REPLACE, VECTORS["hostile"])

    assert page.locator("main img, main script").count() == 0
    assert "</script><img src=x onerror=alert(1)>" in (page.locator("#history-tbody .model").last.text_content() or "")


def test_a_frame_has_few_changes_to_draw_however_many_come_at_once(page):
    """The browser lays out and paints at one go what has changed since the frame before, which on a slow machine takes long."""
    tile = '<article class="tile" data-key="{0}"><h3>box {0}</h3><p>{1}</p><p>{1} ms</p></article>'

    def section(text: str) -> str:
        return '<section id="backends">' + "".join(tile.format(number, text) for number in range(200)) + "</section>"

    page.evaluate(REPLACE, section("old"))
    frames = page.evaluate(
        """async (html) => {
          const { replaceParts } = await import("/assets/morph.js");
          const backends = document.getElementById("backends");
          const frames = [];
          let changed = 0;
          const observer = new MutationObserver((records) => { changed += records.length; });
          observer.observe(backends, { subtree: true, childList: true, characterData: true, attributes: true });
          const count = () => { frames.push(changed); changed = 0; timer = requestAnimationFrame(count); };
          let timer = requestAnimationFrame(count);
          await replaceParts(html);
          cancelAnimationFrame(timer);
          frames.push(changed);
          return frames;
        }""",
        section("new"),
    )

    assert sum(frames) == 400 and max(frames) <= 30
    assert page.locator("#backends p", has_text="new").count() == 400
