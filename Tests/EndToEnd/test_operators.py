"""Operators: who may see and change how the gateway runs, signing in on the page, and what is noted of commands."""

import re
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from browser import chromium, no_barriers, tab
from gateway import LONG, Gateway, backend, until
from test_keys import BOSS, KEY, RARE, bearer, chat, error, key, other_address
from upstream import Upstream

CLIENT = key("app", KEY)
OPERATOR = key("boss", BOSS, role="operator")


@pytest.fixture
def serving(start, upstream) -> Callable[..., Gateway]:
    def make(configuration: str, **options: Any) -> Gateway:
        gateway: Gateway = start(RARE + configuration + backend("one", upstream.url), **options)
        until(lambda: gateway.json("/health")["status"] == "healthy")
        return gateway

    return make


def sign_in(gateway: Gateway, shown: str = BOSS) -> httpx.Response:
    return gateway.http.post("/v1/session", json={"key": shown})


COMMANDS = [
    ("POST", "/v1/admin/reload"),
    ("POST", "/v1/backends/one/drain"),
    ("PATCH", "/v1/backends/one"),
    ("DELETE", "/v1/requests/x"),
    ("GET", "/v1/logs"),
    ("GET", "/v1/audit"),
]
VIEWS = ["/", "/v1/backends", "/v1/history", "/v1/stats", "/metrics", "/v1/gateway", "/v1/keys", "/v1/requests/active"]


# By address, by key


def test_taking_the_last_operators_key_away_makes_operators_of_nobody(serving):
    gateway = serving(CLIENT + OPERATOR)
    assert gateway.get("/v1/audit").status_code == 401
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text(file.read_text().replace(OPERATOR, ""))

    assert gateway.http.post("/v1/admin/reload", headers=bearer(BOSS)).status_code == 200

    assert gateway.get("/v1/audit").status_code == 401
    assert gateway.get("/v1/audit", headers=bearer(KEY)).status_code == 403
    file.write_text(file.read_text() + OPERATOR)
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: gateway.get("/v1/audit", headers=bearer(BOSS)).status_code == 200)


def test_a_proxied_operator_names_no_variables_of_the_gateway(serving, upstream: Upstream):
    gateway = serving(OPERATOR, environment={"PRECIOUS": "precious-of-the-process"})
    added = {"url": upstream.url, "name": "other", "type": "openai", "api_key_env": "PRECIOUS"}

    refused = gateway.http.post("/v1/backends", json=added, headers={**bearer(BOSS), "x-forwarded-for": "203.0.113.9"})

    assert refused.status_code == 403 and error(refused)["code"] == "not_from_here"
    assert gateway.http.post("/v1/backends", json=added, headers=bearer(BOSS)).status_code == 201


def test_only_operators_say_which_backend_is_asked(serving):
    gateway = serving(CLIENT + OPERATOR)
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    fields = {"x-nexus-backend": "one"}

    refused = gateway.http.post("/v1/chat/completions", json=asked, headers={**bearer(KEY), **fields})
    served = gateway.http.post("/v1/chat/completions", json=asked, headers={**bearer(BOSS), **fields})

    assert refused.status_code == 403 and "x-nexus-backend is for operators" in error(refused)["message"]
    assert served.status_code == 200 and served.headers["x-nexus-backend"] == "one"


def test_a_password_in_a_mistyped_address_is_kept_nowhere(serving):
    gateway = serving(OPERATOR)

    told = gateway.http.post("/v1/backends", json={"url": "https//user:PASSW0RD@box", "name": "x"}, headers=bearer(BOSS))

    assert told.status_code == 400
    assert "PASSW0RD" not in told.text + gateway.get("/v1/audit", headers=bearer(BOSS)).text + gateway.log


def test_without_an_operators_key_they_are_of_this_machine(serving):
    gateway = serving(CLIENT)

    assert gateway.get("/v1/backends").status_code == 200
    names = ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
             "x-forwarded-server", "x-forwarded-by", "cf-connecting-ip", "true-client-ip"]
    for fields in ({name: "198.51.100.7"} for name in names):
        refused = gateway.get("/v1/backends", headers=fields)
        assert refused.status_code == 403 and error(refused)["code"] == "operators_are_local"


