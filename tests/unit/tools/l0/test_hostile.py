"""Whatever is done to the files of a product, the tools tell what they find: they neither fall over nor run away."""

import json
import shutil
from pathlib import Path

import pytest
from attrs import frozen
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.tools.l0.command import l0
from s1pdgs.tools.l0.verify.audit import audit
from tests.unit.tools.l0.conftest import Made


@frozen
class Wound:
    """Octets written at places (shares of a file), and where it is cut (1 for not at all)."""

    file: int
    written: list[tuple[float, bytes]]
    cut: float


WOUNDS = st.builds(
    Wound,
    st.integers(0, 100),
    st.lists(st.tuples(st.floats(0.0, 1.0), st.binary(min_size=1, max_size=12)), min_size=1, max_size=8),
    st.just(1.0) | st.floats(0.0, 1.0),
)


@settings(max_examples=15)
@given(wound=WOUNDS)
def test_a_wounded_product_is_audited_and_told(
    made: Made, tmp_path_factory: pytest.TempPathFactory, wound: Wound
) -> None:
    source = made.products["N"]
    product = Path(shutil.copytree(source, tmp_path_factory.mktemp("wounded") / source.name))
    files = [path for path in sorted(product.rglob("*")) if path.is_file() and path.suffix != ".xsd"]
    victim = files[wound.file % len(files)]
    octets = bytearray(victim.read_bytes())
    for share, written in wound.written:
        place = int(share * len(octets))
        octets[place : place + len(written)] = written
    victim.write_bytes(octets[: int(wound.cut * len(octets))])
    if victim.read_bytes() == (source / victim.relative_to(product)).read_bytes():
        return
    report = audit(product)
    assert not report.passed(), victim.name
    told = CliRunner().invoke(l0, ["info", "--json", str(product)])
    assert told.exit_code in (0, 1)
    assert told.exception is None or isinstance(told.exception, SystemExit)
    if told.exit_code == 0:
        json.loads(told.output, parse_constant=pytest.fail)
    for arguments in (["info"], ["dump"], ["dump", "--subcom", "orbit", "--format", "jsonl"]):
        shown = CliRunner().invoke(l0, [*arguments, str(product)])
        assert shown.exception is None or isinstance(shown.exception, SystemExit), arguments


@settings(max_examples=40)
@given(octets=st.binary(min_size=1, max_size=400), marked=st.booleans())
def test_any_octets_are_audited(tmp_path_factory: pytest.TempPathFactory, octets: bytes, marked: bool) -> None:
    path = tmp_path_factory.mktemp("any") / "x.dat"
    path.write_bytes((b"\x0c\x1c" if marked else b"") + octets)
    assert isinstance(audit(path).findings, tuple)
    for arguments in (["info"], ["dump"]):
        shown = CliRunner().invoke(l0, [*arguments, str(path)])
        assert shown.exception is None or isinstance(shown.exception, SystemExit)
