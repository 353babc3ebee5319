"""The graph split-v1: it says what the trained decoder says, token by token, and any server may drive it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from limbeck_trainer.decoder_export import Stepper, export_decoder, prove_decoder
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.export import Artefact
from limbeck_trainer.model_config import Transformer
from limbeck_trainer.onnx_model import session_of
from limbeck_trainer.samples import Dataset, Tokens
from limbeck_trainer.transformer import HIDDEN, Decoder

MODEL = Transformer(layers=2, heads=4, width=32, context_length=16)
VOCABULARY = 19
WINDOWS = np.random.default_rng(5).integers(0, VOCABULARY, (6, 16)).astype(np.int32)
DATA = Dataset(WINDOWS, WINDOWS, (), "0", tokens=Tokens(VOCABULARY, 16, 18, 18, {"tokenizer.json": b"{}"}))


def trained() -> Decoder:
    torch.manual_seed(7)
    decoder = Decoder(MODEL, VOCABULARY)
    for parameter in decoder.parameters():
        # Far from its timid beginning, so that differences would show.
        torch.nn.init.normal_(parameter, std=0.3)
    return decoder.eval()


@pytest.fixture(scope="module")
def artefact() -> Artefact:
    return export_decoder(trained(), DATA)


def test_token_by_token_it_is_the_trained_model(artefact: Artefact) -> None:
    count, delta = prove_decoder(artefact, trained(), WINDOWS, 1)
    # A quarter is given at once; each further token is one decision of each window.
    assert (count, delta <= 1e-4) == (6 * 13, True)


def test_it_is_the_graph_of_the_contract(artefact: Artefact) -> None:
    proto = onnx.load_model_from_string(artefact.content)
    onnx.checker.check_model(proto)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 17)]
    session = session_of(artefact.content, 1)
    cache = [f"{layer}.{kind}" for layer in range(2) for kind in ("key", "value")]
    named = [[tensor.name for tensor in tensors] for tensors in (session.get_inputs(), session.get_outputs())]
    assert named == [
        ["input_ids", "position_ids", "last", "bias", *(f"past.{name}" for name in cache)],
        ["logits", *(f"new.{name}" for name in cache)],
    ]
    assert [tensor["name"] for tensor in artefact.inputs] == named[0]
    declared = {tensor["name"]: (tensor["datatype"], tensor["shape"]) for tensor in artefact.inputs + artefact.outputs}
    types = {"tensor(int64)": "INT64", "tensor(float)": "FP32"}
    for tensor in [*session.get_inputs(), *session.get_outputs()]:
        shape = [axis if isinstance(axis, int) else -1 for axis in tensor.shape]
        if tensor.name.startswith("new."):
            # What the exporter cannot tell is as good as any size.
            shape = [
                wanted if axis == -1 else axis for axis, wanted in zip(shape, declared[tensor.name][1], strict=True)
            ]
        assert declared[tensor.name] == (types[tensor.type], shape), tensor.name
    assert artefact.members["decoder"] == {
        **{"contract": "split-v1", "layers": 2, "heads": 4, "headDim": 8, "vocabulary": 19},
        **{"contextLength": 16, "endTokens": [18]},
    }


def test_rows_of_unequal_length_share_a_batch(artefact: Artefact) -> None:
    """The shorter row is padded on the right; bias hides the padding, `last` says where its text ends."""
    decoder = trained()
    tokens = WINDOWS[:2, :6].astype(np.int64)
    bias = np.tile(np.triu(np.full((6, 6), HIDDEN, dtype=np.float32), 1), (2, 1, 1, 1))
    bias[1, :, :, 4:] = HIDDEN
    empty = {
        **{f"past.{layer}.key": np.zeros((2, 4, 8, 0), dtype=np.float32) for layer in range(2)},
        **{f"past.{layer}.value": np.zeros((2, 4, 0, 8), dtype=np.float32) for layer in range(2)},
    }
    given = {
        "input_ids": tokens,
        "position_ids": np.tile(np.arange(6), (2, 1)),
        "last": np.array([5, 3]),
        "bias": bias,
        **empty,
    }
    logits = session_of(artefact.content, 1).run(["logits"], given)[0]
    with torch.no_grad():
        expected = [decoder(torch.from_numpy(tokens[row : row + 1, :end]))[0, -1] for row, end in ((0, 6), (1, 4))]
    np.testing.assert_allclose(logits, torch.stack(expected).numpy(), atol=1e-4)


def test_a_single_token_from_nothing(artefact: Artefact) -> None:
    with torch.no_grad():
        expected = trained()(torch.from_numpy(WINDOWS[:1, :1]))[:, -1].numpy()
    np.testing.assert_allclose(Stepper(artefact, 1).step(WINDOWS[:1, :1]), expected, atol=1e-4)


@pytest.mark.parametrize("error", [1e-2, float("nan")])
def test_a_difference_is_parity_broken(artefact: Artefact, error: float) -> None:
    decoder = trained()
    with torch.no_grad():
        decoder.trunk.blocks[1].attention.joint.weight[3] += error
    with pytest.raises(TrainerError, match="decoder differs from the trained one") as caught:
        prove_decoder(artefact, decoder, WINDOWS, 1)
    assert caught.value.reason is Reason.PARITY_BROKEN


@pytest.mark.parametrize(("gap", "flips"), [(2e-5, False), (1.6e-4, True)])
def test_a_tie_is_no_decision(gap: float, flips: bool) -> None:
    """Two tokens are as good as equal at every place, and the exported decoder puts the other one first."""
    decoder = trained()
    with torch.no_grad():
        decoder.trunk.last.weight[:], decoder.trunk.last.bias[:] = 0, 1
        decoder.head.weight[3:5] = 20 / MODEL.width
        decoder.head.weight[4, 0] += 2e-5
    artefact = export_decoder(decoder, DATA)
    with torch.no_grad():
        decoder.head.weight[3, 0] += gap / 2 + 1e-5
        decoder.head.weight[4, 0] -= gap / 2 + 1e-5
    if not flips:
        assert prove_decoder(artefact, decoder, WINDOWS, 1)[1] <= 1e-4
        return
    with pytest.raises(TrainerError, match="in 78 of 78 next tokens"):
        prove_decoder(artefact, decoder, WINDOWS, 1)


def test_the_proof_never_holds_the_logits_of_all_windows() -> None:
    """Those of a large vocabulary take more memory than the training."""
    vocabulary, length = 20000, 32
    windows = np.random.default_rng(5).integers(0, vocabulary, (8, length)).astype(np.int32)
    dataset = Dataset(windows, windows, (), "0", tokens=Tokens(vocabulary, length, 0, 0, {}))
    decoder = Decoder(replace(MODEL, context_length=length), vocabulary)
    artefact, made = export_decoder(decoder, dataset), [0]
    decoder.register_forward_hook(lambda _decoder, _given, logits: made.append(logits.numel()))
    tracemalloc.start()
    try:
        count, _ = prove_decoder(artefact, decoder, windows, 1)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 8 * 25
    assert max(made) <= length * vocabulary
    # float32.
    assert peak_bytes < 4 * windows.size * vocabulary / 2
