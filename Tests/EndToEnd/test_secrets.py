"""What is secret of a backend is told nowhere, however a server spells it."""

import base64
import json
import urllib.parse
from collections.abc import Callable

import pytest

from gateway import FAST, Gateway, backend
from upstream import Exchange, Upstream, delta

SECRET = 'hdr-"CANARY"/777 + more'
KEY = "sk-CANARY-key-4711"
OTHER = "pin-CANARY-0815"
ENVIRONMENT = {"NEXUS_TEST_KEY": KEY}

Spelling = Callable[[str], str]
SPELLINGS: dict[str, Spelling] = {
    "plain": lambda text: text,
    "escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "all-escaped": lambda text: "".join(f"\\u{ord(letter):04X}" for letter in text),
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "form": lambda text: urllib.parse.quote_plus(text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64-of-user": lambda text: base64.urlsafe_b64encode(f"user:{text}".encode()).decode().rstrip("="),
}


def told(gateway: Gateway) -> str:
    """All that anybody can see."""
    pages = ["/v1/history", "/v1/backends", "/v1/models", "/v1/stats", "/v1/adapters", "/v1/actions", "/", "/metrics", "/api/tags"]
    return "\n".join([gateway.get(path).text for path in pages] + [gateway.log])


@pytest.fixture
def gateway(start, upstream: Upstream) -> Gateway:
    options = {"flavor": "openai", "headers": {"x-token": SECRET, "authorization-2": "Basic " + base64.b64encode(f"user:{OTHER}".encode()).decode()}}
    gateway: Gateway = start(
        FAST + backend("one", upstream.url, api_key_env="NEXUS_TEST_KEY", options=options), environment=ENVIRONMENT
    )
    gateway.wait_for_backend("one")
    return gateway


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_answer_and_no_page_tells_a_secret(gateway: Gateway, upstream: Upstream, spelling: str):
    spelled = [SPELLINGS[spelling](secret) for secret in (SECRET, KEY, OTHER)]
    words = " and ".join(spelled)

    def fail(exchange: Exchange) -> None:
        exchange.answer({"error": {"message": f"bad token: {words}", "code": words, "param": {words: [words]}}}, status=500)

    upstream.chat(fail)
    answer = gateway.chat()
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": words}}, status=400))
    refused = gateway.chat()
    with gateway.socket() as live:
        upstream.on("/v1/models", fail)
        unhealthy = live.backend(lambda view: view["status"] == "Unhealthy")

    assert answer.status_code == 502 and refused.status_code == 400 and "[secret]" in answer.text
    assert "bad token" in unhealthy["last_error"] and "[API key]" in unhealthy["last_error"]
    everything = answer.text + str(answer.headers) + refused.text + json.dumps(unhealthy) + told(gateway)
    for text in spelled:
        for form in (text, json.dumps(text)[1:-1], json.dumps(json.dumps(text)[1:-1])[1:-1]):
            assert form not in everything
    assert "CANARY" not in everything


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_error_within_a_stream_tells_no_secret(gateway: Gateway, upstream: Upstream, spelling: str):
    spelled = SPELLINGS[spelling](SECRET)

    def stream(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one"))
        exchange.event({"error": {"message": f"bad token: {spelled}", "code": spelled}})
        exchange.end_stream()

    upstream.chat(stream)
    answer = gateway.chat(stream=True)

    assert '"one"' in answer.text and "bad token: [secret]" in answer.text
    assert json.dumps(spelled)[1:-1] not in answer.text + told(gateway)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_error_that_is_no_json_or_says_success_tells_no_secret(gateway: Gateway, upstream: Upstream, spelling: str):
    spelled = SPELLINGS[spelling](SECRET)
    upstream.chat(lambda exchange: exchange.answer(f"<p>bad {spelled}</p>".encode(), status=403, content_type="text/html"))
    refused = gateway.chat()
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": f"bad {spelled}"}}))
    success = gateway.chat()

    everything = refused.text + success.text + told(gateway)
    assert spelled not in everything and json.dumps(spelled)[1:-1] not in everything


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_list_of_models_tells_a_secret(gateway: Gateway, upstream: Upstream, spelling: str):
    spelled = SPELLINGS[spelling](SECRET)
    data = [{"id": spelled, "object": "model"}, {"id": "n", "object": "model", "owned_by": spelled}]
    with gateway.socket() as live:
        upstream.on("/v1/models", lambda exchange: exchange.answer({"object": "list", "data": data}, server=spelled))
        live.backend(lambda view: [model["id"] for model in view["models"]] == ["n"])

    everything = told(gateway)
    assert spelled not in everything and json.dumps(spelled)[1:-1] not in everything
    gateway.wait_for_log("1 reported models are not listed: their names hold a secret")


def test_what_the_operator_marks_is_a_secret(start, upstream: Upstream):
    gateway = start(
        FAST + backend("one", upstream.url, options={"prefix": "/v1", "models_path": "/v1/models", "usage": "as_asked", "auth_header": "x-CANARY-place"},
                       secret_options=["auth_header"])
    )  # fmt: skip
    gateway.wait_for_backend("one")
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "no x-CANARY-place"}}, status=500))
    answer = gateway.chat()

    assert "no [secret]" in answer.text and "CANARY" not in told(gateway)


def test_a_key_in_the_place_of_a_variables_name_is_not_repeated(start, nexus, upstream: Upstream, tmp_path):
    gateway = start(backend("one", upstream.url, api_key_env="CANARY0123456789ABCDEF") + backend("two", upstream.url))
    (tmp_path / "bad.toml").write_text(backend("one", upstream.url, api_key_env="sk-CANARY-1"))
    checked = nexus("config", "check", "--config", "bad.toml", cwd=tmp_path)

    assert "the environment variable (api_key_env) is not set" in gateway.get("/v1/backends").text
    assert "CANARY" not in told(gateway)
    assert checked.returncode == 1 and "not the keys themselves" in checked.stderr and "CANARY" not in checked.stderr


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_action_tells_a_secret(start, upstream: Upstream, spelling: str):
    spelled = SPELLINGS[spelling](KEY)
    model = {"name": spelled, "model": spelled, "size_vram": 1}
    upstream.on("/api/tags", lambda exchange: exchange.answer({"models": []}))
    upstream.on("/api/version", lambda exchange: exchange.answer({"version": spelled}))
    upstream.on("/api/ps", lambda exchange: exchange.answer({"models": [model]}))

    def pull(exchange: Exchange) -> None:
        exchange.begin_stream("application/x-ndjson")
        exchange.piece(json.dumps({"status": f"pulling {spelled}"}).encode() + b"\n")
        exchange.piece(json.dumps({"error": f"no {spelled}"}).encode() + b"\n")
        exchange.end_stream()

    upstream.on("/api/pull", pull)
    gateway = start(backend("one", upstream.url, type="ollama", api_key_env="NEXUS_TEST_KEY"), environment=ENVIRONMENT)
    gateway.wait_for_backend("one")
    with gateway.socket("?actions=1") as live:
        pulled = gateway.http.post("/v1/backends/one/actions/pull_model?stream=true", json={"model": "m"})
        seen = json.dumps(live.until("BackendStatus"))
    running = gateway.http.post("/v1/backends/one/actions/running_models", json={})

    assert "no [API key]" in pulled.text and running.status_code == 200
    everything = pulled.text + running.text + seen + told(gateway)
    assert spelled not in everything and json.dumps(spelled)[1:-1] not in everything
