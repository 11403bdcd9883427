"""The history: filtered over HTTP and in the page, exported, and the time line of each request."""

import csv
import io
import re
import shlex
import socket

import pytest
from playwright.sync_api import expect

from browser import WIDTHS, chromium, no_barriers, no_sideways_scrolling, open_page, picture, tab
from gateway import FAST, backend
from upstream import ANSWER


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    with tab(browser, viewport={"width": 1440, "height": 900}) as page:
        yield page


@pytest.fixture
def gateway(start, upstream, second_upstream):
    """Two backends, of which the preferred one fails whenever a chat says so."""

    def answer(exchange):
        if exchange.json["messages"][0]["content"] == "fail":
            return exchange.answer({"error": {"message": "CUDA error: out of memory"}}, status=500)
        exchange.answer(ANSWER)

    upstream.models("m", "n")
    second_upstream.models("m", "n")
    upstream.on("/v1/chat/completions", answer)
    gateway = start(FAST + backend("one", upstream.url, priority=1) + backend("two", second_upstream.url, priority=90))
    gateway.wait_for_backend("one"), gateway.wait_for_backend("two")
    return gateway


def fail(gateway) -> None:
    gateway.http.post("/v1/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": "fail"}]})


def a_few(gateway) -> None:
    """Of each kind one: plain, another model, unknown model, of Anthropic's API, failed and tried elsewhere."""
    gateway.chat("m"), gateway.chat("n"), gateway.chat("gpt-9")
    gateway.http.post("/v1/messages", json={"model": "n", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]})
    fail(gateway)


# Over HTTP


def test_each_filter_leaves_out_what_it_does_not_name(gateway):
    a_few(gateway)

    def models(query: str) -> list[str]:
        return [entry["model"] for entry in gateway.json("/v1/history" + query)]

    assert models("") == ["m", "n", "gpt-9", "n", "m"]
    assert models("?model=n") == ["n", "n"]
    assert models("?backend=two") == ["m"] and models("?backend=one") == ["m", "n", "n", "m"]
    assert models("?status=Error") == ["gpt-9"] and models("?status=404") == ["gpt-9"] and models("?status=5xx") == []
    assert models("?api=anthropic") == ["n"]
    assert models("?client=127.0.0.1&limit=2") == ["n", "m"]
    assert models("?text=cuda") == ["m"]
    assert models("?to=1000") == [] and len(models("?from=2020-01-01T00:00:00Z")) == 5
    assert models("?model=n&api=openai") == ["n"]
    # Pages add one of their own against caches.
    assert len(models("?_=17")) == 5


@pytest.mark.parametrize(
    "query", ["status=bad", "api=grpc", "from=yesterday", "limit=0", "limit=many", "format=xml", "modle=m"]
)
def test_a_filter_that_cannot_be_is_refused_in_words(gateway, query):
    answer = gateway.get("/v1/history?" + query)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == query.split("=")[0] and error["param"] in error["message"]


def test_without_parameters_the_history_is_as_the_contract_says(gateway):
    a_few(gateway)
    entries = gateway.json("/v1/history")

    assert list(entries[0])[:6] == ["timestamp", "model", "backend_id", "duration_ms", "status", "error_message"]
    assert entries[0]["error_message"] is None and entries[2]["backend_id"] == "none"
    assert entries[3]["client"] == "127.0.0.1" and entries[3]["api"] == "anthropic"


def test_the_history_as_a_table(gateway):
    gateway.chat("=1+1")
    fail(gateway)
    answer = gateway.get("/v1/history?format=csv")

    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["model"] for row in rows] == ["'=1+1", "m"]
    assert rows[1]["route"].startswith("one failed: ") and rows[1]["route"].endswith(" | two")
    assert rows[1]["completion_tokens"] == "2" and rows[0]["completion_tokens"] == ""
    assert len(list(csv.DictReader(io.StringIO(gateway.get("/v1/history?format=csv&model=m").text)))) == 1


