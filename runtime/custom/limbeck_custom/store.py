"""The store: s3:// by the standard AWS_* variables, and file:// for a laptop."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from limbeck_custom.telling import Failure


def put(uri: str, content: bytes) -> None:
    """Writes the object whole or not at all."""
    if (path := _path(uri)) is None:
        _tried(uri, lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=key, Body=content))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def get(uri: str) -> bytes:
    """The object's bytes; where there is none, KeyError of S3 and FileNotFoundError of a folder."""
    if (path := _path(uri)) is None:
        return bytes(_tried(uri, lambda s3, bucket, key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    return path.read_bytes()


def delete(uri: str) -> None:
    """Removes the object, if there is one; tried once, for nothing depends on it."""
    if (path := _path(uri)) is None:
        _tried(uri, lambda s3, bucket, key: s3.delete_object(Bucket=bucket, Key=key), 0)
    else:
        path.unlink(missing_ok=True)


def listed(prefix: str) -> list[str]:
    """The URIs below a folder, in their order."""
    if (path := _path(prefix)) is not None:
        return sorted(file.as_uri() for file in path.rglob("*") if file.is_file() and file.name[0] != ".")
    pages = _tried(prefix + "/", lambda s3, b, k: [*s3.get_paginator("list_objects_v2").paginate(Bucket=b, Prefix=k)])
    return sorted(f"s3://{page['Name']}/{entry['Key']}" for page in pages for entry in page.get("Contents", []))


def _tried(uri: str, operation: Callable[[Any, str, str], Any], seconds: float = 40) -> Any:
    """On client, bucket and key; a store that is away is tried for a time, less than the 45 s after SIGTERM."""
    import boto3
    from botocore import exceptions as boto
    from botocore.config import Config

    # Not every store knows the checksums that boto3 sends since 1.36, nor buckets by the name of a host.
    known = Config.OPTION_DEFAULTS.keys() & {"request_checksum_calculation", "response_checksum_validation"}
    once = {"retries": {"total_max_attempts": 1}, "connect_timeout": 3, "s3": {"addressing_style": "path"}}
    client = boto3.client("s3", config=Config(**once, **dict.fromkeys(known, "when_required")))
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    until, pause = time.monotonic() + seconds, 2
    while True:
        try:
            return operation(client, bucket, key)
        except client.exceptions.NoSuchKey as error:
            raise KeyError(uri) from error
        except (boto.ClientError, boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError) as error:
            status = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 503)
            if (status < 500 and status != 429) or time.monotonic() + pause > until:
                raise Failure("StoreUnavailable", f"The store at {uri} is away or refuses: {error}") from error
        time.sleep(pause)


def _path(uri: str) -> Path | None:
    return None if uri.startswith("s3://") else Path(unquote(urlsplit(uri).path))
