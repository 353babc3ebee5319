"""Objects too large for one request: in parts, of which none stays behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from limbeck_trainer.backends.s3 import S3

# The smallest that S3 takes.
PART_BYTES = 5 << 20


@pytest.fixture
def client(s3: dict[str, str]) -> Any:
    return boto3.session.Session().client("s3")


def uploads(client: Any, prefix: str) -> list[str]:
    listed = client.list_multipart_uploads(Bucket="limbeck", Prefix=prefix)
    return [upload["Key"] for upload in listed.get("Uploads", [])]


def begin(client: Any, key: str) -> None:
    """An upload by somebody who was killed after its first part."""
    upload = client.create_multipart_upload(Bucket="limbeck", Key=key)["UploadId"]
    client.upload_part(Bucket="limbeck", Key=key, UploadId=upload, PartNumber=1, Body=b"x" * PART_BYTES)


def test_a_large_object_goes_in_parts_and_comes_back_whole(client: Any, tmp_path: Path) -> None:
    key, content = f"{tmp_path.name}/large.pt", os.urandom(2 * PART_BYTES + 1)
    store = S3(PART_BYTES)
    store.put(f"s3://limbeck/{key}", content)
    assert store.get(f"s3://limbeck/{key}") == content
    # Its tag tells of how many parts it was made.
    assert client.head_object(Bucket="limbeck", Key=key)["ETag"].strip('"').endswith("-3")
    store.put(f"s3://limbeck/{key}", b"small")
    assert store.get(f"s3://limbeck/{key}") == b"small"
    assert uploads(client, tmp_path.name) == []


def test_the_next_one_aborts_what_was_begun_in_its_folder_and_nothing_else(client: Any, tmp_path: Path) -> None:
    begun = [f"{tmp_path.name}/a1/step-1.pt", f"{tmp_path.name}/a2/step-1.pt"]
    for key in begun:
        begin(client, key)
    S3(PART_BYTES).put(f"s3://limbeck/{tmp_path.name}/a1/step-2.pt", b"x" * PART_BYTES)
    assert uploads(client, tmp_path.name) == begun[1:]


def test_a_sweep_aborts_all_below_its_folder(client: Any, tmp_path: Path) -> None:
    beside = f"{tmp_path.name}-beside/step-1.pt"
    for key in (f"{tmp_path.name}/a1/step-1.pt", f"{tmp_path.name}/a1/step-1.pt", beside):
        begin(client, key)
    S3().sweep(f"s3://limbeck/{tmp_path.name}")
    assert uploads(client, tmp_path.name) == [beside]


def test_whoever_may_not_abort_may_still_put(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, uri = S3(PART_BYTES), f"s3://limbeck/{tmp_path.name}/large.pt"

    def refuse(_operation: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListMultipartUploads")

    monkeypatch.setattr(store._client, "get_paginator", refuse)
    store.put(uri, b"x" * PART_BYTES)
    assert store.get(uri) == b"x" * PART_BYTES
