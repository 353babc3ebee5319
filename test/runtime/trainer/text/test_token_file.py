"""Tokens on the scratch volume: two bytes each where that is enough, and a full disk is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from limbeck_trainer.text.corpus import ended
from limbeck_trainer.text.token_file import TOKENS, open_tokens, write_tokens
from limbeck_trainer.text.tokenizer import BATCH_CHARACTERS, coder_of

CODER = coder_of(Transformer(1, 1, 8, 16), Store())
END = CODER.end


@pytest.mark.parametrize(("vocabulary", "size"), [(257, 2), (1 << 16, 2), ((1 << 16) + 1, 4)])
def test_documents_follow_one_another_each_with_its_end(tmp_path: Path, vocabulary: int, size: int) -> None:
    coder = replace(CODER, vocabulary=vocabulary)
    texts = ["one", "another", "the last<|endoftext|>"]
    write_tokens(tmp_path, coder, ended(coder, texts), lambda: "d")
    found = open_tokens(tmp_path, coder)
    assert (found.lengths.tolist(), found.sha256, found.tokens.dtype.itemsize) == ([4, 8, 9], "d", size)
    expected = [next(coder.encode([text])) for text in ("one", "another", "the last")]
    assert found.tokens.tolist() == [*expected[0], END, *expected[1], END, *expected[2], END]


def test_however_many_documents_there_are_few_are_tokens_at_once(tmp_path: Path) -> None:
    """A document is asked for when those before it are written, but for one batch of them."""
    size, begun = BATCH_CHARACTERS // 4, 0

    def documents() -> object:
        nonlocal begun
        for _ in range(40):
            begun += 1
            written = (tmp_path / TOKENS).stat().st_size // (2 * (size + 1))
            assert begun - written <= 8
            yield "x" * size

    write_tokens(tmp_path, CODER, ended(CODER, documents()), lambda: "d")  # type: ignore[arg-type]
    np.testing.assert_array_equal(open_tokens(tmp_path, CODER).lengths, [size + 1] * 40)


def test_a_full_disk_is_told_with_the_remedy(small_disk: Path) -> None:
    texts = ["x" * 100_000 for _ in range(20)]
    with pytest.raises(TrainerError, match=r"no room for the tokens of all texts \(No space left") as caught:
        Scratch(small_disk).once("tokens", lambda folder: write_tokens(folder, CODER, CODER.encode(texts), lambda: "d"))
    assert caught.value.reason is Reason.CRASHED
