"""What a mirror of the Hugging Face Hub is asked: the commit of a revision, its files in pages, and a file's bytes.

Not by huggingface_hub, which comes with transformers: the next page of a listing it asks of whomever the answer names,
which with most mirrors is the Hub itself, and waits for it without end; and what it downloads has no bound, and is not
held against the digest that the listing announces.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import quote, urlsplit

from limbeck_trainer.data_config import SHA256, Mirrored
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.web import Wanted, Web
from limbeck_trainer.scratch import room_for

COMMIT = re.compile(r"[0-9a-f]{40}")
NAME = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f\ud800-\udfff]+")
# Bytes that a file system has for a name, and what is enough for a path.
NAME_BYTES, PATH_BYTES = 255, 1024
# The Hub gives 1000 files a page, and advises against more than 100 000 in a repository.
ANSWER_BYTES, MOST_FILES, MOST_PAGES = 1 << 25, 100_000, 200
TOO_MUCH = "Raise data.source.hf.mirror.limitMi."
REFUSED = (
    "Only data sets that are open without credentials are read; where there is none of that name, the Hub answers so, "
    "too. Correct data.source.hf.mirror, or put the data set into the store and name its folder in hf.uri."
)


@dataclass(frozen=True)
class Listed:
    """A file of a commit: its path in the repository, its size and, if it is of Git LFS, the SHA-256 of its bytes."""

    path: str
    size: int
    sha256: str | None


class Repository:
    """One data set of a mirror."""

    def __init__(self, source: Mirrored, web: Web) -> None:
        self._source = source
        self._web = web
        self._api = f"{source.mirror}/api/datasets/{source.repository}"

    def commit(self, revision: str) -> str:
        """The commit that a branch or a tag is now; a commit is what it is."""
        if COMMIT.fullmatch(revision):
            return revision
        url = f"{self._api}/revision/{quote(revision, safe='')}"
        match self._ask(url)[0]:
            case {"sha": str(sha)} if COMMIT.fullmatch(sha):
                return sha
        raise _stranger(url, "names no commit")

    def files(self, commit: str, folder: str | None) -> list[Listed]:
        """Every file below a folder, or of the whole repository."""
        below = f"{folder}/" if folder else ""
        url = f"{self._api}/tree/{commit}{quote(f'/{folder}') if folder else ''}"
        found: list[Listed] = []
        for entry in self._entries(url):
            listed = _file(url, entry)
            if listed is not None and listed.path.startswith(below):
                found.append(listed)
            if len(found) > MOST_FILES:
                raise _too_many(url)
        _refuse_both(url, {file.path for file in found})
        return found

    def fetch(self, commit: str, file: Listed, path: Path, limit_bytes: int) -> None:
        """The file's bytes, as they were announced, at a path that has no folder yet."""
        url = f"{self._source.mirror}/datasets/{self._source.repository}/resolve/{commit}/{quote(file.path)}"
        with room_for(url):
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=0) as target:
            answer = self._web.get(Wanted(url, limit_bytes, TOO_MUCH, REFUSED), target)
        if file.sha256 is not None and answer.sha256 != file.sha256:
            raise _damaged(url, f"the sha256 {answer.sha256}, not {file.sha256}")
        if answer.size != file.size:
            raise _damaged(url, f"{answer.size} bytes, not {file.size}")

    def _entries(self, url: str) -> Iterator[object]:
        query = "recursive=true"
        for _ in range(MOST_PAGES):
            page, headers = self._ask(f"{url}?{query}")
            if not isinstance(page, list):
                raise _stranger(url, "lists no files")
            yield from page
            following = _next_page(headers)
            if following is None:
                return
            # Of the address only where to go on: a mirror often passes on the Hub's own.
            query = _query(url, following)
        raise _too_many(url)

    def _ask(self, url: str) -> tuple[object, Message]:
        with tempfile.TemporaryFile(buffering=0) as file:
            wanted = Wanted(url, ANSWER_BYTES, "Name another repository, or a folder of it.", REFUSED)
            answer = self._web.get(wanted, file)
            try:
                return json.load(file), answer.headers
            except (ValueError, RecursionError) as error:
                raise _stranger(url, "answers no JSON") from error


def _next_page(headers: Message) -> str | None:
    links = ", ".join(headers.get_all("Link", []))
    found = re.search(r'<([^<>]*)>[^<>,]*;\s*rel=["\']?next\b', links, re.IGNORECASE)
    return found[1] if found else None


def _query(url: str, following: str) -> str:
    try:
        return urlsplit(following).query
    except ValueError as error:
        raise _stranger(url, f"goes on at {following[:200]!r}") from error


def _file(url: str, entry: object) -> Listed | None:
    """A file of the listing; None is a folder."""
    match entry:
        case {"type": "directory"}:
            return None
        case {"type": "file", "path": str(path), "size": int(size), **rest}:
            if not _is_path(path):
                raise _stranger(url, f"lists {path[:PATH_BYTES]!r}, which no repository can hold")
            match rest.get("lfs"):
                case None:
                    return Listed(path, size, None)
                case {"oid": str(oid)} if re.search(SHA256, oid):
                    return Listed(path, size, oid)
    raise _stranger(url, f"lists {str(entry)[:200]}")


def _refuse_both(url: str, paths: set[str]) -> None:
    """No path is a file and a folder."""
    for path in paths:
        parts = path.split("/")
        folder = next((above for end in range(1, len(parts)) if (above := "/".join(parts[:end])) in paths), None)
        if folder is not None:
            raise _stranger(url, f"lists {folder!r} as a file and as a folder")


def _is_path(path: str) -> bool:
    """Whether it leads to a place below where it begins, on any file system."""
    parts = path.split("/")
    named = all(NAME.fullmatch(part) for part in parts)
    return named and len(path.encode()) <= PATH_BYTES and all(len(part.encode()) <= NAME_BYTES for part in parts)


def _stranger(url: str, what: str) -> TrainerError:
    message = f"{url} {what}, so it does not answer as the Hub does. Correct data.source.hf.mirror, or mend the mirror."
    return TrainerError(Reason.DATA_INVALID, message)


def _too_many(url: str) -> TrainerError:
    what = f"{url} lists more than {MOST_FILES} files, or in more than {MOST_PAGES} pages"
    message = f"{what}. Name a folder in data.source.hf.mirror, or pack the files together."
    return TrainerError(Reason.DATA_INVALID, message)


def _damaged(url: str, what: str) -> TrainerError:
    message = f"{url} has {what} as its mirror announces. Have the mirror fetch it again, or name another."
    return TrainerError(Reason.DATA_INVALID, message)
