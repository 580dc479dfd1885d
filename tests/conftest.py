"""What every test may ask for."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real reference data beside the checkout; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "testdata").is_dir():
        pytest.skip(f"real Sentinel-1 reference data is not present at {folder}")
    return folder


@pytest.fixture(scope="session")
def testdata(shared: Path) -> Path:
    return shared / "testdata"
