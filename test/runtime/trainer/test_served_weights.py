"""In which numbers a decoder is served: int8 where it is large enough to gain and foretells as well."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from limbeck_trainer import int8_weights, served_weights
from limbeck_trainer.decoder_export import export_decoder, foretelling
from limbeck_trainer.evaluation.language import Language, evaluate_language
from limbeck_trainer.export import Artefact
from limbeck_trainer.model_config import ServedWeights, Transformer
from limbeck_trainer.samples import NO_TOKEN, Dataset, Doubles, Tokens
from limbeck_trainer.served_weights import losses, served
from limbeck_trainer.transformer import Decoder

MODEL = Transformer(layers=2, heads=4, width=128, context_length=24)
VOCABULARY = 40
CHANCE = np.random.default_rng(5)
WINDOWS = CHANCE.integers(0, VOCABULARY, (5, 24)).astype(np.int32)
FOLLOWING = np.concatenate([WINDOWS[:, 1:], np.full((5, 1), NO_TOKEN, dtype=np.int32)], axis=1)


@pytest.fixture(scope="module")
def artefact() -> Artefact:
    torch.manual_seed(7)
    dataset = Dataset(WINDOWS, FOLLOWING, (), "0", tokens=Tokens(VOCABULARY, 24, 39, 39, {}))
    return export_decoder(Decoder(MODEL, VOCABULARY).eval(), dataset)


def weights_of(artefact: Artefact) -> dict[str, object]:
    """What its manifest says of them."""
    said = artefact.members["weights"]
    assert isinstance(said, dict)
    return said


def test_one_that_is_demanded_in_int8_is_measured_and_has_a_digest_of_its_own(artefact: Artefact) -> None:
    light = served(artefact, "int8", WINDOWS, FOLLOWING, 1).artefact
    said = weights_of(light)
    assert (said["kind"], said["tokens"]) == ("int8", 5 * 23)
    assert isinstance(said["lossRise"], float) and abs(said["lossRise"]) <= 0.01
    assert light.sha256 != artefact.sha256
    assert len(light.content) < 0.45 * len(artefact.content)


def test_token_by_token_it_says_what_it_says_of_all_at_once_and_alone(artefact: Artefact) -> None:
    light = served(artefact, "int8", WINDOWS, FOLLOWING, 1).artefact
    both = zip(foretelling(light, WINDOWS, 1), foretelling(light, WINDOWS[2:3], 1), strict=True)
    assert max(np.abs(together[2:3] - alone).max() for (_, together), (_, alone) in both) < 1e-4


@pytest.mark.parametrize("wanted", ["float32", None])
def test_small_ones_stay_as_they_are(artefact: Artefact, wanted: ServedWeights | None) -> None:
    same = served(artefact, wanted, WINDOWS, FOLLOWING, 1).artefact
    assert (same.content, same.sha256) == (artefact.content, artefact.sha256)
    assert weights_of(same)["kind"] == "float32"


def test_large_ones_are_int8_unless_somebody_says_otherwise(
    artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_weights, "WORTH_BYTES", 2**16)
    assert weights_of(served(artefact, None, WINDOWS, FOLLOWING, 1).artefact)["kind"] == "int8"
    assert weights_of(served(artefact, "float32", WINDOWS, FOLLOWING, 1).artefact) == {
        "kind": "float32",
        "reason": "as the spec demands",
    }


def test_one_that_would_foretell_worse_stays_as_it_is_and_says_so(
    artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_weights, "MOST_RISE", -1.0)
    same = served(artefact, "int8", WINDOWS, FOLLOWING, 1).artefact
    assert same.content == artefact.content
    assert "int8 would raise the loss of a token by" in str(weights_of(same)["reason"])


def test_nothing_is_claimed_where_nothing_could_be_measured(artefact: Artefact) -> None:
    same = served(artefact, "int8", WINDOWS, np.full_like(FOLLOWING, NO_TOKEN), 1).artefact
    assert weights_of(same)["kind"] == "float32"


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few steps that what they cost is large, and taken all the same."""
    monkeypatch.setattr(int8_weights, "WEIGHT_LIMIT", 2)
    monkeypatch.setattr(served_weights, "MOST_RISE", 100.0)


def trained(losses_of: list[Doubles]) -> Language:
    """The figures of a model that has lost so much at each place of each window."""
    sums = np.sum(losses_of, axis=0)
    return evaluate_language(np.full(len(sums), len(losses_of), dtype=np.int64), sums, 0)


def foretold(artefact: Artefact) -> Language:
    """Its figures on all windows."""
    return trained([losses(logits, FOLLOWING[:, place]) for place, logits in foretelling(artefact, WINDOWS, 1, 1)][:-1])


@pytest.mark.usefixtures("coarse")
def test_its_figures_are_those_of_the_file_that_is_served_and_the_trained_model_s_are_told(artefact: Artefact) -> None:
    before = foretold(artefact)
    light, after = served(artefact, "int8", WINDOWS, FOLLOWING, 1).judged(before)
    said, exact = weights_of(light), foretold(light)
    assert said["trainedPerplexity"] == before.metrics["perplexity"].document()
    assert abs(exact.metrics["perplexity"].value / before.metrics["perplexity"].value - 1) > 0.001
    assert after.metrics["perplexity"].value == pytest.approx(exact.metrics["perplexity"].value, rel=1e-6)
    assert after.n == before.n
    pairs = [zip(*(foretelling(one, WINDOWS, 1, 1) for one in (artefact, light)), strict=True)]
    same = [(a.argmax(1) == b.argmax(1)).mean() for pair in pairs for (_, a), (_, b) in pair][:-1]
    assert said["sameTokens"] == pytest.approx(np.mean(same), abs=1e-6)
    assert np.mean(same) < 1


@pytest.mark.usefixtures("coarse")
def test_what_is_not_known_of_the_cost_widens_the_interval(artefact: Artefact) -> None:
    few = served(artefact, "int8", WINDOWS[:3], FOLLOWING[:3], 1)
    assert few.cost is not None and few.cost.error > 0
    before = foretold(artefact)
    one, other = before.metrics["perplexity"], few.judged(before)[1].metrics["perplexity"]
    assert other.high / other.value > one.high / one.value
    assert other.value / other.low > one.value / one.low
    alone = served(artefact, "int8", WINDOWS[:1], FOLLOWING[:1], 1).cost
    assert alone is not None
    assert alone.error == pytest.approx(abs(alone.rise))


def test_in_float32_the_figures_stay_as_they_are(artefact: Artefact) -> None:
    before = foretold(artefact)
    same, after = served(artefact, "float32", WINDOWS, FOLLOWING, 1).judged(before)
    assert after is before
    assert "trainedPerplexity" not in weights_of(same)


def test_losses_are_those_of_torch_and_of_tokens_that_there_are() -> None:
    logits = CHANCE.normal(size=(4, 7)).astype(np.float32)
    following = np.array([1, NO_TOKEN, 4, 6], dtype=np.int32)
    there = following != NO_TOKEN
    wanted = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits[there]), torch.from_numpy(following[there]).long(), reduction="none"
    )
    assert losses(logits, following) == pytest.approx(wanted.numpy(), rel=1e-5)
