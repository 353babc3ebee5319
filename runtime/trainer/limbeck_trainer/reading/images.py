"""Images in folders, one folder per class: PNG or JPEG bytes → pixels 0..255, channels first."""

from __future__ import annotations

import io
from array import array
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from limbeck_trainer.data_config import ImageSize, Reading
from limbeck_trainer.reading.files import File, Files, class_of, invalid
from limbeck_trainer.samples import Floats, Ints

# A small file can claim to be a huge picture.
Image.MAX_IMAGE_PIXELS = 64_000_000
SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


@dataclass(frozen=True)
class Picture:
    """What one file holds."""

    pixels: Floats
    size: ImageSize


def classes_of(files: Files, reading: Reading) -> tuple[Ints, tuple[str, ...]]:
    """y and the labels: what the names of the folders say, without a look into any file."""
    if reading.task == "regression":
        invalid(f"{files.name} has images, whose folders name classes. Use the task classification, or a table.")
    codes: dict[str, int] = {}
    found = np.array(array("q", (codes.setdefault(class_of(file), len(codes)) for file in files.files)))
    labels = reading.labels or tuple(sorted(codes))
    index = {label: position for position, label in enumerate(labels)}
    stranger = next((name for name in codes if name not in index), None)
    if stranger is not None:
        invalid(f"{files.name} has the folder {stranger!r}, which data.labels does not list. Correct one of the two.")
    if len(codes) < 2:
        only = next(iter(codes))
        invalid(f"{files.name} has one class only: the folder {only!r}. Add folders with images of others.")
    return np.array([index[name] for name in codes], dtype=np.int64)[found], labels


def read_picture(file: File, content: bytes, wanted: ImageSize | None) -> Picture:
    """pixels: float32 [channels, height, width]; brought to the wanted size, or as large as the file is."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            channels = wanted.channels if wanted else _channels(image)
            converted = _of_bytes(image).convert("L" if channels == 1 else "RGB")
            size = wanted or ImageSize(converted.height, converted.width, channels)
            if converted.size != (size.width, size.height):
                converted = converted.resize((size.width, size.height), Image.Resampling.BILINEAR)
            pixels = np.asarray(converted, dtype=np.float32)
    except MemoryError:
        # Too little is left, which is not the picture's fault: there is a limit to what it may claim.
        raise
    except Exception as error:
        # All else is: the bytes are in memory, and Pillow meets damage in many ways, failed assertions among them.
        invalid(f"{file.name} is no whole PNG or JPEG: {_why(error, content)}. Replace or remove it.")
    shaped = pixels[np.newaxis] if channels == 1 else pixels.transpose(2, 0, 1)
    return Picture(np.ascontiguousarray(shaped), size)


def _why(error: Exception, content: bytes) -> str:
    if not isinstance(error, UnidentifiedImageError):
        return str(error) or type(error).__name__
    # It would tell the address of the bytes.
    return "what comes before its pixels is damaged" if content.startswith(SIGNATURES) else "it is neither"


def check_same(file: File, picture: Picture, first: Picture) -> None:
    """Without a wanted size all pictures must agree on one."""
    if picture.size != first.size:
        one, other = (f"{s.width}x{s.height} with {s.channels} channels" for s in (picture.size, first.size))
        invalid(f"{file.name} is {one}, the first image {other}. Set data.image to bring all to one size.")


def document(size: ImageSize, white: int = 255) -> dict[str, object]:
    """For the manifest: what a caller must make of a picture. `white` is the largest pixel."""
    mode = "grey" if size.channels == 1 else "RGB"
    return {
        "kind": "image",
        "channels": size.channels,
        "height": size.height,
        "width": size.width,
        "mode": mode,
        "range": [0, white],
        "resize": "bilinear",
    }


def _of_bytes(image: Image.Image) -> Image.Image:
    """Of 16 bits of grey the upper 8, which Pillow takes of colours, too; its `convert` makes all above 255 white."""
    if image.mode not in ("I", "I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _channels(image: Image.Image) -> int:
    return 1 if image.mode in ("1", "L", "I", "I;16", "LA") else 3
