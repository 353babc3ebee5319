"""What a pretrained model is, read off its config.json by transformers: no weights are read or made for it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers
from torch import nn
from transformers.utils import logging

from limbeck_trainer.export import oversize
from limbeck_trainer.models import parameter_count
from limbeck_trainer.pretrained.folder import Folder, refuse

# The log has a line of ours where something is worth one.
logging.set_verbosity_error()
logging.disable_progress_bar()

# Settings of how a model answers, as some were saved with: here it answers by names.
ANSWERS = ("return_dict", "torchscript")
# The numbers that a config of transformers gives for the shares that are left out while it learns.
DROPOUT = re.compile(r"drop", re.IGNORECASE)

AUTO = {
    "classification": (
        transformers.AutoModelForSequenceClassification,
        transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    ),
    "causalLM": (transformers.AutoModelForCausalLM, transformers.MODEL_FOR_CAUSAL_LM_MAPPING),
}


def config_of(folder: Folder, task: str) -> Any:
    """transformers' config for the training: no dropout, so that a resumed run walks the course of any other."""
    document = {name: value for name, value in copy.deepcopy(folder.config).items() if name not in ANSWERS}
    kind = document.pop("model_type", None)
    version = f"transformers {transformers.__version__}"
    if "auto_map" in document:
        problem = "asks for code of its own (auto_map in config.json), which is never run."
        refuse(folder.uri, f"{problem} Take a model that {version} knows itself.")
    if "quantization_config" in document:
        refuse(folder.uri, "is quantised, and rounded weights cannot be trained. Take the one that it was made from.")
    if not isinstance(kind, str) or kind not in transformers.CONFIG_MAPPING:
        problem = f"is of the model_type {kind!r}, which {version} does not know."
        refuse(folder.uri, f"{problem} Take another model, or correct its config.json.")
    try:
        config = transformers.CONFIG_MAPPING[kind].from_dict(document)
    except Exception as error:
        refuse(folder.uri, f"has a config.json that {version} cannot use: {first_line(error)}. Save it again.")
    if config.is_encoder_decoder or type(config) not in AUTO[task][1]:
        what = {"classification": "an encoder that classifies texts", "causalLM": "a decoder that goes on with a text"}
        refuse(folder.uri, f"is of the model_type {kind}, which is not {what[task]}, as the task {task} needs.")
    for name, value in config.to_dict().items():
        if DROPOUT.search(name) and isinstance(value, float):
            setattr(config, name, 0.0)
    return config


def is_causal(config: Any) -> bool:
    """Whether models of this type were made to go on with texts alone: those that fill gaps too see both sides."""
    kind = type(config)
    return kind in transformers.MODEL_FOR_CAUSAL_LM_MAPPING and kind not in transformers.MODEL_FOR_MASKED_LM_MAPPING


def first_line(error: BaseException) -> str:
    """The part of an error's text that fits into a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300].rstrip(".")


class Architecture:
    """The model without its numbers."""

    def __init__(self, uri: str, config: Any, task: str) -> None:
        self._uri = uri
        self._config = config
        try:
            with torch.device("meta"):
                self._model = AUTO[task][0].from_config(config, attn_implementation="eager")
        except Exception as error:
            refuse(uri, f"cannot be built from its config.json: {first_line(error)}. Save it again.")
        self.parameters = parameter_count(self._model)

    def check_tokens(self, vocabulary: Mapping[str, int]) -> None:
        """Each token of the tokenizer has to be one of the model's."""
        token, highest = max(vocabulary.items(), key=lambda item: item[1])
        known = self._config.vocab_size
        if highest >= known:
            problem = f"knows {known} tokens, and its tokenizer makes others: {token!r} is number {highest}."
            refuse(self._uri, f"{problem} Upload the tokenizer that it was trained with.")

    def check_length(self, context_length: int) -> None:
        """No text may be longer than the places that the model knows."""
        places = self._places()
        if places is not None and context_length > places:
            problem = f"sees at most {places} tokens, and model.pretrained.contextLength is {context_length}."
            refuse(self._uri, f"{problem} Lower it.")

    def check_size(self, shortage: Callable[[int], str | None]) -> None:
        """It has to fit into memory while it is trained, and into one file afterwards."""
        why = shortage(self.parameters)
        if why is not None:
            refuse(self._uri, why)
        why = oversize(self.parameters, self._tied())
        if why is not None:
            refuse(self._uri, f"{why}: take a smaller model.")

    def _places(self) -> int | None:
        """As many tokens as there are places, in the model's window and not reserved for padding; None: no bound."""
        limits = [getattr(self._config, "max_position_embeddings", None)]
        if getattr(self._config, "use_sliding_window", True):
            limits.append(getattr(self._config, "sliding_window", None))
        named = (module for name, module in self._model.named_modules() if name.endswith("position_embeddings"))
        for module in named:
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                limits.append(module.num_embeddings - module.padding_idx - 1)
        return min((limit for limit in limits if isinstance(limit, int) and limit > 0), default=None)

    def _tied(self) -> int:
        """Numbers that the exported model has twice: as the table of tokens and, turned round, as the last layer."""
        table, last = self._model.get_input_embeddings(), self._model.get_output_embeddings()
        return table.weight.numel() if last is not None and last.weight is table.weight else 0
