"""Makes the data of these examples in a folder: python3 make-data.py FOLDER. The trainer image has all that it needs.

wine.csv          178 wines, 13 measurements, 3 cultivars (scikit-learn's)
cells/*.parquet   569 cell nuclei, 30 measurements, benign or malignant, in six files (scikit-learn's)
digits/<digit>/   400 handwritten digits as grey PNG files of 8 x 8 pixels (scikit-learn's)
houses.csv        300 invented houses with a district, a size that is sometimes missing, an age and a price
recipes/*.txt     200 invented recipes
letters.csv       240 invented letters to a shop, and which desk each goes to
encoder/          a tiny BERT in the Hugging Face layout that has filled gaps in those letters
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from pyarrow import parquet
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

# By their names in the Hugging Face layout; their numbers are their places here.
SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def main(folder: Path) -> None:
    """Everything, the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    wines(folder / "wine.csv")
    cells(folder / "cells")
    digits(folder / "digits")
    houses(folder / "houses.csv")
    recipes(folder / "recipes")
    letters(folder / "letters.csv")
    encoder(folder / "encoder", folder / "letters.csv")


def wines(path: Path) -> None:
    """One row per wine; the last column is the cultivar."""
    data = load_wine()
    rows = [[*map(float, x), f"cultivar-{y}"] for x, y in zip(data.data, data.target, strict=True)]
    _write(path, [*(name.replace("/", "_") for name in data.feature_names), "cultivar"], rows)


def cells(folder: Path) -> None:
    """Six files of about a hundred rows."""
    folder.mkdir(exist_ok=True)
    data = load_breast_cancer()
    for number, rows in enumerate(np.array_split(np.arange(len(data.target)), 6)):
        columns = {name: data.data[rows, index] for index, name in enumerate(data.feature_names)}
        columns["diagnosis"] = [str(data.target_names[target]) for target in data.target[rows]]
        parquet.write_table(pa.table(columns), folder / f"part-{number}.parquet")


def digits(folder: Path) -> None:
    """A folder for each digit."""
    data = load_digits()
    for number in range(400):
        path = folder / str(data.target[number]) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((data.images[number] * 15).astype(np.uint8)).save(path)


def houses(path: Path) -> None:
    """The price follows from district, size and age, and some chance."""
    random = np.random.default_rng(7)
    districts = {"harbour": 1.6, "hills": 1.3, "station": 1.0}
    rows = []
    for number in range(300):
        district = str(random.choice(list(districts)))
        size, age = random.integers(40, 200), random.integers(0, 90)
        price = size * 3000 * districts[district] * (1 - age / 300) + random.normal(0, 15000)
        rows.append([district, "" if number % 20 == 0 else size, age, round(price)])
    _write(path, ["district", "size", "age", "price"], rows)


def recipes(folder: Path) -> None:
    """What is taken in the first sentence comes again in the title and in what is done with it."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(7)
    plants = ["carrots", "leeks", "onions", "beans", "tomatoes", "peas", "pears", "apples", "plums", "potatoes"]
    for number in range(200):
        first, second = map(str, random.choice(plants, 2, replace=False))
        few, many, minutes = random.integers(2, 9), random.integers(2, 9), 5 * random.integers(1, 9)
        kind, end = random.choice(["Soup", "Stew", "Bake"]), random.choice(["parsley", "cream", "bread"])
        text = (
            f"{kind} of {first} and {second}.\n"
            f"Take {few} {first} and {many} {second}. Wash the {first}, peel the {second}, and slice both.\n"
            f"Cook the {first} for {minutes} minutes, then add the {second}. Serve the {kind.lower()} with {end}.\n"
        )
        (folder / f"{number:03}.txt").write_text(text)


def letters(path: Path) -> None:
    """Each desk has its own words, in sentences that all share."""
    random = np.random.default_rng(7)
    words = {
        "billing": ["invoice", "refund", "payment", "receipt"],
        "delivery": ["parcel", "courier", "address", "package"],
        "repair": ["screen", "battery", "keyboard", "charger"],
    }
    forms = ["My {} is missing.", "I ask about the {} of last week.", "Something is wrong with my {}!"]
    rows = []
    for number in range(240):
        desk = list(words)[number % 3]
        rows.append([str(random.choice(forms)).format(random.choice(words[desk])), desk])
    _write(path, ["body", "desk"], rows)


def encoder(folder: Path, texts: Path) -> None:
    """Words are its tokens; it has learnt which word a letter of the shop has at a place that is hidden from it."""
    with texts.open(newline="") as file:
        bodies = [row["body"] for row in csv.DictReader(file)]
    tokenizer = _words(bodies)
    rows = tokenizer(bodies, padding=True, return_tensors="pt").input_ids
    torch.manual_seed(7)
    sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, pad_token_id=0, **sizes)
    model = BertForMaskedLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    for _ in range(150):
        chosen = rows[torch.randint(len(rows), (32,))]
        hidden = (torch.rand(chosen.shape) < 0.2) & (chosen >= len(SPECIAL))
        given = chosen.masked_fill(hidden, tokenizer.mask_token_id)
        # Of labels below 0 nothing is learnt.
        loss = model(given, attention_mask=(chosen != 0).long(), labels=chosen.masked_fill(~hidden, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _words(texts: list[str]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=list(SPECIAL.values())))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)


def _write(path: Path, names: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([names, *rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