def test_without_an_operators_key_nobody_else_may(serving):
    address = other_address()
    gateway = serving('[server]\nhost = "0.0.0.0"\nallow_unauthenticated = true\n')
    elsewhere = httpx.Client(base_url=f"http://{address}:{gateway.port}", timeout=60)

    for method, path in [*COMMANDS, *(("GET", view) for view in VIEWS)]:
        assert elsewhere.request(method, path).status_code == 403, path
    assert elsewhere.get("/v1/models").status_code == 200
    assert elsewhere.get("/health").status_code == 200
    gateway.wait_for_log("everybody who reaches")
    assert gateway.get("/v1/backends").status_code == 200


@pytest.mark.parametrize(("method", "path"), [*COMMANDS, *(("GET", view) for view in VIEWS)])
def test_with_an_operators_key_it_takes_that_key(serving, method: str, path: str):
    gateway = serving(CLIENT + OPERATOR)

    assert gateway.http.request(method, path).status_code == 401
    refused = gateway.http.request(method, path, headers=bearer(KEY))
    assert refused.status_code == 403
    assert gateway.http.request(method, path, headers=bearer(BOSS)).status_code not in (401, 403)


def test_an_operators_key_may_use_the_models(serving):
    assert chat(serving(CLIENT + OPERATOR), BOSS).status_code == 200


def test_live_updates_need_it_too(serving):
    gateway = serving(OPERATOR)

    with pytest.raises(InvalidStatus) as refused, gateway.socket():
        pass
    assert refused.value.response.status_code == 401
    with gateway.socket(additional_headers=bearer(BOSS)) as live:
        assert live.next()


def test_live_updates_end_with_the_keys_they_were_let_in_by(serving, nexus):
    gateway = serving(OPERATOR)
    file = gateway.log_path.parent / "nexus.toml"
    with gateway.socket(additional_headers=bearer(BOSS)) as live:
        file.write_text(file.read_text() + CLIENT)
        assert nexus("config", "reload", "--url", gateway.url, "--key", BOSS).returncode == 0
        with pytest.raises(Exception, match="1001|going away|received"):
            while True:
                live.next()


def test_the_page_may_be_public(serving):
    gateway = serving("[dashboard]\npublic = true\n" + OPERATOR)

    for path in VIEWS:
        assert gateway.get(path).status_code == 200
    for method, path in COMMANDS:
        assert gateway.http.request(method, path).status_code == 401


@pytest.mark.parametrize(
    "command",
    [("backends", "list"), ("requests",), ("history",), ("top", "--once"), ("actions", "list", "one"), ("config", "reload")],
)
def test_commands_show_a_key(serving, nexus, command: tuple[str, ...]):
    gateway = serving(OPERATOR)
    where = (*command, "--url", gateway.url)

    assert nexus(*where).returncode == 1
    assert nexus(*where, "--key", BOSS).returncode == 0
    assert nexus(*where, NEXUS_KEY=BOSS).returncode == 0


# Signing in


def test_a_browser_is_asked_for_the_key(serving):
    gateway = serving(OPERATOR)

    asked = gateway.get("/")

    assert asked.status_code == 401 and 'action="/v1/session"' in asked.text
    assert "form-action 'self'" in asked.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in asked.headers["content-security-policy"]


def test_a_form_without_a_script(serving):
    gateway = serving(OPERATOR)

    wrong = gateway.http.post("/v1/session", data={"key": "<b>"})
    assert wrong.status_code == 401 and "not a key" in wrong.text and "<b>" not in wrong.text
    right = gateway.http.post("/v1/session", data={"key": f" {BOSS} "})
    assert right.status_code == 303 and right.headers["location"] == "/"
    cookies = right.headers.get_list("set-cookie")
    session = next(each for each in cookies if each.startswith("nexus_session="))
    assert "HttpOnly" in session and "SameSite=Strict" in session and "Path=/" in session and "Secure" not in session
    assert BOSS not in str(cookies)
    assert gateway.get("/").status_code == 200 and gateway.get("/v1/backends").status_code == 200


