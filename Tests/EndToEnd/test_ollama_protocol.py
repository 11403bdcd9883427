"""Every quirk of Ollama's own protocol, played by a scripted server, through a real gateway to the official client."""

import json
from collections.abc import Callable, Iterator

import openai
import pytest

from gateway import FAST, LONG, Gateway, backend
from ollama_server import BUSY, COUNTS, CREATED, GENERATORS, OllamaServer, capable, done, line, listed

MODEL = "llama3.2:1b"
MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    server = OllamaServer()
    yield server
    server.close()


@pytest.fixture
def serve(start, ollama) -> Callable[..., Gateway]:
    """Starts a gateway before the server; options are the backend's."""

    def serve(more: str = "", **options: object) -> Gateway:
        table = "[backends.options]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items())
        gateway = start(backend("ollama", ollama.url, type="ollama") + (table if options else "") + more)
        gateway.wait_for_backend("ollama")
        return gateway

    return serve


def client_of(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key="none", max_retries=0, timeout=LONG)


@pytest.fixture
def gateway(serve) -> Gateway:
    return serve()


@pytest.fixture
def client(gateway) -> openai.OpenAI:
    return client_of(gateway)


def text_of(chunks) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


# Models.


def test_capabilities_come_from_the_list(serve, ollama):
    ollama.list(
        capable("see:7b", "completion", "vision", "tools"),
        capable("think:8b", "completion", "thinking"),
        capable("embed", "embedding", context=2048),
    )
    models = {model.id: model for model in client_of(serve()).models.list().data}

    assert models["see:7b"].created == CREATED
    assert models["see:7b"].capabilities["vision"] and models["see:7b"].capabilities["tools"]
    assert not models["think:8b"].capabilities["vision"] and models["think:8b"].capabilities["json_mode"]
    assert models["embed"].context_length == 2048 and not models["embed"].capabilities["json_mode"]
    assert "/api/show" not in ollama.probed


def test_an_older_server_is_asked_for_each_model_once(serve, ollama):
    ollama.list(listed("old:7b"))
    ollama.probe("/api/show", {"capabilities": ["completion", "tools"], "model_info": {"llama.context_length": 8192}})
    gateway = serve(more=FAST)
    with gateway.socket() as live:
        for _ in range(3):
            live.until("BackendStatus")
    model = client_of(gateway).models.list().data[0]

    assert model.context_length == 8192 and model.capabilities["tools"]
    assert ollama.probed.count("/api/tags") >= 2 and ollama.probed.count("/api/show") == 1


def test_the_context_a_loaded_model_has_is_what_requests_get(serve, ollama):
    running = {"name": MODEL, "model": MODEL, "size": 9, "size_vram": 0, "context_length": 4096, "expires_at": "x"}
    ollama.probe("/api/ps", {"models": [running]})

    assert client_of(serve()).models.list().data[0].context_length == 4096


def test_a_server_without_the_list_of_loaded_models_is_healthy(serve, ollama):
    del ollama.scripts["/api/ps"]

    assert client_of(serve()).models.list().data[0].context_length == 131072


def test_probes_never_generate(serve, ollama):
    gateway = serve(more=FAST)
    with gateway.socket() as live:
        for _ in range(3):
            live.until("BackendStatus")

    assert set(ollama.probed) == {"/api/tags", "/api/ps", "/api/version"}
    asked = [ollama.requests.get_nowait().path for _ in range(ollama.requests.qsize())]
    assert not set(asked) & set(GENERATORS)


# Chats.


@pytest.mark.parametrize("length", [5, 20_000])
def test_a_whole_answer_comes_with_its_length_or_in_chunks(gateway, client, ollama, length):
    ollama.say(done("é" * length, **COUNTS))
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert answer.choices[0].message.content == "é" * length and answer.choices[0].finish_reason == "stop"
    assert answer.created == CREATED and answer.usage.total_tokens == 13
    assert gateway.history()[-1]["completion_tokens"] == 2


