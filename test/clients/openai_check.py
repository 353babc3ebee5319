"""OpenAI's own client, unchanged, against a running server with the model `echo`: argv is its URL."""

import json
import sys
from collections.abc import Callable
from typing import Any, Literal

import openai
import pydantic

CLIENT = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0)
CHAT = [{"role": "user", "content": "x 345678"}]


def models() -> None:
    assert "echo" in [model.id for model in CLIENT.models.list()]
    assert CLIENT.models.retrieve("echo").id == "echo"


def completions() -> None:
    answer = CLIENT.completions.create(model="echo", prompt="one two ", temperature=0, logprobs=2)
    assert answer.choices[0].text == "one two one two "
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].logprobs.tokens[:3] == ["o", "n", "e"]
    assert answer.usage.total_tokens == 24
    several = CLIENT.completions.create(model="echo", prompt=["one two ", "alphabet"], n=2, temperature=0, max_tokens=8)
    assert [choice.text for choice in several.choices] == ["one two "] * 2 + ["alphabet"] * 2
    stopped = CLIENT.completions.create(model="echo", prompt="one two ", temperature=0, stop=["two"])
    assert (stopped.choices[0].text, stopped.choices[0].finish_reason) == ("one ", "stop")


def seeds() -> None:
    def drawn(seed: int) -> str:
        answer = CLIENT.completions.create(model="echo", prompt="one two ", temperature=2, seed=seed, max_tokens=40)
        text: str = answer.choices[0].text
        return text

    assert drawn(7) == drawn(7)


def chat() -> None:
    answer = CLIENT.chat.completions.create(
        model="echo", messages=CHAT, temperature=0, max_completion_tokens=8, logprobs=True, top_logprobs=2
    )
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == " 345678"
    assert len(answer.choices[0].logprobs.content) == 8
    assert answer.usage.prompt_tokens == 10


def streams() -> None:
    chunks = list(
        CLIENT.chat.completions.create(
            model="echo",
            messages=CHAT,
            temperature=0,
            max_tokens=8,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == " 345678"
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage.completion_tokens == 8
    texts = [
        chunk.choices[0].text
        for chunk in CLIENT.completions.create(model="echo", prompt="😀ü12", temperature=0, stream=True)
    ]
    assert "".join(texts) == "😀ü12😀ü12"


class Next(pydantic.BaseModel):  # type: ignore[misc]
    """A list of what is old and new."""

    kind: Literal["new", "old"]
    count: int | None
    next: "Next | None"


def json_mode() -> None:
    answer = CLIENT.chat.completions.parse(
        model="echo", messages=CHAT, temperature=2, seed=4, response_format=Next, logit_bias={"110": 40}
    )
    assert isinstance(answer.choices[0].message.parsed, Next), answer
    quick = {"34": 30, "58": 30, "125": 40}
    answer = CLIENT.chat.completions.create(
        model="echo", messages=CHAT, temperature=0, response_format={"type": "json_object"}, logit_bias=quick
    )
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def embeddings() -> None:
    texts = ["one", "two and a half"]
    encodings: list[dict[str, Any]] = [{}, {"encoding_format": "float"}]
    for encoding in encodings:
        answer = CLIENT.embeddings.create(model="vectors", input=texts, **encoding)
        assert [len(entry.embedding) for entry in answer.data] == [4, 4]
        for entry in answer.data:
            assert abs(sum(value * value for value in entry.embedding) - 1) < 1e-5
    assert answer.usage.total_tokens == 21
    tokens = CLIENT.embeddings.create(model="vectors", input=[[65], [66, 67]])
    assert tokens.usage.prompt_tokens == 3


def refused(kind: type[openai.APIStatusError], call: Callable[[], object], words: str) -> None:
    try:
        call()
    except kind as error:
        assert words in error.message, error.message
    else:
        raise AssertionError(f"{words}: was not refused")


def mistakes() -> None:
    create = CLIENT.completions.create
    refused(openai.NotFoundError, lambda: create(model="nobody", prompt="a"), "there is no model 'nobody'")
    refused(openai.BadRequestError, lambda: create(model="mlp", prompt="a"), "is not a language model")
    refused(openai.BadRequestError, lambda: create(model="echo", prompt="a" * 300), "context is 256 tokens")
    refused(openai.BadRequestError, lambda: create(model="echo", prompt="a", temperature=9), "'temperature'")
    embed = CLIENT.embeddings.create
    refused(openai.BadRequestError, lambda: embed(model="echo", input="a"), "gives no embeddings")
    refused(openai.BadRequestError, lambda: embed(model="vectors", input="a" * 100), "context is 64 tokens")
    refused(openai.BadRequestError, lambda: embed(model="vectors", input="a", dimensions=2), "have no 2 dimensions")
    refused(openai.NotFoundError, lambda: CLIENT.models.retrieve("nobody"), "there is no model 'nobody'")


for check in (models, completions, seeds, chat, streams, json_mode, embeddings, mistakes):
    check()
print("openai: all of it holds")
