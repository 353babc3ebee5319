"""Decoders with the same weights, at random: graphs in base64, with the manifests of ours, as JSON by name on stdout.

`writer` is as our trainer exports it, `light` has int8 weights, `concat` is as common exporters write it.

Usage: python3 decoder.py NAME,… [LAYERS HEADS WIDTH CONTEXT]. Run by bench/serving/language.ts with the trainer's
packages.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "runtime" / "trainer"))

import numpy as np
import torch
from concat_decoder import export_concat
from limbeck_trainer.decoder_export import export_decoder
from limbeck_trainer.export import manifest_of
from limbeck_trainer.int8_weights import with_int8_weights
from limbeck_trainer.json_text import json_text
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.samples import Dataset, Tokens
from limbeck_trainer.transformer import Decoder

NAMES = sys.argv[1].split(",")
# Unasked, ten million parameters; the tokens are the 256 bytes and three special ones.
LAYERS, HEADS, WIDTH, CONTEXT = map(int, sys.argv[2:] or (6, 6, 384, 512))
MODEL = Transformer(layers=LAYERS, heads=HEADS, width=WIDTH, context_length=CONTEXT)
VOCABULARY, END = 259, 256

torch.manual_seed(0)
decoder = Decoder(MODEL, VOCABULARY).eval()
windows = np.zeros((2, 16), dtype=np.int32)
dataset = Dataset(windows, windows, (), "0", tokens=Tokens(VOCABULARY, MODEL.context_length, END, END, {}))
artefact = export_decoder(decoder, dataset)
manifest = manifest_of(artefact, "causalLM", dataset, {}, {})


def ours(content: bytes) -> dict[str, object]:
    """A model by our contract."""
    digest = hashlib.sha256(content).hexdigest()
    return {**encoded(content), "manifest": {**manifest, "sha256": digest, "sizeBytes": len(content)}}


def encoded(content: bytes) -> dict[str, object]:
    """A model that tells nothing of itself."""
    return {"model": base64.b64encode(content).decode()}


MAKERS: dict[str, Callable[[], dict[str, object]]] = {
    "writer": lambda: ours(artefact.content),
    "light": lambda: ours(with_int8_weights(artefact.content)),
    "concat": lambda: encoded(export_concat(decoder)),
}
print(json_text({name: MAKERS[name]() for name in NAMES}))
