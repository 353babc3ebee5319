"""How a program ends: the reasons of the contract, their exit codes, and the termination message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LIMIT_BYTES = 4096  # The kubelet cuts a termination message here, and a cut JSON says nothing.

# Reasons of trainer-result.schema.json; docs/custom-training.md says what the operator does about each.
EXIT_CODES = {"ConfigInvalid": 78, "DataMissing": 66, "DataInvalid": 65, "NonFiniteLoss": 70, "ParityBroken": 70}
EXIT_CODES |= {"OutOfMemory": 71, "StoreUnavailable": 75, "PeerLost": 75, "Interrupted": 143, "Crashed": 1}
LARGER = "Raise placement.resources.limits.memory in a new job, or take larger GPUs, or a smaller model or batch."


class Failure(Exception):  # noqa: N818 - named after what happened
    """An end with a reason of EXIT_CODES, and one sentence for a person: what, where, the remedy."""

    def __init__(self, reason: str, message: str, step: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = EXIT_CODES[reason]
        self.reason, self.message, self.step = reason, message, step

    def document(self) -> dict[str, Any]:
        """The contract's JSON."""
        step = {} if self.step is None else {"step": self.step}
        return {"contractVersion": "v1", "outcome": "failed", "reason": self.reason, "message": self.message, **step}


def is_out_of_memory(error: BaseException) -> bool:
    """In Python's way, or in PyTorch's, which has an error of its own for GPUs alone."""
    native = isinstance(error, RuntimeError) and ("out of memory" in str(error) or "allocate memory" in str(error))
    return native or isinstance(error, MemoryError)


def write_result(path: Path, document: dict[str, Any]) -> None:
    """The last words, in place: the termination log is a mounted file. Only the message of a failure may be cut."""
    content = as_json(document)
    if len(content) > LIMIT_BYTES and "message" in document:
        room = LIMIT_BYTES - len(as_json({**document, "message": ""}))
        content = as_json({**document, "message": document["message"][: room // 6]})  # Escapes take up to six bytes.
    if len(content) > LIMIT_BYTES:
        raise ValueError(f"the result has {len(content)} bytes; the termination message takes {LIMIT_BYTES}")
    path.write_bytes(content)


def as_json(document: dict[str, Any]) -> bytes:
    """ValueError for what is no finite number: JSON has no word for it, and whoever reads would refuse all of it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(errors="replace")
