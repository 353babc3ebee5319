"""A data set of a mirror of the Hub becomes a folder of the scratch volume, and is read as any folder is.

Workers and attempts that come later read the commit that was written down; those that ask for a branch at the same
moment and hear different things find out when they meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from limbeck_trainer.data_config import Brought, Data, Mirrored
from limbeck_trainer.reading.commit import Course
from limbeck_trainer.reading.files import invalid, missing, places_of_format, places_of_split
from limbeck_trainer.reading.hub import TOO_MUCH, Listed, Repository
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
    web = web or Web()
    repository = Repository(source, web)
    mirror = _Mirror(source, session, repository, Course(source, session, repository, web))
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
    course: Course

    def fetch(self, folder: Path) -> None:
        """The wanted files, in a folder below `folder` that has the commit's name."""
        known = self.course.noted()
        commit = known or self.repository.commit(self.source.revision)
        self.session.log.info("data resolved", repository=self.source.repository, commit=commit)
        if known is None:
            chosen = self._chosen(commit)
            # Not before the files were seen: what is not there yet may come with another commit.
            self.course.note(commit)
        else:
            chosen = self.course.see_again(commit, lambda: self._chosen(commit))
        left = self.source.limit_bytes
        for path, file in chosen:
            self.repository.fetch(commit, file, folder / commit / path, left)
            left -= file.size
        self.session.log.info("data fetched", files=len(chosen), bytes=self.source.limit_bytes - left)

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
