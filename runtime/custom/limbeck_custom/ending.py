"""How a program ends: the reasons of trainer-result.schema.json, their exit codes, and the termination message."""

import json
from typing import Any

LIMIT_BYTES = 4096  # The kubelet cuts a termination message here, and a cut JSON says nothing.
EXIT_CODES = {"ConfigInvalid": 78, "DataMissing": 66, "DataInvalid": 65, "NonFiniteLoss": 70, "ParityBroken": 70}
EXIT_CODES |= {"OutOfMemory": 71, "StoreUnavailable": 75, "PeerLost": 75, "Interrupted": 143, "Crashed": 1}
LARGER = "Raise placement.resources.limits.memory in a new job, or take larger GPUs, or a smaller model or batch."


class Failure(Exception):  # noqa: N818 - named after what happened
    """An end with a reason of EXIT_CODES, and one sentence for a person: what, where, the remedy."""

    def __init__(self, reason: str, message: str, step: int | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.step, self.exit_code = reason, message, step, EXIT_CODES[reason]

    def document(self) -> dict[str, Any]:
        """The contract's JSON."""
        step = {} if self.step is None else {"step": self.step}
        return {"contractVersion": "v1", "outcome": "failed", "reason": self.reason, "message": self.message, **step}


def is_out_of_memory(error: BaseException) -> bool:
    """In Python's way, or in PyTorch's, which has an error of its own for GPUs alone."""
    native = isinstance(error, RuntimeError) and ("out of memory" in str(error) or "allocate memory" in str(error))
    return native or isinstance(error, MemoryError)


def last_words(document: dict[str, Any]) -> bytes:
    """At most LIMIT_BYTES: the message of a failure may be cut, and nothing of a success, which else is refused."""
    content = as_json(document)
    if len(content) <= LIMIT_BYTES:
        return content
    if "message" not in document:
        what = f"The result has {len(content)} bytes, and a termination message takes {LIMIT_BYTES}"
        raise Failure("ConfigInvalid", f"{what}. Leave out intervals, and tensors of artefact, which the manifest has.")
    room = LIMIT_BYTES - len(as_json({**document, "message": ""}))
    return as_json({**document, "message": document["message"][: room // 6]})  # Escapes take up to six bytes.


def as_json(document: dict[str, Any]) -> bytes:
    """ValueError for what is no finite number: JSON has no word for it, and whoever reads would refuse all of it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(errors="replace")