def test_a_record_tells_what_happened_and_when(gateway):
    fail(gateway)
    entry = gateway.history()[0]
    record = gateway.json(f"/v1/requests/{entry['request_id']}")

    assert record["state"] == "ended" and record["record"] == entry
    events = record["events"]
    assert [event["event"] for event in events if event["event"] not in ("connected",)] == [
        "arrived", "attempt", "attempt_failed", "attempt", "first_byte", "committed", "last_byte", "ended",
    ] or [event["event"] for event in events][0] == "arrived"
    assert [event["backend_id"] for event in events if event["event"] == "attempt"] == ["one", "two"]
    assert "CUDA error" in next(event["error_message"] for event in events if event["event"] == "attempt_failed")
    times = [event["at_ms"] for event in events]
    assert times == sorted(times) and times[0] == 0 and times[-1] <= entry["duration_ms"] + 1
    assert record["request_bytes"] > 0 and record["answer_bytes"] > 0


def test_of_several_requests_with_one_id_each_can_be_had(gateway):
    for model in ("m", "n"):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        gateway.http.post("/v1/chat/completions", json=body, headers={"x-request-id": "mine"})
    first, second = (entry["seq"] for entry in gateway.history())

    assert gateway.json("/v1/requests/mine")["record"]["model"] == "n"
    record = gateway.json(f"/v1/requests/mine?seq={first}")
    assert record["record"]["model"] == "m" and record["others"] == [second]
    assert gateway.get("/v1/requests/mine?seq=x").status_code == 400
    assert gateway.get("/v1/requests/nobody").json()["error"]["code"] == "request_not_found"


# In the page


def test_filters_live_in_the_address_and_come_back_with_it(gateway, page):
    a_few(gateway)
    open_page(page, gateway, "#history")
    rows = page.locator("#history-view-tbody tr")
    expect(rows).to_have_count(5)

    page.get_by_role("searchbox", name="Model").fill("n")
    expect(rows).to_have_count(2)
    page.get_by_role("combobox", name="API").select_option("anthropic")
    expect(rows).to_have_count(1)
    assert page.url.endswith("#history?model=n&api=anthropic")

    page.reload()
    expect(rows).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Model")).to_have_value("n")

    page.get_by_role("button", name="Clear filters").click()
    expect(rows).to_have_count(5)
    page.get_by_role("searchbox", name="Search").fill("nothing has this")
    expect(page.locator("#view-history .empty")).to_contain_text("fits these filters")
    assert page.complaints == []


def test_a_wrong_filter_in_the_address_is_told_in_the_gateways_words(gateway, page):
    gateway.chat()
    open_page(page, gateway, "#history?status=odd")

    expect(page.locator("#view-history .note.bad")).to_contain_text("status must be Success, Error")


