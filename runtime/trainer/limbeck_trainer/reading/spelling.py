"""Classes and categories as words: how each is written, and in which order they are."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

# Python reads no more than 4300 digits, and nobody counts so far.
WHOLE = re.compile(r"-?[0-9]{1,300}")
# pandas writes all of a column so in which a value is missing, or was.
POINTED = re.compile(r"(-?[0-9]{1,300})\.0+")


def in_order(words: Iterable[str]) -> list[str]:
    """Numbers by size if all are whole numbers, else texts by their characters."""
    texts = sorted(words)
    if all(WHOLE.fullmatch(text) for text in texts):
        return sorted(texts, key=int)
    return texts


def digits_of(word: str) -> str:
    """A whole number with a point and zeros without them; any other word as it is."""
    pointed = POINTED.fullmatch(word)
    if pointed is None:
        return word
    return pointed[1] if int(pointed[1]) else "0"


def among(word: str, known: Container[str]) -> str:
    """Which of those that are known a word means: itself, else what it is as a whole number."""
    return word if word in known else digits_of(word)


def spelled(words: Iterable[str]) -> dict[str, str]:
    """How each word of a data set is written: as it is, unless all are whole numbers; then 3.0 is 3.

    1.0 may be a version or a chapter, and then there is a 1.1.
    """
    digits = {word: digits_of(word) for word in words}
    return digits if all(map(WHOLE.fullmatch, digits.values())) else {word: word for word in digits}


def classes_of(words: Iterable[str], labels: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The class of each word, and all classes in their order: `labels`, where somebody has listed them."""
    if labels:
        return {word: among(word, labels) for word in words}, labels
    written = spelled(words)
    return written, tuple(in_order({*written.values()}))
