"""A file that was read before, and is to be what it was then."""

from __future__ import annotations

import hashlib
from typing import NoReturn

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.files import File, invalid


def read_again(file: File, sha256: str) -> bytes:
    """Its bytes; DataInvalid if they are others now, or gone: what is learnt from would be another data set."""
    try:
        content = file.read()
    except TrainerError as error:
        if error.reason is not Reason.DATA_MISSING:
            raise
        _refuse(f"{file.name} is gone")
    if hashlib.sha256(content).hexdigest() != sha256:
        _refuse(f"{file.name} has changed")
    return content


def _refuse(what: str) -> NoReturn:
    remedy = "Leave data alone while it is learnt from, or write to another folder."
    invalid(f"{what} since the training began. {remedy}")
