"""A pretrained model that is on this machine, looked at from all sides before anybody trains it.

Whatever makes it unusable is said here, with the remedy, and before its weights are read where that can be known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from limbeck_trainer.model_config import Pretrained
from limbeck_trainer.pretrained.folder import Folder, look, refuse
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from limbeck_trainer.text.tokenizer import Coder, coder_from

# How many parameters → why they are too many, and what helps; None if they are not.
Shortage = Callable[[int], str | None]
# Beside the files that it is of; nothing reads a file of this name.
DIGEST = "sha256"


@dataclass(frozen=True)
class Foundation:
    """`path` has its files and `sha256` is their digest; `config` is transformers' own, as it is trained here."""

    uri: str
    task: str
    path: Path
    sha256: str
    config: Any
    coder: Coder
    parameters: int
    # What the head that it came with tells apart, in the order of its output; none if it came without.
    labels: tuple[str, ...]


def open_foundation(model: Pretrained, task: str, store: Store, scratch: Scratch, shortage: Shortage) -> Foundation:
    """The model on the scratch volume; DataMissing or ConfigInvalid says what is wrong with its folder."""
    # Imported late: transformers takes seconds.
    from limbeck_trainer.pretrained.architecture import Architecture, config_of

    folder = look(model.source.uri, store)
    coder = coder_from(folder.uri, folder.tokenizer)
    config = config_of(folder, task)
    architecture = Architecture(folder.uri, config, task)
    architecture.check_tokens(coder.tokenizer.get_vocab(with_added_tokens=True))
    architecture.check_length(model.context_length)
    architecture.check_size(shortage)
    path = scratch.once("pretrained", lambda part: _fetch(folder, store, part, model.source.sha256))
    sha256 = (path / DIGEST).read_text()
    if task == "causalLM":
        coder = replace(coder, vocabulary=config.vocab_size)
    labels = _labels(folder)
    return Foundation(folder.uri, task, path, sha256, config, coder, architecture.parameters, labels)


def _fetch(folder: Folder, store: Store, path: Path, wanted: str | None) -> None:
    sha256 = folder.fetch(store, path)
    if wanted not in (None, sha256):
        refuse(folder.uri, f"has the sha256 {sha256}, not {wanted}. It was changed, or the digest is wrong.")
    (path / DIGEST).write_text(sha256)


def _labels(folder: Folder) -> tuple[str, ...]:
    """Only of a model that was saved with a head for classes: other configs name classes that nobody made."""
    architectures, names = folder.config.get("architectures"), folder.config.get("id2label")
    has_head = isinstance(architectures, list) and any("SequenceClassification" in str(name) for name in architectures)
    if not has_head or not isinstance(names, dict):
        return ()
    try:
        return tuple(str(names[index]) for index in sorted(names, key=int))
    except ValueError:
        return ()
