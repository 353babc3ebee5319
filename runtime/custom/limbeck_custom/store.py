"""The store: s3:// by the standard AWS_* variables, and file:// for a laptop."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def put(uri: str, content: bytes) -> None:
    """Writes the object whole or not at all."""
    if uri.startswith("s3://"):
        _client().put_object(**_place(uri), Body=content)
        return
    path = _path(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def get(uri: str) -> bytes:
    """The object's bytes; where there is none, KeyError of S3 and FileNotFoundError of a folder."""
    if not uri.startswith("s3://"):
        return _path(uri).read_bytes()
    client = _client()
    try:
        return bytes(client.get_object(**_place(uri))["Body"].read())
    except client.exceptions.NoSuchKey as error:
        raise KeyError(uri) from error


def delete(uri: str) -> None:
    """Removes the object, if there is one."""
    if uri.startswith("s3://"):
        _client().delete_object(**_place(uri))
    else:
        _path(uri).unlink(missing_ok=True)


def listed(prefix: str) -> list[str]:
    """The URIs below a folder, in their order."""
    if not prefix.startswith("s3://"):
        return sorted(path.as_uri() for path in _path(prefix).rglob("*") if path.is_file() and path.name[0] != ".")
    bucket, key = _place(prefix.rstrip("/") + "/").values()
    pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    return sorted(f"s3://{bucket}/{entry['Key']}" for page in pages for entry in page.get("Contents", []))


def _client() -> Any:
    import boto3
    from botocore.config import Config

    # Not every store knows the checksums that boto3 sends since 1.36, nor buckets by the name of a host.
    known = Config.OPTION_DEFAULTS.keys() & {"request_checksum_calculation", "response_checksum_validation"}
    return boto3.client("s3", config=Config(s3={"addressing_style": "path"}, **dict.fromkeys(known, "when_required")))


def _place(uri: str) -> dict[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))