@pytest.mark.parametrize("piece", [1, 2, 7])
def test_a_stream_may_be_cut_anywhere_also_inside_a_character(client, ollama, piece):
    ollama.stream(line("Hé"), line("🦙"), line("\\\"\n"), done(**COUNTS), piece=piece)
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, stream_options=options))

    assert text_of(chunks) == 'Hé🦙\\"\n'
    assert chunks[-1].usage.prompt_tokens == 11 and all(chunk.usage is None for chunk in chunks[:-1])
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1


def test_parallel_calls_that_all_have_index_0_are_told_apart(client, ollama):
    calls = [{"function": {"index": 0, "name": name, "arguments": {"n": name}}} for name in ("f", "g")]
    ollama.stream(line(tool_calls=[calls[0]]), line(tool_calls=[calls[1]]), done(**COUNTS))
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("f", "g")]
    stream = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=tools, stream=True)
    chunks = list(stream)

    found = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert [call.index for call in found] == [0, 1] and len({call.id for call in found}) == 2
    assert [json.loads(call.function.arguments) for call in found] == [{"n": "f"}, {"n": "g"}]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_a_round_with_a_tool_goes_back_as_ollama_wants_it(client, ollama):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    messages = [
        *MESSAGES,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
    ]
    client.chat.completions.create(model=MODEL, messages=messages)

    sent = ollama.request().json["messages"]
    assert sent[1]["tool_calls"][0]["function"] == {"index": 0, "name": "f", "arguments": {"x": 1}}
    assert sent[2] == {"role": "tool", "content": "2", "tool_call_id": "c1", "tool_name": "f"}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_come_under_the_configured_name(serve, ollama, field):
    ollama.list(capable(MODEL, "completion", "thinking"))
    ollama.stream(line(thinking="2"), line(thinking="+2"), line("4"), done(**COUNTS))
    client = client_of(serve(reasoning_field=field))
    chunks = list(
        client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, reasoning_effort="high")
    )

    thought = "".join((chunk.choices[0].delta.model_extra or {}).get(field, "") for chunk in chunks)
    assert thought == "2+2" and text_of(chunks) == "4"
    assert ollama.request().json["think"] == "high"


@pytest.mark.parametrize("reason", ["length", "load"])
def test_why_it_ended_is_told(client, ollama, reason):
    ollama.stream(line("a"), done(reason=reason, **COUNTS))
    chunks = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True))

    assert chunks[-1].choices[0].finish_reason == ("length" if reason == "length" else "stop")


def test_counts_that_are_missing_are_unknown(gateway, client, ollama):
    ollama.say(done("a"))
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert answer.usage is None
    assert gateway.history()[-1]["prompt_tokens"] is None and gateway.history()[-1]["completion_tokens"] is None


def test_probabilities_reach_the_client(client, ollama):
    token = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -2.0}]}
    ollama.stream(line("a") | {"logprobs": [token]}, done(**COUNTS))
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, logprobs=True, top_logprobs=1
    )
    found = [chunk.choices[0].logprobs for chunk in stream if chunk.choices[0].logprobs]

    assert [(part.content[0].token, part.content[0].bytes) for part in found] == [("a", [97])]
    assert found[0].content[0].top_logprobs[0].logprob == -2.0
    assert ollama.request().json["top_logprobs"] == 1


def test_what_ollama_has_of_its_own_is_passed(serve, ollama):
    client = client_of(serve(num_ctx=8192, keep_alive="1h"))
    client.chat.completions.create(model=MODEL, messages=MESSAGES)
    own = {"keep_alive": 0, "num_ctx": 2048, "options": {"num_gpu": 1}, "min_p": 0.1}
    client.chat.completions.create(model=MODEL, messages=MESSAGES, extra_body=own)

    plain, asked = ollama.request().json, ollama.request().json
    assert plain["options"] == {"num_ctx": 8192} and plain["keep_alive"] == "1h"
    assert asked["options"] == {"num_gpu": 1, "num_ctx": 2048, "min_p": 0.1} and asked["keep_alive"] == 0


