"""How this run's model is spread over its group, or why it cannot be trained here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import torch

from limbeck_trainer.config import Config
from limbeck_trainer.distributed import Peers
from limbeck_trainer.environment import Environment
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.export import oversize
from limbeck_trainer.json_text import json_bytes
from limbeck_trainer.memory import free_memory
from limbeck_trainer.preprocess import parameters_of
from limbeck_trainer.progress import Distribution
from limbeck_trainer.session import Material, Session
from limbeck_trainer.strategy import Choice, Facts, choose_strategy, shortage


def choose(session: Session, environment: Environment, peers: Peers, material: Material) -> Choice:
    """Rank 0's choice, for all: the ranks need not have equally much memory left. ConfigInvalid if there is none."""
    config = session.config
    parameters = parameters_of(config.model, material.dataset, material.rows.train[:1])
    facts = _facts(config, environment, peers.device)(parameters)
    _check_size(parameters, shortage(config.strategy, facts))
    mine = json_bytes(asdict(choose_strategy(config.strategy, facts)))
    choice = Choice(**json.loads(peers.broadcast(mine if peers.leads else None) or b"{}"))
    session.log.info("strategy chosen", strategy=choice.strategy, why=choice.why)
    session.board.update(distribution=Distribution(choice.strategy, choice.why, peers.world_size, peers.device.type))
    if choice.strategy == "fsdp" and config.optimization.precision == "float16":
        message = "optimization.precision float16 does not go with fsdp: take bfloat16, which needs no loss scaling."
        raise TrainerError(Reason.CONFIG_INVALID, message)
    return choice


def shortage_here(config: Config, environment: Environment, device: torch.device) -> Callable[[int], str | None]:
    """`shortage` of this process, by the number of parameters."""
    facts = _facts(config, environment, device)
    return lambda parameters: shortage(config.strategy, facts(parameters))


def _facts(config: Config, environment: Environment, device: torch.device) -> Callable[[int], Facts]:
    memory = free_memory(environment, device)
    host = None if device.type == "cpu" else free_memory(environment, torch.device("cpu"))
    optimizer, best = config.optimization.optimizer, config.optimization.early_stopping is not None
    return lambda parameters: Facts(parameters, optimizer, environment.world_size, memory, host, best)


def _check_size(parameters: int, short: str | None) -> None:
    """It has to fit into one file after the training, and into memory until then."""
    why = oversize(parameters)
    if why is not None:
        remedy = "take a smaller model, smaller samples or, of texts, a tokenizer with fewer tokens."
        raise TrainerError(Reason.CONFIG_INVALID, f"The model {why}: {remedy}")
    if short is not None:
        raise TrainerError(Reason.CONFIG_INVALID, f"The model {short}")
