"""The strip at the top of the page, as operators meet it: what is wrong in words, with a shape and a colour, where it leads, and what
a screen reader hears of it."""

import re
import signal

import pytest
from playwright.sync_api import expect

from browser import WIDTHS, chromium, no_barriers, no_sideways_scrolling, open_page, picture, tab
from gateway import FAST, backend


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    with tab(browser, viewport={"width": 1440, "height": 900}) as page:
        # Everything that a screen reader is told, in order.
        page.add_init_script(
            """addEventListener("DOMContentLoaded", () => {
              window.heard = [];
              const announcer = document.getElementById("announcer");
              if (!announcer) return;
              new MutationObserver(() => heard.push(announcer.textContent)).observe(announcer, { childList: true, characterData: true, subtree: true });
            })"""
        )
        yield page


@pytest.fixture
def gateway(start, upstream, second_upstream):
    second_upstream.models("n")
    gateway = start(FAST + backend("one", upstream.url) + backend("two", second_upstream.url))
    gateway.wait_for_backend("one"), gateway.wait_for_backend("two")
    return gateway


def strip(page, kind: str):
    """The only trouble, which is of that kind."""
    item = page.locator("#trouble-items .trouble-item")
    expect(item).to_have_count(1)
    expect(item).to_have_attribute("data-kind", kind)
    expect(page.locator("#trouble")).to_be_visible()
    return item


def look(item) -> tuple[str, str]:
    """The colours of its edge and of its ground."""
    edge, ground = item.evaluate("(it) => [getComputedStyle(it).borderLeftColor, getComputedStyle(it).backgroundColor]")
    return edge, ground


def heard(page, words: str) -> list[str]:
    return [text for text in page.evaluate("heard") if words in text]


def test_where_all_is_well_there_is_no_strip(gateway, page):
    gateway.chat()
    open_page(page, gateway)

    expect(page.locator("#history-tbody tr")).to_have_count(1)
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#trouble-items > *")).to_have_count(0)
    assert page.locator("#trouble").bounding_box() is None, "it takes no room"
    expect(page.locator(".backend-trouble")).to_have_count(0)
    assert page.evaluate("heard") == []


def test_a_backend_that_is_down_leads_to_its_drawer_and_is_told_once(gateway, second_upstream, page):
    open_page(page, gateway)
    second_upstream.fail_probes()

    item = strip(page, "down")
    expect(item).to_contain_text(re.compile(r"✕\s+Critical\s+two is down since \d\d:\d\d:\d\d: .*500"))
    edge, ground = look(item)
    assert edge == "rgb(220, 53, 69)" and ground != "rgb(255, 255, 255)"
    # Some rounds of probes, in each of which the page is made anew.
    before = page.locator("#summary").get_attribute("data-now")
    expect(page.locator("#summary")).not_to_have_attribute("data-now", before)
    expect(item).to_have_count(1)
    assert heard(page, "two is down") == ["Trouble: two is down."]
    no_barriers(page)

    item.get_by_role("link").click()
    drawer = page.get_by_role("dialog", name="Details of a backend")
    expect(drawer.locator("h2")).to_have_text("two")
    expect(drawer.get_by_role("button", name="Drain")).to_be_visible()

    second_upstream.models("n")
    expect(page.locator("#trouble")).to_be_hidden()
    assert page.evaluate("heard")[-1] == "All is well again."
    assert page.complaints == []


def test_requests_that_all_fail_lead_to_the_requests_that_did(gateway, second_upstream, page):
    second_upstream.chat(lambda exchange: exchange.answer({"error": {"message": "CUDA <b>error</b>"}}, status=500))
    open_page(page, gateway)
    for _ in range(6):
        assert gateway.chat("n").status_code == 502

    item = page.locator("#trouble-items .trouble-item").first
    expect(item).to_contain_text(re.compile("(have|has) failed"))
    expect(item).to_contain_text("CUDA <b>error</b>")
    expect(item).to_have_attribute("data-severity", "critical")
    # The card says it too: its probes are well.
    card = page.locator(".backend-card[data-id=two]")
    expect(card).to_have_class(re.compile("troubled|degraded"))
    expect(card).to_contain_text("CUDA <b>error</b>")
    expect(page.locator(".backend-card").first).to_have_attribute("data-id", "two")
    no_barriers(page)

    item.get_by_role("link").click()
    if "#history" in page.url:
        expect(page.locator("#view-history tbody tr")).to_have_count(6)
    else:
        expect(page.get_by_role("dialog", name="Details of a backend")).to_contain_text("CUDA <b>error</b>")
    assert page.complaints == []


def test_a_backend_that_comes_and_goes_is_a_warning(gateway, second_upstream, page):
    open_page(page, gateway)
    for _ in range(3):
        second_upstream.fail_probes()
        gateway.wait_for_backend("two", "Unhealthy")
        second_upstream.models("n")
        gateway.wait_for_backend("two")

    item = strip(page, "flapping")
    expect(item).to_contain_text(re.compile(r"!\s+Warning\s+two comes and goes: it failed 3 times since"))
    expect(page.locator(".backend-card[data-id=two]")).to_contain_text("3 times within the hour")
    edge, _ = look(item)
    assert edge != "rgb(220, 53, 69)", "a warning looks other than what is critical"
    assert len(heard(page, "comes and goes")) == 1
    item.get_by_role("link").click()
    expect(page.get_by_role("dialog", name="Details of a backend").locator("h2")).to_have_text("two")


def test_a_reload_that_failed_leads_to_what_is_wrong_with_the_file(gateway, page):
    open_page(page, gateway)
    file = gateway.log_path.parent / "nexus.toml"
    well = file.read_text()
    file.write_text(well + "\n[oops\n")
    gateway.signal(signal.SIGHUP)

    item = strip(page, "reload_failed")
    expect(item).to_contain_text(re.compile(r"!\s+Warning\s+The configuration was not reloaded.*line \d+"))
    assert len(heard(page, "not reloaded")) == 1
    item.get_by_role("link").click()
    view = page.locator("#view-gateway")
    expect(view).to_contain_text(re.compile(r"The reload of .* failed, and what was before stays.*line \d+"))

    file.write_text(well)
    view.get_by_role("button", name="Reload the configuration").click()
    expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_strip_keeps_nobody_out(gateway, upstream, second_upstream, browser, scheme):
    upstream.fail_probes()
    second_upstream.chat(lambda exchange: exchange.answer({"error": {"message": "CUDA error"}}, status=500))
    for _ in range(6):
        gateway.chat("n")
    gateway.wait_for_backend("one", "Unhealthy")
    for width in WIDTHS:
        for script in (True, False):
            with tab(browser, viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script) as page:
                if script:
                    open_page(page, gateway)
                else:
                    page.goto(gateway.url + "/")
                expect(page.locator("#trouble-items .trouble-item").first).to_contain_text("one is down")
                assert page.locator("#trouble").bounding_box()["y"] < page.locator("#backend-cards").bounding_box()["y"]
                if script:
                    no_barriers(page)
                    no_sideways_scrolling(page)
                picture(page, f"trouble-{width}-{scheme}-{'script' if script else 'none'}")
                assert page.complaints == []
