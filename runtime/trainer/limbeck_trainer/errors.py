"""Every way a training can end badly: the reasons of the contract and their exit codes.

The reason in the termination message decides first; the exit code says the same to whoever reads only that.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from limbeck_trainer.progress import SavedCheckpoint


class Reason(StrEnum):
    """Why a trainer failed, in the words of the contract (trainer-result.schema.json)."""

    CONFIG_INVALID = "ConfigInvalid"
    OUT_OF_MEMORY = "OutOfMemory"
    DATA_MISSING = "DataMissing"
    DATA_INVALID = "DataInvalid"
    TEACHER_MISSING = "TeacherMissing"
    TEACHER_MISMATCH = "TeacherMismatch"
    NON_FINITE_LOSS = "NonFiniteLoss"
    PARITY_BROKEN = "ParityBroken"
    STORE_UNAVAILABLE = "StoreUnavailable"
    PEER_LOST = "PeerLost"
    INTERRUPTED = "Interrupted"
    CRASHED = "Crashed"


# sysexits.h: 64-74 and 76-78 are permanent, 66 is a missing input that is waited for, 75 is worth another try.
EXIT_CODES: Final[Mapping[Reason, int]] = {
    Reason.CONFIG_INVALID: 78,
    Reason.OUT_OF_MEMORY: 71,
    Reason.DATA_MISSING: 66,
    Reason.DATA_INVALID: 65,
    Reason.TEACHER_MISSING: 66,
    Reason.TEACHER_MISMATCH: 65,
    Reason.NON_FINITE_LOSS: 70,
    Reason.PARITY_BROKEN: 70,
    Reason.STORE_UNAVAILABLE: 75,
    Reason.PEER_LOST: 75,
    Reason.INTERRUPTED: 143,
    Reason.CRASHED: 1,
}


class TrainerError(Exception):
    """An end with a reason: one sentence for a person (what, where, the remedy) and, where known, the step and the
    checkpoint that the next attempt goes on from.
    """

    def __init__(
        self, reason: Reason, message: str, step: int | None = None, checkpoint: SavedCheckpoint | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.step = step
        self.checkpoint = checkpoint
