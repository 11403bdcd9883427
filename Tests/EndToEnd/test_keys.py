"""Keys: who may use which models, how much, and how that is told in each API's words."""

import hashlib
import socket
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest

from gateway import LONG, Gateway, backend, toml, until
from upstream import ANSWER, Exchange, Upstream

RARE = "[health_check]\ninterval_seconds = 3600\n"
KEY = "nx-" + "a" * 43
OTHER = "nx-" + "b" * 43
BOSS = "nx-" + "o" * 43


def key(name: str, shown: str, **members: Any) -> str:
    """One key as TOML."""
    hash = hashlib.sha256(shown.encode()).hexdigest()
    lines = ["[[keys]]", f'name = "{name}"', f'hash = "sha256:{hash}"']
    return "\n".join(lines + [f"{name} = {toml(value)}" for name, value in members.items()]) + "\n"


def bearer(shown: str) -> dict[str, str]:
    return {"authorization": f"Bearer {shown}"}


def chat(gateway: Gateway, shown: str | None = KEY, model: str = "m", **options: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **options}
    return gateway.http.post("/v1/chat/completions", json=body, headers=bearer(shown) if shown else {})


def error(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


@pytest.fixture
def gated(start, upstream) -> Callable[..., Gateway]:
    def make(*keys: str, more: str = "") -> Gateway:
        gateway: Gateway = start(RARE + more + backend("one", upstream.url) + "".join(keys))
        # Operators are local: there is no operator's key, or it is shown.
        headers = bearer(BOSS) if any("operator" in each for each in keys) else {}
        until(lambda: gateway.get("/v1/backends", headers=headers).json()["data"][0]["status"] == "Healthy")
        return gateway

    return make


# Who is let in


@pytest.mark.parametrize(
    "fields",
    [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}, {"x-api-key": KEY}, {"api-key": KEY},
     {"authorization": "Bearer other", "x-api-key": KEY}, {"x-api-key": "other", "authorization": f"Bearer {KEY}"}],
)
def test_a_key_is_taken_where_clients_put_it(gated, fields: dict[str, str]):
    gateway = gated(key("app", KEY))
    body = {"model": "m", "messages": []}

    assert gateway.http.post("/v1/chat/completions", json=body, headers=fields).status_code == 200
    assert gateway.get("/v1/models", headers=fields).json()["data"][0]["id"] == "m"


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/m", "/api/tags", "/api/ps"])
def test_every_route_of_clients_needs_one(gated, path: str):
    gateway = gated(key("app", KEY))

    assert gateway.get(path).status_code == 401
    assert gateway.get(path, headers=bearer(KEY + "x")).status_code == 401
    assert gateway.get(path, headers=bearer(KEY)).status_code == 200


def test_what_needs_no_key(gated):
    gateway = gated(key("app", KEY), key("boss", BOSS, role="operator"))

    assert gateway.get("/health").json()["status"] == "healthy"
    assert "trouble" not in gateway.json("/health")
    assert gateway.get("/favicon.ico").status_code == 200
    assert gateway.get("/api/version").status_code == 200


def test_without_keys_all_is_open_as_before(start, upstream):
    gateway: Gateway = start(RARE + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    assert chat(gateway, None).status_code == 200
    assert chat(gateway, "whatever").status_code == 200


def test_a_client_without_a_key_is_told_so_in_its_apis_words(gated):
    gateway = gated(key("app", KEY))

    openais = gateway.http.post("/v1/chat/completions", json={"model": "m", "messages": []})
    anthropics = gateway.http.post("/v1/messages", json={"model": "m", "messages": []})
    ollamas = gateway.http.post("/api/chat", json={"model": "m", "messages": []})

    assert [each.status_code for each in (openais, anthropics, ollamas)] == [401] * 3
    assert error(openais)["type"] == "authentication_error" and error(openais)["code"] == "missing_api_key"
    assert openais.headers["www-authenticate"] == 'Bearer realm="nexus"'
    assert anthropics.json()["type"] == "error" and error(anthropics)["type"] == "authentication_error"
    assert isinstance(ollamas.json()["error"], str) and "key" in ollamas.json()["error"]


def test_a_stranger_is_refused_before_the_body(gated, upstream: Upstream):
    gateway = gated(key("app", KEY))
    with gateway.connection() as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n"
            b"Authorization: Bearer wrong\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")
    assert upstream.requests.empty()


