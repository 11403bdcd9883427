"""A real model behind the gateway, asked with the real client."""

import json

import openai
import pytest

from gateway import LONG, Gateway, backend, free_port
from upstream import Upstream


@pytest.fixture
def gateway(start, model_server) -> Gateway:
    gateway = start(backend("llama", model_server))
    gateway.wait_for_backend("llama")
    return gateway


@pytest.fixture
def client(gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key="none", max_retries=0, timeout=LONG)


MESSAGES = [{"role": "user", "content": "Say hello."}]


def test_models_are_listed_with_what_the_server_knows(client):
    models = client.models.list().data

    assert [model.id for model in models] == ["smollm2:135m"]
    assert models[0].owned_by == "llama" and models[0].object == "model"
    assert models[0].context_length == 2048
    assert models[0].capabilities == {"vision": False, "tools": True, "json_mode": True}
    assert client.models.retrieve("smollm2:135m").id == "smollm2:135m"


def test_a_chat_is_answered_and_recorded_and_published(gateway, client):
    with gateway.socket() as live:
        answer = client.chat.completions.with_raw_response.create(model="smollm2:135m", messages=MESSAGES, max_tokens=8)
        update = live.entry()

    completion = answer.parse()
    assert completion.choices[0].message.content
    assert completion.usage.completion_tokens <= 8
    assert answer.headers["x-nexus-backend"] == "llama" and answer.headers["x-nexus-attempts"] == "1"
    assert answer.headers["x-nexus-route-reason"] == "only-candidate"
    entry = gateway.history()[-1]
    assert entry == update
    assert entry["request_id"] == answer.headers["x-request-id"]
    assert (entry["status"], entry["model"], entry["backend_id"]) == ("Success", "smollm2:135m", "llama")
    assert entry["error_message"] is None and entry["status_code"] == 200
    assert entry["completion_tokens"] == completion.usage.completion_tokens
    assert entry["prompt_tokens"] == completion.usage.prompt_tokens


def test_a_stream_comes_in_pieces_with_its_usage(gateway, client):
    with gateway.socket() as live:
        stream = client.chat.completions.create(
            model="smollm2:135m", messages=MESSAGES, max_tokens=8, temperature=0, stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
        entry = live.entry()

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text and len(chunks) > 3
    assert chunks[-1].usage.completion_tokens == entry["completion_tokens"] > 0
    assert any(chunk.choices and chunk.choices[0].finish_reason for chunk in chunks)
    assert entry["stream"] is True and entry["status"] == "Success"
    assert entry["ttft_ms"] <= entry["duration_ms"]


def test_the_text_is_the_same_with_and_without_the_gateway(client, model_server):
    direct = openai.OpenAI(base_url=model_server + "/v1", api_key="none", max_retries=0, timeout=LONG)
    ask = {"model": "smollm2:135m", "messages": MESSAGES, "max_tokens": 12, "temperature": 0, "seed": 1}

    through = client.chat.completions.create(**ask).choices[0].message
    assert through.content == direct.chat.completions.create(**ask).choices[0].message.content


def test_plain_completions_work(client):
    completion = client.completions.create(model="smollm2:135m", prompt="One, two,", max_tokens=4)

    assert completion.choices[0].text


def test_an_error_of_the_server_reaches_the_client_as_it_is(gateway, client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="smollm2:135m", messages=[{"role": "user"}], max_tokens=4)
    assert caught.value.body["message"]
    assert gateway.history()[-1]["status"] == "Error"
    assert gateway.json("/v1/stats")["backends"][0]["pending"] == 0


def test_a_wrong_model_is_not_found(gateway, client):
    with gateway.socket() as live:
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model="gpt-9", messages=MESSAGES)
        update = live.entry()

    error = caught.value.response.json()["error"]
    assert error["code"] == "model_not_found" and error["param"] == "model"
    assert error["type"] == "invalid_request_error" and "gpt-9" in error["message"]
    assert (update["status"], update["backend_id"], update["model"]) == ("Error", "none", "gpt-9")
    assert update["error_message"] == error["message"]


def test_a_dead_backend_is_unavailable_for_a_reason(start):
    # It was there, so the gateway knows its models; then it goes.
    server = Upstream()
    gateway = start(backend("gone", server.url) + "\n[health_check]\nfailure_threshold = 1\n")
    gateway.wait_for_backend("gone")
    server.close()
    client = openai.OpenAI(base_url=gateway.url + "/v1", api_key="none", max_retries=0, timeout=LONG)

    with gateway.socket() as live:
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="m", messages=MESSAGES)
        update = live.entry()

    assert caught.value.status_code == 503
    assert "connection refused" in caught.value.response.json()["error"]["message"]
    assert update["status"] == "Error" and update["status_code"] == 503
    assert "connection refused" in update["error_message"]


def test_a_backend_that_was_never_there_is_shown_with_its_reason(start, nexus):
    port = free_port()
    gateway = start(backend("dead", f"http://127.0.0.1:{port}"))

    view = gateway.wait_for_backend("dead", "Unhealthy")
    assert "connection refused" in view["last_error"]
    assert gateway.get("/health").status_code == 503
    answer = gateway.chat("any")
    assert answer.status_code == 503 and "connection refused" in answer.json()["error"]["message"]
    listed = nexus("backends", "list", "--url", gateway.url, "--json")
    assert json.loads(listed.stdout)["data"][0]["status"] == "Unhealthy"
