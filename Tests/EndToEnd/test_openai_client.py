"""The official OpenAI client against the gateway, before a real model and before a scripted server."""

import json
import math
import struct

import httpx
import openai
import pytest

from gateway import FAST, LONG, Gateway, backend
from upstream import ANSWER, DELTA, FINISHED, Upstream, delta

MODEL = "smollm2:135m"
QUESTION = [{"role": "user", "content": "Say hello."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def openai_client(gateway: Gateway, timeout: float = LONG) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key="none", max_retries=0, timeout=timeout)


@pytest.fixture
def real(start, model_server) -> openai.OpenAI:
    gateway = start(backend("llama", model_server))
    gateway.wait_for_backend("llama")
    return openai_client(gateway)


@pytest.fixture
def scripted(start, upstream) -> Gateway:
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def test_an_answer_is_held_to_a_json_schema(real):
    schema = {
        "type": "object",
        "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["count"],
        "additionalProperties": False,
    }
    answer = real.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "How many legs has a cat?"}],
        max_tokens=40,
        response_format={"type": "json_schema", "json_schema": {"name": "legs", "schema": schema, "strict": True}},
    )

    assert 0 <= json.loads(answer.choices[0].message.content)["count"] <= 9


def test_texts_become_vectors_as_numbers_and_as_base64(real):
    texts = ["a cat", "a dog"]
    packed = real.embeddings.create(model=MODEL, input=texts)
    plain = real.embeddings.create(model=MODEL, input=texts, encoding_format="float")

    assert len(packed.data) == len(plain.data) == 2 and packed.usage.prompt_tokens > 0
    first = plain.data[0].embedding
    assert len(first) > 100
    assert all(math.isclose(a, b, abs_tol=1e-4) for a, b in zip(packed.data[0].embedding, first, strict=True))
    raw = real.embeddings.with_raw_response.create(model=MODEL, input="a cat", encoding_format="base64")
    assert isinstance(json.loads(raw.text)["data"][0]["embedding"], str)


def test_responses_go_to_servers_that_have_them(real):
    answer = real.responses.create(model=MODEL, input="Say hello.", max_output_tokens=16)
    kinds = [event.type for event in real.responses.create(model=MODEL, input="Hi.", max_output_tokens=16, stream=True)]

    assert answer.output_text
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")


def test_what_no_server_has_is_not_supported_for_a_reason(real):
    with pytest.raises(openai.InternalServerError) as error:
        real.images.generate(model=MODEL, prompt="a cat")

    assert error.value.status_code == 501
    assert "does not support images" in error.value.body["message"] and error.value.body["code"] == "not_supported"


