"""The environment of one process: defaults for a laptop, and every mistake by its name."""

from __future__ import annotations

import pytest
from limbeck_trainer.environment import read_environment
from limbeck_trainer.errors import TrainerError


def test_environment_has_defaults_for_a_laptop() -> None:
    environment = read_environment({})
    assert (environment.rank, environment.world_size, environment.threads) == (0, 1, None)
    assert str(environment.result_file) == "/dev/termination-log"


def test_environment_names_every_mistake() -> None:
    variables = {"RANK": "two", "WORLD_SIZE": "0", "OMP_NUM_THREADS": "-1"}
    with pytest.raises(TrainerError) as caught:
        read_environment(variables)
    for name in variables:
        assert name in caught.value.message
    with pytest.raises(TrainerError, match="MASTER_ADDR is missing"):
        read_environment({"WORLD_SIZE": "2"})
    with pytest.raises(TrainerError, match="RANK must be less than WORLD_SIZE 2"):
        read_environment({"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "host"})


def test_environment_of_a_process_beside_others() -> None:
    variables = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "host"}
    environment = read_environment({**variables, "LIMBECK_MEMORY_BYTES": "1024"})
    assert (environment.rank, environment.local_rank, environment.local_world_size) == (5, 1, 4)
    assert environment.memory_bytes == 1024
