"""How classes and categories are written, whoever has written them down."""

from __future__ import annotations

import pytest
from limbeck_trainer.reading.spelling import among, classes_of, digits_of


@pytest.mark.parametrize(
    ("word", "digits"),
    [
        ("3.0", "3"),
        ("3.00", "3"),
        ("-12.0", "-12"),
        ("-0.0", "0"),
        ("007.0", "007"),
        *(
            (word, word)
            for word in ("3", "-0", "3.", ".0", "3.5", "3.0.0", "3e0", "v3.0", " 3.0", "", "1" * 301 + ".0")
        ),
    ],
)
def test_a_whole_number_has_no_point(word: str, digits: str) -> None:
    assert digits_of(word) == digits


def test_a_label_means_what_somebody_has_listed_before_it_means_a_number() -> None:
    assert [among(word, ("3.0", "3", "4")) for word in ("3.0", "3", "4.0", "5.0")] == ["3.0", "3", "4", "5"]


def test_one_that_is_no_whole_number_keeps_all_as_they_are() -> None:
    assert classes_of(["10.0", "9.0", "10"], ()) == ({"10.0": "10", "9.0": "9", "10": "10"}, ("9", "10"))
    assert classes_of(["10.0", "9.0", "x"], ())[1] == ("10.0", "9.0", "x")
