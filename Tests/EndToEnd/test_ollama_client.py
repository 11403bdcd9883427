"""Ollama's own client against the gateway: it sees the whole fleet, whatever software the servers are."""

import ollama
import pytest

from gateway import FAST, LONG, Gateway, backend
from upstream import DELTA, Upstream

MODEL = "smollm2:135m"
QUESTION = [{"role": "user", "content": "Say hello."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ollama_client(gateway: Gateway) -> ollama.Client:
    return ollama.Client(host=gateway.url, timeout=LONG)


@pytest.fixture
def gateway(start, model_server) -> Gateway:
    gateway = start(backend("llama", model_server))
    gateway.wait_for_backend("llama")
    return gateway


@pytest.fixture
def client(gateway) -> ollama.Client:
    return ollama_client(gateway)


def test_the_models_of_all_servers_are_listed(client):
    models = client.list().models

    assert [model.model for model in models] == [MODEL]
    assert models[0].digest and models[0].details is not None


def test_a_model_is_shown_with_its_context_and_what_it_can_do(client):
    shown = client.show(MODEL)

    assert "completion" in shown.capabilities
    assert any(name.endswith(".context_length") and value == 2048 for name, value in shown.modelinfo.items())
    with pytest.raises(ollama.ResponseError) as error:
        client.show("nope")
    assert error.value.status_code == 404 and "nope" in error.value.error


def test_what_is_in_memory_is_listed(client):
    assert client.ps().models is not None


def test_a_chat_is_answered_and_recorded_with_its_tokens(gateway, client):
    answer = client.chat(model=MODEL, messages=QUESTION, options={"num_predict": 8, "temperature": 0})

    assert answer.message.role == "assistant" and answer.message.content
    assert answer.done and answer.done_reason in ("length", "stop") and answer.model == MODEL
    assert answer.total_duration > 0 and 0 < answer.eval_count <= 8 and answer.prompt_eval_count > 5
    entry = gateway.history()[-1]
    assert (entry["status"], entry["endpoint"], entry["stream"]) == ("Success", "/api/chat", False)
    assert entry["completion_tokens"] == answer.eval_count and entry["prompt_tokens"] == answer.prompt_eval_count


def test_a_stream_comes_line_by_line_with_the_figures_at_its_end(gateway, client):
    parts = list(client.chat(model=MODEL, messages=QUESTION, options={"num_predict": 8, "temperature": 0}, stream=True))

    assert len(parts) > 3 and "".join(part.message.content or "" for part in parts)
    assert not any(part.done for part in parts[:-1]) and parts[-1].done
    assert parts[-1].eval_count > 0 and parts[-1].done_reason in ("length", "stop")
    entry = gateway.history()[-1]
    assert entry["stream"] and entry["ttft_ms"] is not None and entry["completion_tokens"] == parts[-1].eval_count


def test_a_prompt_is_completed(client):
    whole = client.generate(model=MODEL, prompt="One, two,", options={"num_predict": 4})
    parts = list(client.generate(model=MODEL, prompt="One, two,", options={"num_predict": 4}, stream=True))

    assert whole.response and whole.done
    assert "".join(part.response for part in parts) and parts[-1].done


def test_a_raw_prompt_is_completed_without_the_models_template(client):
    answer = client.generate(model=MODEL, prompt="One, two,", raw=True, options={"num_predict": 4, "temperature": 0})

    assert answer.response


def test_loading_and_unloading_a_model_does_no_harm(client):
    assert client.generate(model=MODEL).done_reason == "load"
    assert client.generate(model=MODEL, keep_alive=0).done_reason == "unload"


def test_an_answer_is_held_to_a_schema(client):
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}, "required": ["n"]}

    answer = client.chat(model=MODEL, messages=QUESTION, format=schema, options={"num_predict": 40})

    assert answer.message.content.lstrip().startswith("{")


def test_texts_become_vectors(client):
    vectors = client.embed(model=MODEL, input=["one", "two"])
    legacy = client.embeddings(model=MODEL, prompt="one")

    assert len(vectors.embeddings) == 2 and len(vectors.embeddings[0]) > 100
    assert len(legacy.embedding) == len(vectors.embeddings[0])


def test_an_unknown_model_is_not_found_in_ollamas_words(client):
    with pytest.raises(ollama.ResponseError) as error:
        client.chat(model="nope", messages=QUESTION)

    assert error.value.status_code == 404 and error.value.error.startswith("model 'nope' not found")
    assert f"'{MODEL}'" in error.value.error


def test_what_changes_a_server_is_refused_with_what_to_do_instead(client):
    with pytest.raises(ollama.ResponseError) as error:
        client.pull("llama3")

    assert error.value.status_code == 501 and "/v1/backends/" in error.value.error


def test_the_version_is_told(gateway):
    assert gateway.json("/api/version")["version"].count(".") == 2


# What a scripted server makes certain.


@pytest.fixture
def scripted(start, upstream) -> Gateway:
    upstream.models("m", "tagged:latest")
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def chunk(delta: dict, finish: str | None = None) -> dict:
    return {**DELTA, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_parallel_calls_of_tools_come_whole(scripted: Gateway, upstream: Upstream):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(chunk({"reasoning_content": "Hm."}))
        for index, city in enumerate(["Paris", "Rom"]):
            function = {"name": "get_weather", "arguments": ""}
            call = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
            exchange.event(chunk({"tool_calls": [call]}))
            exchange.event(chunk({"tool_calls": [{"index": index, "function": {"arguments": '{"city":'}}]}))
            exchange.event(chunk({"tool_calls": [{"index": index, "function": {"arguments": f'"{city}"}}'}}]}))
        exchange.event(chunk({}, "tool_calls"))
        exchange.event({**DELTA, "choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 9}})
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(play)

    parts = list(ollama_client(scripted).chat(model="m", messages=QUESTION, tools=[WEATHER], stream=True))

    calls = [call.function for part in parts for call in part.message.tool_calls or []]
    assert [(call.name, call.arguments) for call in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Rom"}),
    ]
    assert "".join(part.message.thinking or "" for part in parts) == "Hm."
    assert parts[-1].done and parts[-1].eval_count == 9


def test_an_error_in_the_stream_is_a_line_with_an_error(scripted: Gateway, upstream: Upstream):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(chunk({"content": "so far"}))
        exchange.event({"error": {"message": "the GPU fell off", "code": 500}})
        exchange.end_stream()

    upstream.chat(play)

    with pytest.raises(ollama.ResponseError, match="the GPU fell off"):
        list(ollama_client(scripted).chat(model="m", messages=QUESTION, stream=True))
    assert scripted.history()[-1]["status"] == "Error"


def test_a_name_without_a_tag_means_the_latest(scripted: Gateway, upstream: Upstream):
    ollama_client(scripted).chat(model="tagged", messages=QUESTION)

    assert upstream.request().json["model"] == "tagged:latest"
    assert scripted.history()[-1]["model"] == "tagged"


def test_a_stream_gets_no_comments_that_a_reader_of_lines_would_trip_over(start, upstream):
    gateway = start("[server]\nstream_keep_alive_seconds = 1\n" + FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    def play(exchange):
        # Longer than the interval: the gateway looks once a second.
        upstream.stopped.wait(2.5)
        exchange.begin_stream()
        exchange.event(chunk({"content": "late"}))
        exchange.event(chunk({}, "stop"))
        exchange.end_stream()

    upstream.chat(play)

    with gateway.http.stream("POST", "/api/chat", json={"model": "m", "messages": QUESTION}) as answer:
        lines = list(answer.iter_lines())

    assert all(line.startswith("{") for line in lines) and len(lines) >= 2
