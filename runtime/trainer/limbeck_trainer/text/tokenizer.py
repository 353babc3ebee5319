"""Tokenizers in the Hugging Face layout, by the library `tokenizers`: a user's own, or one token for each byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.json_text import json_file
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.out_of_memory import is_out_of_memory
from limbeck_trainer.samples import Tokens
from limbeck_trainer.store import Store

END = "<|endoftext|>"
FILES = ("tokenizer.json", "tokenizer_config.json")
SPECIAL = "special_tokens_map.json"
# Of the documents that become tokens together. The library needs some hundred bytes for each token while it works.
BATCH_CHARACTERS = 1 << 17


@dataclass(frozen=True)
class Coder:
    """`end` closes a document, `padding` fills a row; `files` are what a server reads to make the same tokens."""

    tokenizer: Tokenizer
    vocabulary: int
    end: int
    padding: int
    files: Mapping[str, bytes]

    def encode(self, documents: Iterable[str]) -> Iterator[list[int]]:
        """The tokens of each document, with what the tokenizer itself puts around them; a few documents at a time."""
        for some in _batches(documents):
            for encoding in self.tokenizer.encode_batch(some):
                yield encoding.ids

    def tokens(self, length: int) -> Tokens:
        """What the numbers in samples of `length` stand for."""
        return Tokens(self.vocabulary, length, self.end, self.padding, self.files)


def _batches(documents: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def coder_of(model: Transformer, store: Store) -> Coder:
    """The tokenizer that the model names; DataMissing or DataInvalid says what is wrong with it."""
    if model.tokenizer_uri is None:
        return _bytes(model.context_length)
    uri = model.tokenizer_uri
    return coder_from(uri, {name: _fetch(store, f"{uri}/{name}") for name in FILES})


def coder_from(uri: str, files: Mapping[str, bytes]) -> Coder:
    """The tokenizer of these files; older ones name their special tokens in a file of its own."""
    try:
        tokenizer = Tokenizer.from_buffer(files["tokenizer.json"])
        settings = {**json.loads(files.get(SPECIAL, b"{}")), **json.loads(files["tokenizer_config.json"])}
    except Exception as error:
        if is_out_of_memory(error):
            raise
        _refuse(f"The tokenizer {uri} cannot be read: {error}. Save it again with save_pretrained.")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    end = _special(uri, tokenizer, settings, "eos_token", "sep_token")
    padding = _special(uri, tokenizer, settings, "pad_token", "eos_token", "sep_token")
    return Coder(tokenizer, tokenizer.get_vocab_size(), end, padding, files)


def _bytes(context_length: int) -> Coder:
    """256 bytes, and one token that ends a document; no text is out of its reach."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={byte: index for index, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "model_max_length": context_length,
        "clean_up_tokenization_spaces": False,
    }
    files = {
        "tokenizer.json": tokenizer.to_str(pretty=True).encode(),
        "tokenizer_config.json": json_file(settings),
    }
    end = len(alphabet)
    return Coder(tokenizer, end + 1, end, end, files)


def _special(uri: str, tokenizer: Tokenizer, settings: Mapping[str, Any], *names: str) -> int:
    """The index of the first of these special tokens that the tokenizer has."""
    found = [_index(tokenizer, settings.get(name)) for name in names]
    index = next((one for one in found if one is not None), None)
    if index is None:
        _refuse(f"The tokenizer {uri} has none of {', '.join(names)}. Name one in its tokenizer_config.json.")
    return index


def _index(tokenizer: Tokenizer, token: object) -> int | None:
    """Of a token that is written as its text or, with how it is to be cut, as an object."""
    text = token.get("content") if isinstance(token, dict) else token
    index: int | None = tokenizer.token_to_id(text) if isinstance(text, str) else None
    return index


def _fetch(store: Store, uri: str) -> bytes:
    try:
        return store.get(uri)
    except ObjectMissing as error:
        message = f"The tokenizer's {uri} does not exist. Upload it, or correct model.transformer.tokenizer."
        raise TrainerError(Reason.DATA_MISSING, message) from error


def _refuse(message: str) -> NoReturn:
    raise TrainerError(Reason.DATA_INVALID, message)
