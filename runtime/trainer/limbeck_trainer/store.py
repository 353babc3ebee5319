"""Objects by URI: s3:// through boto3, file:// through the file system. Everything that waits for a store waits here.

A missing object is an ordinary answer (ObjectMissing), which the caller gives its meaning. A store that does not answer
is tried again with a growing pause, and then is StoreUnavailable.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.scratch import CHUNK_BYTES, pour

Answer = TypeVar("Answer")


class ObjectMissing(Exception):  # noqa: N818 - an answer, not an error
    """There is no object at this URI."""


class Unreachable(Exception):  # noqa: N818 - named after what happened
    """The store gave no answer; `again` says whether trying again can help."""

    def __init__(self, message: str, again: bool) -> None:
        super().__init__(message)
        self.again = again


@dataclass(frozen=True)
class Patience:
    """How long an operation is tried, and the first pause between two tries; each pause is twice the one before."""

    seconds: float
    first_pause: float = 0.25


PATIENT = Patience(seconds=40)
# For what can as well be left undone.
HURRIED = Patience(seconds=8)
# For whoever tries again by himself.
ONCE = Patience(seconds=0)


class Backend(Protocol):
    """One kind of store, tried once; raises ObjectMissing or Unreachable."""

    def get(self, uri: str) -> bytes:
        """The object's bytes."""

    def fetch(self, uri: str, file: FileIO) -> str:
        """Makes the object's bytes the file's only ones; their SHA-256."""

    def put(self, uri: str, data: bytes) -> None:
        """Creates or replaces the object, whole or not at all."""

    def list(self, prefix: str) -> tuple[str, ...]:
        """The URIs of all objects below the folder `prefix`, sorted."""

    def delete(self, uri: str) -> None:
        """Removes the object; none there is fine."""


