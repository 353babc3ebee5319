"""s3:// URIs, through boto3."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable
from functools import partial
from io import BytesIO, FileIO
from typing import Any
from urllib.parse import urlsplit

from limbeck_trainer.backends.contract import ObjectMissing, Unreachable
from limbeck_trainer.scratch import CHUNK_BYTES, pour

# From here on an object goes in parts of this size: S3 takes no more than 5 GiB in one request.
PART_BYTES = 64 << 20
# How long a server may say nothing; and where it puts an object together from its parts.
QUIET_SECONDS = 15
JOINING_SECONDS = 300


class S3:
    """s3:// URIs, path style, with the standard AWS_* variables; the server checks the SHA-256 of what it is sent."""

    def __init__(self, part_bytes: int = PART_BYTES) -> None:
        # Imported late: a run on files alone does without half a second of imports.
        from boto3.s3.transfer import TransferConfig
        from botocore import exceptions as boto

        self._refusal, self._fault = boto.ClientError, boto.BotoCoreError
        self._passing = (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError)
        # By one thread: those of a pool would hold up the end of a process that is told to stop.
        self._parts = TransferConfig(multipart_threshold=part_bytes, multipart_chunksize=part_bytes, use_threads=False)
        self._client = _client(QUIET_SECONDS)
        self._patient_client = _client(JOINING_SECONDS)

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
        """In one request, or in parts where it is large: S3 shows the whole new object or the old one."""
        bucket, key = _bucket_and_key(uri)
        send = self._put_parts if len(data) >= self._parts.multipart_threshold else self._put_whole
        _in_bucket(bucket, partial(self._attempt, uri, partial(send, bucket, key, data)))

    def _put_whole(self, bucket: str, key: str, data: bytes) -> None:
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        self._client.put_object(Bucket=bucket, Key=key, Body=data, ChecksumSHA256=checksum)

    def _put_parts(self, bucket: str, key: str, data: bytes) -> None:
        # Of an earlier try that could not even be given up; nobody else would ever remove it.
        self._abort_uploads(bucket, key.rpartition("/")[0] + "/")
        self._patient_client.upload_fileobj(BytesIO(data), bucket, key, Config=self._parts)

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

    def sweep(self, prefix: str) -> None:
        """Aborts uploads in parts: nobody sees them, and they take their place until they are aborted."""
        bucket, key = _bucket_and_key(prefix.rstrip("/") + "/")
        self._attempt(prefix, lambda: self._abort_uploads(bucket, key))

    def _abort_uploads(self, bucket: str, prefix: str) -> None:
        # Whoever may not do this has somebody who does.
        with contextlib.suppress(self._refusal):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
            for upload in [upload for page in pages for upload in page.get("Uploads", ())]:
                self._client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])

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


def _client(read_seconds: float) -> Any:
    import boto3
    from botocore.config import Config

    settings = Config(
        # Signed with its SHA-256, so that the server checks every part, whether it knows checksums or not.
        s3={"addressing_style": "path", "payload_signing_enabled": True},
        retries={"total_max_attempts": 1},
        connect_timeout=3,
        read_timeout=read_seconds,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    # A session of its own: the module-wide one would keep the credentials it saw first.
    try:
        return boto3.session.Session().client("s3", config=settings)
    except ValueError as error:
        raise Unreachable(f"{error}. Is AWS_ENDPOINT_URL right?", again=False) from error