def test_tools_are_called_in_pieces_as_the_server_sends_them(scripted: Gateway, upstream: Upstream):
    def play(exchange):
        exchange.begin_stream()
        for index, city in enumerate(["Paris", "Rom"]):
            function = {"name": "get_weather", "arguments": ""}
            call = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
            exchange.event({**DELTA, "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]})
            part = {"index": index, "function": {"arguments": json.dumps({"city": city})}}
            exchange.event({**DELTA, "choices": [{"index": 0, "delta": {"tool_calls": [part]}, "finish_reason": None}]})
        exchange.event({**DELTA, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(play)

    with openai_client(scripted).chat.completions.stream(model="m", messages=QUESTION, tools=[WEATHER]) as stream:
        completion = stream.get_final_completion()

    calls = completion.choices[0].message.tool_calls
    assert [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("call_0", "get_weather", {"city": "Paris"}),
        ("call_1", "get_weather", {"city": "Rom"}),
    ]
    assert completion.choices[0].finish_reason == "tool_calls"


def test_a_client_that_stops_reading_frees_the_server(scripted: Gateway, upstream: Upstream):
    closed = []

    def play(exchange):
        exchange.begin_stream()
        exchange.event(delta("one"))
        closed.append(exchange.wait_until_closed())

    upstream.chat(play)
    stream = openai_client(scripted).chat.completions.create(model="m", messages=QUESTION, stream=True)
    assert next(iter(stream)).choices[0].delta.content == "one"
    stream.close()

    entry = scripted.wait_for_entry(lambda entry: entry["status_code"] in (200, 499))
    assert entry["status"] == "Error" and "client closed" in entry["error_message"]
    assert scripted.json("/v1/stats")["backends"][0]["pending"] == 0


def test_a_clients_own_time_out_frees_the_server(scripted: Gateway, upstream: Upstream):
    upstream.chat(lambda exchange: exchange.wait_until_closed())

    with pytest.raises(openai.APITimeoutError):
        openai_client(scripted, timeout=0.5).chat.completions.create(model="m", messages=QUESTION)

    assert scripted.wait_for_entry(lambda entry: entry["status_code"] == 499)["status"] == "Error"


def test_sound_goes_and_comes_byte_for_byte(scripted: Gateway, upstream: Upstream):
    sound = bytes(range(256)) * 400
    upstream.on("/v1/audio/speech", lambda exchange: exchange.answer(sound, content_type="audio/mpeg"))
    upstream.on("/v1/audio/transcriptions", lambda exchange: exchange.answer({"text": "hello"}))
    forget_what_was_asked(scripted, upstream)
    client = openai_client(scripted)

    spoken = client.audio.speech.create(model="m", voice="alloy", input="hello")
    heard = client.audio.transcriptions.create(model="m", file=("a.wav", sound, "audio/wav"))

    assert spoken.content == sound and spoken.response.headers["content-type"] == "audio/mpeg"
    assert heard.text == "hello"
    upstream.request()
    sent = upstream.request()
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=") and sound in sent.body


def test_an_alias_changes_the_model_of_a_form_and_nothing_else(start, upstream):
    upstream.on("/v1/audio/transcriptions", lambda exchange: exchange.answer({"text": "hello"}))
    gateway = start(FAST + '[routing.aliases]\n"whisper" = "m"\n' + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    forget_what_was_asked(gateway, upstream)
    request = httpx.Request(
        "POST", gateway.url, data={"model": "whisper", "language": "de"}, files={"file": ("whisper", b"whisper")}
    )
    body = request.read()

    answer = gateway.http.post(
        "/v1/audio/transcriptions", content=body, headers={"content-type": request.headers["content-type"]}
    )

    assert answer.json() == {"text": "hello"}
    assert upstream.request().body == body.replace(b'name="model"\r\n\r\nwhisper', b'name="model"\r\n\r\nm')


def forget_what_was_asked(gateway: Gateway, upstream: Upstream) -> None:
    """Lets the gateway find out anew which paths the server has, and drops those questions."""
    upstream.fail_probes()
    gateway.wait_for_backend("one", "Unhealthy")
    upstream.models("m")
    gateway.wait_for_backend("one")
    while not upstream.requests.empty():
        upstream.requests.get()


# Signs of life.


def test_a_stream_that_waits_for_its_first_token_is_kept_alive_with_comments(start, upstream):
    gateway = start("[server]\nstream_keep_alive_seconds = 1\n" + FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    def play(exchange):
        upstream.stopped.wait(2.5)
        exchange.begin_stream()
        exchange.event(delta("late"))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(play)
    body = {"model": "m", "messages": QUESTION, "stream": True}
    with gateway.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        text = "".join(answer.iter_text())

    assert text.startswith(": keep-alive\n\n") and text.endswith("data: [DONE]\n\n")
    assert ": keep-alive" not in text[text.index("late") :]
    # The client's library does not even notice.
    chunks = list(openai_client(gateway).chat.completions.create(**body))
    assert chunks[0].choices[0].delta.content == "late"
    assert gateway.history()[-1]["status"] == "Success"


def test_after_a_sign_of_life_another_server_may_still_answer(start, upstream, second_upstream):
    gateway = start(
        "[server]\nstream_keep_alive_seconds = 1\n"
        + FAST
        + backend("first", upstream.url, priority=1)
        + backend("second", second_upstream.url, priority=90)
    )
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")

    def fail_late(exchange):
        upstream.stopped.wait(2.5)
        exchange.answer({"error": {"message": "broken"}}, status=500)

    def play(exchange):
        exchange.begin_stream()
        exchange.event(delta("saved"))
        exchange.event(FINISHED)
        exchange.end_stream()

    upstream.chat(fail_late)
    second_upstream.chat(play)

    stream = openai_client(gateway).chat.completions.create(model="m", messages=QUESTION, stream=True)
    assert next(iter(stream)).choices[0].delta.content == "saved"
    stream.close()


def test_after_a_sign_of_life_a_failure_is_told_inside_the_stream(start, upstream):
    gateway = start("[server]\nstream_keep_alive_seconds = 1\n" + FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    def fail_late(exchange):
        upstream.stopped.wait(2.5)
        exchange.answer({"error": {"message": "broken"}}, status=500)

    upstream.chat(fail_late)

    with pytest.raises(openai.APIError, match="broken"):
        list(openai_client(gateway).chat.completions.create(model="m", messages=QUESTION, stream=True))
    entry = gateway.history()[-1]
    assert entry["status"] == "Error" and entry["status_code"] == 200


# Tokens and times.


def test_tokens_and_times_are_in_stats_and_metrics(scripted: Gateway, upstream: Upstream):
    upstream.chat(lambda exchange: exchange.answer(ANSWER))
    for _ in range(3):
        scripted.chat()

    stats = scripted.json("/v1/stats")
    assert (stats["backends"][0]["prompt_tokens"], stats["backends"][0]["completion_tokens"]) == (9, 6)
    assert stats["models"][0]["completion_tokens"] == 6 and stats["models"][0]["tokens_per_second"] > 0
    assert scripted.metric('nexus_backend_tokens_total{backend="one",kind="prompt"}') == 9
    assert scripted.metric('nexus_model_tokens_total{model="m",kind="completion"}') == 6
    assert scripted.metric('nexus_request_duration_seconds_count{backend="one"}') == 3


def test_floats_of_a_vector_survive(scripted: Gateway, upstream: Upstream):
    vector = [0.1, -2.5, 3e-8]
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    upstream.on("/v1/embeddings", lambda exchange: exchange.answer({"object": "list", "data": data, "model": "m"}))

    answer = openai_client(scripted).embeddings.create(model="m", input="x", encoding_format="float")

    assert struct.pack("3d", *answer.data[0].embedding) == struct.pack("3d", *vector)