def test_a_new_request_appears_if_the_filters_want_it(gateway, page):
    open_page(page, gateway, "#history?model=n")
    expect(page.locator("#view-history .empty")).to_be_visible()

    gateway.chat("m"), gateway.chat("n")

    rows = page.locator("#history-view-tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("127.0.0.1")
    assert page.complaints == []


def test_what_is_filtered_is_what_is_exported(gateway, page):
    a_few(gateway)
    open_page(page, gateway, "#history?model=n")
    expect(page.locator("#history-view-tbody tr")).to_have_count(2)

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()

    text = download.value.path().read_text()
    assert [row["model"] for row in csv.DictReader(io.StringIO(text))] == ["n", "n"]
    href = page.get_by_role("link", name="JSON").get_attribute("href")
    assert [entry["model"] for entry in gateway.json(href)] == ["n", "n"]


def test_a_row_shows_the_whole_chain_and_opens_its_time_line(gateway, page):
    fail(gateway)
    open_page(page, gateway, "#history")
    row = page.locator("#history-view-tbody tr")
    expect(row.get_by_role("list", name="Attempts").get_by_role("listitem")).to_have_count(2)
    expect(row).to_contain_text("one failed: ")

    row.get_by_role("link").focus()
    page.keyboard.press("Enter")

    drawer = page.get_by_role("dialog", name="Time line of a request")
    expect(drawer.get_by_role("img")).to_have_attribute("aria-label", re.compile("Attempt 1 at one: .*failed.*Attempt 2 at two"))
    expect(drawer.locator(".events")).to_contain_text("Asked one: chosen of 2 by smart")
    expect(drawer.locator(".events")).to_contain_text("Score ")
    expect(drawer.locator(".events")).to_contain_text("Asked two")
    assert "&request=" in page.url
    no_barriers(page)
    picture(page, "time-line")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(row.get_by_role("link")).to_be_focused()
    assert page.complaints == []


def test_stretches_are_as_long_as_they_took(gateway, page):
    fail(gateway)
    record = gateway.json(f"/v1/requests/{gateway.history()[0]['request_id']}")
    open_page(page, gateway, f"#history&request={record['record']['request_id']}")
    expect(page.locator(".timeline svg")).to_be_visible()

    widths = page.evaluate(
        "[...document.querySelectorAll('.timeline rect')].map((rect) => [rect.x.baseVal.value, rect.width.baseVal.value])"
    )

    whole = record["events"][-1]["at_ms"]
    second = [event["at_ms"] for event in record["events"] if event["event"] == "attempt"][1]
    assert any(abs(x - second / whole * 520) < 1 for x, _ in widths)
    assert max(x + width for x, width in widths) <= 522


def test_a_command_is_copied_that_asks_the_same_again(gateway, browser):
    with tab(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        gateway.chat("it's; rm -rf ~")
        open_page(page, gateway, f"#history&request={gateway.history()[0]['request_id']}")
        page.get_by_role("button", name="Copy as curl").click()
        expect(page.locator("#toasts")).to_contain_text("Copied")

        words = shlex.split(page.evaluate("navigator.clipboard.readText()"))

    assert words[0] == "curl" and words[1] == gateway.url + "/v1/chat/completions"
    assert "it's; rm -rf ~" in words[words.index("-d") + 1]


def test_a_request_that_is_gone_says_so(gateway, page):
    open_page(page, gateway, "#history&request=nobody")

    expect(page.locator("dialog.drawer")).to_contain_text("No request with the id 'nobody' is under way or in the history")


def test_rows_of_the_overview_open_the_time_line_as_well(gateway, page):
    gateway.chat()
    open_page(page, gateway)
    page.locator("#history-tbody tr a.open").click()

    expect(page.get_by_role("dialog", name="Time line of a request")).to_contain_text("The request arrived")


def test_what_was_there_before_a_restart_stays_and_is_marked(start, upstream, page):
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    configuration = FAST + backend("one", upstream.url)
    first = start(configuration, port=port)
    first.wait_for_backend("one")
    first.chat()
    open_page(page, first, "#history")
    expect(page.locator("#history-view-tbody tr")).to_have_count(1)
    first.signal()
    assert first.wait() == 0
    second = start(configuration, port=port)
    second.wait_for_backend("one")
    second.chat()

    rows = page.locator("#history-view-tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("The gateway started again")
    expect(rows.nth(2)).to_have_class("past")

    # The gateway no longer knows it, and filters hold for it all the same.
    page.locator("[data-filter=status]").select_option("Error")
    expect(page.locator("#view-history .empty")).to_contain_text("No request that is kept fits these filters")
    expect(rows).to_have_count(0)
    page.locator("[data-filter=status]").select_option("Success")
    expect(rows).to_have_count(3)
    expect(rows.nth(2)).to_have_class("past")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_history_keeps_nobody_out(gateway, browser, scheme):
    a_few(gateway)
    for width in WIDTHS:
        with tab(browser, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
            open_page(page, gateway, "#history")
            expect(page.locator("#history-view-tbody tr")).to_have_count(5)
            error = page.locator("#history-view-tbody .error-message").first
            box = error.bounding_box()
            assert box["x"] + box["width"] <= width, "why a request failed is seen without scrolling to the side"
            no_sideways_scrolling(page)
            no_barriers(page)
            picture(page, f"history-{width}-{scheme}")
            assert page.complaints == [] and page.foreign == []
