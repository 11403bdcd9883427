"""The page's table of models and the actions on them, before a scripted Ollama and adapters in C."""

import json
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from cockpit import chromium, open_page, shoot, visit
from conftest import compile_adapter
from gateway import BUILD, FAST, LONG, Gateway, backend
from ollama_server import OllamaServer, capable
from upstream import Exchange, Upstream

LOADED = {
    "name": "llama3.2:1b", "model": "llama3.2:1b", "size": 3 << 30, "size_vram": 2 << 30, "context_length": 8192,
    "expires_at": "2099-01-02T03:04:05Z",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser) -> Iterator[Page]:
    with open_page(browser) as page:
        yield page


@pytest.fixture
def ollamas() -> Iterator[list[OllamaServer]]:
    servers = [OllamaServer(capable("llama3.2:1b", "completion", "tools"), capable("only:1", "completion")), OllamaServer(capable("llama3.2:1b", "completion", "tools"))]
    servers[0].probe("/api/ps", {"models": [LOADED]})
    for server in servers:
        server.on("/api/generate", lambda exchange: exchange.answer({"done": True, "done_reason": "unload"}))
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def gateway(start, ollamas) -> Gateway:
    gateway = start(FAST + "".join(backend(name, server.url, type="ollama") for name, server in zip(("one", "two"), ollamas, strict=True)) + '[routing.aliases]\nfast = "llama3.2:1b"\n')
    for name in ("one", "two"):
        gateway.wait_for_backend(name)
    return gateway


def row(page: Page, model: str):
    return page.locator(".model-table tbody tr", has=page.get_by_role("button", name=model, exact=True))


def test_each_model_tells_where_it_is_loaded_and_for_how_long(gateway, page):
    page.set_viewport_size({"width": 1440, "height": 900})
    visit(page, gateway, "#models")

    loaded = row(page, "llama3.2:1b")
    for column, words in {"loaded": "one", "memory": "3.0 GiB", "expires": "2099", "can": "tools", "backends": "one, two"}.items():
        expect(loaded.locator(f"td.{column}")).to_contain_text(words)
    expect(row(page, "only:1").locator("td.loaded")).to_have_text("none")
    expect(row(page, "fast")).to_contain_text("→ llama3.2:1b")
    expect(page.locator("#view-models .note").first).to_have_text("3 models")


def test_what_is_looked_for_stands_in_the_address(gateway, page):
    visit(page, gateway, "#models")
    expect(row(page, "only:1")).to_be_visible()

    page.get_by_label("Search").fill("loaded two")

    expect(row(page, "only:1")).to_have_count(0)
    expect(page.locator("#view-models .note").first).to_have_text("2 of 3 models")
    expect(page).to_have_url(f"{gateway.url}/#models?q=loaded+two")
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("loaded two")
    expect(row(page, "llama3.2:1b")).to_be_visible()


def test_an_action_runs_on_all_backends_that_have_the_model_or_on_one(gateway, page, ollamas):
    visit(page, gateway, "#models?model=llama3.2:1b")
    sheet = page.get_by_role("dialog", name="llama3.2:1b")
    expect(sheet.get_by_role("cell", name="2.0 GiB")).to_be_visible()

    sheet.get_by_role("button", name="Unload model", exact=True).click()
    form = page.get_by_role("dialog", name="Unload model")
    expect(form.get_by_label("model", exact=True)).to_have_value("llama3.2:1b")
    form.get_by_role("button", name="Unload model at 2 backends").click()
    expect(form.get_by_text("done")).to_have_count(2)
    for server in ollamas:
        request = server.request()
        assert request.path == "/api/generate" and request.json["keep_alive"] == 0

    form.get_by_label("two").uncheck()
    form.get_by_role("button", name="Unload model", exact=True).click()
    expect(form.get_by_text("done")).to_have_count(3)
    assert ollamas[0].request().json["keep_alive"] == 0
    assert len(gateway.json("/v1/actions")["data"]) == 3


