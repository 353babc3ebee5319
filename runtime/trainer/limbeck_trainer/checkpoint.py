"""Checkpoints in the store: <runUri>/a<attempt>/checkpoints/<stage>/step-<n>.pt and, after it, step-<n>.json.

The small pointer carries the SHA-256 of the big file and is written last: a checkpoint exists only when both are whole.
A later attempt resumes from the newest valid one of any attempt; a corrupt one is skipped for the one before. One that
was trained on other data ends the run: going on from it would be a training that nobody asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.json_text import json_bytes
from limbeck_trainer.log import Log
from limbeck_trainer.progress import SavedCheckpoint
from limbeck_trainer.store import ONCE, Store

PLACE = re.compile(r"/a(\d+)/checkpoints/([a-z]+)/step-(\d+)\.(json|pt)$")


@dataclass(frozen=True, order=True)
class Pointer:
    """One checkpoint that the store lists, ordered by how far it is."""

    step: int
    attempt: int
    uri: str

    @property
    def file(self) -> str:
        """The big file beside the pointer."""
        return self.uri.removesuffix(".json") + ".pt"


@dataclass(frozen=True)
class Identity:
    """Whose checkpoints these are; `fingerprint` is the course of training they belong to, `data_sha256` its data."""

    run_uri: str
    attempt: int
    fingerprint: str
    keep: int
    data_sha256: str


@dataclass(frozen=True)
class Snap:
    """What is to be kept of a step: all that a training goes on from, and for people the history as JSON."""

    step: int
    content: bytes
    history: bytes = b"[]"


@dataclass(frozen=True)
class Newest:
    """The newest valid checkpoint of a run, if there is one, and why newer ones were skipped: '' if none was."""

    content: bytes | None = None
    saved: SavedCheckpoint | None = None
    skipped: str = ""


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


class Checkpoints:
    """The checkpoints of one stage (model, student or control) of one run. Only rank 0 uses this."""

    def __init__(
        self, store: Store, identity: Identity, stage: str, log: Log, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._identity = identity
        self._stage = stage
        self._log = log
        self._now = now
        self._known: list[Pointer] = []
        # Newer than what was resumed from, and of no use.
        self._skipped: list[Pointer] = []

    def newest(self, problem_of: Callable[[bytes, int], str] = lambda _content, _step: "") -> Newest:
        """The newest valid checkpoint of all attempts so far; what a killed one left without a pointer is removed.

        `problem_of` says what is wrong with the bytes of a step, '' if nothing is.
        DataInvalid if it was trained on other data.
        """
        self._known, self._skipped = sorted(self._pointers()), []
        skipped: list[str] = []
        for pointer in reversed([*self._known]):
            document, content, problem = self._read(pointer)
            if content is not None:
                self._check_data(pointer, document)
                problem = problem_of(content, pointer.step)
            if content is not None and not problem:
                self._log.info("checkpoint found", step=pointer.step, attempt=pointer.attempt, uri=pointer.file)
                saved = SavedCheckpoint(pointer.step, pointer.file, document["sha256"], document.get("savedAt"))
                return Newest(content, saved, "; ".join(skipped))
            self._log.warn("checkpoint skipped", step=pointer.step, uri=pointer.file, problem=problem)
            skipped.append(f"step {pointer.step} of attempt {pointer.attempt}: {problem}")
            # It does not count among those that are kept: it would be the newest of them for long.
            self._known.remove(pointer)
            self._skipped.append(pointer)
        return Newest(skipped="; ".join(skipped))

    @property
    def history_uri(self) -> str:
        """Where the history of the stage lies, over all attempts, as of the newest checkpoint."""
        return f"{self._identity.run_uri}/history/{self._stage}.json"

    def save(self, snap: Snap) -> SavedCheckpoint:
        """Uploads, then points to it, then drops all but the last `keep`; tried once. TrainerError says why not."""
        name = f"{self._identity.run_uri}/a{self._identity.attempt}/checkpoints/{self._stage}/step-{snap.step:08d}"
        pointer = Pointer(snap.step, self._identity.attempt, f"{name}.json")
        saved_at = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        saved = SavedCheckpoint(snap.step, pointer.file, hashlib.sha256(snap.content).hexdigest(), saved_at)
        document = {"step": snap.step, "sha256": saved.sha256, "savedAt": saved_at, "sizeBytes": len(snap.content)}
        self._store.put(pointer.file, snap.content, ONCE)
        try:
            self._store.put(self.history_uri, snap.history, ONCE)
            about = {**document, "course": self._identity.fingerprint, "dataSha256": self._identity.data_sha256}
            self._store.put(pointer.uri, json_bytes(about), ONCE)
        except TrainerError:
            # Nothing would ever find it again, and a full store should not be kept full.
            self._discard(pointer.file)
            raise
        self._known = sorted({*self._known, pointer})
        self._drop_old()
        return saved

    def _pointers(self) -> list[Pointer]:
        """Of what the store lists; files of this stage that no pointer ever followed go."""
        listed = self._store.list(self._identity.run_uri)
        places = ((PLACE.search(uri), uri) for uri in listed)
        ours = [(match, uri) for match, uri in places if match and match[2] == self._stage]
        pointers = [Pointer(int(match[3]), int(match[1]), uri) for match, uri in ours if match[4] == "json"]
        for uri in {uri for match, uri in ours if match[4] == "pt"} - {pointer.file for pointer in pointers}:
            self._discard(uri)
        return pointers

    def _read(self, pointer: Pointer) -> tuple[dict[str, Any], bytes | None, str]:
        """What its pointer says and the checkpoint's bytes, or what is wrong with it."""
        try:
            document = json.loads(self._store.get(pointer.uri))
            content = self._store.get(pointer.file)
        except ObjectMissing:
            return {}, None, "it is incomplete"
        except (ValueError, RecursionError):
            return {}, None, "its pointer is not JSON"
        if not isinstance(document, dict) or document.get("sha256") != hashlib.sha256(content).hexdigest():
            return {}, None, "its bytes do not have the sha256 that was written down"
        if document.get("course") != self._identity.fingerprint:
            return {}, None, "it belongs to a training with other settings"
        return document, content, ""

    def _check_data(self, pointer: Pointer, document: dict[str, Any]) -> None:
        now = self._identity.data_sha256
        # The pointer of an older trainer does not tell.
        trained = document.get("dataSha256", now)
        if trained == now:
            return
        what = f"The data has the sha256 {now}, and the checkpoint of step {pointer.step} was trained on {trained}"
        remedy = (
            "Put the data back as it was, or leave it, and make a new job: a run has one data set from begin to end."
        )
        raise TrainerError(Reason.DATA_INVALID, f"{what}. It was changed since the run began. {remedy}")

    def _drop_old(self) -> None:
        while len(self._known) > self._identity.keep:
            self._drop(self._known.pop(0))
        while self._skipped:
            self._drop(self._skipped.pop())

    def _drop(self, pointer: Pointer) -> None:
        # Pointer first: a file without a pointer is only rubbish, a pointer without a file is a broken promise.
        self._discard(pointer.uri)
        self._discard(pointer.file)

    def _discard(self, uri: str) -> None:
        with contextlib.suppress(TrainerError):
            self._store.delete(uri)


@dataclass(frozen=True)
class Due:
    """Says when the next periodic checkpoint is due: `every_seconds` after the last."""

    every_seconds: float
    clock: Callable[[], float]
    since: float

    def passed(self) -> bool:
        """Whether it is time."""
        return self.clock() - self.since >= self.every_seconds

    def again(self) -> Due:
        """The next one, counted from now."""
        return Due(self.every_seconds, self.clock, self.clock())
