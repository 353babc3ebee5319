"""What cannot be measured on the held-out rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from limbeck_trainer.errors import Reason, TrainerError
from support import run_here, spoiled


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_answers_that_are_no_numbers_are_told_as_such(tmp_path: Path, task: str) -> None:
    words = r"answers to 1 of \d+ held-out samples are no finite numbers, that to row \d+ of the data first\. Look"
    with pytest.raises(TrainerError, match=words) as caught:
        run_here(spoiled(tmp_path, "test", task=task))
    assert caught.value.reason is Reason.NON_FINITE_LOSS