@pytest.mark.parametrize(
    ("content", "type"),
    [(b"", None), (b"[]", "application/json"), (b"key=x", "text/plain"), (b'{"key": 5}', "application/x-www-form-urlencoded")],
)
def test_a_program_that_signs_in_wrongly_gets_no_page(serving, content: bytes, type: str | None):
    headers = {"content-type": type} if type else {}
    refused = serving(OPERATOR).http.post("/v1/session", content=content, headers=headers)

    assert refused.status_code == 401 and refused.headers["content-type"] == "application/json"
    assert error(refused)["code"] == "invalid_api_key"


def test_commands_of_a_session_must_come_from_the_page(serving):
    gateway = serving(OPERATOR)
    confirmation = sign_in(gateway).json()["csrf"]

    for fields in ({}, {"x-nexus-csrf": "0" * 64}, {"x-nexus-csrf": ""}):
        refused = gateway.http.post("/v1/backends/one/drain", headers=fields)
        assert refused.status_code == 403 and error(refused)["code"] == "unconfirmed_command"
        assert chat(gateway, None).status_code == 403
    assert gateway.http.post("/v1/backends/one/drain", headers={"x-nexus-csrf": confirmation}).status_code == 200
    foreign = {"x-nexus-csrf": confirmation, "origin": "http://evil.example"}
    assert gateway.http.post("/v1/backends/one/enable", headers=foreign).status_code == 403


def test_pages_of_allowed_origins_may_not_sign_in(serving):
    gateway = serving('[server]\nallowed_origins = ["https://ops.example"]\n' + OPERATOR)

    refused = gateway.http.post("/v1/session", json={"key": BOSS}, headers={"origin": "https://ops.example"})

    assert refused.status_code == 403 and "set-cookie" not in refused.headers


def test_a_cookie_that_the_gateway_did_not_make(serving):
    gateway = serving(OPERATOR)
    sign_in(gateway)
    good = gateway.http.cookies["nexus_session"]
    payload, code = good.split(".")
    gateway.http.cookies.clear()

    for bad in (payload, payload + ".", f"{payload}.{'0' * 64}", f"{payload[:-2]}00.{code}", f"x{good}", "." + code, ""):
        assert gateway.get("/v1/backends", headers={"cookie": f"nexus_session={bad}"}).status_code == 401
    assert gateway.get("/v1/backends", headers={"cookie": f"a=b; nexus_session={good}; c=d"}).status_code == 200


def test_a_session_ends_with_its_key_and_with_the_gateway(serving, start):
    gateway = serving(OPERATOR)
    sign_in(gateway)
    cookie = {"cookie": f"nexus_session={gateway.http.cookies['nexus_session']}"}
    other = serving(OPERATOR)
    assert other.get("/v1/backends", headers=cookie).status_code == 401

    file = gateway.log_path.parent / "nexus.toml"
    file.write_text(file.read_text().replace(OPERATOR, key("boss", BOSS + "2", role="operator")))
    assert gateway.http.post("/v1/admin/reload", headers=bearer(BOSS)).status_code == 200
    assert gateway.get("/v1/backends").status_code == 401


def test_signing_out(serving):
    gateway = serving(OPERATOR)
    sign_in(gateway)
    assert gateway.json("/v1/session")["key"] == "boss"

    cookie = {"cookie": f"nexus_session={gateway.http.cookies['nexus_session']}"}

    with gateway.socket(additional_headers=cookie) as live, gateway.socket(additional_headers=bearer(BOSS)) as other:
        live.until("BackendStatus")
        other.until("BackendStatus")
        assert gateway.http.delete("/v1/session").status_code == 200
        with pytest.raises(ConnectionClosed):
            live.until("never")
        assert other.connection.ping().wait(LONG), "others stay"

    assert "nexus_session" not in gateway.http.cookies and gateway.get("/v1/backends").status_code == 401
    assert gateway.get("/v1/backends", headers=cookie).status_code == 401, "a copy of the cookie counts no more"
    records = gateway.get("/v1/audit", headers=bearer(BOSS)).json()["data"]
    assert [each["command"] for each in records] == ["sign in", "sign out"]


