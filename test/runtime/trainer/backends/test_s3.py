"""Objects too large for one request: in parts, of which none stays behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from limbeck_trainer.backends.contract import Unreachable
from limbeck_trainer.backends.s3 import S3, _from_answer

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


@pytest.mark.parametrize("name", ["C#/1.txt", "what?.png", "50%41.csv", "a b+ä.csv"])
def test_a_key_may_have_any_character(client: Any, tmp_path: Path, name: str) -> None:
    """As the folder of a class has, or a file of somebody else's: what is listed can be had, and is no other object."""
    folder = f"{tmp_path.name}/keys"
    client.put_object(Bucket="limbeck", Key=f"{folder}/{name}", Body=name.encode())
    (listed,) = S3().list(f"s3://limbeck/{folder}/")
    assert listed == f"s3://limbeck/{folder}/{name}"
    assert S3().get(listed) == name.encode()


def test_a_model_that_two_jobs_write_at_once_is_written_by_both(client: Any, tmp_path: Path) -> None:
    key = f"{tmp_path.name}/models/5e/model.onnx"
    begin(client, key)
    S3(PART_BYTES).put(f"s3://limbeck/{key}", b"x" * PART_BYTES)
    assert uploads(client, tmp_path.name) == [key]


def test_an_upload_that_somebody_else_has_given_up_is_begun_anew(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = S3(PART_BYTES), f"{tmp_path.name}/large.pt"
    put_part, given_up = store._put_part, []

    def give_up(upload: dict[str, str], number: int, part: bytes) -> dict[str, object]:
        if number == 2 and not given_up:
            given_up.append(number)
            client.abort_multipart_upload(**upload)
        return put_part(upload, number, part)

    monkeypatch.setattr(store, "_put_part", give_up)
    with pytest.raises(Unreachable, match="somebody else has given up this upload") as caught:
        store.put(f"s3://limbeck/{key}", b"x" * 2 * PART_BYTES)
    assert caught.value.again
    store.put(f"s3://limbeck/{key}", b"x" * 2 * PART_BYTES)
    assert len(store.get(f"s3://limbeck/{key}")) == 2 * PART_BYTES


def test_what_cannot_be_finished_is_given_up(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = S3(PART_BYTES)
    monkeypatch.setattr(store, "_put_part", lambda *_what: {"PartNumber": 1, "ETag": "another"})
    with pytest.raises(Unreachable):
        store.put(f"s3://limbeck/{tmp_path.name}/large.pt", b"x" * PART_BYTES)
    assert uploads(client, tmp_path.name) == []


def test_a_sweep_aborts_all_below_its_folder(client: Any, tmp_path: Path) -> None:
    beside = f"{tmp_path.name}-beside/step-1.pt"
    for key in (f"{tmp_path.name}/a1/step-1.pt", f"{tmp_path.name}/a1/step-1.pt", beside):
        begin(client, key)
    S3().sweep(f"s3://limbeck/{tmp_path.name}")
    assert uploads(client, tmp_path.name) == [beside]


@pytest.mark.parametrize(
    ("status", "code"),
    [(507, "XMinioStorageFull"), (400, "XMinioAdminBucketQuotaExceeded"), (403, "QuotaExceeded")],
)
def test_a_quota_that_is_used_up_is_no_matter_of_credentials(status: int, code: str) -> None:
    """In the words of other servers than the one that runs here."""
    answer = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code, "Message": "Full"}}
    error = _from_answer("s3://limbeck/x", answer)
    assert isinstance(error, Unreachable)
    assert error.again
    assert str(error).startswith(f"{code}: Full (HTTP {status}). Make room in it: ")
