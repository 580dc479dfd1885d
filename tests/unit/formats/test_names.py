"""Names are parsed into their parts and built again without loss."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.names import (
    AuxiliaryName,
    NamingError,
    ProductName,
    SessionFileName,
    manifest_uid,
    task_table_type,
)
from s1pdgs.model.time import FAR_FUTURE, parse_compact

SLICE = "S1A_IW_RAW__0SDV_20171213T121623_20171213T121656_019684_021735_C6DB.SAFE"


def test_a_product_name_tells_type_datatake_and_orbit() -> None:
    name = ProductName.parse(SLICE)
    assert (name.satellite, name.product_type, name.polarisation) == ("S1A", "IW_RAW__0S", "DV")
    assert (name.orbit, name.datatake) == (19684, 137013)
    assert str(name) == SLICE


def test_telemetry_products_have_no_data_take() -> None:
    text = "S1A_GP_RAW__0____20240410T031915_20240410T083701_053366________6A58.SAFE"
    name = ProductName.parse(text)
    assert (name.product_type, name.orbit, name.datatake, name.uid) == ("GP_RAW__0_", 53366, 0, "6A58")
    assert str(name) == text


def test_every_real_product_name_is_rebuilt_exactly(testdata: Path) -> None:
    names = [path.parent.name for path in testdata.glob("*/S1[AB]_[IWS]*.SAFE/manifest.safe")]
    assert len(names) >= 10
    assert [str(ProductName.parse(name)) for name in names] == names


def test_the_uid_of_real_products_is_the_crc_of_their_manifest(testdata: Path) -> None:
    manifests = sorted(testdata.glob("products/*/manifest.safe"))
    agreeing = [ProductName.parse(path.parent.name).uid == manifest_uid(path.read_bytes()) for path in manifests]
    assert sum(agreeing) >= 4  # the other manifests were edited for tests of the reference system


@pytest.mark.parametrize(
    ("name", "kind", "start", "stop"),
    [
        ("S1A_AUX_CAL_V20140915T100000_G20150319T092606.SAFE", "AUX_CAL", "20140915T100000", None),
        (
            "S1A_OPER_AUX_RESORB_OPOD_20171213T143838_V20171213T102737_20171213T134507.EOF",
            "AUX_RESORB", "20171213T102737", "20171213T134507",
        ),
        (
            "S1A_OPER_MPL_ORBPRE_20171208T200309_20171215T200309_0001.EOF",
            "MPL_ORBPRE", "20171208T200309", "20171215T200309",
        ),
        ("S1A_OPER_MPL_ORBSCT_20140507T150704_99999999T999999_0020.EOF", "MPL_ORBSCT", "20140507T150704", None),
        ("S1__OPER_MSK__LAND__V20140403T210200_G20190711T113000.EOF", "MSK__LAND", "20140403T210200", None),
    ],
)  # fmt: skip
def test_auxiliary_names_tell_type_and_validity(name: str, kind: str, start: str, stop: str | None) -> None:
    parsed = AuxiliaryName.parse(name)
    assert parsed.product_type == kind
    assert parsed.validity is not None
    assert parsed.validity.start == parse_compact(start)
    assert parsed.validity.stop == (FAR_FUTURE if stop is None else parse_compact(stop))


def test_obmemc_validity_is_not_in_its_name() -> None:
    assert AuxiliaryName.parse("S1A_OPER_AUX_OBMEMC_PDMC_20140201T000000.xml").validity is None


def test_session_files_tell_channel_and_block() -> None:
    name = "DCS_02_S1A_20200120185900030888_ch2_DSDB_00035.raw"
    assert SessionFileName.parse(name) == SessionFileName("02", "S1A_20200120185900030888", 2, 35)
    assert str(SessionFileName.parse(name)) == name
    assert SessionFileName.parse("DCS_02_L20171109175634707000125_ch1_DSIB.xml").block is None


@given(st.text(max_size=120))
def test_other_text_is_refused_by_name(text: str) -> None:
    for kind in (ProductName, AuxiliaryName, SessionFileName):
        with pytest.raises(NamingError):
            kind.parse(f"{text}!")


def test_task_tables_know_stripmap_by_mode_and_orbits_by_quality() -> None:
    assert task_table_type("S3_RAW__0S") == "SM_RAW__0S"
    assert task_table_type("N2_RAW__0S") == "AN_RAW__0S"
    assert task_table_type("AUX_POEORB") == "AUX_POE"
    assert task_table_type("IW_SLC__1S") == "IW_SLC__1S"
