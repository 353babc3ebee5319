"""Links on a volume: followed as long as they stay on it, refused by their names where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from limbeck_trainer.data_config import Claimed
from limbeck_trainer.errors import Reason, TrainerError
from limbeck_trainer.reading.files import open_source
from limbeck_trainer.store import Store

TABLE = "a,target\n1,x\n2,y\n"


def test_a_projected_volume_is_links_and_nothing_else(tmp_path: Path) -> None:
    """As the kubelet writes it: what is in use is a hidden folder, which a hidden link names."""
    for name in ("cats", "dogs"):
        (tmp_path / "..2026_11_28" / name).mkdir(parents=True)
        (tmp_path / "..2026_11_28" / name / "1.txt").write_text(name)
        (tmp_path / name).symlink_to(f"..data/{name}")
    (tmp_path / "..data").symlink_to("..2026_11_28")
    files = open_source(Claimed("disk", str(tmp_path), None), Store())
    assert [file.path for file in files.files] == ["cats/1.txt", "dogs/1.txt"]
    assert files.files[1].read() == b"dogs"


@pytest.mark.parametrize("link", ["out.csv", "cats", "deep/cats"])
def test_a_link_that_leads_out_of_the_volume_is_refused(tmp_path: Path, small_disk: Path, link: str) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "t.csv").write_text(TABLE)
    (small_disk / "deep").mkdir()
    (small_disk / "t.csv").write_text(TABLE)
    (small_disk / link).symlink_to(secrets / "t.csv" if link.endswith("csv") else secrets)
    with pytest.raises(TrainerError, match=f"{link} in .* of the volume claim disk is a link that leads out") as caught:
        open_source(Claimed("disk", str(small_disk), None), Store())
    assert caught.value.reason is Reason.DATA_INVALID
    with pytest.raises(TrainerError, match=f"{link} of the volume claim disk is a link that leads out"):
        open_source(Claimed("disk", str(small_disk / link), None), Store())


@pytest.mark.parametrize("link", [("circle", "."), ("deep/circle", ".."), ("circle", "circle"), ("deep/a", "../two")])
def test_links_in_a_circle_are_refused(tmp_path: Path, link: tuple[str, str]) -> None:
    for folder in ("deep", "two"):
        (tmp_path / folder).mkdir()
    (tmp_path / "two" / "b").symlink_to("../deep")
    (tmp_path / link[0]).symlink_to(link[1])
    with pytest.raises(TrainerError, match="is a link that leads in a circle") as caught:
        open_source(Claimed("disk", str(tmp_path), None), Store())
    assert caught.value.reason is Reason.DATA_INVALID
