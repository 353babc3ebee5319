"""A data set of a mirror of the Hub becomes a folder of the scratch volume, and is read as any folder is.

A branch moves. What it is now is asked once, and written down with the run's checkpoints, so that workers and attempts
that come later read the same; those that ask at the same moment and hear different things find out when they meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.data_config import Brought, Data, Mirrored
from limbeck_trainer.reading.files import invalid, missing, places_of_format, places_of_split
from limbeck_trainer.reading.hub import COMMIT, TOO_MUCH, Listed, Repository
from limbeck_trainer.reading.paths import visible
from limbeck_trainer.reading.web import Web
from limbeck_trainer.session import Session


def bring(session: Session, web: Web | None = None) -> Data:
    """The config's data: what a mirror has is on the scratch volume then, fetched by one process of the pod.

    DataMissing, DataInvalid or StoreUnavailable says why it cannot be had. Other sources stay as they are.
    """
    data = session.config.data
    source = data.source
    if not isinstance(source, Mirrored):
        return data
    mirror = _Mirror(source, session, Repository(source, web or Web()))
    (root,) = session.scratch.once("mirror", mirror.fetch).iterdir()
    return replace(data, source=Brought(_name(source, root.name), str(root), source.sha256))


def _name(source: Mirrored, commit: str) -> str:
    below = f"{source.folder} of " if source.folder else ""
    return f"{below}{source.repository} at {commit[:12]} of {source.mirror}"


@dataclass(frozen=True)
class _Mirror:
    source: Mirrored
    session: Session
    repository: Repository

    def fetch(self, folder: Path) -> None:
        """The wanted files, in a folder below `folder` that has the commit's name."""
        known = self._known()
        commit = known or self.repository.commit(self.source.revision)
        self.session.log.info("data resolved", repository=self.source.repository, commit=commit)
        chosen = self._chosen(commit)
        if commit not in (known, self.source.revision):
            # Not before the files were seen: what is not there yet may come with another commit.
            self.session.store.put(self._note, commit.encode())
        left = self.source.limit_bytes
        for path, file in chosen:
            self.repository.fetch(commit, file, folder / commit / path, left)
            left -= file.size
        self.session.log.info("data fetched", files=len(chosen), bytes=self.source.limit_bytes - left)

    @property
    def _note(self) -> str:
        return f"{self.session.config.run_uri}/data-commit"

    def _known(self) -> str | None:
        """The commit that another worker, or an earlier attempt, has written down."""
        if COMMIT.fullmatch(self.source.revision):
            return None
        try:
            note = self.session.store.get(self._note).decode(errors="replace")
        except ObjectMissing:
            return None
        return note if COMMIT.fullmatch(note) else None

    def _chosen(self, commit: str) -> list[tuple[str, Listed]]:
        """Path below the source's folder, and file, of what is read; within the limit."""
        source, name = self.source, _name(self.source, commit)
        below = f"{source.folder}/" if source.folder else ""
        files = {file.path.removeprefix(below): file for file in self.repository.files(commit, source.folder)}
        paths = visible(files)
        if not paths:
            missing(name)
        wanted = self.session.config.data.reading.format
        # The folder itself may be the split.
        whole = [below + path for path in paths]
        paths = [paths[place] for place in places_of_split(name, whole, source.split)]
        paths = [paths[place] for place in places_of_format(name, paths, wanted)[1]]
        size = sum(files[path].size for path in paths)
        if size > source.limit_bytes:
            what = f"{name} has {size} bytes in the split {source.split!r}, more than {source.limit_bytes}"
            invalid(f"{what}. {TOO_MUCH}")
        return [(path, files[path]) for path in paths]
