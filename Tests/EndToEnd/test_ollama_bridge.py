"""A real model behind the Ollama adapter: a program of others speaks Ollama's API in front of the llama.cpp server."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import openai
import pytest

from gateway import LONG, Gateway, backend, free_port

MODEL = "llama/smollm2:135m"
MESSAGES = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
def bridge(model_server, tmp_path) -> Iterator[str]:
    """The address of an Ollama API whose only model is the real one."""
    port = free_port()
    (tmp_path / "ollama-proxy.yaml").write_text("models: []\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "ollama_proxy", "--host", "127.0.0.1", "--port", str(port)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PROVIDERS_LLAMA_BASE_URL": model_server + "/v1",
            "PROVIDERS_LLAMA_API_KEY": "none",
            "EXTRA_MODELS": MODEL,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_it_answers(process, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=LONG)


def wait_until_it_answers(process: subprocess.Popen, url: str) -> None:
    deadline = time.monotonic() + LONG
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url).text == "Ollama is running":
                return
        except httpx.TransportError:
            time.sleep(0.05)  # a program of others: nothing tells when it listens
    raise AssertionError("the bridge did not start")


@pytest.fixture
def gateway(start, bridge) -> Gateway:
    gateway = start(backend("bridge", bridge, type="ollama"))
    gateway.wait_for_backend("bridge")
    return gateway


@pytest.fixture
def client(gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key="none", max_retries=0, timeout=LONG)


def test_the_model_is_listed(client):
    assert MODEL in [model.id for model in client.models.list().data]


def test_a_chat_is_answered_by_the_model_itself(gateway, client, model_server):
    ask = {"messages": MESSAGES, "max_tokens": 12, "temperature": 0}
    answer = client.chat.completions.create(model=MODEL, **ask)
    direct = openai.OpenAI(base_url=model_server + "/v1", api_key="none", max_retries=0, timeout=LONG)

    expected = direct.chat.completions.create(model="smollm2:135m", **ask).choices[0].message.content
    assert expected and answer.choices[0].message.content == expected
    assert gateway.history()[-1]["status"] == "Success"


def test_a_stream_is_the_same_text_in_pieces(client):
    ask = {"model": MODEL, "messages": MESSAGES, "max_tokens": 12, "temperature": 0}
    chunks = list(client.chat.completions.create(**ask, stream=True))
    whole = client.chat.completions.create(**ask).choices[0].message.content

    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    assert "".join(pieces) == whole and len(pieces) > 3
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_an_error_of_the_model_server_is_told_once(client):
    # More than the context holds.
    messages = [{"role": "user", "content": "word " * 5000}]

    with pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model=MODEL, messages=messages, stream=True))
    assert "context" in str(caught.value)
