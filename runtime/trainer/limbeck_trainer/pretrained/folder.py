"""A pretrained model's folder in the store: which of its files are read, and what is refused before it is read.

Weights are read from safetensors alone: a pickle may run code when it is read. Code that lies in the folder is never
read at all, and a config that asks for it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, NoReturn

from limbeck_trainer.backends.contract import ObjectMissing
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.scratch import pour
from limbeck_trainer.store import Store

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
# Read where they are there; a server of the model reads the template too.
BESIDE_TOKENIZER = ("chat_template.jinja", "special_tokens_map.json")
PICKLE = re.compile(r"\.(bin|pt|pth|pkl|ckpt)$")
SHARD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors$")
# What tokenizers were saved as before there was tokenizer.json.
SLOW_TOKENIZERS = ("vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")


@dataclass(frozen=True)
class Folder:
    """`uri` ends in a slash. `small` are the files that were read already, `weights` names those that were not."""

    uri: str
    config: dict[str, Any]
    small: Mapping[str, bytes]
    weights: tuple[str, ...]

    @property
    def tokenizer(self) -> dict[str, bytes]:
        """What a server reads to make the same tokens."""
        return {name: self.small[name] for name in (*TOKENIZER, *BESIDE_TOKENIZER) if name in self.small}

    def fetch(self, store: Store, path: Path) -> str:
        """Puts all files into the folder `path`; their digest is that of what `sha256sum` prints for them by name."""
        lines = []
        for name in sorted((*self.small, *self.weights)):
            with (path / name).open("wb", buffering=0) as file:
                if name in self.small:
                    digest = pour([self.small[name]], file, self.uri + name)
                else:
                    digest = _fetch(store, self.uri, name, file)
            lines.append(f"{digest}  {name}\n")
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def look(uri: str, store: Store) -> Folder:
    """The folder as far as it has to be read to know the rest of it."""
    names = {one.removeprefix(uri) for one in store.list(uri)}
    if not names:
        message = f"The pretrained model {uri} does not exist. Upload its folder, or correct model.pretrained.s3.uri."
        raise TrainerError(Reason.DATA_MISSING, message)
    _check(uri, names)
    divided = INDEX in names and WEIGHTS not in names
    wanted = [CONFIG, *TOKENIZER, *(name for name in BESIDE_TOKENIZER if name in names), *([INDEX] if divided else [])]
    small = {name: _read(store, uri, name) for name in wanted}
    weights = _shards(uri, _object(uri, INDEX, small[INDEX])) if divided else (WEIGHTS,)
    for name in weights:
        if name not in names:
            _missing(uri, name)
    return Folder(uri, _object(uri, CONFIG, small[CONFIG]), small, weights)


def refuse(uri: str, what: str) -> NoReturn:
    """ConfigInvalid: another folder is needed, or another spec."""
    raise TrainerError(Reason.CONFIG_INVALID, f"The pretrained model {uri} {what}")


def _check(uri: str, names: set[str]) -> None:
    pickles = sorted(name for name in names if PICKLE.search(name))
    if not names & {WEIGHTS, INDEX} and pickles:
        problem = f"has its weights in {pickles[0]}, a pickle, which may run code when it is read."
        refuse(uri, f"{problem} Save it again with save_pretrained, which writes {WEIGHTS}.")
    slow = next((name for name in SLOW_TOKENIZERS if name in names), None)
    if TOKENIZER[0] not in names and slow is not None:
        refuse(uri, f"has {slow} and no tokenizer.json. Save its tokenizer again as a fast one, with save_pretrained.")


def _shards(uri: str, index: dict[str, Any]) -> tuple[str, ...]:
    places = index.get("weight_map")
    shards = sorted({str(name) for name in places.values()}) if isinstance(places, dict) else []
    if not shards or not all(SHARD.match(name) for name in shards):
        refuse(uri, f"has an {INDEX} whose weight_map names no safetensors files. Save it again with save_pretrained.")
    return tuple(shards)


def _object(uri: str, name: str, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        refuse(uri, f"has a {name} that is no JSON object. Upload it again.")
    return value


def _read(store: Store, uri: str, name: str) -> bytes:
    try:
        return store.get(uri + name)
    except ObjectMissing:
        _missing(uri, name)


def _fetch(store: Store, uri: str, name: str, file: FileIO) -> str:
    try:
        return store.fetch(uri + name, file)
    except ObjectMissing:
        _missing(uri, name)


def _missing(uri: str, name: str) -> NoReturn:
    # Somebody may be uploading it.
    message = f"The pretrained model {uri} has no {name}. Upload it; training starts by itself once it is there."
    raise TrainerError(Reason.DATA_MISSING, message)
