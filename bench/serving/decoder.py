"""A decoder as our trainer exports it, with weights at random: its graph in base64, the same with int8 weights, and its
manifest, as JSON on stdout.

Usage: python3 decoder.py [LAYERS HEADS WIDTH CONTEXT]. Run by bench/serving/language.ts with the trainer's packages.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "runtime" / "trainer"))

import numpy as np
import torch
from limbeck_trainer.decoder_export import export_decoder
from limbeck_trainer.export import manifest_of
from limbeck_trainer.int8_weights import with_int8_weights
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.samples import Dataset, Tokens
from limbeck_trainer.transformer import Decoder

# Unasked, ten million parameters; the tokens are the 256 bytes and three special ones.
LAYERS, HEADS, WIDTH, CONTEXT = map(int, sys.argv[1:] or (6, 6, 384, 512))
MODEL = Transformer(layers=LAYERS, heads=HEADS, width=WIDTH, context_length=CONTEXT)
VOCABULARY, END = 259, 256

torch.manual_seed(0)
windows = np.zeros((2, 16), dtype=np.int32)
dataset = Dataset(windows, windows, (), "0", tokens=Tokens(VOCABULARY, MODEL.context_length, END, END, {}))
artefact = export_decoder(Decoder(MODEL, VOCABULARY).eval(), dataset)
manifest = manifest_of(artefact, "causalLM", dataset, {}, {})
light = with_int8_weights(artefact.content)
models = {"writer": artefact.content, "light": light}
print(
    json.dumps(
        {
            name: {
                "model": base64.b64encode(content).decode(),
                "manifest": {**manifest, "sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)},
            }
            for name, content in models.items()
        }
    )
)
