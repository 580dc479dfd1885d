"""Of rules for the files of products, and of those for their zips, the first that fits decides."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.catalogue.retention import Family, Form, Retention, RetentionError, Rule, family_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TAIL = "20200615T120000_20200615T120025_033000_03D3A1_ABCD.SAFE"
SLC, L0 = ("IW_SLC__1S", f"S1A_IW_SLC__1SDV_{TAIL}"), ("IW_RAW__0S", f"S1A_IW_RAW__0SDV_{TAIL}")
EVERYTHING = [
    ("SESSION", "S1A_20260105072204051312", Family.SESSION),
    ("IW_RAW__0S", f"S1A_IW_RAW__0SVV_{TAIL}", Family.SEGMENT),
    ("GP_RAW__0_", f"S1A_GP_RAW__0____{TAIL}", Family.SEGMENT),
    ("RF_RAW__0S", f"S1A_RF_RAW__0SDV_{TAIL}", Family.SEGMENT),
    (*L0, Family.SLICE),
    ("S3_RAW__0N", f"S1A_S3_RAW__0NDV_{TAIL}", Family.ANNOTATION),
    ("ZI_RAW__0S", f"S1A_ZI_RAW__0SDV_{TAIL}", Family.BLANK),
    (*SLC, Family.LEVEL_1),
    ("WV_OCN__2S", f"S1A_WV_OCN__2SSV_{TAIL}", Family.LEVEL_2),
    ("AUX_RESORB", "S1A_OPER_AUX_RESORB_OPOD_x.EOF", Family.AUXILIARY),
    ("MSK_EW_SLC", "S1__OPER_MSK_EW_SLC_V20150101T000000_G20150101T000000.EOF", Family.AUXILIARY),
    ("REP_L0PSA_", "S1A_OPER_REP_L0PSA__x.EOF", Family.PLAN_OR_REPORT),
    ("MPL_ACQPLN", "S1A_MPL_ACQPLN", Family.PLAN_OR_REPORT),
    ("MPL_ORBPRE", "S1A_OPER_MPL_ORBPRE_x.EOF", Family.AUXILIARY),
    ("XX", "anything", Family.OTHER),
]

days = st.one_of(st.none(), st.floats(0, 1000))
rules = st.builds(
    Rule,
    of=st.just(Form.FILES),
    family=st.one_of(st.none(), st.sampled_from(list(Family))),
    type=st.sampled_from([None, ".*", "IW_.*", "S3_RAW__0S"]),
    days=days,
    after_compression_days=days,
) | st.builds(Rule, of=st.just(Form.ZIP), family=st.one_of(st.none(), st.sampled_from(list(Family))), days=days)
moments = st.integers(-20_000, 20_000).map(lambda hours: NOON + timedelta(hours=hours))


def written(folder: Path, text: str) -> Path:
    path = folder / "retention.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("kind", "name", "family"), EVERYTHING)
def test_every_product_has_a_family(kind: str, name: str, family: Family) -> None:
    assert family_of(kind, name) is family


def test_the_shipped_rules_are_those_of_the_reference_system() -> None:
    shipped = Retention.read()
    kept = {}
    for kind, name, family in EVERYTHING:
        files = shipped.files_due(kind, name, NOON, None)
        packed = shipped.zip_due(kind, name, NOON)
        kept[family] = tuple(None if due is None else (due.at - NOON).days for due in (files, packed))
    assert kept == {
        Family.SESSION: (30, None), Family.SEGMENT: (30, 7), Family.SLICE: (30, 7), Family.ANNOTATION: (30, 7),
        Family.BLANK: (None, None), Family.LEVEL_1: (7, 7), Family.LEVEL_2: (7, 7), Family.AUXILIARY: (None, 7),
        Family.PLAN_OR_REPORT: (None, None), Family.OTHER: (None, None),
    }  # fmt: skip
    for kind in ("IW_ETA__AX", "IW_ETA__1S"):
        assert shipped.files_due(kind, f"S1A_{kind}", NOON, None) is None
        assert shipped.zip_due(kind, f"S1A_{kind}", NOON).at == NOON + timedelta(days=7)  # type: ignore[union-attr]
    assert shipped.files_due("AUX_TRO", "S1__AUX_TRO", NOON, None).at == NOON + timedelta(days=180)  # type: ignore[union-attr]


def test_files_of_what_is_published_go_early() -> None:
    shipped = Retention.read()
    due = shipped.files_due(*SLC, NOON, NOON + timedelta(hours=1))
    assert due is not None
    assert due.at == NOON + timedelta(hours=7)
    assert str(due.rule) == "files of level-1: 7 days, or 0.25 days after compression"
    late = shipped.files_due(*SLC, NOON, NOON + timedelta(days=20))
    assert late is not None
    assert late.at == NOON + timedelta(days=7)


@given(st.lists(rules, max_size=6), st.sampled_from(EVERYTHING), moments, st.one_of(st.none(), moments))
def test_the_first_rule_that_fits_decides(
    listed: list[Rule], product: tuple[str, str, Family], catalogued: datetime, published: datetime | None
) -> None:
    kind, name, _family = product
    retention = Retention(tuple(listed))
    fitting = [rule for rule in listed if rule.fits(Form.FILES, kind, name)]
    due = retention.files_due(kind, name, catalogued, published)
    if due is None:
        assert not fitting or (
            fitting[0].days is None and (published is None or fitting[0].after_compression_days is None)
        )
    else:
        assert due.rule is fitting[0]
        assert due.at >= min(catalogued, published or catalogued)
    assert retention.files_due(kind, name, catalogued, published) == Retention((*listed, *listed)).files_due(
        kind, name, catalogued, published
    )


@given(st.lists(rules, max_size=6), st.sampled_from(EVERYTHING), moments, moments)
def test_publication_never_lets_files_stay_longer_unless_nothing_else_tells(
    listed: list[Rule], product: tuple[str, str, Family], catalogued: datetime, published: datetime
) -> None:
    retention, (kind, name, _family) = Retention(tuple(listed)), product
    before = retention.files_due(kind, name, catalogued, None)
    after = retention.files_due(kind, name, catalogued, published)
    assert before is None or (after is not None and after.at <= before.at)


@given(st.lists(rules, max_size=6), st.sampled_from(EVERYTHING))
def test_rules_of_zips_and_of_files_do_not_meet(listed: list[Rule], product: tuple[str, str, Family]) -> None:
    retention, (kind, name, _family) = Retention(tuple(listed)), product
    of_zips = Retention(tuple(rule for rule in listed if rule.of is Form.ZIP))
    assert retention.zip_due(kind, name, NOON) == of_zips.zip_due(kind, name, NOON)
    assert of_zips.files_due(kind, name, NOON, NOON) is None


def test_a_rule_of_names_stands_before_that_of_its_family(tmp_path: Path) -> None:
    text = """
