"""The commit of a mirror's data set that all attempts of a run read, and what becomes of the run where it is gone.

A branch moves. What it is when a run begins is written down with the run's checkpoints: to go on from one of them with
other data would be a training that nobody asked for, and that no lineage tells. So a commit that is gone is never
replaced by another one of the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.data_config import Mirrored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.hub import COMMIT, Repository
from limbeck_trainer.reading.web import Web
from limbeck_trainer.session import Session

Found = TypeVar("Found")

# A mirror may have several servers, of which one has not heard of everything yet.
LOOKS, PAUSE_SECONDS = 5, 6
# What every data set has.
BRANCH = "main"


@dataclass(frozen=True)
class Course:
    """What one run reads of a mirror."""

    source: Mirrored
    session: Session
    repository: Repository
    web: Web

    def noted(self) -> str | None:
        """The commit that another worker, or an earlier attempt, has seen and written down."""
        try:
            note = self.session.store.get(self._note).decode(errors="replace")
        except ObjectMissing:
            return None
        # Where the spec names a commit there is no other.
        fits = not COMMIT.fullmatch(self.source.revision) or note == self.source.revision
        return note if fits and COMMIT.fullmatch(note) else None

    def note(self, commit: str) -> None:
        """For whoever comes later."""
        self.session.store.put(self._note, commit.encode())

    def see_again(self, commit: str, look: Callable[[], Found]) -> Found:
        """What `look` finds of a commit that was there before.

        DataMissing if the mirror has nothing of the data set: that may pass. DataInvalid if it has, but the commit.
        """
        for _ in range(LOOKS):
            try:
                return look()
            except TrainerError as error:
                if error.reason is not Reason.DATA_MISSING or not self._is_there():
                    raise
            self.web.wait(PAUSE_SECONDS)
        where = f"{self.source.repository} of {self.source.mirror}"
        what = f"The commit {commit}, with which this run began, is gone from {where}, which is there without it"
        remedy = "Have the mirror fetch it again, and make a new job; or make one that reads another commit."
        raise TrainerError(Reason.DATA_INVALID, f"{what}. {remedy}")

    @property
    def _note(self) -> str:
        return f"{self.session.config.run_uri}/data-commit"

    def _is_there(self) -> bool:
        return any(self._resolves(revision) for revision in self._revisions())

    def _revisions(self) -> Iterable[str]:
        named = self.source.revision
        return dict.fromkeys([BRANCH] if COMMIT.fullmatch(named) else [named, BRANCH])

    def _resolves(self, revision: str) -> bool:
        try:
            self.repository.commit(revision)
        except TrainerError as error:
            if error.reason not in (Reason.DATA_MISSING, Reason.DATA_INVALID):
                raise
            # Neither does what is no mirror's answer, as of a page that says that it is mended, prove anything.
            return False
        return True