def test_an_expired_key_says_so(gated):
    gateway = gated(key("app", KEY, expires="2020-01-01"), key("late", OTHER, expires="2999-01-01T00:00:00Z"))

    assert error(chat(gateway))["code"] == "expired_api_key"
    assert chat(gateway, OTHER).status_code == 200


def test_a_clients_key_goes_to_no_backend(gated, upstream: Upstream):
    gateway = gated(key("app", KEY))
    for fields in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"api-key": KEY}):
        for path in ("/v1/chat/completions", "/v1/messages", "/api/chat"):
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
            assert gateway.http.post(path, json=body, headers=fields).status_code == 200

    assert upstream.requests.qsize() == 9
    while not upstream.requests.empty():
        request = upstream.requests.get()
        assert KEY not in str(request.headers) and KEY.encode() not in request.body
    assert KEY not in gateway.log and KEY not in gateway.get("/v1/history").text + gateway.get("/metrics").text


def test_the_clients_of_each_api(gated, upstream: Upstream):
    gateway = gated(key("app", KEY))
    messages = [{"role": "user", "content": "hi"}]

    assert openai.OpenAI(base_url=gateway.url + "/v1", api_key=KEY).chat.completions.create(model="m", messages=messages)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=gateway.url + "/v1", api_key="no").chat.completions.create(model="m", messages=messages)
    assert anthropic.Anthropic(base_url=gateway.url, api_key=KEY).messages.create(model="m", messages=messages, max_tokens=9)
    assert anthropic.Anthropic(base_url=gateway.url, auth_token=KEY).messages.create(
        model="m", messages=messages, max_tokens=9
    )
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=gateway.url, api_key="no").messages.create(model="m", messages=messages, max_tokens=9)
    assert ollama.Client(gateway.url, headers=bearer(KEY)).chat("m", messages)
    with pytest.raises(ollama.ResponseError) as refused:
        ollama.Client(gateway.url).chat("m", messages)
    assert refused.value.status_code == 401


# What it may use


def test_models_that_a_key_may_not_use_are_neither_shown_nor_served(start, upstream):
    upstream.models("gpt-a", "gpt-b", "secret")
    aliases = '[routing.aliases]\nsmart = "secret"\nplain = "gpt-a"\n'
    gateway: Gateway = start(
        RARE + aliases + backend("one", upstream.url) + key("app", KEY, models=["gpt-*", "smart"]) + key("all", OTHER)
    )
    until(lambda: len(gateway.get("/v1/models", headers=bearer(OTHER)).json()["data"]) == 5)

    def shown(path: str, list: str, name: str) -> set[str]:
        return {each[name] for each in gateway.get(path, headers=bearer(KEY)).json()[list]}

    assert shown("/v1/models", "data", "id") == {"gpt-a", "gpt-b", "smart", "plain"}
    assert shown("/v1/models?per_backend=1", "data", "id") == {"gpt-a", "gpt-b", "smart", "plain"}
    assert {each.removesuffix(":latest") for each in shown("/api/tags", "models", "name")} == {"gpt-a", "gpt-b", "smart", "plain"}
    for name in ("secret", "SECRET", "nothing"):
        refused = chat(gateway, model=name)
        assert refused.status_code == 403 and error(refused)["code"] == "model_not_allowed"
        assert gateway.get(f"/v1/models/{name}", headers=bearer(KEY)).status_code == 403
    assert error(chat(gateway, model="gpt-c"))["message"].count("secret") == 0
    assert chat(gateway, model="gpt-c").status_code == 404
    for name in ("gpt-a", "smart", "plain"):
        assert chat(gateway, model=name).status_code == 200
    assert chat(gateway, OTHER, model="secret").status_code == 200