def test_tries_are_limited(serving):
    gateway = serving(OPERATOR + CLIENT)

    codes = [sign_in(gateway, f"nx-{number}").status_code for number in range(12)]

    assert codes == [401] * 10 + [429] * 2
    # Who has a key is kept out by nobody: behind a proxy all have one address.
    assert sign_in(gateway).status_code == 200
    assert sign_in(gateway, "nx-12").status_code in (401, 429)
    assert gateway.get("/v1/backends", headers=bearer(BOSS)).status_code == 200
    assert gateway.log.count("request refused") < 5


def test_a_clients_key_is_no_sign_in(serving):
    assert sign_in(serving(OPERATOR + CLIENT), KEY).status_code == 403


def test_over_tls_the_cookie_is_secure(start, upstream, tmp_path: Path):
    pair = (tmp_path / "cert.pem", tmp_path / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
         "-keyout", str(pair[1]), "-out", str(pair[0])], check=True, capture_output=True)
    gateway: Gateway = start(
        f'[server]\ntls_certificate = "{pair[0]}"\ntls_key = "{pair[1]}"\n' + RARE + backend("one", upstream.url) + OPERATOR)
    context = ssl.create_default_context(cafile=str(pair[0]))
    context.check_hostname = False
    with httpx.Client(verify=context) as client:
        answer = client.post(gateway.url + "/v1/session", json={"key": BOSS})
    assert answer.status_code == 200
    assert all("Secure" in each for each in answer.headers.get_list("set-cookie"))


# What is noted


def test_commands_are_noted(serving):
    gateway = serving(OPERATOR)
    confirmation = sign_in(gateway).json()["csrf"]
    gateway.http.post("/v1/backends/one/drain", headers={"x-nexus-csrf": confirmation})
    gateway.http.post("/v1/backends/none/drain?persist=true", headers=bearer(BOSS))
    gateway.http.patch("/v1/backends/one", json={"priority": "SECRET"}, headers=bearer(BOSS))
    gateway.get("/v1/history")

    records = gateway.json("/v1/audit")["data"]

    assert [each["command"] for each in records] == [
        "sign in", "POST /v1/backends/one/drain", "POST /v1/backends/none/drain?persist=true", "PATCH /v1/backends/one"
    ]
    assert [each["status"] for each in records] == [200, 200, 404, 400]
    assert [each["session"] for each in records] == [True, True, False, False]
    assert {(each["key"], each["client"]) for each in records} == {("boss", "127.0.0.1")}
    assert records[1]["problem"] is None and "none" in records[2]["problem"]
    gateway.wait_for_log("operator's command", 4)
    assert gateway.log.count("operator's command") == 4 and BOSS not in gateway.log


# In a browser


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser, tab(browser) as page:
        yield page


def test_signing_in_with_a_browser(serving, page):
    gateway = serving(OPERATOR + CLIENT)

    page.goto(gateway.url)
    no_barriers(page)
    page.get_by_label("An operator's key").fill("nx-wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("That is not a key").wait_for()
    page.get_by_label("An operator's key").fill(BOSS)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#connection-status .status-dot.connected")).to_be_attached()

    page.goto(gateway.url + "/#gateway")
    page.locator("#keys-table").get_by_text("app").wait_for()
    page.get_by_role("button", name="Reload the configuration").click()
    page.get_by_text(re.compile("Reloaded")).wait_for()
    assert "POST /v1/admin/reload" in gateway.get("/v1/audit", headers=bearer(BOSS)).text

    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("An operator's key").wait_for()
