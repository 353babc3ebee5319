"""What every peer has in common: a session of ONNX Runtime with one thread, as the other side has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

DTYPES = {"float32": "FP32"}
Arrays = dict[str, np.ndarray[Any, Any]]


class Onnx:
    """A model file."""

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, inputs: Arrays) -> Arrays:
        """The outputs by name."""
        return dict(zip(self._names, self._session.run(None, inputs), strict=True))


def folders() -> list[Path]:
    """Of the models that are to be served."""
    return [Path(folder) for folder in os.environ["PEER_MODELS"].split(":")]


def port() -> int:
    """Where answers are wanted."""
    return int(os.environ["PEER_PORT"])
