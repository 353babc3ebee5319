"""Pretrained models as save_pretrained leaves them: tiny, by chance from a seed, with tokenizers of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from limbeck_trainer.data_config import Stored
from limbeck_trainer.model_config import Pretrained
from limbeck_trainer.pretrained.foundation import Foundation, open_foundation
from limbeck_trainer.scratch import Scratch
from limbeck_trainer.store import Store
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PLACES = 64
BOTH_ENDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
END = "<|endoftext|>"
TEXTS = [f"the {colour} door of house number {number}" for number in range(30) for colour in ("red", "blue", "green")]


def save_encoder(folder: Path, kind: str = "bert", **changes: Any) -> Path:
    """An encoder whose tokenizer cuts words into pieces and puts [CLS] and [SEP] around a text."""
    _save_word_pieces(folder)
    # RoBERTa's places begin after the number of its padding.
    places = PLACES + 1 if kind == "roberta" else PLACES
    sizes = {"vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.CONFIG_MAPPING[kind](
        **{**sizes, "intermediate_size": 64, "max_position_embeddings": places, "pad_token_id": 0, **changes}
    )
    return _save(folder, transformers.AutoModelForMaskedLM, config)


def save_decoder(folder: Path, kind: str = "gpt2", **changes: Any) -> Path:
    """A decoder over bytes and pieces of words, which ends a text with END."""
    _save_byte_pairs(folder)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": PLACES}
    # Fewer heads of keys and values than of queries, where the architecture has such.
    more = {} if kind == "gpt2" else {"intermediate_size": 64, "num_key_value_heads": 2, "head_dim": 8}
    config = transformers.CONFIG_MAPPING[kind](
        **{"vocab_size": 320, **sizes, **more, "bos_token_id": 0, "eos_token_id": 0, **changes}
    )
    return _save(folder, transformers.AutoModelForCausalLM, config)


def opened(folder: Path, task: str = "classification", length: int = 32, sha256: str | None = None) -> Foundation:
    """The model as a training has it, whatever memory there is."""
    model = Pretrained(Stored(folder.as_uri() + "/", sha256), length)
    return open_foundation(model, task, Store(), Scratch(), lambda _parameters: None)


def change_config(folder: Path, **changes: Any) -> None:
    """Writes other members into config.json; None takes one away."""
    path = folder / "config.json"
    document = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))


def _save(folder: Path, auto: Any, config: Any) -> Path:
    torch.manual_seed(7)
    auto.from_config(config).save_pretrained(folder)
    return folder


def _save_word_pieces(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=BOTH_ENDS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.decoder = decoders.WordPiece()
    names = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], BOTH_ENDS, strict=True))
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)


def _save_byte_pairs(folder: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=[END], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END).save_pretrained(folder)
