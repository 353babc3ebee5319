"""s3:// URIs, through boto3."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable
from functools import partial
from io import FileIO
from typing import Any

from limbeck_trainer.backends.contract import FULL, ObjectMissing, Unreachable
from limbeck_trainer.scratch import CHUNK_BYTES, pour

# From here on an object goes in parts of this size: S3 takes no more than 5 GiB in one request, and one that breaks off
# is lost as a whole.
PART_BYTES = 64 << 20
# How often a part is tried: a fault of the network should not cost the parts before it.
PART_TRIES = 3
# How long a server may say nothing; and where it puts an object together from its parts.
QUIET_SECONDS = 15
JOINING_SECONDS = 300
# Of Ceph and MinIO, where a bucket or its owner has used up what it may.
NO_ROOM = ("QuotaExceeded", "XMinioAdminBucketQuotaExceeded")


class S3:
    """s3:// URIs, path style, with the standard AWS_* variables; the server checks the digest of what it is sent."""

    def __init__(self, part_bytes: int = PART_BYTES) -> None:
        # Imported late: a run on files alone does without half a second of imports.
        from botocore import exceptions as boto

        self._refusal, self._fault = boto.ClientError, boto.BotoCoreError
        self._passing = (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError)
        self._part_bytes = part_bytes
        self._client = _client(QUIET_SECONDS, 1)
        self._parts_client = _client(QUIET_SECONDS, PART_TRIES)
        self._joining_client = _client(JOINING_SECONDS, 1)

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
        send = self._put_parts if len(data) >= self._part_bytes else self._put_whole
        _in_bucket(bucket, partial(self._attempt, uri, partial(send, bucket, key, data)))

    def _put_whole(self, bucket: str, key: str, data: bytes) -> None:
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        self._client.put_object(Bucket=bucket, Key=key, Body=data, ChecksumSHA256=checksum)

    def _put_parts(self, bucket: str, key: str, data: bytes) -> None:
        """One after the other, by this thread: those of a pool would hold up a process that is told to end."""
        place = {"Bucket": bucket, "Key": key}
        upload = {**place, "UploadId": self._client.create_multipart_upload(**place)["UploadId"]}
        try:
            parts = [
                self._put_part(upload, number, data[start : start + self._part_bytes])
                for number, start in enumerate(range(0, len(data), self._part_bytes), 1)
            ]
            self._joining_client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except Exception:
            # A store that is away has it swept by the next attempt.
            with contextlib.suppress(Exception):
                self._client.abort_multipart_upload(**upload)
            raise

    def _put_part(self, upload: dict[str, str], number: int, part: bytes) -> dict[str, object]:
        digest = base64.b64encode(hashlib.md5(part, usedforsecurity=False).digest()).decode()
        answer = self._parts_client.upload_part(**upload, PartNumber=number, Body=part, ContentMD5=digest)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def list(self, prefix: str) -> tuple[str, ...]:
        """Every key below the prefix, page by page."""
        bucket, key = _bucket_and_key(prefix.rstrip("/") + "/")
        paginator = self._client.get_paginator("list_objects_v2")

        def read() -> list[str]:
            # The keys alone: of a million objects all that a page tells would be a gigabyte.
            pages = paginator.paginate(Bucket=bucket, Prefix=key)
            return [f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ())]

        found: list[str] = _in_bucket(bucket, partial(self._attempt, prefix, read))
        return tuple(sorted(found))

    def delete(self, uri: str) -> None:
        """Removes the object."""
        bucket, key = _bucket_and_key(uri)
        self._attempt(uri, lambda: self._client.delete_object(Bucket=bucket, Key=key))

    def sweep(self, prefix: str) -> None:
        """Aborts uploads in parts: nobody sees them, and they take their place until they are aborted."""
        bucket, key = _bucket_and_key(prefix.rstrip("/") + "/")
        self._attempt(prefix, lambda: self._abort_uploads(bucket, key))

    def _abort_uploads(self, bucket: str, prefix: str) -> None:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        for upload in [upload for page in pages for upload in page.get("Uploads", ())]:
            # Of somebody else who aborts it as well.
            with contextlib.suppress(self._refusal):
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
    # No URL's parts: a key may have any character, as # in the folder of a class.
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _from_answer(uri: str, response: dict[str, Any]) -> Exception:
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    error = response.get("Error", {})
    if error.get("Code") == "NoSuchUpload":
        return Unreachable("somebody else has given up this upload.", again=True)
    if status == 404:
        return ObjectMissing(uri)
    if status == 507 or error.get("Code") in NO_ROOM:
        return Unreachable(f"{error.get('Code')}: {error.get('Message')} (HTTP {status}). {FULL}", again=True)
    if status in (401, 403):
        remedy = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights on the bucket"
        return Unreachable(f"it refuses the credentials ({error.get('Code')}): {remedy}.", again=False)
    # 429 and 5xx pass; any other answer would be the same the next time.
    return Unreachable(f"{error.get('Code')}: {error.get('Message')} (HTTP {status}).", status == 429 or status >= 500)


def _client(read_seconds: float, tries: int) -> Any:
    import boto3
    from botocore.config import Config

    settings = Config(
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": tries, "mode": "standard"},
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
