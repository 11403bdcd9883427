"""LangChain's class for OpenAI against the gateway and a real model."""

import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from gateway import LONG, backend

MODEL = "smollm2:135m"


@pytest.fixture
def url(start, model_server) -> str:
    gateway = start(backend("llama", model_server))
    gateway.wait_for_backend("llama")
    return gateway.url + "/v1"


@pytest.fixture
def chat(url) -> ChatOpenAI:
    return ChatOpenAI(model=MODEL, base_url=url, api_key="none", max_tokens=40, max_retries=0, timeout=LONG)


def test_it_is_answered_with_its_tokens(chat):
    answer = chat.invoke("Say hello.")

    assert answer.content and answer.usage_metadata["output_tokens"] > 0


def test_it_streams_with_its_tokens(chat):
    parts = list(chat.stream("Say hello.", stream_usage=True))

    assert "".join(part.text for part in parts)
    assert sum(part.usage_metadata["output_tokens"] for part in parts if part.usage_metadata) > 0


def test_structured_output_has_the_structure(chat):
    schema = {
        "title": "legs",
        "type": "object",
        "properties": {"count": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["count"],
        "additionalProperties": False,
    }
    structured = chat.with_structured_output(schema, method="json_schema")

    assert 0 <= structured.invoke("How many legs has a cat?")["count"] <= 9


def test_it_makes_vectors(url):
    vectors = OpenAIEmbeddings(
        model=MODEL, base_url=url, api_key="none", check_embedding_ctx_length=False, max_retries=0
    ).embed_documents(["one", "two"])

    assert len(vectors) == 2 and len(vectors[0]) > 100
