"""Anthropic's own client against the gateway: before a server that speaks its API, and before one that does not."""

import json

import anthropic
import pytest

from gateway import FAST, LONG, Gateway, backend
from upstream import DELTA, Upstream

MODEL = "smollm2:135m"
QUESTION = [{"role": "user", "content": "Say hello."}]
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


GREEDY = {"temperature": 0}
"""The same answer each time; a member of the API that the client no longer names."""


def anthropic_client(gateway: Gateway) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key="none", max_retries=0, timeout=LONG)


@pytest.fixture(params=["native", "translated"])
def gateway(request, start, model_server) -> Gateway:
    """The real server speaks Anthropic's API as well; told that it does not, the gateway translates."""
    options = {"endpoints": ["chat", "embeddings"]} if request.param == "translated" else {}
    inline = "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items()) + " }"
    gateway = start(backend("llama", model_server) + f"options = {inline}\n")
    gateway.wait_for_backend("llama")
    return gateway


@pytest.fixture
def client(gateway) -> anthropic.Anthropic:
    return anthropic_client(gateway)


def test_a_message_is_answered_and_recorded_with_its_tokens(gateway, client):
    message = client.messages.create(model=MODEL, max_tokens=8, messages=QUESTION, extra_body=GREEDY)

    assert message.type == "message" and message.role == "assistant" and message.model == MODEL
    assert message.content[0].type == "text" and message.content[0].text
    assert message.stop_reason in ("max_tokens", "end_turn")
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) > 5
    entry = gateway.history()[-1]
    assert (entry["status"], entry["endpoint"], entry["stream"]) == ("Success", "/v1/messages", False)
    assert entry["completion_tokens"] == message.usage.output_tokens > 0
    assert entry["prompt_tokens"] > 5 and entry["tokens_per_second"] > 0


def test_a_stream_gives_the_same_events_as_the_service(gateway, client):
    with client.messages.stream(model=MODEL, max_tokens=8, messages=QUESTION, extra_body=GREEDY) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()

    assert kinds[0] == "message_start" and kinds[-1] == "message_stop"
    assert kinds.index("content_block_start") < kinds.index("content_block_stop") < kinds.index("message_delta")
    assert message.content[0].text and message.stop_reason in ("max_tokens", "end_turn")
    assert 0 < message.usage.output_tokens <= 8
    entry = gateway.history()[-1]
    assert entry["status"] == "Success" and entry["stream"] and entry["ttft_ms"] is not None
    assert entry["completion_tokens"] == message.usage.output_tokens


def test_a_system_prompt_and_blocks_and_earlier_turns_are_understood(client):
    message = client.messages.create(
        model=MODEL,
        max_tokens=4,
        system=[{"type": "text", "text": "You are terse.", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "Hi."}, {"type": "text", "text": "Who are you?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "A program."}]},
            {"role": "user", "content": "Go on."},
        ],
        extra_body=GREEDY,
        stop_sequences=["###"],
    )

    assert message.content[0].text


def test_tools_are_taken(client):
    message = client.messages.create(
        model=MODEL, max_tokens=4, messages=QUESTION, tools=[WEATHER], tool_choice={"type": "auto"}, extra_body=GREEDY
    )

    assert message.stop_reason in ("max_tokens", "end_turn", "tool_use")


def test_tokens_are_counted(client):
    long = client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "word " * 100}])
    short = client.messages.count_tokens(model=MODEL, messages=QUESTION)

    assert 90 < long.input_tokens < 250 and 0 < short.input_tokens < 60


def test_an_unknown_model_is_not_found_in_the_services_words(client):
    with pytest.raises(anthropic.NotFoundError) as error:
        client.messages.create(model="nope", max_tokens=8, messages=QUESTION)

    assert error.value.body["type"] == "error" and error.value.body["error"]["type"] == "not_found_error"
    assert "nope" in error.value.body["error"]["message"]




# What a scripted server makes certain.


@pytest.fixture
def scripted(start, upstream) -> Gateway:
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def chunk(delta: dict, finish: str | None = None) -> dict:
    return {**DELTA, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index: int, arguments: str, id: str | None = None, name: str | None = None) -> dict:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"index": index, "function": function} | ({"id": id, "type": "function"} if id else {})


