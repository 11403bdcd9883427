"""The page's playground, as a person uses it, before scripted servers."""

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from cockpit import chromium, open_page, shoot, visit
from gateway import FAST, Gateway, backend
from upstream import DELTA, FINISHED, Exchange, Upstream, delta

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
USED = {**DELTA, "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser) -> Iterator[Page]:
    with open_page(browser) as page:
        yield page


def speak(*words: str):
    def play(exchange: Exchange) -> None:
        if not exchange.json.get("stream"):
            exchange.answer({"choices": [{"message": {"content": "".join(words)}, "finish_reason": "stop"}], "usage": USED["usage"]})
            return
        exchange.begin_stream()
        for word in words:
            exchange.event(delta(word))
        for event in (FINISHED, USED, b"[DONE]"):
            exchange.event(event)
        exchange.end_stream()

    return play


@pytest.fixture
def gateway(start, upstream, second_upstream) -> Gateway:
    upstream.chat(speak("one", " two", " three"))
    second_upstream.chat(speak("eins", " zwei"))
    gateway = start(FAST + backend("first", upstream.url, priority=1) + backend("second", second_upstream.url, priority=90))
    for name in ("first", "second"):
        gateway.wait_for_backend(name)
    return gateway


def ask(page: Page, text: str = "Count.") -> None:
    page.get_by_label("Prompt", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def test_a_chat_streams_in_with_its_figures_and_why_it_went_there(gateway, page):
    visit(page, gateway, "#playground")
    expect(page.get_by_label("Model", exact=True)).to_have_value("m")
    page.get_by_label("System prompt").fill("Be brief.")

    ask(page)

    expect(page.locator(".answer")).to_have_text("one two three")
    expect(page.locator(".lane-state")).to_have_text("Complete")
    for words in ("first", "12 tokens", "smart;candidates=2"):
        expect(page.locator(".lane .facts")).to_contain_text(words)
    page.get_by_text("Routing, as it stood just before").click()
    expect(page.locator(".why")).to_contain_text("It would go to first")
    page.get_by_text("Request and response as they were sent").click()
    expect(page.get_by_role("region", name="Request")).to_contain_text('"content": "Be brief."')
    expect(page.get_by_role("region", name="Response")).to_contain_text("data: [DONE]")


def test_a_backend_can_be_chosen_that_would_not_be(gateway, page, second_upstream):
    visit(page, gateway, "#playground?model=m&backend=second")
    expect(page.get_by_label("Backend", exact=True)).to_have_value("second")

    ask(page)

    expect(page.locator(".answer")).to_have_text("eins zwei")
    expect(page.locator(".lane .facts")).to_contain_text("second")
    assert second_upstream.request().json["messages"] == [{"role": "user", "content": "Count."}]


def test_what_the_chosen_backend_cannot_do_is_told_and_nobody_else_answers(gateway, page, second_upstream):
    second_upstream.chat(lambda exchange: exchange.answer({"error": {"message": "CUDA error"}}, status=500))
    visit(page, gateway, "#playground?model=m&backend=second")

    page.on("console", lambda message: page.complaints.clear())  # The browser itself tells of the status.
    ask(page)

    expect(page.locator(".lane-state")).to_contain_text("Failed: ")
    expect(page.locator(".lane-state")).to_contain_text("CUDA error")
    expect(page.locator(".answer")).to_have_text("")
    page.complaints.clear()


def test_two_backends_answer_side_by_side(gateway, page):
    visit(page, gateway, "#playground?model=m&backend=first")
    page.get_by_label("Ask two backends side by side").check()
    expect(page.get_by_label("Second backend")).to_have_value("second")

    ask(page)

    expect(page.locator(".answer").nth(0)).to_have_text("one two three")
    expect(page.locator(".answer").nth(1)).to_have_text("eins zwei")
    shoot(page, "playground")


def test_a_stream_is_stopped_and_the_server_freed(gateway, page, upstream):
    closed = []

    def play(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one"))
        closed.append(exchange.wait_until_closed())

    upstream.chat(play)
    visit(page, gateway, "#playground?model=m&backend=first")
    ask(page)
    expect(page.locator(".answer")).to_have_text("one")
    expect(page.locator(".lane-state")).to_have_text("Streaming")

    page.get_by_role("button", name="Stop").click()

    expect(page.locator(".lane-state")).to_have_text("Stopped")
    entry = gateway.wait_for_entry(lambda entry: True)
    assert "client closed" in entry["error_message"] and closed == [True]


def test_an_image_and_parameters_go_along(gateway, page, upstream):
    visit(page, gateway, "#playground?model=m&backend=first")
    page.get_by_label("Image").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": PIXEL})
    expect(page.locator(".preview img")).to_be_visible()
    page.get_by_text("Parameters", exact=True).click()
    page.get_by_label("Temperature").fill("0.5")
    page.get_by_label("More members").fill('{"stop": ["x"]}')
    page.get_by_label("Stream", exact=True).uncheck()

    ask(page, "What is it?")

    expect(page.locator(".answer")).to_have_text("one two three")
    sent = upstream.request().json
    assert sent["temperature"] == 0.5 and sent["stop"] == ["x"] and sent["stream"] is False
    image = sent["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(image.removeprefix("data:image/png;base64,")) == PIXEL


def test_what_is_wrong_is_told_at_its_field(gateway, page):
    visit(page, gateway, "#playground?model=m")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    expect(page.get_by_text("Write a prompt.")).to_be_visible()
    page.get_by_text("Parameters", exact=True).click()
    page.get_by_label("Temperature").fill("hot")

    ask(page)

    expect(page.get_by_text("Temperature must be a number.")).to_be_visible()
    page.get_by_label("Image").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"})
    expect(page.get_by_text("This is no image.")).to_be_visible()
    page.get_by_label("Image").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": bytes(9 << 20)})
    expect(page.get_by_text("8.0 MiB at most.")).to_be_visible()
    assert gateway.history() == []


def test_hostile_text_stays_text(start, page):
    hostile = "</pre><img src=x onerror=alert(1)>\u202egnp.exe"
    server = Upstream()
    server.models(hostile)
    server.chat(speak(hostile))
    gateway = start(FAST + backend("one", server.url))
    gateway.wait_for_backend("one")
    visit(page, gateway, "#playground")

    ask(page, hostile)

    expect(page.locator(".lane-state")).to_have_text("Complete")
    assert page.locator(".answer").text_content() == hostile
    assert page.locator("img").count() == 0
    server.close()