class Store:
    """The backends behind one face, with patience."""

    def __init__(
        self,
        patience: Patience = PATIENT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._backends: dict[str, Backend] = {}

    def get(self, uri: str) -> bytes:
        """The object's bytes, or ObjectMissing."""
        return self._try(uri, self._patience, lambda backend: backend.get(uri))

    def fetch(self, uri: str, file: FileIO) -> str:
        """Makes the object's bytes the file's only ones, however many there are; their SHA-256, or ObjectMissing."""
        return self._try(uri, self._patience, lambda backend: backend.fetch(uri, file))

    def put(self, uri: str, data: bytes, patience: Patience | None = None) -> None:
        """Creates or replaces the object, whole or not at all."""
        self._try(uri, patience or self._patience, lambda backend: backend.put(uri, data))

    def list(self, prefix: str) -> tuple[str, ...]:
        """The URIs of all objects below the folder `prefix`, sorted."""
        return self._try(prefix, self._patience, lambda backend: backend.list(prefix))

    def delete(self, uri: str) -> None:
        """Removes the object; none there is fine."""
        self._try(uri, HURRIED, lambda backend: backend.delete(uri))

    def _try(self, uri: str, patience: Patience, operation: Callable[[Backend], Answer]) -> Answer:
        began, pause = self._clock(), patience.first_pause
        while True:
            try:
                return operation(self._backend(uri))
            except Unreachable as error:
                waited = self._clock() - began
                if not error.again or waited + pause > patience.seconds:
                    what = "refused" if not error.again else "failed" if waited < 1 else f"failed for {waited:.0f} s"
                    raise TrainerError(Reason.STORE_UNAVAILABLE, f"The store at {uri} {what}: {error}") from error
            self._sleep(pause)
            pause *= 2

    def _backend(self, uri: str) -> Backend:
        scheme = urlsplit(uri).scheme
        if scheme not in self._backends:
            self._backends[scheme] = S3() if scheme == "s3" else Folder()
        return self._backends[scheme]


class Folder:
    """file:// URIs; a write is a temporary file, fsync, rename."""

    def get(self, uri: str) -> bytes:
        """The file's bytes."""
        return self._attempt(uri, lambda path: path.read_bytes())

    def fetch(self, uri: str, file: FileIO) -> str:
        """A copy, piece by piece."""

        def copy(path: Path) -> str:
            with path.open("rb") as source:
                return pour(iter(partial(source.read, CHUNK_BYTES), b""), file, uri)

        return self._attempt(uri, copy)

    def put(self, uri: str, data: bytes) -> None:
        """Replaces the file atomically."""
        self._attempt(uri, lambda path: _replace(path, data))

    def list(self, prefix: str) -> tuple[str, ...]:
        """Every file below the folder."""
        root = _path(prefix)
        files = (file for file in root.rglob("*") if file.is_file() and not file.name.startswith("."))
        return tuple(sorted(f"{prefix.rstrip('/')}/{file.relative_to(root).as_posix()}" for file in files))

    def delete(self, uri: str) -> None:
        """Unlinks the file."""
        self._attempt(uri, lambda path: path.unlink(missing_ok=True))

    def _attempt(self, uri: str, operation: Callable[[Path], Answer]) -> Answer:
        try:
            return operation(_path(uri))
        except FileNotFoundError as error:
            raise ObjectMissing(uri) from error
        except OSError as error:
            raise Unreachable(f"{error.strerror or error}.", again=False) from error


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        # On a full disk what is half written would keep it full.
        temporary.unlink(missing_ok=True)
        raise


class S3:
    """s3:// URIs, path style, with the standard AWS_* variables; the server checks the SHA-256 of what it is sent."""

    def __init__(self) -> None:
        # Imported late: a run on files alone does without half a second of imports.
        import boto3
        from botocore import exceptions as boto
        from botocore.config import Config

        self._refusal, self._fault = boto.ClientError, boto.BotoCoreError
        self._passing = (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError)
        settings = Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=3,
            read_timeout=15,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        # A session of its own: the module-wide one would keep the credentials it saw first.
        try:
            self._client = boto3.session.Session().client("s3", config=settings)
        except ValueError as error:
            raise Unreachable(f"{error}. Is AWS_ENDPOINT_URL right?", again=False) from error

    def get(self, uri: str) -> bytes:
        """The object's bytes."""
        bucket, key = _bucket_and_key(uri)

        def read() -> bytes:
            content: bytes = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
            return content

        content: bytes = self._attempt(uri, read)
        return content

    def fetch(self, uri: str, file: FileIO) -> str:
        """Piece by piece; an answer that breaks off is no answer."""
        bucket, key = _bucket_and_key(uri)

        def copy() -> str:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
            return pour(body.iter_chunks(CHUNK_BYTES), file, uri)

        digest: str = self._attempt(uri, copy)
        return digest

    def put(self, uri: str, data: bytes) -> None:
        """One PUT with its checksum: S3 shows the whole new object or the old one."""
        bucket, key = _bucket_and_key(uri)
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        whole = {"Bucket": bucket, "Key": key, "Body": data, "ChecksumSHA256": checksum}
        _in_bucket(bucket, partial(self._attempt, uri, lambda: self._client.put_object(**whole)))

    def list(self, prefix: str) -> tuple[str, ...]:
        """Every key below the prefix, page by page."""
        bucket, key = _bucket_and_key(prefix.rstrip("/") + "/")
        paginator = self._client.get_paginator("list_objects_v2")
        read = partial(self._attempt, prefix, lambda: list(paginator.paginate(Bucket=bucket, Prefix=key)))
        pages = _in_bucket(bucket, read)
        return tuple(sorted(f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ())))

    def delete(self, uri: str) -> None:
        """Removes the object."""
        bucket, key = _bucket_and_key(uri)
        self._attempt(uri, lambda: self._client.delete_object(Bucket=bucket, Key=key))

    def _attempt(self, uri: str, operation: Callable[[], Any]) -> Any:
        try:
            return operation()
        except self._refusal as error:
            raise _from_answer(uri, error.response) from error
        except self._passing as error:
            raise Unreachable(f"{error}.", again=True) from error
        except self._fault as error:
            raise Unreachable(f"{error}. Are the AWS_* variables complete?", again=False) from error


def _in_bucket(bucket: str, operation: Callable[[], Any]) -> Any:
    """Of what needs no object only the bucket can be missing."""
    try:
        return operation()
    except ObjectMissing as error:
        raise Unreachable(f"it has no bucket {bucket}.", again=False) from error


def _bucket_and_key(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")


def _from_answer(uri: str, response: dict[str, Any]) -> Exception:
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    error = response.get("Error", {})
    if status == 404:
        return ObjectMissing(uri)
    if status in (401, 403):
        remedy = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights on the bucket"
        return Unreachable(f"it refuses the credentials ({error.get('Code')}): {remedy}.", again=False)
    # 429 and 5xx pass; any other answer would be the same the next time.
    return Unreachable(f"{error.get('Code')}: {error.get('Message')} (HTTP {status}).", status == 429 or status >= 500)
