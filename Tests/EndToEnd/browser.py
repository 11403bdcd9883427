"""A real browser for the tests of the page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gateway import LONG, Gateway

expect.set_options(timeout=LONG * 1000)

WIDTHS = (375, 800, 1440)
SCREENS = Path(os.environ.get("NEXUS_SCREENSHOTS", Path(__file__).resolve().parents[2] / ".build" / "screenshots"))
"""Where `picture` writes, for people to look at."""


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "Chromium is missing; run scripts/setup.sh test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def tab(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page of its own that notes what it complains of (`page.complaints`) and which other hosts it asks (`page.foreign`)."""
    context = browser.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: foreign.append(request.url) if "127.0.0.1" not in request.url else None)
    page.complaints = complaints  # type: ignore[attr-defined]
    page.foreign = foreign  # type: ignore[attr-defined]
    yield page
    context.close()


def open_page(page: Page, gateway: Gateway, fragment: str = "", query: str = "") -> None:
    """Opens the page, also if another fragment of it is open, and waits until it is live."""
    page.goto("about:blank")
    page.goto(f"{gateway.url}/{query}{fragment}")
    expect(page.locator("#connection-status .status-dot.connected")).to_be_attached()


def no_barriers(page: Page) -> None:
    """axe-core finds nothing that keeps people out."""
    found = Axe().run(page)
    said = [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found.response["violations"]]
    assert said == []


def no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def picture(page: Page, name: str) -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENS / f"{name}.png"))
