"""Bytes as tokens, a tokenizer of one's own, and what is wrong with some."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.store import Store
from limbeck_trainer.text.tokenizer import Coder, coder_of
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

MODEL = Transformer(layers=1, heads=1, width=8, context_length=32)
WORDS = {"[UNK]": 0, "[END]": 1, "eins": 2, "zwei": 3}
SETTINGS = {"eos_token": "[END]"}


def own(folder: Path, settings: object = None) -> Coder:
    """A tokenizer of words in a folder, as save_pretrained leaves it."""
    tokenizer = Tokenizer(WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(1)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(SETTINGS if settings is None else settings))
    return coder_of(Transformer(1, 1, 8, 32, folder.as_uri()), Store())


@pytest.mark.parametrize("text", ["eins zwei", "Überraschung: 🦊\n\tEnde", "\x00\x7f", "  two  spaces "])
def test_every_byte_is_a_token_and_comes_back(text: str) -> None:
    coder = coder_of(MODEL, Store())
    (ids,) = coder.encode([text])
    assert len(ids) == len(text.encode())
    assert coder.tokenizer.decode(ids) == text
    assert max(ids) < coder.end == coder.vocabulary - 1 == 256


def test_the_files_beside_the_model_make_the_same_tokens() -> None:
    coder = coder_of(MODEL, Store())
    again = Tokenizer.from_buffer(coder.files["tokenizer.json"])
    assert again.encode("Ende 🦊").ids == next(coder.encode(["Ende 🦊"]))
    settings = json.loads(coder.files["tokenizer_config.json"])
    assert (again.token_to_id(settings["eos_token"]), settings["model_max_length"]) == (coder.end, 32)


def test_ones_own_tokenizer_is_taken_as_it_is_but_for_its_truncation(tmp_path: Path) -> None:
    coder = own(tmp_path)
    assert list(coder.encode(["eins zwei drei"])) == [[2, 3, 0]]
    assert (coder.vocabulary, coder.end, coder.padding) == (4, 1, 1)
    assert coder.files["tokenizer.json"] == (tmp_path / "tokenizer.json").read_bytes()


def test_a_special_token_may_be_an_object(tmp_path: Path) -> None:
    assert own(tmp_path, {"eos_token": {"content": "[END]", "lstrip": False}}).end == 1


def test_a_tokenizer_without_an_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="has none of eos_token, sep_token") as caught:
        own(tmp_path, {"eos_token": "</s>"})
    assert caught.value.reason is Reason.DATA_INVALID


def test_a_tokenizer_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="does not exist") as caught:
        coder_of(Transformer(1, 1, 8, 32, tmp_path.as_uri()), Store())
    assert caught.value.reason is Reason.DATA_MISSING


def test_a_broken_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "tokenizer_config.json").write_text("{}")
    with pytest.raises(TrainerError, match="cannot be read") as caught:
        coder_of(Transformer(1, 1, 8, 32, tmp_path.as_uri()), Store())
    assert caught.value.reason is Reason.DATA_INVALID
