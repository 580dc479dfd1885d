"""A folder lands whole or leaves nothing."""

from pathlib import Path

import pytest

from s1pdgs.formats.files import land_folder


def test_a_folder_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    def fill(partial: Path, text: str) -> str:
        (partial / "file").write_text(text)
        return "product"

    for text in ("first", "second"):
        assert land_folder(tmp_path, lambda partial, text=text: fill(partial, text)) == "product"
    assert [path.name for path in tmp_path.iterdir()] == ["product"]
    assert (tmp_path / "product" / "file").read_text() == "second"


def test_nothing_is_left_of_a_folder_that_could_not_be_filled(tmp_path: Path) -> None:
    def fill(partial: Path) -> str:
        (partial / "file").write_text("half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        land_folder(tmp_path, fill)
    assert list(tmp_path.iterdir()) == []
