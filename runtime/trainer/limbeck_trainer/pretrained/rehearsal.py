"""The export of a pretrained model, tried before it is trained: hours later is too late to learn that it fails."""

from __future__ import annotations

from dataclasses import replace

import torch

from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.exporting import export_proven
from limbeck_trainer.log import Log
from limbeck_trainer.out_of_memory import is_out_of_memory
from limbeck_trainer.pretrained.architecture import first_line
from limbeck_trainer.pretrained.building import build, keeps_head
from limbeck_trainer.pretrained.folder import refuse
from limbeck_trainer.pretrained.foundation import Foundation
from limbeck_trainer.samples import Dataset, Rows
from limbeck_trainer.session import Material

SAMPLES = 2


def rehearse(dataset: Dataset, rows: Rows, threads: int | None, log: Log) -> None:
    """ConfigInvalid if the model as it came cannot be exported, or the exported one says something else."""
    foundation = dataset.foundation
    assert foundation is not None
    _export(foundation, dataset, rows, threads)
    log.info("export rehearsed")
    if not dataset.labels:
        return
    if keeps_head(foundation, dataset.labels):
        log.info("the pretrained model keeps its head", labels=list(dataset.labels))
    else:
        classes = {"labels": list(dataset.labels), "pretrainedLabels": list(foundation.labels)}
        log.info("the pretrained model gets a new head", **classes)


def _export(foundation: Foundation, dataset: Dataset, rows: Rows, threads: int | None) -> None:
    model = build(foundation, dataset.labels)
    few = replace(rows, test=rows.test[:SAMPLES])
    what = f"is of the model_type {foundation.config.model_type}, whose export for serving"
    try:
        export_proven(model, Material(dataset, few, torch.empty(0), torch.empty(0)), threads)
    except TrainerError as error:
        if error.reason is not Reason.PARITY_BROKEN:
            raise
        refuse(foundation.uri, f"{what} says something else than the model. Take a model of another type.")
    except Exception as error:
        if is_out_of_memory(error):
            raise
        refuse(foundation.uri, f"{what} fails: {first_line(error)}. Take a model of another type.")