def test_what_was_left_out_is_told(client):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    answer = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=MESSAGES, tools=tools, tool_choice="required", logit_bias={"1": 5}, user="u"
    )

    assert answer.headers["x-nexus-warning"] == (
        "tool_choice required was not enforced: Ollama lets the model choose. "
        "logit_bias was ignored: Ollama does not offer it."
    )


def test_images_are_sent_as_data_and_never_fetched(serve, ollama):
    ollama.list(capable(MODEL, "completion", "vision"))
    client = client_of(serve())

    def ask(url: str) -> object:
        parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}]
        return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])

    ask("data:image/webp;base64,UklGRg==")
    assert ollama.request().json["messages"] == [{"role": "user", "content": "what?", "images": ["UklGRg=="]}]
    with pytest.raises(openai.BadRequestError) as caught:
        ask("https://example.org/a.png")
    assert caught.value.body["param"] == "messages[0].content[1]" and "data URL" in caught.value.body["message"]


# What goes wrong.


def test_an_error_line_in_the_middle_is_one_error(gateway, client, ollama):
    ollama.stream(line("a"), {"error": "an error was encountered while running the model: CUDA error"})
    seen = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
            seen.append(chunk)

    assert text_of(seen) == "a" and "CUDA error" in str(caught.value)
    assert gateway.history()[-1]["status"] == "Error"


def test_an_error_on_the_first_line_is_an_error_status(client, ollama):
    ollama.stream({"error": "llama runner process has terminated"})
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)

    assert "llama runner process has terminated" in str(caught.value)


@pytest.mark.parametrize("cut", [True, False])
def test_a_stream_without_its_last_line_is_no_answer(client, ollama, cut):
    ollama.stream(line("a"), cut=cut)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True))


def test_a_model_that_went_away_is_not_found(client, ollama):
    ollama.refuse(404, f"model '{MODEL}' not found")
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert caught.value.body["code"] == "model_not_found" and MODEL in caught.value.body["message"]


def test_a_busy_server_is_busy_and_not_ill(gateway, client, ollama):
    ollama.refuse(503, BUSY)
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert caught.value.status_code in (429, 503) and "server busy" in str(caught.value)
    assert gateway.json("/v1/stats")["backends"][0]["pending"] == 0
    ollama.say(done("hello", **COUNTS))
    assert client.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content == "hello"


def test_a_model_that_cannot_think_says_so(client, ollama):
    ollama.refuse(400, f'"{MODEL}" does not support thinking')
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, reasoning_effort="low")

    assert "does not support thinking" in caught.value.body["message"]


# The other kinds.


def test_a_completion_goes_on_with_the_prompt(client, ollama):
    pieces = [{"model": MODEL, "created_at": "x", "response": text, "done": False} for text in (" three", " four")]
    last = {"model": MODEL, "response": "", "done": True, "done_reason": "length", "context": [1, 2], **COUNTS}
    ollama.stream(*pieces, last, path="/api/generate")
    stream = client.completions.create(model=MODEL, prompt="One, two,", max_tokens=2, stream=True)
    chunks = list(stream)

    assert "".join(chunk.choices[0].text for chunk in chunks) == " three four"
    assert chunks[-1].choices[0].finish_reason == "length" and chunks[0].object == "text_completion"
    sent = ollama.request().json
    assert sent["raw"] is True and sent["prompt"] == "One, two," and sent["options"] == {"num_predict": 2}


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_embeddings_come_in_either_coding(client, ollama, encoding):
    ollama.say({"model": MODEL, "embeddings": [[0.5, -1.25], [0, 3]], "prompt_eval_count": 4}, path="/api/embed")
    answer = client.embeddings.create(model=MODEL, input=["a", "b"], dimensions=2, encoding_format=encoding)
    raw = client.embeddings.with_raw_response.create(model=MODEL, input=["a", "b"], encoding_format=encoding)

    vector = json.loads(raw.text)["data"][0]["embedding"]
    assert vector == ("AAAAPwAAoL8=" if encoding == "base64" else [0.5, -1.25])
    assert answer.data[1].index == 1 and answer.usage.prompt_tokens == 4
    assert ollama.request().json == {"model": MODEL, "input": ["a", "b"], "dimensions": 2}
