"""The last words of a trainer: JSON of at most 4096 bytes in the termination message (trainer-result.schema.json)."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

from limbeck_trainer.errors import TrainerError
from limbeck_trainer.json_text import json_text

# The kubelet cuts a termination message here, and a cut JSON says nothing.
LIMIT_BYTES = 4096

# What is left of a text at the least, in bytes of JSON.
SHORTEST = 24
GAP = " ... "

Document = dict[str, Any]
# Where a text stands: who has it, and its name there.
Place = tuple[Document, str]


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
    """Compact JSON within the limit. What is least missed goes first: the middles of labels, since the operator takes
    classes by their order; those of sentences, the longest first; and then what report.json has as well."""
    encoded = _compact(document)
    if len(encoded) <= LIMIT_BYTES:
        return encoded
    copy: Document = json.loads(encoded)
    for places in (_labels(copy), _sentences(copy)):
        _shorten(copy, places)
    for owner, names in _told_elsewhere(copy):
        if len(_compact(copy)) > LIMIT_BYTES:
            for name in names:
                owner.pop(name, None)
    encoded = _compact(copy)
    if len(encoded) > LIMIT_BYTES:
        raise ValueError(f"the result has {len(encoded)} bytes; the termination message takes {LIMIT_BYTES}")
    return encoded


def shortened(text: str, limit: int) -> str:
    """The text within so many characters; what is too long loses its middle, for its ends tell most."""
    if len(text) <= limit:
        return text
    half = (limit - len(GAP)) // 2
    return f"{text[:half].rstrip()}{GAP}{text[-half:].lstrip()}"


def _labels(document: Document) -> list[Place]:
    return [(one, "class") for one in document.get("classMetrics", [])]


def _sentences(document: Document) -> list[Place]:
    """Words for people. Names, digests and figures are never cut."""
    places = [(document, "message"), (document, "skippedCheckpoint"), (document.get("distribution", {}), "reason")]
    return [(owner, name) for owner, name in places if name in owner]


def _told_elsewhere(document: Document) -> list[tuple[Document, tuple[str, ...]]]:
    """The page's address, which is that of the artefact and report.html, and intervals, which that page has."""
    others = [one for name in ("control", "teacher") for one in document.get(name, {}).values()]
    measures = [*filter(lambda one: isinstance(one, dict), others), *document.get("classMetrics", [])]
    return [(document.get("artefact", {}), ("report",)), *((one, ("low", "high")) for one in measures)]


def _shorten(document: Document, places: list[Place]) -> None:
    """Until the document is within the limit, or the texts are as short as they get."""
    texts, limit = [str(owner[name]) for owner, name in places], LIMIT_BYTES
    while len(_compact(document)) > LIMIT_BYTES and limit > SHORTEST:
        limit = max(SHORTEST, limit * 9 // 10)
        for (owner, name), text in zip(places, texts, strict=True):
            owner[name] = _within(text, limit)


def _within(text: str, limit: int) -> str:
    """As `shortened`, but within so many bytes of JSON, of which a control character takes six and an emoji four."""
    if _size(text) <= limit:
        return text
    half = (limit - len(GAP)) // 2
    return f"{_beginning(text, half).rstrip()}{GAP}{_beginning(text[::-1], half)[::-1].lstrip()}"


def _beginning(text: str, limit: int) -> str:
    """As much of it as takes so many bytes."""
    sizes = accumulate(map(_size, text[:limit]))
    return text[: sum(size <= limit for size in sizes)]


def _size(text: str) -> int:
    """Without its quotes."""
    return len(_compact(text)) - 2


def write_result(path: Path, document: dict[str, object]) -> None:
    """Writes in place: the termination log is a mounted file, which no rename can replace."""
    path.write_bytes(encode(document))


def _compact(document: object) -> bytes:
    text = json_text(document, separators=(",", ":"), ensure_ascii=False)
    # The name of a file need not be Unicode.
    return text.encode(errors="replace")
