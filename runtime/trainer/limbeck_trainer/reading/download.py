"""One file from a web server to the scratch volume: streamed, bounded, checked, tried again after a fault."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPException
from io import SEEK_END, BufferedReader, FileIO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from limbeck_trainer.data_config import Download
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.scratch import CHUNK_BYTES, pour
from limbeck_trainer.store import PATIENT, Patience

TIMEOUT_SECONDS = 30


class _Passing(Exception):  # noqa: N818 - named after what happened
    """Worth another try."""


def download(
    source: Download,
    patience: Patience = PATIENT,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> BufferedReader:
    """The file on the scratch volume, which goes when it is closed. DataMissing, DataInvalid or StoreUnavailable says
    why there is none.
    """
    with contextlib.ExitStack() as failing:
        file = failing.enter_context(tempfile.TemporaryFile(buffering=0))
        began, pause = clock(), patience.first_pause
        while True:
            try:
                _fetch(source, file)
                failing.pop_all()
                return BufferedReader(file)
            except _Passing as error:
                waited = clock() - began
                if waited + pause > patience.seconds:
                    message = f"{source.url} did not answer ({waited:.0f} s): {error}"
                    raise TrainerError(Reason.STORE_UNAVAILABLE, message) from error
            sleep(pause)
            pause *= 2


class _SafeRedirects(HTTPRedirectHandler):
    """Follows a redirection, but never from https to http."""

    def redirect_request(self, request, answer, code, text, headers, target):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
        """None refuses."""
        if request.full_url.startswith("https:") and not target.startswith("https:"):
            return None
        return super().redirect_request(request, answer, code, text, headers, target)


def _fetch(source: Download, file: FileIO) -> None:
    request = Request(source.url, headers={"User-Agent": "limbeck-trainer", "Accept-Encoding": "identity"})
    try:
        with build_opener(_SafeRedirects).open(request, timeout=TIMEOUT_SECONDS) as answer:
            digest = pour(_bounded(source, answer.read), file, source.url)
            announced = answer.headers.get("Content-Length")
    except HTTPError as error:
        raise _from_status(source, error.code) from error
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise _Passing(f"{getattr(error, 'reason', None) or error or type(error).__name__}.") from error
    size = file.seek(0, SEEK_END)
    if announced is not None and size < int(announced):
        raise _Passing(f"it broke off after {size} of {announced} bytes.")
    file.seek(0)
    if digest != source.sha256:
        what = f"{source.url} has the sha256 {digest}, not {source.sha256}."
        raise TrainerError(Reason.DATA_INVALID, f"{what} It was changed, or the digest is wrong.")


def _bounded(source: Download, read: Callable[[int], bytes]) -> Iterator[bytes]:
    size = 0
    while chunk := read(CHUNK_BYTES):
        size += len(chunk)
        if size > source.limit_bytes:
            message = f"{source.url} has more than {source.limit_bytes} bytes. Raise data.source.https.limitMi."
            raise TrainerError(Reason.DATA_INVALID, message)
        yield chunk


def _from_status(source: Download, status: int) -> Exception:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus else "?"
    if status in (404, 410):
        message = f"The data set {source.url} does not exist ({status}). Upload it, or correct data.source."
        return TrainerError(Reason.DATA_MISSING, message)
    if status in (408, 429) or status >= 500:
        return _Passing(f"{status} {phrase}.")
    message = f"{source.url} answers {status} {phrase}. Name an address that answers without credentials."
    return TrainerError(Reason.DATA_INVALID, message)
