"""The last words of a trainer: JSON of at most 4096 bytes in the termination message (trainer-result.schema.json)."""

from __future__ import annotations

import json
from pathlib import Path

from limbeck_trainer.errors import TrainerError

# The kubelet cuts a termination message here, and a cut JSON says nothing.
LIMIT_BYTES = 4096


def failure_document(error: TrainerError) -> dict[str, object]:
    """The failure of this rank."""
    document: dict[str, object] = {
        "contractVersion": "v1",
        "outcome": "failed",
        "reason": str(error.reason),
        "message": error.message,
    }
    return document if error.step is None else {**document, "step": error.step}


def encode(document: dict[str, object]) -> bytes:
    """Compact JSON within the limit; a message that is too long loses its middle, for its ends tell most."""
    encoded = _compact(document)
    message = document.get("message")
    while len(encoded) > LIMIT_BYTES and isinstance(message, str) and len(message) > 64:
        half = len(message) * 9 // 20
        message = f"{message[:half].rstrip()} ... {message[-half:].lstrip()}" if half > 40 else message[:64]
        encoded = _compact({**document, "message": message})
    if len(encoded) > LIMIT_BYTES:
        raise ValueError(f"the result has {len(encoded)} bytes; the termination message takes {LIMIT_BYTES}")
    return encoded


def write_result(path: Path, document: dict[str, object]) -> None:
    """Writes in place: the termination log is a mounted file, which no rename can replace."""
    path.write_bytes(encode(document))


def _compact(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
