"""The files of a folder by their paths below it: one look at each folder, and none at a file unless it is a link.

Links are followed, to files and to folders, as long as they stay on the volume: those of a projected volume of
Kubernetes do, and those of the Hub's cache. Whoever may write to a volume could otherwise name any file of the pod.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from limbeck_trainer.errors import Reason, TrainerError


class Volume:
    """The volume that a file or folder, which may not be there, lies on; `name` is for messages."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._name = name
        self._mount = _real(_mount_of(root.absolute()))
        self._check(_real(root), name)

    def files(self) -> Iterator[str]:
        """All files below the folder. PermissionError where one may not look, DataInvalid where a link leads astray.

        What a folder tells of its files is enough: on a volume of the network a look at each would be a request for
        each.
        """
        return self._below("", (_real(self._root),))

    def _below(self, folder: str, above: tuple[Path, ...]) -> Iterator[str]:
        """`above` are the real places of this folder and of those that it was reached by."""
        try:
            entries = list(os.scandir(self._root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            path, real = folder + entry.name, above[-1] / entry.name
            if entry.is_symlink():
                # `visible` leaves it out, whatever it leads to.
                if is_hidden(entry.name):
                    continue
                real = self._target(path, entry, above)
            if entry.is_dir():
                yield from self._below(f"{path}/", (*above, real))
            # A link to what is not there (yet) counts: who reads it says that it is missing.
            elif entry.is_file() or (entry.is_symlink() and not real.exists()):
                yield path

    def _target(self, path: str, link: os.DirEntry[str], above: tuple[Path, ...]) -> Path:
        """Where a link leads in the end."""
        real, where = _real(Path(link.path)), f"{path} in {self._name}"
        # What leads to itself cannot be resolved, and stays a link.
        if real in above or real.is_symlink():
            _refuse(f"{where} is a link that leads in a circle")
        self._check(real, where)
        return real

    def _check(self, real: Path, where: str) -> None:
        if not real.is_relative_to(self._mount) and real.exists():
            _refuse(f"{where} is a link that leads out of the volume")


def _mount_of(root: Path) -> Path:
    """The last folder on the way to `root`, as far as that has no links, on which something is mounted."""
    mount = Path(root.anchor)
    for place in [*reversed(root.parents), root]:
        if place.is_symlink():
            break
        if place.is_mount():
            mount = place
    return mount


def _real(path: Path) -> Path:
    """Without links. Path.resolve has no answer for a link that leads to itself."""
    return Path(os.path.realpath(path))


def _refuse(what: str) -> NoReturn:
    message = f"{what}. Put what it leads to in its place, or remove it."
    raise TrainerError(Reason.DATA_INVALID, message)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is none of ours."""
    return name[0] in "._"


def visible(paths: Iterable[str]) -> list[str]:
    """In their order; hidden files, and what other tools leave beside data (_SUCCESS), are none of ours."""
    return sorted(path for path in paths if path and not any(is_hidden(part) for part in path.split("/") if part))
