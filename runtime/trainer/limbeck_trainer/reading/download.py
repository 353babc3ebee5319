"""One file from a web server to the scratch volume, refused unless it has the digest that was named."""

from __future__ import annotations

import contextlib
import tempfile
from io import BufferedReader

from limbeck_trainer.data_config import Download, name_of
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.web import Wanted, Web

TOO_MUCH = "Raise data.source.https.limitMi."
REFUSED = "Name an address that answers without credentials."


def download(source: Download, web: Web | None = None) -> BufferedReader:
    """The file on the scratch volume, which goes when it is closed. DataMissing, DataInvalid or StoreUnavailable says
    why there is none.
    """
    with contextlib.ExitStack() as failing:
        file = failing.enter_context(tempfile.TemporaryFile(buffering=0))
        answer = (web or Web()).get(Wanted(source.url, source.limit_bytes, TOO_MUCH, REFUSED), file)
        if answer.sha256 != source.sha256:
            what = f"{name_of(source)} has the sha256 {answer.sha256}, not {source.sha256}."
            raise TrainerError(Reason.DATA_INVALID, f"{what} It was changed, or the digest is wrong.")
        failing.pop_all()
    return BufferedReader(file)
