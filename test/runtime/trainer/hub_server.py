"""A mirror of the Hugging Face Hub on loopback: commits, listings in pages, and files of which some lie elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support import Document, config_document
from web_server import Quiet, web_server

# As of Git LFS: these are announced with their SHA-256, and redirected to another host.
LARGE = (".parquet", ".npz")
PAGE = 3

Entry = dict[str, Any]


def as_listed(path: str, content: bytes) -> Entry:
    """What the Hub says of a file."""
    entry: Entry = {"type": "file", "oid": hashlib.sha1(content).hexdigest(), "size": len(content), "path": path}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 132}
    return entry


@dataclass
class HubServer:
    """`refs` are branches and tags; `tells` changes what is listed; `troubles` are used up, one for each request: a
    status, or a body that does not belong there.
    """

    repository: str
    port: int = 0
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    tells: Callable[[list[Entry]], list[Entry]] = lambda entries: entries
    troubles: list[str] = field(default_factory=list)
    # As most mirrors do it, which pass on what the Hub said.
    following: str = "https://hub.invalid/api/datasets/x/tree/y"
    # Asked for the commit of a revision first.
    resolves: Callable[[str], str | None] = lambda _revision: None
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """What a job names."""
        return f"http://127.0.0.1:{self.port}/hub"

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """A commit with just these files, at the head of a branch."""
        name = hashlib.sha1(repr(files).encode()).hexdigest()
        self.commits[name] = files
        self.refs[branch] = name
        return name

    def source(self, **changes: object) -> dict[str, object]:
        """The config's data.source."""
        where = {"mirror": self.url, "repository": self.repository, "revision": "main"}
        return {"kind": "hf", **where, "split": "train", "limitBytes": 1 << 24, **changes}

    def document(self, store: str, **changes: object) -> Document:
        """A config that learns little from it."""
        data = {"source": self.source(**changes), "split": {"validation": 0, "test": 0.2, "seed": 1}}
        return config_document(store, model={"kind": "linear"}, data=data, optimization={"epochs": 1, "batchSize": 16})

    def files_asked(self) -> list[str]:
        """Paths of the files that were fetched, in their order."""
        return [unquote(path.split("/", 7)[7]) for path in self.asked if "/resolve/" in path]

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        api, files = f"/hub/api/datasets/{self.repository}/", f"/hub/datasets/{self.repository}/resolve/"
        if path.startswith(api + "revision/"):
            # One part of the path: a slash in the name of a branch comes as %2F.
            revision = path.removeprefix(api + "revision/")
            commit = None if "/" in revision else self.resolves(revision) or self.refs.get(unquote(revision))
            return (
                (200, {}, json.dumps({"id": self.repository, "sha": commit}).encode()) if commit else (404, {}, b"{}")
            )
        if path.startswith(api + "tree/"):
            return self._page(*path.removeprefix(api + "tree/").partition("/")[::2], int(query.get("cursor", ["0"])[0]))
        if path.startswith("/elsewhere/"):
            every = (content for files in self.commits.values() for content in files.values())
            return 200, {}, next(one for one in every if path.endswith(hashlib.sha256(one).hexdigest()))
        commit, _, name = path.removeprefix(files).partition("/")
        content = self.commits.get(commit, {}).get(unquote(name))
        if content is None:
            return 404, {}, b""
        if name.endswith(LARGE):
            target = f"http://127.0.0.2:{self.port}/elsewhere/{hashlib.sha256(content).hexdigest()}"
            return 302, {"Location": target}, b""
        return 200, {}, content

    def _page(self, commit: str, folder: str, start: int) -> tuple[int, dict[str, str], bytes]:
        files = self.commits.get(commit, {})
        found = [as_listed(path, files[path]) for path in sorted(files) if path.startswith(folder)]
        if not found:
            return 404, {}, b"{}"
        entries = self.tells([{"type": "directory", "oid": "0" * 40, "size": 0, "path": "data"}, *found])
        following = f'<{self.following}?recursive=true&cursor={start + PAGE}>; rel="next"'
        link = {"Link": following} if start + PAGE < len(entries) else {}
        return 200, link, json.dumps(entries[start : start + PAGE]).encode()


@contextlib.contextmanager
def hub_server(repository: str, files: dict[str, bytes]) -> Iterator[HubServer]:
    """One with these files that answers until the end of the block."""
    site = HubServer(repository)
    site.commit(files)

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            site.asked.append(url.path)
            trouble = site.troubles.pop(0) if site.troubles else ""
            if trouble.isdecimal():
                self.send_error(int(trouble))
                return
            status, headers, body = site.answer(url.path, parse_qs(url.query))
            if trouble:
                status, headers, body = 200, {}, trouble.encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    # On every address: the large files lie on another one.
    with web_server(Handler, "") as site.port:
        yield site