[[rule]]
of = "files"
name = "S1A_.*_03D3A1_.*"
[[rule]]
of = "files"
family = "level-1"
days = 1.5
"""
    retention = Retention.read(written(tmp_path, text))
    assert retention.files_due(*SLC, NOON, None) is None
    assert str(retention.rule(Form.FILES, *SLC)) == "files of S1A_.*_03D3A1_.*: for ever"
    other = retention.files_due(SLC[0], SLC[1].replace("03D3A1", "03D3A2"), NOON, None)
    assert other is not None
    assert other.at == NOON + timedelta(hours=36)
    assert retention.fingerprint == Retention.read(written(tmp_path, text)).fingerprint
    assert retention.fingerprint != Retention.read(written(tmp_path, text.replace("1.5", "1.6"))).fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule]]\nof='zip'\nfamily='level-3'", r"retention\.toml: rule 1: family: .*'level-1'"),
        ("[[rule]]\nof='zip'\ndays=-1", "rule 1: days: "),
        ("[[rule]]\nof='zip'\ndays=nan", "rule 1: days: "),
        ("[[rule]]\nof='files'\n[[rule]]\nof='files'\nname='('", r"rule 2: name: .*not a regular expression"),
        ("[[rule]]\nof='zip'\nafter_compression_days=1", "of files only"),
        ("[[rule]]\nof='zip'\ndyas=1", "rule 1: dyas: "),
        ("[rule]\nof='zip'", r"rules are given as \[\[rule\]\]"),
        ("[[rules]]\nof='zip'", "unknown table 'rules'"),
        ("not toml", "not a TOML file"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_rule(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RetentionError, match=message):
        Retention.read(written(tmp_path, text))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RetentionError, match=r"nowhere\.toml: No such file .*retention\.rules"):
        Retention.read(tmp_path / "nowhere.toml")
