"""JSON as every reader takes it: RFC 8259 has no word for NaN and infinity, and Python would make one up.

Whatever may have such a figure leaves it out beforehand; here it is an error, and nothing is written.
"""

from __future__ import annotations

import json
from typing import Any


def json_text(document: object, **layout: Any) -> str:
    """On one line unless `layout`, as json.dumps knows it, says otherwise; ValueError for what is no finite number."""
    return json.dumps(document, allow_nan=False, **layout)  # noqa: TID251 - the one place


def json_bytes(document: object) -> bytes:
    """For programs."""
    return json_text(document).encode()


def json_file(document: object) -> bytes:
    """As a document lies in the store, for people too."""
    return (json_text(document, indent=2) + "\n").encode()