def test_thinking_text_and_parallel_tools_come_as_blocks(scripted: Gateway, upstream: Upstream):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(chunk({"role": "assistant", "content": None}))
        exchange.event(chunk({"reasoning_content": "Let me "}))
        exchange.event(chunk({"reasoning_content": "see."}))
        exchange.event(chunk({"content": "Höre: "}))
        exchange.event(chunk({"tool_calls": [call(0, "", "call_a", "get_weather")]}))
        exchange.event(chunk({"tool_calls": [call(0, '{"city":')]}))
        exchange.event(chunk({"tool_calls": [call(0, '"Paris"}')]}))
        exchange.event(chunk({"tool_calls": [call(1, '{"city":"Rom"}', "call_b", "get_weather")]}))
        exchange.event(chunk({}, "tool_calls"))
        exchange.event({**DELTA, "choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 9}})
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(play)
    client = anthropic_client(scripted)

    with client.messages.stream(
        model="m",
        max_tokens=2000,
        messages=QUESTION,
        tools=[WEATHER],
        thinking={"type": "enabled", "budget_tokens": 1024},
    ) as stream:
        message = stream.get_final_message()

    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert message.content[0].thinking == "Let me see." and message.content[1].text == "Höre: "
    assert [(block.name, block.input) for block in message.content[2:]] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Rom"}),
    ]
    assert len({block.id for block in message.content[2:]} - {"call_a", "call_b"}) == 2
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (30, 9)
    sent = upstream.request().json
    assert sent["stream_options"] == {"include_usage": True} and sent["max_tokens"] == 2000 and sent["reasoning_effort"] == "low"
    assert sent["tools"][0]["function"]["parameters"] == WEATHER["input_schema"]


def test_a_request_that_makes_no_sense_is_refused_with_the_place(scripted: Gateway):
    image = {"type": "image"}

    with pytest.raises(anthropic.BadRequestError) as error:
        anthropic_client(scripted).messages.create(
            model="m", max_tokens=8, messages=[{"role": "user", "content": [image]}]
        )

    assert error.value.body["error"]["type"] == "invalid_request_error"
    assert "messages.0.content.0" in error.value.body["error"]["message"]


def test_results_of_tools_reach_the_server_as_its_own_messages(scripted: Gateway, upstream: Upstream):
    anthropic_client(scripted).messages.create(
        model="m",
        max_tokens=9,
        messages=[
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}]},
        ],
    )

    messages = upstream.request().json["messages"]
    assert messages[1]["tool_calls"][0]["id"] == "t1"
    assert json.loads(messages[1]["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    assert (messages[2]["role"], messages[2]["tool_call_id"], messages[2]["content"]) == ("tool", "t1", "sunny")


def test_an_error_in_the_stream_is_an_event_of_the_service(scripted: Gateway, upstream: Upstream):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(chunk({"content": "so far"}))
        exchange.event({"error": {"message": "the GPU fell off", "type": "server_error", "code": 500}})
        exchange.end_stream()

    upstream.chat(play)

    with pytest.raises(anthropic.APIError) as error:
        for _ in anthropic_client(scripted).messages.create(
            model="m", max_tokens=9, messages=QUESTION, stream=True
        ):
            pass

    assert "the GPU fell off" in str(error.value)
    assert scripted.history()[-1]["status"] == "Error"


def test_a_busy_server_is_overloaded_and_a_limit_is_a_limit(scripted: Gateway, upstream: Upstream):
    client = anthropic_client(scripted)
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "slow down"}}, status=429, retry_after="7"))
    with pytest.raises(anthropic.RateLimitError) as limited:
        client.messages.create(model="m", max_tokens=9, messages=QUESTION)
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "full"}}, status=503))
    with pytest.raises(anthropic.InternalServerError) as overloaded:
        client.messages.create(model="m", max_tokens=9, messages=QUESTION)

    assert limited.value.body["error"]["type"] == "rate_limit_error"
    assert limited.value.response.headers["retry-after"]
    assert overloaded.value.body["error"]["type"] == "overloaded_error"


def test_a_client_that_hangs_up_frees_the_server(scripted: Gateway, upstream: Upstream):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(chunk({"content": "one"}))
        exchange.closed = exchange.wait_until_closed()

    upstream.chat(play)
    with anthropic_client(scripted).messages.stream(model="m", max_tokens=9, messages=QUESTION) as stream:
        next(iter(stream.text_stream))
    entry = scripted.wait_for_entry(lambda entry: entry["status_code"] == 499)

    assert entry["error_message"] and upstream.request().connection is not None


def test_counting_where_nobody_can_count_is_an_estimate_that_says_so(scripted: Gateway):
    counted = anthropic_client(scripted).messages.with_raw_response.count_tokens(model="m", messages=QUESTION)

    assert counted.parse().input_tokens > 0
    assert "estimate" in counted.headers["x-nexus-warning"]
