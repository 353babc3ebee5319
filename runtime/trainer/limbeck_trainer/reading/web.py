"""One GET from a web server to a file: streamed, bounded, tried again after a fault.

No credentials are sent, and none are looked for: who does not answer without them is told as such.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException, InvalidURL
from io import SEEK_END, FileIO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from limbeck_trainer.address import shown
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.scratch import CHUNK_BYTES, pour
from limbeck_trainer.store import PATIENT, Patience

TIMEOUT_SECONDS = 30
# A server that asks for patience is alive. The Hub, and mirrors that are held back by it, count requests in windows of
# five minutes; who does not say how long gets half a minute between two tries.
BUSY_SECONDS, MOST_SECONDS, UNSAID_SECONDS = 360, 300, 30


@dataclass(frozen=True)
class Wanted:
    """An address, the most bytes that are taken from it, and what to do where it has more, or refuses."""

    url: str
    limit_bytes: int
    too_much: str
    refused: str

    @property
    def name(self) -> str:
        """The address, for messages."""
        return shown(self.url)


@dataclass(frozen=True)
class Answer:
    """What came; the bytes are in the file."""

    sha256: str
    size: int
    headers: Message


class _Passing(Exception):  # noqa: N818 - named after what happened
    """Worth another try, after so many seconds at least, until so many have gone by."""

    def __init__(self, what: str, after_seconds: float = 0, patience_seconds: float = 0) -> None:
        super().__init__(what)
        self.after_seconds = after_seconds
        self.patience_seconds = patience_seconds


class Web:
    """Web servers, with patience."""

    def __init__(
        self,
        patience: Patience = PATIENT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._sleep = sleep

    def wait(self, seconds: float) -> None:
        """Lets so much time pass before the same is asked again."""
        self._sleep(seconds)

    def get(self, wanted: Wanted, file: FileIO) -> Answer:
        """Makes the answer's bytes the file's only ones. DataMissing, DataInvalid or StoreUnavailable says why not."""
        began, pause = self._clock(), self._patience.first_pause
        while True:
            file.seek(0)
            try:
                return _fetch(wanted, file)
            except _Passing as error:
                if file.tell() > 0:
                    # It came some of the way: that took its time, and is no silence. The pauses grow, and end it.
                    began = self._clock()
                waited, wait = self._clock() - began, max(pause, error.after_seconds)
                if waited + wait > max(self._patience.seconds, error.patience_seconds):
                    message = f"{wanted.name} did not answer ({waited:.0f} s): {error}"
                    raise TrainerError(Reason.STORE_UNAVAILABLE, message) from error
            self._sleep(wait)
            pause *= 2


class _SafeRedirects(HTTPRedirectHandler):
    """Follows a redirection to web servers, but never from https to http."""

    def redirect_request(self, request, answer, code, text, headers, target):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
        """None refuses."""
        followed = ("https:",) if request.full_url.startswith("https:") else ("https:", "http:")
        if not target.lower().startswith(followed):
            return None
        return super().redirect_request(request, answer, code, text, headers, target)


def _fetch(wanted: Wanted, file: FileIO) -> Answer:
    request = Request(wanted.url, headers={"User-Agent": "limbeck-trainer", "Accept-Encoding": "identity"})
    with _network(wanted):
        answer = build_opener(_SafeRedirects).open(request, timeout=TIMEOUT_SECONDS)
    with answer:
        digest = pour(_bounded(wanted, answer.read), file, wanted.name)
        headers = answer.headers
    size, announced = file.seek(0, SEEK_END), headers.get("Content-Length", "")
    # One that is no number says nothing.
    if announced.isdecimal() and size < int(announced):
        raise _Passing(f"it broke off after {size} of {announced} bytes.")
    file.seek(0)
    return Answer(digest, size, headers)


@contextmanager
def _network(wanted: Wanted) -> Iterator[None]:
    """What a network does wrong, in our words. What a disk does is not its concern, so files are written elsewhere."""
    try:
        yield
    except HTTPError as error:
        raise _from_status(wanted, error) from error
    except InvalidURL as error:
        # It quotes what it does not like, and so perhaps credentials.
        raise _Passing("its address, or one that it leads to, is none.") from error
    except (URLError, HTTPException, OSError, ValueError) as error:  # the last where a redirection leads nowhere
        raise _Passing(f"{getattr(error, 'reason', None) or error or type(error).__name__}.") from error


def _bounded(wanted: Wanted, read: Callable[[int], bytes]) -> Iterator[bytes]:
    size = 0
    while chunk := _read(wanted, read):
        size += len(chunk)
        if size > wanted.limit_bytes:
            message = f"{wanted.name} has more than {wanted.limit_bytes} bytes. {wanted.too_much}"
            raise TrainerError(Reason.DATA_INVALID, message)
        yield chunk


def _read(wanted: Wanted, read: Callable[[int], bytes]) -> bytes:
    with _network(wanted):
        return read(CHUNK_BYTES)


def _from_status(wanted: Wanted, error: HTTPError) -> Exception:
    status = error.code
    phrase = HTTPStatus(status).phrase if status in HTTPStatus else "?"
    if status in (404, 410):
        message = f"The data set {wanted.name} does not exist ({status}). Upload it, or correct data.source."
        return TrainerError(Reason.DATA_MISSING, message)
    if status in (408, 429) or status >= 500:
        after = _retry_after(error)
        return _Passing(f"{status} {phrase}.", after, BUSY_SECONDS if after > 0 else 0)
    return TrainerError(Reason.DATA_INVALID, f"{wanted.name} answers {status} {phrase}. {wanted.refused}")


def _retry_after(error: HTTPError) -> float:
    """Seconds that the server asks for, within bounds; 0 where it asks for none."""
    said = error.headers.get("Retry-After", "").strip()
    seconds = int(said) if said.isdecimal() and len(said) < 10 else _seconds_until(said, error.headers)
    if seconds is None:
        seconds = UNSAID_SECONDS if error.code == 429 else 0
    return min(max(seconds, 0), MOST_SECONDS)


def _seconds_until(said: str, headers: Message) -> float | None:
    """Until a time of day, by the server's own clock where it tells it; None if this is none."""
    until = _time_of(said)
    now = _time_of(headers.get("Date", "")) or datetime.now(UTC)
    return None if until is None else (until - now).total_seconds()


def _time_of(said: str) -> datetime | None:
    """An HTTP date, which is in UTC unless it says otherwise; None if this is none."""
    try:
        told = parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError):
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)
