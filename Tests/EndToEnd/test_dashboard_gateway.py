"""The page's view of the gateway, and the commands on backends, as an operator gives them."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from cockpit import chromium, open_page, shoot, visit
from gateway import FAST, Gateway, backend, until
from upstream import Exchange, Upstream, delta


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser) -> Iterator[Page]:
    with open_page(browser) as page:
        yield page


@pytest.fixture
def gateway(start, upstream, second_upstream) -> Gateway:
    upstream.models("m", "only-here")
    gateway = start(FAST + backend("one", upstream.url) + backend("two", second_upstream.url))
    for name in ("one", "two"):
        gateway.wait_for_backend(name)
    return gateway


def state(gateway: Gateway, name: str) -> str:
    answer = gateway.get(f"/v1/backends/{name}")
    return answer.json()["status"] if answer.status_code == 200 else "gone"


def expect_complaint(page: Page) -> None:
    """A browser itself tells of an answer that is an error."""
    assert [text for text in page.complaints if "Failed to load resource" not in text] == []  # type: ignore[attr-defined]
    page.complaints.clear()  # type: ignore[attr-defined]


def test_draining_says_first_what_will_happen_and_enabling_takes_it_back(gateway, page, upstream):
    ended = []

    def play(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one"))
        ended.append(exchange.wait_until_closed())

    upstream.chat(play)
    body = {"model": "only-here", "messages": [], "stream": True}
    with gateway.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        next(lines)
        visit(page, gateway, "#gateway")
        page.get_by_role("button", name="Drain one").click()
        dialog = page.get_by_role("dialog", name="Drain one?")
        expect(dialog).to_contain_text("1 request, 1 of them a stream, is under way there and will end as usual.")
        expect(dialog).to_contain_text("No other backend serves only-here: requests for it will fail.")
        assert state(gateway, "one") == "Healthy"

        dialog.get_by_role("button", name="Leave it").click()
        expect(dialog).to_be_hidden()
        assert state(gateway, "one") == "Healthy"

    page.get_by_role("button", name="Drain one").click()
    dialog.get_by_role("button", name="Drain").click()
    expect(dialog).to_be_hidden()
    assert state(gateway, "one") == "Draining"
    page.get_by_role("button", name="Enable one").click()
    page.get_by_role("dialog", name="Enable one?").get_by_role("button", name="Enable").click()
    expect(page.get_by_role("button", name="Drain one")).to_be_visible()
    until(lambda: state(gateway, "one") == "Healthy")


def test_what_is_set_wrongly_is_told_at_its_field(gateway, page):
    visit(page, gateway, "#gateway")
    page.get_by_role("button", name="Set one").click()
    dialog = page.get_by_role("dialog", name="Set one")
    dialog.get_by_label("Requests at once").fill("many")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog.get_by_text("max_concurrent: must be a whole number")).to_be_visible()
    expect(dialog.get_by_label("Requests at once")).to_be_focused()
    expect_complaint(page)

    dialog.get_by_label("Requests at once").fill("3")
    dialog.get_by_label("Priority").fill("7")
    dialog.get_by_label("Keep it across restarts").check()
    dialog.get_by_role("button", name="Set").click()

    expect(dialog).to_be_hidden()
    expect(page.locator("#view-gateway tbody tr").first).to_contain_text("7")
    kept = next(gateway.log_path.parent.glob("*.state.json")).read_text()
    assert '"max_concurrent"' in kept and gateway.json("/v1/backends/one")["priority"] == 7


def test_a_backend_is_added_by_its_address_with_the_type_found(gateway, page):
    ollama = Upstream()
    ollama.on("/api/tags", lambda exchange: exchange.answer({"models": []}))
    ollama.on("/api/version", lambda exchange: exchange.answer({"version": "0.9.1"}))
    ollama.on("/v1/models", lambda exchange: exchange.answer(b"", status=404))
    visit(page, gateway, "#gateway")
    page.get_by_role("button", name="Add a backend…").click()
    dialog = page.get_by_role("dialog", name="Add a backend")
    dialog.get_by_label("Address").fill("localhost")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_text(re.compile("^url: "))).to_be_visible()
    expect_complaint(page)

    dialog.get_by_label("Address").fill(ollama.url)
    dialog.get_by_role("button", name="Add").click()

    expect(dialog).to_contain_text("was added: type ollama, recognised as Ollama 0.9.1")
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("link", name=f"ollama-{ollama.port}")).to_be_visible()
    ollama.close()


def test_a_backend_is_added_from_the_overview_as_well(gateway, page):
    with closing(Upstream()) as server:
        server.models("brand-new")
        page.goto(gateway.url + "/")
        expect(page.locator("#connection-status .connected")).to_be_attached()
        page.get_by_role("button", name="Add a backend…").click()
        dialog = page.get_by_role("dialog", name="Add a backend")
        dialog.get_by_label("Address").fill(server.url)
        # A key that is a shortcut of the page is no shortcut over a dialog.
        dialog.get_by_role("button", name="Leave it").press("2")
        expect(dialog).to_be_visible()
        assert "#history" not in page.url
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(dialog).to_contain_text("was added")
        dialog.get_by_role("button", name="Close").click()
        expect(page.locator(".backend-card")).to_have_count(3)
        expect(page.locator("#model-matrix")).to_contain_text("brand-new")


def test_removing_one_of_the_configuration_says_that_it_comes_back(gateway, page):
    visit(page, gateway, "#gateway")
    page.get_by_role("button", name="Remove two").click()
    dialog = page.get_by_role("dialog", name="Remove two?")
    expect(dialog).to_contain_text("Other backends serve all of its models.")
    expect(dialog).to_contain_text("without keeping the removal it is back at the next start")
    dialog.get_by_label("At once").check()
    expect(dialog).to_contain_text("It goes at once.")

    dialog.get_by_role("button", name="Remove").click()

    expect(page.get_by_role("button", name="Remove two")).to_have_count(0)
    assert state(gateway, "two") == "gone"


def test_a_reload_tells_what_has_changed_and_what_is_wrong(gateway, page):
    visit(page, gateway, "#gateway")
    file = gateway.log_path.parent / "nexus.toml"
    text = file.read_text()
    file.write_text(text.replace('name = "two"', 'name = "new"'))
    page.get_by_role("button", name="Reload the configuration").click()
    expect(page.get_by_role("link", name="new")).to_be_visible()

    file.write_text(text + "nonsense")
    page.get_by_role("button", name="Reload the configuration").click()

    expect(page.get_by_text("The configuration before stays in use.")).to_be_visible()
    expect_complaint(page)


def test_the_gateway_tells_of_itself(gateway, page):
    page.set_viewport_size({"width": 1440, "height": 900})
    visit(page, gateway, "#gateway")
    told = gateway.json("/v1/gateway")

    expect(page.get_by_role("region", name="Process")).to_contain_text(f"Version{told['version']}")
    expect(page.get_by_role("region", name="Process")).to_contain_text("MiB")
    expect(page.get_by_role("region", name="Connections")).to_contain_text("Live updates (dashboards)1")
    expect(page.get_by_role("region", name="Configuration", exact=True)).to_contain_text("Version1")
    adapter = page.get_by_role("region", name="Table of adapters").get_by_role("row", name="openai")
    expect(adapter).to_contain_text("none")
    expect(adapter).to_contain_text("OpenAICompat.so")
    page.get_by_text("Configuration in force, without secrets").click()
    expect(page.get_by_role("region", name="Configuration in force")).to_contain_text('"failure_threshold": 1')


def test_the_log_is_followed_by_level(gateway, page, upstream):
    visit(page, gateway, "#gateway")
    lines = page.locator(".log li")
    expect(lines.filter(has_text="backend added").first).to_be_visible()

    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "out of order"}}, status=500))
    gateway.chat("only-here")
    failed = lines.filter(has_text="request failed").filter(has_text="out of order")
    expect(failed).to_be_visible()
    # Its level is "notice", which is no reason to look like one.
    expect(failed).to_have_css("border-top-width", "0px")
    expect(failed).to_have_css("display", lines.first.evaluate("(line) => getComputedStyle(line).display"))

    page.get_by_label("At least").select_option("notice")
    expect(lines.filter(has_text="backend added")).to_have_count(0)
    expect(lines.filter(has_text="request failed")).to_be_visible()


def test_a_restart_of_the_gateway_is_marked_in_the_log(gateway, page):
    visit(page, gateway, "#gateway")
    first = page.locator(".log li").first
    expect(first).to_be_visible()
    before = first.text_content()
    line = {"seq": 1, "time": "2026-01-02T03:04:05Z", "level": "info", "component": "gateway", "message": "up again", "request_id": None, "fields": {}}

    page.route("**/v1/logs*", lambda route: route.fulfill(json={"instance_id": "other", "last_seq": 1, "skipped": 0, "data": [line]}))

    expect(page.get_by_text("The gateway was restarted.")).to_be_visible()
    expect(page.locator(".log li").last).to_contain_text("up again")
    assert first.text_content() == before, "what was read before stays"


def test_a_line_of_the_log_leads_to_its_request(gateway, page, upstream, second_upstream):
    for server in (upstream, second_upstream):
        server.chat(lambda exchange: exchange.answer({"error": {"message": "out of order"}}, status=500))
    answer = gateway.chat("m")
    visit(page, gateway, "#gateway")

    link = page.locator(".log").get_by_role("link", name=answer.headers["x-request-id"]).first
    expect(link).to_have_attribute("href", re.compile(f"request={answer.headers['x-request-id']}"))


def test_it_looks_as_it_should(gateway, page):
    visit(page, gateway, "#gateway")
    expect(page.get_by_role("button", name="Drain one")).to_be_visible()
    shoot(page, "gateway")
    page.get_by_role("button", name="Remove one").click()
    expect(page.get_by_text("No other backend serves only-here")).to_be_visible()
    shoot(page, "remove")
