"""Which models a client's name stands for, and which of them is asked."""

from collections import Counter

import pytest

from gateway import backend
from upstream import ANSWER


@pytest.fixture
def seen(upstream, second_upstream):
    """The models that each server was asked for."""
    seen: list[tuple[str, str]] = []
    for name, server in (("one", upstream), ("two", second_upstream)):

        def play(exchange, name=name):
            seen.append((name, exchange.json["model"]))
            exchange.answer({**ANSWER, "model": exchange.json["model"]})

        server.chat(play)
    return seen


def begin(start, upstream, second_upstream, routing: str):
    gateway = start(routing + backend("one", upstream.url) + backend("two", second_upstream.url))
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")
    return gateway


def test_an_alias_for_several_takes_the_first_that_there_is(start, upstream, second_upstream, seen):
    upstream.models("small")
    second_upstream.models("large")
    gateway = begin(
        start, upstream, second_upstream,
        '[routing.aliases]\nbest = ["gone", "large", "small"]\nfine = "better"\nbetter = "best"\n',
    )

    for name in ("best", "fine"):
        answer = gateway.chat(name)
        assert answer.status_code == 200 and answer.headers["x-nexus-fallback-model"] == "large"
    assert seen == [("two", "large")] * 2
    aliases = {model["id"]: model.get("alias_of") for model in gateway.json("/v1/models")["data"]}
    assert aliases["best"] == aliases["fine"] == "large"
    assert gateway.json("/v1/models/fine")["backends"] == ["two"]


def test_a_model_that_fails_is_replaced_by_its_fallback(start, upstream, second_upstream, seen):
    upstream.models("large")
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=500))
    second_upstream.models("small")
    gateway = begin(
        start, upstream, second_upstream,
        '[routing]\nmax_retries = 0\n[routing.fallbacks]\nlarge = ["small"]\n',
    )

    answer = gateway.chat("large", note="ä  kept")
    assert answer.status_code == 200 and answer.json()["model"] == "small"
    assert answer.headers["x-nexus-fallback-model"] == "small" and answer.headers["x-nexus-attempts"] == "2"
    assert seen == [("two", "small")]
    plain = gateway.chat("small")
    assert "x-nexus-fallback-model" not in plain.headers


def test_what_is_the_requests_own_fault_is_told_by_the_first(start, upstream, second_upstream, seen):
    upstream.models("large")
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "no such thing"}}, status=400))
    second_upstream.models("small")
    gateway = begin(start, upstream, second_upstream, '[routing.fallbacks]\nlarge = ["small"]\n')

    answer = gateway.chat("large")
    assert answer.status_code == 400 and "no such thing" in answer.json()["error"]["message"]
    assert seen == []


def test_an_unreachable_model_of_anthropics_client_is_translated_for_its_fallback(
    start, upstream, second_upstream, seen
):
    upstream.models("large")
    second_upstream.models("small")
    gateway = begin(start, upstream, second_upstream, '[routing.fallbacks]\nlarge = ["small"]\n')
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=503))

    answer = gateway.http.post(
        "/v1/messages",
        json={"model": "large", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    )
    assert answer.status_code == 200 and answer.headers["x-nexus-fallback-model"] == "small"
    assert seen == [("two", "small")]


def test_a_pool_is_shared_by_weight_and_each_name_goes_to_its_backend(start, upstream, second_upstream, seen):
    upstream.models("m", "other")
    second_upstream.models("m")
    gateway = begin(
        start, upstream, second_upstream,
        '[routing.aliases]\npool = [{model = "m", backend = "two", weight = 3}, {model = "other"}]\n',
    )

    for _ in range(200):
        assert gateway.chat("pool").status_code == 200
    count = Counter(seen)
    assert set(count) == {("two", "m"), ("one", "other")}
    # The odds that this fails by chance are one in some hundred millions.
    assert 115 <= count["two", "m"] <= 185


def test_nobody_who_could_serve_any_of_them_is_told_with_reasons(start, upstream, second_upstream):
    upstream.models("large")
    second_upstream.models("small")
    gateway = begin(
        start, upstream, second_upstream,
        '[health_check]\ninterval_seconds = 1\nretry_seconds = 1\nfailure_threshold = 1\n'
        '[routing.fallbacks]\nlarge = ["small", "nothing"]\n',
    )
    upstream.fail_probes()
    second_upstream.fail_probes()
    gateway.wait_for_backend("one", "Unhealthy")
    gateway.wait_for_backend("two", "Unhealthy")

    answer = gateway.chat("large")
    error = answer.json()["error"]
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert [entry["backend"] for entry in error["context"]] == ["one", "two"]
    assert all("unhealthy" in entry["reason"] for entry in error["context"])
    told = gateway.http.post(
        "/v1/messages", json={"model": "large", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    )
    assert told.status_code == 503 and "two is unhealthy" in told.json()["error"]["message"]


@pytest.mark.parametrize(
    ("routing", "words"),
    [
        ('[routing.aliases]\na = "b"\nb = "a"\n', 'leads back to itself: "a" -> "b" -> "a"'),
        ('[routing.fallbacks]\nb = ["c"]\nc = ["b"]\n', 'leads back to itself: "b" -> "c" -> "b"'),
    ],
)
def test_a_name_that_leads_back_to_itself_is_refused_with_its_line(nexus, tmp_path, routing, words):
    (tmp_path / "nexus.toml").write_text(routing)
    result = nexus("config", "check", "--config", "nexus.toml", cwd=tmp_path)
    said = result.stdout + result.stderr
    assert result.returncode != 0 and words in said and "line 2" in said


def tell(server, **told) -> None:
    """The server has the model "m", and tells this of it."""
    data = [{"id": "m", "object": "model", "created": 1, "owned_by": "test", **told}]
    server.on("/v1/models", lambda exchange: exchange.answer({"object": "list", "data": data}))


SEES = {"architecture": {"input_modalities": ["text", "image"]}}
IMAGE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]


def test_images_go_to_the_backend_whose_model_sees(start, upstream, second_upstream, seen):
    tell(upstream)
    tell(second_upstream, **SEES)
    gateway = begin(start, upstream, second_upstream, '[routing]\nstrategy = "round_robin"\n')

    for _ in range(6):
        assert gateway.chat("m", messages=[{"role": "user", "content": IMAGE}]).status_code == 200
    assert seen == [("two", "m")] * 6
    for _ in range(6):
        assert gateway.chat("m").status_code == 200
    assert {name for name, _ in seen[6:]} == {"one", "two"}


def test_a_long_prompt_goes_where_it_fits(start, upstream, second_upstream, seen):
    tell(upstream, max_model_len=8192)
    tell(second_upstream, max_model_len=131072)
    gateway = begin(start, upstream, second_upstream, '[routing]\nstrategy = "round_robin"\n')

    for _ in range(6):
        answer = gateway.chat("m", messages=[{"role": "user", "content": "word " * 60_000}])
        assert answer.status_code == 200
    assert seen == [("two", "m")] * 6


def test_what_no_backend_tells_of_is_left_to_the_servers(start, upstream, second_upstream, seen):
    tell(upstream, max_model_len=100)
    tell(second_upstream, max_model_len=100)
    gateway = begin(start, upstream, second_upstream, '[routing]\nstrategy = "round_robin"\n')

    for _ in range(4):
        content = [*IMAGE, {"type": "text", "text": "word " * 1000}]
        assert gateway.chat("m", messages=[{"role": "user", "content": content}]).status_code == 200
    assert {name for name, _ in seen} == {"one", "two"}
