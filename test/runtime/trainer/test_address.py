"""Addresses lose what may be credentials, and nothing else."""

from __future__ import annotations

import pytest
from limbeck_trainer.address import shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/b%20c.csv", "https://a.example/b%20c.csv"),
        ("https://a.example/b.csv?X-Amz-Signature=1&d=2", "https://a.example/b.csv"),
        ("https://a.example?sig=1", "https://a.example"),
        ("http://me:pass@a.example:8080/b.csv#c", "http://a.example:8080/b.csv"),
        ("https://[::1]:80/b?c", "https://[::1]:80/b"),
        ("https://[broken/b?c", "https://[broken/b"),
    ],
)
def test_an_address_is_shown_without_query_and_user(url: str, expected: str) -> None:
    assert shown(url) == expected