def test_of_fallbacks_only_those_are_tried_that_the_key_may_use(start, upstream):
    upstream.models("a", "b")
    fallbacks = '[routing.fallbacks]\ngone = ["b", "a"]\n'
    gateway: Gateway = start(RARE + fallbacks + backend("one", upstream.url) + key("app", KEY, models=["gone", "a"]))
    until(lambda: len(gateway.get("/v1/models", headers=bearer(KEY)).json()["data"]) == 1)

    answer = chat(gateway, model="gone")

    assert answer.status_code == 200 and answer.headers["x-nexus-fallback-model"] == "a"


def test_backends_that_a_key_may_not_use_are_left_out(start, upstream, second_upstream):
    second_upstream.models("m", "theirs")
    gateway: Gateway = start(
        RARE
        + backend("mine", upstream.url)
        + backend("theirs", second_upstream.url, priority=1)
        + key("app", KEY, backends=["mi*"])
        + key("all", OTHER)
    )
    # What the other one has says nothing of whether this one has been reached.
    until(lambda: {each["status"] for each in gateway.json("/v1/backends")["data"]} == {"Healthy"})

    assert chat(gateway).headers["x-nexus-backend"] == "mine"
    assert [each["id"] for each in gateway.get("/v1/models", headers=bearer(KEY)).json()["data"]] == ["m"]
    refused = chat(gateway, model="theirs")
    assert refused.status_code == 403 and error(refused)["code"] == "backend_not_allowed"
    pinned = gateway.http.post(
        "/v1/chat/completions", json={"model": "m", "messages": []}, headers={**bearer(KEY), "x-nexus-backend": "theirs"}
    )
    assert pinned.status_code == 403 and error(pinned)["code"] == "backend_not_allowed"
    assert "theirs" not in error(pinned)["message"]


def test_a_client_with_a_key_is_told_nothing_of_how_the_gateway_runs(start, upstream, second_upstream):
    gateway: Gateway = start(
        RARE + backend("mine", upstream.url) + backend("theirs", second_upstream.url)
        + key("app", KEY, backends=["mine"]) + key("boss", BOSS, role="operator"))
    until(lambda: chat(gateway, BOSS).status_code == chat(gateway).status_code == 200)
    upstream.close()

    def refused(shown: str) -> str:
        until(lambda: chat(gateway, shown).status_code == 503)
        return chat(gateway, shown).text

    told = refused(KEY)
    assert "theirs" not in told and "127.0.0.1" not in told and str(httpx.URL(upstream.url).port) not in told
    second_upstream.close()
    assert "127.0.0.1" in refused(BOSS)


def test_a_key_that_is_refused_again_and_again_pushes_nobody_out_of_the_history(gated):
    gateway = gated(key("app", KEY, models=["other"]), key("all", OTHER), more="[history]\ncapacity = 100\n")
    chat(gateway, OTHER)

    for _ in range(110):
        assert chat(gateway).status_code == 403

    until(lambda: gateway.json("/v1/history?key=app"))
    assert len(gateway.json("/v1/history?key=app")) <= 40
    assert len(gateway.json("/v1/history?key=all")) == 1
    usage = {each["name"]: each["usage"] for each in gateway.json("/v1/keys")["data"]}
    assert usage["app"]["refused"] == 110


# How much


def test_requests_a_minute(gated):
    gateway = gated(key("app", KEY, requests_per_minute=3), key("all", OTHER))

    answers = [chat(gateway) for _ in range(4)]

    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert error(answers[3])["type"] == "rate_limit_error" and "requests_per_minute" in error(answers[3])["message"]
    assert 50 <= int(answers[3].headers["retry-after"]) <= 61
    assert chat(gateway, OTHER).status_code == 200
    theirs = gateway.http.post("/v1/messages", json={"model": "m"}, headers={"x-api-key": KEY})
    assert theirs.status_code == 429 and error(theirs)["type"] == "rate_limit_error"