def test_deleting_says_what_is_lost_first(gateway, page, ollamas):
    ollamas[0].on("/api/delete", lambda exchange: exchange.answer(b""))
    visit(page, gateway, "#models?model=only:1")
    page.get_by_role("dialog", name="only:1").get_by_role("button", name="Delete model").click()

    form = page.get_by_role("dialog", name="Delete model")
    expect(form.get_by_text("This cannot be taken back.")).to_be_visible()
    expect(form.get_by_text("No other backend serves it.")).to_be_visible()
    assert gateway.json("/v1/actions")["data"] == []
    form.get_by_role("button", name="Delete model").click()
    expect(form.get_by_text("done")).to_be_visible()
    assert ollamas[0].request().json == {"model": "only:1"}


def test_a_pull_shows_its_progress_and_is_cancelled(gateway, page, ollamas):
    begun: list[Exchange] = []
    over = threading.Event()

    def pull(exchange: Exchange) -> None:
        exchange.begin_stream("application/x-ndjson")
        exchange.piece(json.dumps({"status": "pulling a", "digest": "a", "total": 200, "completed": 50}).encode() + b"\n")
        begun.append(exchange)
        over.wait(LONG)

    ollamas[1].on("/api/pull", pull)
    visit(page, gateway, "#models")
    page.get_by_role("button", name="Run an action…").click()
    page.get_by_role("dialog", name="Run an action").get_by_role("button", name="Pull model").click()
    form = page.get_by_role("dialog", name="Pull model")
    form.get_by_role("button", name="Pull model").click()
    expect(form.get_by_text("model is needed.")).to_be_visible()
    form.get_by_label("model", exact=True).fill("new:1")
    form.get_by_role("button", name="Pull model").click()
    expect(form.get_by_text("Choose a backend.")).to_be_visible()
    form.get_by_label("two").check()
    form.get_by_role("button", name="Pull model").click()

    expect(form.locator(".action .share")).to_have_text("25.0%")
    expect(form.locator(".action")).to_contain_text("pulling a")
    form.get_by_role("button", name="Close").click()
    running = page.locator("#view-models .actions .action")
    expect(running).to_contain_text("Pull model at two")
    running.get_by_role("button", name="Cancel").click()
    expect(running).to_contain_text("cancelled")
    over.set()


def test_an_action_that_no_script_knows_gets_its_form_from_its_schema(start, tmp_path, page, upstream):
    folder = tmp_path / "adapters"
    folder.mkdir()
    compile_adapter("actions.c", folder / "actions.so")
    gateway = start(backend("c", upstream.url, type="actions"), adapters=(BUILD, folder))
    names = [action["name"] for action in gateway.json("/v1/backends/c/actions")["data"]]
    assert "every_type" in names
    visit(page, gateway, "#models")
    page.get_by_role("button", name="Run an action…").click()
    page.get_by_role("dialog", name="Run an action").get_by_role("button", name="Every type").click()
    form = page.get_by_role("dialog", name="Every type")

    form.get_by_label("name", exact=True).fill("</script>\u202e")
    form.get_by_label("count", exact=True).fill("9007199254740993")
    form.get_by_label("ratio", exact=True).fill("0.5")
    form.get_by_label("value", exact=True).fill('{"a":[1]}')
    form.get_by_role("button", name="Every type").click()

    expect(form.get_by_role("region", name="Result")).to_contain_text("9007199254740993")
    expect(form.get_by_role("region", name="Result")).to_contain_text("</script>")


def test_the_drawer_of_a_backend_runs_its_actions(gateway, page):
    page.goto(f"{gateway.url}/#overview&backend=one")
    page.get_by_role("button", name="Actions", exact=True).click()
    page.get_by_role("dialog", name="Actions of one").get_by_role("button", name="Running models").click()
    form = page.get_by_role("dialog", name="Running models")

    form.get_by_role("button", name="Running models").click()

    expect(form.get_by_role("region", name="Result")).to_contain_text("llama3.2:1b")


def test_errors_say_which_argument(gateway, page, ollamas):
    ollamas[0].on("/api/delete", lambda exchange: exchange.answer({"error": "model 'only:1' is in use"}, status=409))
    visit(page, gateway, "#models?model=only:1")
    page.get_by_role("dialog", name="only:1").get_by_role("button", name="Delete model").click()
    form = page.get_by_role("dialog", name="Delete model")
    form.get_by_role("button", name="Delete model").click()
    expect(form.locator(".action")).to_contain_text("is in use")


