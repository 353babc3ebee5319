"""Images in folders become pixels with channels first; every way a picture can be wrong names the file."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from limbeck_trainer.data import load_data
from limbeck_trainer.data_config import Claimed, ImageSize, Reading
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.files import open_source
from limbeck_trainer.reading.images import read_picture
from limbeck_trainer.samples import Dataset
from limbeck_trainer.store import Store
from PIL import Image

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)
RGB = np.arange(144, dtype=np.uint8).reshape(6, 8, 3)


def save(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def load(folder: Path, reading: Reading | None = None) -> Dataset:
    return load_data(Claimed("claim", str(folder), None), Store(), reading or Reading())


def test_a_folder_is_a_class_and_pixels_stay_as_they_are(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "1.png", RGB)
    save(tmp_path / "cat" / "2.png", RGB + 1)
    save(tmp_path / "ant" / "1.png", RGB + 2)
    dataset = load(tmp_path)
    assert (dataset.labels, dataset.y.tolist()) == (("ant", "cat"), [0, 1, 1])
    np.testing.assert_array_equal(dataset.x[1], RGB.transpose(2, 0, 1).astype(np.float32))
    assert dataset.preprocessing == {
        **{"kind": "image", "channels": 3, "height": 6, "width": 8},
        **{"mode": "RGB", "range": [0, 255], "resize": "bilinear"},
    }


def test_labels_say_which_class_is_which(tmp_path: Path) -> None:
    for name in ("ant", "bee", "cat"):
        save(tmp_path / name / "1.png", RGB)
    dataset = load(tmp_path, Reading(labels=("cat", "ant", "bee", "dog")))
    assert (dataset.labels, dataset.y.tolist()) == (("cat", "ant", "bee", "dog"), [1, 2, 0])


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", GREY)
    save(tmp_path / "b" / "1.png", GREY)
    assert load(tmp_path).x.shape == (2, 1, 6, 8)


def test_all_are_brought_to_the_wanted_size(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.jpg", RGB)
    save(tmp_path / "b" / "1.png", np.full((30, 10), 200, np.uint8))
    dataset = load(tmp_path, Reading(image=ImageSize(4, 5, 1)))
    assert dataset.x.shape == (2, 1, 4, 5)
    np.testing.assert_array_equal(dataset.x[1], np.full((1, 4, 5), 200, np.float32))


def corrupt(folder: Path) -> None:
    whole = (folder / "a" / "1.png").read_bytes()
    (folder / "b" / "2.png").write_bytes(whole[: len(whole) // 2])


def no_picture(folder: Path) -> None:
    (folder / "b" / "2.png").write_text("text")


def chunks(*parts: tuple[bytes, bytes]) -> bytes:
    """A PNG of these chunks."""
    whole = (len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def header(width: int, height: int, colours: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)


def no_palette(folder: Path) -> None:
    pixels = b"IDAT", zlib.compress(bytes(9 * 6))
    (folder / "b" / "2.png").write_bytes(chunks(header(8, 6, 3), (b"tRNS", b"\0"), pixels, (b"IEND", b"")))


def damaged_words(folder: Path) -> None:
    whole = (folder / "a" / "1.png").read_bytes()
    words = (3).to_bytes(4) + b"tEXta\0b" + bytes(4)
    (folder / "b" / "2.png").write_bytes(whole[:33] + words + whole[33:])


def bomb(folder: Path) -> None:
    pixels = b"IDAT", zlib.compress(bytes(1000))
    (folder / "b" / "2.png").write_bytes(chunks(header(60000, 60000, 0), pixels, (b"IEND", b"")))


def another_size(folder: Path) -> None:
    save(folder / "b" / "2.png", RGB[:3])


def no_folder(folder: Path) -> None:
    save(folder / "2.png", RGB)


def one_class(folder: Path) -> None:
    (folder / "b" / "1.png").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (corrupt, r"b/2.png .* is no whole PNG or JPEG: .*Replace or remove it"),
        (no_picture, r"b/2.png .* is no whole PNG or JPEG: it is neither\. Replace or remove it"),
        (no_palette, r"b/2.png .* is no whole PNG or JPEG: AssertionError\. Replace or remove it"),
        (damaged_words, r"b/2.png .* is no whole PNG or JPEG: what comes before its pixels is damaged\. Replace"),
        (bomb, r"b/2.png .* is no whole PNG or JPEG: .*3600000000 pixels.*bomb"),
        (another_size, r"b/2.png .* is 8x3 with 3 channels, the first image 8x6 with 3 channels. Set data.image"),
        (no_folder, r"2.png .* lies in no folder. Put every file"),
        (one_class, r"has one class only: the folder 'a'. Add folders"),
    ],
)
def test_a_bad_picture_is_refused_for_good(tmp_path: Path, spoil: object, words: str) -> None:
    save(tmp_path / "a" / "1.png", RGB)
    save(tmp_path / "b" / "1.png", RGB)
    assert callable(spoil)
    spoil(tmp_path)
    with pytest.raises(TrainerError, match=words) as caught:
        load(tmp_path)
    assert caught.value.reason is Reason.DATA_INVALID


def test_a_folder_that_no_label_names(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", RGB)
    save(tmp_path / "b" / "1.png", RGB)
    with pytest.raises(TrainerError, match=r"has the folder 'b', which data\.labels does not list"):
        load(tmp_path, Reading(labels=("a", "c")))


PICTURES = Path(__file__).parents[3] / "golden" / "pictures"


@pytest.mark.parametrize("golden", json.loads((PICTURES / "pictures.json").read_text()), ids=str)
def test_a_picture_is_what_the_server_makes_of_it(golden: dict[str, Any]) -> None:
    """The server's tests compare with the same pixels: what a model is asked about is what it was trained on."""
    (file,) = open_source(Claimed("c", str(PICTURES / golden["file"]), None), Store()).files
    size = ImageSize(golden["height"], golden["width"], golden["channels"])
    pixels = read_picture(file, file.read(), size).pixels
    assert base64.b64encode(pixels.astype(np.uint8).tobytes()).decode() == golden["pixels"]