def test_a_limit_is_exact_however_many_ask_at_once(gated):
    gateway = gated(key("app", KEY, requests_per_minute=40))

    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: httpx.post(
            gateway.url + "/v1/chat/completions", json={"model": "m", "messages": []}, headers=bearer(KEY), timeout=LONG
        ).status_code, range(120)))

    assert codes.count(200) == 40 and codes.count(429) == 80


def test_requests_at_once(gated, upstream: Upstream):
    gateway = gated(key("app", KEY, max_concurrent=1))
    held = threading.Event()


    def hold(exchange: Exchange) -> None:
        held.wait(LONG)
        exchange.answer(ANSWER)

    upstream.on("/v1/chat/completions", hold)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: httpx.post(
            gateway.url + "/v1/chat/completions", json={"model": "m", "messages": []}, headers=bearer(KEY), timeout=LONG))
        until(lambda: len(gateway.get("/v1/requests/active").json()["data"]) == 1)
        second = chat(gateway)
        held.set()
        assert first.result().status_code == 200
    assert second.status_code == 429 and "max_concurrent" in error(second)["message"]
    assert chat(gateway).status_code == 200


def test_tokens_are_estimated_and_settled_with_what_the_server_counts(gated):
    gateway = gated(key("app", KEY, tokens_per_minute=1000, tokens_per_day=1_000_000))

    assert chat(gateway, max_tokens=900).status_code == 200
    usage = gateway.json("/v1/keys")["data"][0]["usage"]
    # Not the 900 that it might have had.
    assert usage["tokens_in_minute"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert usage["requests"] == 1 and usage["active"] == 0
    assert chat(gateway, max_tokens=900).status_code == 200


def test_who_hangs_up_before_the_server_has_counted_has_had_the_tokens_all_the_same(gated, upstream: Upstream):
    gateway = gated(key("app", KEY, tokens_per_day=1_000_000))
    left = threading.Event()

    def stream(exchange: Exchange) -> None:
        exchange.begin_stream()
        for number in range(300):
            exchange.event({"choices": [{"index": 0, "delta": {"content": f" {number}"}, "finish_reason": None}]})
        left.wait(LONG)

    upstream.chat(stream)
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with gateway.http.stream("POST", "/v1/chat/completions", json=body, headers=bearer(KEY)) as answer:
        assert any(" 299" in line for line in answer.iter_lines())
    until(lambda: gateway.json("/v1/keys")["data"][0]["usage"]["active"] == 0)
    left.set()

    assert gateway.json("/v1/keys")["data"][0]["usage"]["tokens_in_day"] >= 300


def test_usage_by_key(gated):
    gateway = gated(key("app", KEY), key("all", OTHER))
    chat(gateway)
    chat(gateway)
    chat(gateway, OTHER)
    chat(gateway, "wrong")

    usage = {each["name"]: each["usage"]["requests"] for each in gateway.json("/v1/keys")["data"]}
    assert usage == {"all": 1, "app": 2}
    assert [each["key"] for each in gateway.history()] == ["app", "app", "all"]
    assert len(gateway.json("/v1/history?key=app")) == 2
    assert gateway.metric('nexus_key_requests_total{key="app"}') == 2
    assert gateway.metric('nexus_access_refused_total{reason="invalid_api_key"}') == 1
    assert {each["name"] for each in gateway.json("/v1/stats")["keys"]} == {"all", "app"}


def test_a_reload_keeps_what_was_used(start, upstream, nexus):
    configuration = RARE + backend("one", upstream.url) + key("app", KEY, requests_per_minute=2)
    gateway: Gateway = start(configuration)
    until(lambda: len(gateway.get("/v1/models", headers=bearer(KEY)).json()["data"]) == 1)
    assert chat(gateway).status_code == 200
    file = gateway.log_path.parent / "nexus.toml"

    file.write_text(configuration.replace("= 2", "= 3"))
    assert nexus("config", "reload", "--url", gateway.url).returncode == 0
    assert [chat(gateway).status_code for _ in range(3)] == [200, 200, 429]

    file.write_text(RARE + backend("one", upstream.url))
    refused = nexus("config", "reload", "--url", gateway.url)
    assert refused.returncode == 1 and "no keys" in refused.stderr
    assert chat(gateway, None).status_code == 401


def test_a_configuration_that_is_wrong_does_not_repeat_a_key(nexus, tmp_path: Path):
    (tmp_path / "nexus.toml").write_text(
        f'[[keys]]\nname = "a"\nhash = "{KEY}"\nrole = "clien"\n[[keys]]\nname = "a"\nrequests_per_minute = 0\n'
    )

    found = nexus("config", "check", cwd=tmp_path)

    assert found.returncode == 1 and KEY not in found.stderr
    for words in ("keys[0].hash", 'did you mean "client"', "keys[1].hash", "requests_per_minute"):
        assert words in found.stderr


# The command line


def test_keys_from_the_command_line(start, upstream, nexus):
    gateway: Gateway = start(RARE + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    folder = gateway.log_path.parent
    where = ("--config", str(folder / "nexus.toml"), "--url", gateway.url)

    added = nexus("keys", "add", "app", "--requests-per-minute", "100", "--model", "m", *where)
    assert added.returncode == 0, added.stderr
    shown = added.stdout.strip()
    assert shown.startswith("nx-") and len(shown) == 46 and "has taken it" in added.stderr
    file = folder / "keys.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and shown not in file.read_text()
    assert chat(gateway, None).status_code == 401 and chat(gateway, shown).status_code == 200
    assert nexus("keys", "add", "app", *where).returncode == 1
    assert nexus("keys", "add", "bad name", *where).returncode == 2

    rotated = nexus("keys", "rotate", "app", *where).stdout.strip()
    assert rotated != shown and chat(gateway, shown).status_code == 401 and chat(gateway, rotated).status_code == 200
    listed = nexus("keys", "list", *where)
    assert "app" in listed.stdout and "100 req/min" in listed.stdout and rotated not in listed.stdout

    # The last one: nobody is let in, rather than everybody.
    assert nexus("keys", "revoke", "app", *where).returncode == 0
    assert chat(gateway, rotated).status_code == 401 and chat(gateway, None).status_code == 401
    assert nexus("keys", "revoke", "app", *where).returncode == 1

    file.unlink()
    assert nexus("config", "reload", "--url", gateway.url).returncode == 1
    assert chat(gateway, None).status_code == 401


def test_a_key_may_be_made_before_the_gateway_runs(nexus, tmp_path: Path):
    (tmp_path / "nexus.toml").write_text("")
    added = nexus("keys", "add", "app", "--url", "http://127.0.0.1:1", cwd=tmp_path)

    assert added.returncode == 0 and added.stdout.startswith("nx-") and "when it starts" in added.stderr


def test_without_a_file_of_keys_it_is_said_where_it_would_be_and_none_is_begun(nexus, tmp_path: Path):
    (tmp_path / "nexus.toml").write_text("")

    listed = nexus("keys", "list", cwd=tmp_path)
    rotated = nexus("keys", "rotate", "zz", cwd=tmp_path)
    revoked = nexus("keys", "revoke", "zz", cwd=tmp_path)

    assert listed.returncode == 0
    assert listed.stdout == f"No keys: there is no {tmp_path}/keys.toml. 'nexus keys add NAME' makes one.\n"
    for refused in (rotated, revoked):
        assert refused.returncode == 1 and f"there is no key 'zz', since there is no {tmp_path}/keys.toml" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["nexus.toml"]


# Where it listens


def other_address() -> str:
    """One of this machine's that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no other address")
        return str(probe.getsockname()[0])


def test_it_does_not_listen_elsewhere_without_keys(nexus, tmp_path: Path):
    refused = nexus("serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path)

    assert refused.returncode == 1 and "--allow-unauthenticated" in refused.stderr and "nexus keys add" in refused.stderr
