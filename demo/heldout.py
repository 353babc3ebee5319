"""Prints the held-out split as one line of JSON, made by the trainer's own code: {"x": [[...], ...], "y": [...]}.

Runs in the trainer image. Its argument is data of a TrainingJob's or DistillationJob's spec, as JSON.
"""

from __future__ import annotations

import json
import sys

from limbeck_trainer.data import load_data, split_rows
from limbeck_trainer.data_config import Builtin, Data
from limbeck_trainer.json_text import json_text
from limbeck_trainer.store import Store


def main() -> None:
    """Reads the argument, prints the line."""
    spec = json.loads(sys.argv[1])
    split = spec["split"]
    data = Data(Builtin(spec["source"]["builtin"]), split["validation"], split["test"], split["seed"], None)
    dataset = load_data(data.source, Store())
    test = split_rows(dataset.y, data).test
    # Pixels are whole numbers; without their ".0" the line is half as long.
    pixels = dataset.x[test].reshape(len(test), -1).astype(int)
    print(json_text({"x": pixels.tolist(), "y": dataset.y[test].tolist()}, separators=(",", ":")))


main()
