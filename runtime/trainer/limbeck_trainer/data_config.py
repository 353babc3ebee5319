"""The data part of the config: where the samples come from, how their bytes are read, how they are divided."""

from __future__ import annotations

from dataclasses import dataclass, replace

from limbeck_trainer.address import shown
from limbeck_trainer.fields import NATURAL, POSITIVE, Bounds, Fields

URI = r"^(s3|file)://"
SHA256 = r"^[0-9a-f]{64}$"
# As the Hub has it: a name, or an owner and a name.
REPOSITORY = r"^([A-Za-z0-9_][A-Za-z0-9_.-]*/)?[A-Za-z0-9_][A-Za-z0-9_.-]*$"
FORMATS = ("npz", "csv", "parquet", "jsonl", "images", "text")


@dataclass(frozen=True)
class Builtin:
    """A data set that comes with the image."""

    name: str


@dataclass(frozen=True)
class Stored:
    """An object in the store or, where the URI ends in a slash, all objects below it."""

    uri: str
    sha256: str | None


@dataclass(frozen=True)
class Hub:
    """A data set in the Hugging Face layout that lies in the store: the files of one of its splits."""

    uri: str
    split: str
    sha256: str | None


@dataclass(frozen=True)
class Mirrored:
    """A data set of a server that answers as the Hub does: the files of one of its splits, of all below `folder`.

    `revision` is a commit, a branch or a tag. With more than `limit_bytes` in all it is refused.
    """

    mirror: str
    repository: str
    revision: str
    folder: str | None
    split: str
    sha256: str | None
    limit_bytes: int


@dataclass(frozen=True)
class Brought:
    """A folder of the scratch volume, with what a mirror had; `name` is for messages."""

    name: str
    path: str
    sha256: str | None


@dataclass(frozen=True)
class Claimed:
    """A file or folder on a volume that is mounted read-only; `path` is absolute in the pod."""

    claim: str
    path: str
    sha256: str | None


@dataclass(frozen=True)
class Download:
    """One file from a web server; larger than `limit_bytes` it is refused."""

    url: str
    sha256: str
    limit_bytes: int


Source = Builtin | Stored | Hub | Mirrored | Brought | Claimed | Download


def name_of(source: Source) -> str:
    """For messages."""
    match source:
        case Stored(uri) | Hub(uri):
            return uri
        case Claimed(claim, path):
            return f"{path} of the volume claim {claim}"
        case Download(url):
            return shown(url)
        case Brought(name):
            return name
        case Builtin(name) | Mirrored(repository=name):
            return f"The data set {name}"


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are for; no `features` means all that have no other use."""

    target: str | None = None
    features: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    text: str | None = None
    # refuse: a missing feature is an error. impute: the mean of a number, no category of a category.
    missing: str = "refuse"


@dataclass(frozen=True)
class ImageSize:
    """What every image is brought to, in pixels; one channel is grey, three are red, green and blue."""

    height: int
    width: int
    channels: int


@dataclass(frozen=True)
class Reading:
    """How the source's bytes become samples; no `format` means the one that the file names tell."""

    task: str = "classification"
    format: str | None = None
    columns: Columns = Columns()
    labels: tuple[str, ...] = ()
    image: ImageSize | None = None


@dataclass(frozen=True)
class Data:
    """Where the samples come from and how they are divided; fractions of the whole, the rest is for training.

    `window` is set where the data is streamed: as many files of a worker's part are in memory and shuffled together.
    """

    source: Source
    validation: float
    test: float
    split_seed: int
    labelled: int | None
    reading: Reading = Reading()
    window: int | None = None


def as_told(data: Data) -> Data:
    """As whoever may see what came of it may see it: credentials are in no lineage."""
    match data.source:
        case Download(url):
            return replace(data, source=replace(data.source, url=shown(url)))
        case Mirrored(mirror):
            return replace(data, source=replace(data.source, mirror=shown(mirror)))
    return data


def data_of(fields: Fields, task: str) -> Data:
    """`data` of the contract, for the config's task."""
    split = fields.child("split")
    data = Data(
        source=_source(fields.child("source")),
        validation=split.number("validation", Bounds(minimum=0, below=1)),
        test=split.number("test", Bounds(above=0, below=1)),
        split_seed=split.integer("seed", NATURAL),
        labelled=fields.integer("labelled", POSITIVE) if fields.has("labelled") else None,
        reading=_reading(fields, task),
        window=_window(fields.child("stream")) if fields.has("stream") else None,
    )
    if data.validation + data.test >= 1:
        split.wrong("validation", "and test together must leave something to train on: less than 1")
    split.close()
    fields.close()
    return data


def _window(fields: Fields) -> int:
    window = fields.integer("window", POSITIVE)
    fields.close()
    return window


def _reading(fields: Fields, task: str) -> Reading:
    return Reading(
        task=task,
        format=fields.choice("format", FORMATS) if fields.has("format") else None,
        columns=_columns(fields.child("columns")) if fields.has("columns") else Columns(),
        labels=fields.texts("labels") if fields.has("labels") else (),
        image=_image(fields.child("image")) if fields.has("image") else None,
    )


def _columns(fields: Fields) -> Columns:
    columns = Columns(
        target=fields.text("target") if fields.has("target") else None,
        features=fields.texts("features") if fields.has("features") else (),
        categorical=fields.texts("categorical") if fields.has("categorical") else (),
        text=fields.text("text") if fields.has("text") else None,
        missing=fields.choice("missing", ["refuse", "impute"]) if fields.has("missing") else "refuse",
    )
    fields.close()
    return columns


def _image(fields: Fields) -> ImageSize:
    sides = Bounds(1, 4096)
    image = ImageSize(
        fields.integer("height", sides), fields.integer("width", sides), fields.integer("channels", Bounds(1, 3))
    )
    if image.channels == 2:
        fields.wrong("channels", "must be 1 (grey) or 3 (colour), not 2")
    fields.close()
    return image


def _source(fields: Fields) -> Source:
    source: Source
    match fields.choice("kind", ["builtin", "s3", "hf", "pvc", "https"]):
        case "s3":
            source = Stored(fields.text("uri", URI), _digest(fields))
        case "hf" if fields.has("mirror"):
            source = _mirrored(fields)
        case "hf":
            source = Hub(fields.text("uri", URI).rstrip("/") + "/", fields.text("split"), _digest(fields))
        case "pvc":
            source = Claimed(fields.text("claim"), fields.text("path", "^/"), _digest(fields))
        case "https":
            url, sha256 = fields.text("url", "^https?://"), fields.text("sha256", SHA256)
            source = Download(url, sha256, fields.integer("limitBytes", POSITIVE))
        case _:
            source = Builtin(fields.choice("name", ["digits"]))
    fields.close()
    return source


def _mirrored(fields: Fields) -> Mirrored:
    return Mirrored(
        mirror=fields.text("mirror", "^https?://").rstrip("/"),
        repository=fields.text("repository", REPOSITORY),
        revision=fields.text("revision", "."),
        folder=fields.text("folder", "^[^/](.*[^/])?$") if fields.has("folder") else None,
        split=fields.text("split"),
        sha256=_digest(fields),
        limit_bytes=fields.integer("limitBytes", POSITIVE),
    )


def stored_of(fields: Fields) -> Stored:
    """A source that can be an object or a folder of the store alone."""
    fields.choice("kind", ["s3"])
    stored = Stored(fields.text("uri", URI), _digest(fields))
    fields.close()
    return stored


def _digest(fields: Fields) -> str | None:
    return fields.text("sha256", SHA256) if fields.has("sha256") else None
