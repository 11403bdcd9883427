"""The page's views in a real browser: what their tests share."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gateway import LONG, Gateway

SHOTS = Path(__file__).resolve().parents[2] / ".build" / "screenshots"
"""Where screenshots go, for looking at them."""
SIZES = [(375, 812), (800, 1000), (1440, 900)]
THEMES = ["light", "dark"]
expect.set_options(timeout=LONG * 1000)


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "Chromium is missing; run scripts/setup.sh test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page that must not complain, and must ask nobody else; checked at its end."""
    context = browser.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.add(re.sub(r"^(\w+://[^/]*).*", r"\1", request.url)))
    page.complaints = complaints  # type: ignore[attr-defined]
    yield page
    assert complaints == [], complaints
    assert len({one for one in asked if one.startswith("http")}) <= 1, f"somebody else was asked: {asked}"
    context.close()


def visit(page: Page, gateway: Gateway, fragment: str) -> None:
    page.goto(f"{gateway.url}/{fragment}")
    expect(page.locator("main .view h2").first).to_be_visible()


AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"


def check_accessible(page: Page) -> None:
    """No violation of what axe-core knows, contrast included."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    told = [(one["id"], node["target"], node["failureSummary"]) for one in found for node in one["nodes"][:3]]
    assert told == [], told


def shoot(page: Page, name: str) -> None:
    """A screenshot in each size and theme, in which axe finds nothing. Nothing may stick out at the side."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.screenshot(path=SHOTS / f"{name}-{width}-{theme}.png", full_page=False, animations="disabled")
            check_accessible(page)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{name} is {wider} pixels too wide at {width}"
