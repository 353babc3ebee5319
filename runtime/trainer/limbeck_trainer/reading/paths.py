"""The files of a folder by their paths below it: one look at each folder, and none at a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def below(root: Path, folder: str = "") -> Iterator[str]:
    """All files below a folder of `root` that may not be there. PermissionError where one may not look.

    What a folder tells of its files is enough: on a volume of the network a look at each would be a request for each.
    """
    try:
        entries = list(os.scandir(root / folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from below(root, f"{folder}{entry.name}/")
        elif entry.is_file():
            yield folder + entry.name


def visible(paths: Iterable[str]) -> list[str]:
    """In their order; hidden files, and what other tools leave beside data (_SUCCESS), are none of ours."""
    return sorted(path for path in paths if path and not any(part[0] in "._" for part in path.split("/") if part))
