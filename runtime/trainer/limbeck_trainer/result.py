"""The last words of a trainer: JSON of at most 4096 bytes in the termination message (trainer-result.schema.json)."""

from __future__ import annotations

import json
from pathlib import Path

from limbeck_trainer.errors import TrainerError
from limbeck_trainer.json_text import json_text

# The kubelet cuts a termination message here, and a cut JSON says nothing.
LIMIT_BYTES = 4096

# What is left of the longest texts at the least, in characters.
SHORTEST = 24
GAP = " ... "
SENTENCES = ("message", "skippedCheckpoint")


def failure_document(error: TrainerError) -> dict[str, object]:
    """The failure of this rank."""
    document: dict[str, object] = {
        "contractVersion": "v1",
        "outcome": "failed",
        "reason": str(error.reason),
        "message": error.message,
    }
    step = {} if error.step is None else {"step": error.step}
    checkpoint = {} if error.checkpoint is None else {"checkpoint": error.checkpoint.document()}
    return {**document, **step, **checkpoint}


def encode(document: dict[str, object]) -> bytes:
    """Compact JSON within the limit; texts that are too long lose their middle, the longest first."""
    encoded = _compact(document)
    limit = max(map(len, _texts_of(document)), default=0)
    while len(encoded) > LIMIT_BYTES and limit > SHORTEST:
        limit = max(SHORTEST, limit * 9 // 10)
        encoded = _compact(_with_texts_within(document, limit))
    if len(encoded) > LIMIT_BYTES:
        raise ValueError(f"the result has {len(encoded)} bytes; the termination message takes {LIMIT_BYTES}")
    return encoded


def shortened(text: str, limit: int) -> str:
    """The text within so many characters; what is too long loses its middle, for its ends tell most."""
    if len(text) <= limit:
        return text
    half = (limit - len(GAP)) // 2
    return f"{text[:half].rstrip()}{GAP}{text[-half:].lstrip()}"


def _texts_of(document: dict[str, object]) -> list[str]:
    """What may be cut: words for people. Names, digests and figures may not."""
    inner = _inner_texts(document)
    outer = [document.get(name) for name in SENTENCES]
    return [text for text in [*outer, *(owner[name] for owner, name in inner)] if isinstance(text, str)]


def _inner_texts(document: dict[str, object]) -> list[tuple[dict[str, object], str]]:
    """Owner and name of each text that lies deeper: the operator takes classes by their order, not by their labels."""
    distribution, classes = document.get("distribution"), document.get("classMetrics")
    owners = [(distribution, "reason"), *((one, "class") for one in (classes if isinstance(classes, list) else []))]
    return [(owner, name) for owner, name in owners if isinstance(owner, dict)]


def _with_texts_within(document: dict[str, object], limit: int) -> dict[str, object]:
    copy: dict[str, object] = json.loads(json_text(document))
    outer = [(copy, name) for name in SENTENCES if name in copy]
    for owner, name in [*outer, *_inner_texts(copy)]:
        owner[name] = shortened(str(owner[name]), limit)
    return copy


def write_result(path: Path, document: dict[str, object]) -> None:
    """Writes in place: the termination log is a mounted file, which no rename can replace."""
    path.write_bytes(encode(document))


def _compact(document: dict[str, object]) -> bytes:
    text = json_text(document, separators=(",", ":"), ensure_ascii=False)
    # The name of a file need not be Unicode.
    return text.encode(errors="replace")
