"""The data sets that come with the image."""

from __future__ import annotations

import gzip
import hashlib
import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from limbeck_trainer.data_config import ImageSize
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.images import document
from limbeck_trainer.samples import Dataset


def digits() -> Dataset:
    """scikit-learn's handwritten digits: 1797 images of 8x8 with pixels 0..16, without importing scikit-learn."""
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise TrainerError(Reason.DATA_MISSING, "The data set digits is not in this image: install scikit-learn.")
    file = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    content = gzip.decompress(file.read_bytes())
    table = np.loadtxt(io.BytesIO(content), delimiter=",", dtype=np.float32)
    x = np.ascontiguousarray(table[:, :64]).reshape(-1, 1, 8, 8)
    y = table[:, 64].astype(np.int64)
    labels = tuple(str(digit) for digit in range(10))
    picture = document(ImageSize(8, 8, 1), white=16)
    return Dataset(x, y, labels, hashlib.sha256(content).hexdigest(), preprocessing=picture)
