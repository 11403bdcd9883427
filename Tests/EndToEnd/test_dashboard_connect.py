"""The page's texts for clients: as a person copies them, and run as they stand by the clients' own libraries."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from cockpit import chromium, open_page, shoot, visit
from gateway import FAST, Gateway, backend
from upstream import ANSWER, FINISHED, Exchange, delta

TOP = Path(__file__).resolve().parents[2]
MODEL = "it's a \"model\":1b"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser) -> Iterator[Page]:
    with open_page(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield page


def parts(origin: str, model: str) -> list[dict[str, Any]]:
    """The texts as the page writes them."""
    module = (TOP / "dashboard/connect-texts.js").as_uri()
    options = json.dumps({"origin": origin, "model": model})
    script = f"""
        const {{ clientTexts }} = await import({json.dumps(module)});
        console.log(JSON.stringify(clientTexts({options}).flatMap((client) => client.parts)));
    """
    command = ["node", "--input-type=module", "--eval", script]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


RUN = ["curl", "curl-stream", "openai-python", "anthropic-python", "ollama-python", "langchain-python"]


@pytest.mark.parametrize("name", RUN)
def test_what_can_be_run_runs_as_it_stands(start, upstream, name):
    def play(exchange: Exchange) -> None:
        if not exchange.json.get("stream"):
            exchange.answer(ANSWER)
            return
        exchange.begin_stream()
        for event in (delta("hel"), delta("lo"), FINISHED, b"[DONE]"):
            exchange.event(event)
        exchange.end_stream()

    upstream.models(MODEL)
    upstream.chat(play)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    part = next(part for part in parts(gateway.url, MODEL) if part["id"] == name)
    command = [sys.executable, "-c", part["text"]] if part["run"] == "python" else ["sh", "-c", part["text"]]

    told = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert told.returncode == 0, told.stderr
    assert "hello" in "".join(re.findall(r'"content": ?"(\w+)"', told.stdout)) if part["run"] == "shell" else told.stdout == "hello\n"
    entry = gateway.wait_for_entry(lambda entry: True)
    assert entry["status"] == "Success" and entry["model"] == MODEL


def test_every_text_that_can_be_run_is_run():
    assert [part["id"] for part in parts("http://gpu:8000", "m") if part.get("run")] == RUN


@pytest.fixture
def gateway(start, upstream) -> Gateway:
    upstream.models("m", "llama3.2:3b")
    gateway = start(FAST + backend("one", upstream.url) + '[routing.aliases]\nfast = "m"\n')
    gateway.wait_for_backend("one")
    return gateway


def test_texts_are_for_the_address_that_the_browser_used_and_the_chosen_model(gateway, page):
    address = f"http://localhost:{gateway.port}"
    page.goto(address + "/#connect")
    text = page.locator("[data-part=openai-python] code")
    expect(text).to_contain_text(f'base_url="{address}/v1"')

    page.get_by_label("Model", exact=True).fill("fast")
    page.get_by_label("Model", exact=True).press("Enter")

    expect(text).to_contain_text('model="fast"')
    expect(page).to_have_url(address + "/#connect?model=fast")
    page.reload()
    expect(text).to_contain_text('model="fast"')
    expect(page.locator("#connect-zed")).to_contain_text("guess")


def test_each_text_is_copied_with_one_click(gateway, page):
    visit(page, gateway, "#connect?model=llama3.2:3b")
    for figure in page.locator("#view-connect figure").all():
        figure.get_by_role("button").click()
        expect(figure.get_by_role("button")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == figure.locator("code").text_content()


def test_it_looks_as_it_should(gateway, page):
    visit(page, gateway, "#connect?model=m")
    expect(page.locator("#connect-zed")).to_be_visible()
    shoot(page, "connect")