def test_5000_models_are_searched_sorted_and_scrolled(start, page, upstream):
    upstream.models(*[f"family-{number % 7}/model-{number:04}" for number in range(5000)])
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    page.set_viewport_size({"width": 1440, "height": 900})
    visit(page, gateway, "#models")
    expect(page.locator("#view-models .note").first).to_have_text("5,000 models")
    expect(page.locator(".model-table")).to_have_attribute("aria-rowcount", "5001")
    assert page.locator("*").count() < 2500, "only what is seen is in the document"

    panel = page.locator("#view-models .panel")
    panel.evaluate("(node) => { node.scrollTop = node.scrollHeight; }")
    expect(page.locator(".model-table tbody tr[aria-rowindex='5001']")).to_be_visible()
    head = page.locator(".model-table thead th.model").bounding_box()
    assert head and abs(head["y"] - panel.bounding_box()["y"]) < 3, "the heads stay"  # type: ignore[index]
    page.get_by_label("Search").fill("family-3/model-49")
    expect(page.locator("#view-models .note").first).to_have_text("14 of 5,000 models")
    page.get_by_role("button", name="Model", exact=True).click()
    expect(page.locator(".model-table tbody th").first).to_contain_text("model-4994")


def test_models_that_come_and_go_do_so_on_the_page(start, page, upstream):
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    visit(page, gateway, "#models")
    expect(row(page, "m")).to_be_visible()

    upstream.models("m", "new")

    expect(row(page, "new")).to_be_visible()


def test_all_rows_that_there_is_room_for_are_drawn_at_first(start, page, upstream):
    upstream.models(*[f"model-{number:02d}" for number in range(30)])
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    page.set_viewport_size({"width": 1440, "height": 900})
    visit(page, gateway, "#models")

    expect(page.locator("#view-models .note").first).to_have_text("30 models")
    # The last row at the foot of the table, which nobody has scrolled.
    panel = page.locator(".model-panel").bounding_box()
    place = [panel["x"] + 40, panel["y"] + panel["height"] - 20]
    page.wait_for_function("([x, y]) => document.elementFromPoint(x, y)?.closest('tr')?.textContent.startsWith('model-')", arg=place)


def test_models_of_backends_that_do_not_serve_stay_with_their_state(gateway, page, ollamas):
    page.set_viewport_size({"width": 1440, "height": 900})
    visit(page, gateway, "#models")
    expect(row(page, "only:1").locator("td.backends")).to_have_text("one")

    gateway.http.post("/v1/backends/one/drain", json={})
    expect(row(page, "only:1").locator("td.backends")).to_have_text("one (draining)")
    expect(row(page, "llama3.2:1b").locator("td.backends")).to_have_text("one (draining), two")
    expect(row(page, "llama3.2:1b").locator("td.memory")).to_have_text("3.0 GiB")
    gateway.http.post("/v1/backends/one/enable", json={})
    gateway.wait_for_backend("one")

    ollamas[0].on("/api/tags", lambda exchange: exchange.answer({"error": "broken"}, status=500))
    expect(row(page, "only:1").locator("td.backends")).to_have_text("one (unhealthy)")
    # Whether it is still in memory is not known.
    for column in ("loaded", "memory", "expires"):
        expect(row(page, "only:1").locator(f"td.{column}")).to_have_text("")
    page.get_by_label("Search").fill("only unhealthy")
    expect(page.locator("#view-models .note").first).to_have_text("1 of 3 models")
    visit(page, gateway, "#playground")
    page.goto(f"{gateway.url}/#overview")
    cell = page.locator("#model-matrix tr", has_text="only:1").locator("td.out")
    expect(cell).to_have_text("(✓)")


def test_it_looks_as_it_should(gateway, page):
    visit(page, gateway, "#models")
    expect(row(page, "only:1")).to_be_visible()
    shoot(page, "models")
    page.get_by_role("button", name="llama3.2:1b", exact=True).click()
    expect(page.get_by_role("button", name="Unload model", exact=True)).to_be_visible()
    shoot(page, "model")
    page.get_by_role("button", name="Delete model").click()
    shoot(page, "action")
