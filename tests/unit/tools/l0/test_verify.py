"""The audit names what was broken, and nothing else: one breakage for each rule."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from s1pdgs.tools.l0.command import l0
from s1pdgs.tools.l0.verify.audit import audit
from s1pdgs.tools.l0.verify.findings import MOST_PER_RULE, RULES, Findings, Severity
from tests.unit.tools.l0.conftest import Made
from tests.unit.tools.l0.editing import Editable

Breakage = Callable[[Editable], None]
ECHO, NOISE, TX_CAL, RX_CAL, APDN = 0, 1, 8, 9, 12
SOME = 700
"""A packet in the middle of the only echo run of the product."""


def _name_form(product: Editable) -> None:
    product.rename("S1A_level0.SAFE")


def _name_crc(product: Editable) -> None:
    with (product.path / "manifest.safe").open("a") as stream:
        stream.write("\n")


def _name_fields(product: Editable) -> None:
    product.rename(product.path.name.replace("_062638_", "_062639_"))


def _manifest_readable(product: Editable) -> None:
    product.text("<xfdu:XFDU", '<!DOCTYPE bomb [<!ENTITY a "aaaa">]>\n<xfdu:XFDU')


def _manifest_order(product: Editable) -> None:
    cal, noise = (
        "<s1sar:calISPPresent>TRUE</s1sar:calISPPresent>",
        "<s1sar:noiseISPPresent>TRUE</s1sar:noiseISPPresent>",
    )
    data = (product.path / "manifest.safe").read_text()
    cal, noise = (text if text in data else text.replace("s1sar:", "") for text in (cal, noise))
    product.text(cal, "@")
    product.text(noise, cal)
    product.text("@", noise)


def _manifest_elements(product: Editable) -> None:
    product.text("<nssdcIdentifier>2014-016A</nssdcIdentifier>", "")


def _manifest_references(product: Editable) -> None:
    product.text(
        '<dataObjectPointer dataObjectID="measurementIndexData1"/>', '<dataObjectPointer dataObjectID="none"/>'
    )


def _manifest_version(product: Editable) -> None:
    product.text("level-0/standard/smdp", "level-0/standard/smsp")


def _manifest_times(product: Editable) -> None:
    product.manifest(start_anx_ms=product.held.start_anx_ms + 5.0)


def _relative_orbit(product: Editable) -> None:
    orbit = product.held.orbit
    product.manifest(orbit=attrs.evolve(orbit, start_relative_orbit=orbit.start_relative_orbit + 1))


def _pass_direction(product: Editable) -> None:
    product.manifest(orbit=attrs.evolve(product.held.orbit, pass_direction="DESCENDING"))


def _manifest_rate(product: Editable) -> None:
    product.units(lambda unit: attrs.evolve(unit, average_bit_rate_bps=2 * unit.average_bit_rate_bps))


def _compression(product: Editable) -> None:
    product.manifest(compression=attrs.evolve(product.held.compression, noise="BAQ_3_BIT"))


def _calibration_denied(product: Editable) -> None:
    product.manifest(calibration_present=False)


def _configuration(product: Editable) -> None:
    product.manifest(instrument_configuration_id=99)


def _file_missing(product: Editable) -> None:
    product.file("index").unlink()


def _schema_missing(product: Editable) -> None:
    (product.path / "support" / "s1-level-0.xsd").unlink()


def _file_size(product: Editable) -> None:
    product.units(lambda unit: attrs.evolve(unit, annotation=attrs.evolve(unit.annotation, size=7)))


def _file_md5(product: Editable) -> None:
    product.units(lambda unit: attrs.evolve(unit, annotation=attrs.evolve(unit.annotation, md5="0" * 32)))


def _file_extra(product: Editable) -> None:
    (product.path / "s1a-s3-raw-s-hh-left.dat").write_bytes(b"left over")


def _file_names(product: Editable) -> None:
    old = product.file("index")
    new = old.with_name(old.name.replace("s1a-s3", "s1a-s4"))
    old.rename(new)
    product.units(lambda unit: attrs.evolve(unit, index=attrs.evolve(unit.index, href=new.name)))


def _file_links(product: Editable) -> None:
    (product.path / "report.pdf").symlink_to("/etc/hostname")


def _damage(product: Editable) -> None:
    product.packets(lambda *_: None, junk={SOME: b"\xff" * 8})


def _fault(product: Editable) -> None:
    def change(headers, bodies):
        headers["error_flag"][SOME] = 1

    product.packets(change)


def _twin(product: Editable) -> None:
    product.packets(lambda headers, _: np.insert(np.arange(headers.size), SOME, SOME))


def _foreign_data_take(product: Editable) -> None:
    def change(headers, bodies):
        headers["data_take_id"][SOME] += 1

    product.packets(change)


def _time(product: Editable) -> None:
    def change(headers, bodies):
        headers["fine_time"][SOME] ^= 0x40

    product.packets(change)


def _receive_channel(product: Editable) -> None:
    def change(headers, bodies):
        headers["rx_channel"] = 1

    product.packets(change)


def _store(product: Editable) -> None:
    product.units(lambda unit: attrs.evolve(unit, packet_store_id=25))


def _window(product: Editable) -> None:
    def change(headers, bodies):
        headers["number_of_quads"][np.flatnonzero(headers["signal_type"] == NOISE)[0]] -= 1

    product.packets(change)


def _bit_rate_code(product: Editable) -> None:
    def change(headers, bodies):
        first = int(np.flatnonzero(headers["signal_type"] == ECHO)[0])
        bodies[first] = bytes([bodies[first][0] | 0xE0]) + bodies[first][1:]

    product.packets(change)


def _annotation_lost(product: Editable) -> None:
    product.records(lambda records: records[:-1])


def _annotated_length(product: Editable) -> None:
    def change(records):
        records["packet_length"][5] += 4

    product.records(change)


def _annotated_time(product: Editable) -> None:
    def change(records):
        records["sensing_us"][5] = (records["sensing_us"][5].astype(int) + 500) % 1000

    product.records(change)


def _annotated_downlink(product: Editable) -> None:
    def change(records):
        records["downlink_days"][5] = 17

    product.records(change)


def _annotated_channel(product: Editable) -> None:
    def change(records):
        records["channel"][5] = 0

    product.records(change)


def _index_torn(product: Editable) -> None:
    path = product.file("index")
    path.write_bytes(path.read_bytes() + b"abc")
    product.reseal()


def _index_offset(product: Editable) -> None:
    def change(records):
        records["byte_offset"][1] += 4

    product.index(change)


def _index_time(product: Editable) -> None:
    def change(records):
        records["date_time"][1] += 1.0 / 86400

    product.index(change)


def _elements(product: Editable) -> None:
    product.quality(elements=1200)


def _without_five(headers, bodies):
    return np.delete(np.arange(headers.size), slice(SOME, SOME + 5))


def _missing_untold(product: Editable) -> None:
    product.packets(_without_five, count_missing=False)


def _missing_told(product: Editable) -> None:
    product.packets(_without_five)


def _corrupted(product: Editable) -> None:
    product.quality(corrupted=3)


def _start_time(product: Editable) -> None:
    held = product.held
    product.manifest(start=held.start + timedelta(milliseconds=5), start_anx_ms=held.start_anx_ms + 5.0)


def _signal_order(product: Editable) -> None:
    def change(headers, bodies):
        run = np.flatnonzero(headers["signal_type"] == RX_CAL)[:50]
        headers["signal_type"][run] = APDN

    product.packets(change)


def _run_length(product: Editable) -> None:
    def change(headers, bodies):
        last = int(np.flatnonzero(headers["signal_type"] == TX_CAL)[49])
        for name in ("space_packet_count", "pri_count", "sequence_count"):
            headers[name][last + 1 :] -= 10
        return np.delete(np.arange(headers.size), slice(last - 9, last + 1))

    product.packets(change)


def _silence(product: Editable) -> None:
    def change(headers, bodies):
        headers["pri_count"][np.flatnonzero(headers["signal_type"] == TX_CAL)[0] :] += 7

    product.packets(change)


def _slice_overlap(product: Editable) -> None:
    product.manifest(slice=attrs.evolve(product.held.slice, overlap_s=7.4))


def _slice_grid(product: Editable) -> None:
    place = product.held.slice
    product.manifest(slice=attrs.evolve(place, data_take_start=place.data_take_start - timedelta(seconds=3)))


def _footprint(product: Editable) -> None:
    product.manifest(footprint=tuple((latitude + 3.0, longitude) for latitude, longitude in product.held.footprint))


ERROR, WARNING = Severity.ERROR, Severity.WARNING
BREAKAGES: list[tuple[Breakage, str, Severity, set[str]]] = [
    (_name_form, "name.form", ERROR, set()),
    (_name_crc, "name.crc", ERROR, set()),
    (_name_fields, "name.fields", ERROR, set()),
    (_manifest_readable, "manifest.readable", ERROR, set()),
    (_manifest_order, "manifest.order", ERROR, set()),
    (_manifest_elements, "manifest.elements", ERROR, set()),
    (_manifest_references, "manifest.references", ERROR, set()),
    (_manifest_version, "manifest.version", WARNING, set()),
    (_manifest_times, "manifest.times", ERROR, set()),
    (_relative_orbit, "manifest.orbit", ERROR, set()),
    (_pass_direction, "manifest.orbit", ERROR, set()),
    (_manifest_rate, "manifest.rate", WARNING, set()),
    (_compression, "manifest.contents", ERROR, set()),
    (_calibration_denied, "manifest.contents", ERROR, set()),
    (_configuration, "manifest.contents", ERROR, set()),
    (_file_missing, "files.missing", ERROR, set()),
    (_schema_missing, "files.missing", WARNING, set()),
    (_file_size, "files.size", ERROR, set()),
    (_file_md5, "files.md5", ERROR, set()),
    (_file_extra, "files.extra", ERROR, set()),
    (_file_names, "files.names", WARNING, set()),
    (_file_links, "files.links", ERROR, set()),
    (_damage, "packets.damage", ERROR, set()),
    (_fault, "packets.faults", ERROR, set()),
    (_twin, "packets.order", ERROR, set()),
    (_foreign_data_take, "packets.constant", ERROR, set()),
    (_time, "packets.time", ERROR, set()),
    (_receive_channel, "packets.polarisation", ERROR, set()),
    (_store, "packets.store", WARNING, set()),
    (_window, "packets.window", ERROR, set()),
    (_bit_rate_code, "packets.decode", ERROR, set()),
    (_annotation_lost, "annot.count", ERROR, set()),
    (_annotated_length, "annot.length", ERROR, set()),
    (_annotated_time, "annot.time", ERROR, set()),
    (_annotated_downlink, "annot.downlink", ERROR, set()),
    (_annotated_channel, "annot.channel", ERROR, set()),
    (_index_torn, "index.records", ERROR, set()),
    (_index_offset, "index.offset", ERROR, set()),
    (_index_time, "index.time", WARNING, set()),
    (_elements, "counts.elements", ERROR, set()),
    (_missing_untold, "counts.missing", ERROR, {"gaps.lost"}),
    (_missing_told, "gaps.lost", WARNING, set()),
    (_corrupted, "counts.corrupted", WARNING, set()),
    (_start_time, "times.product", ERROR, set()),
    (_signal_order, "timeline.order", ERROR, set()),
    (_run_length, "timeline.length", ERROR, set()),
    (_silence, "timeline.silent", ERROR, set()),
    (_slice_overlap, "slice.number", WARNING, set()),
    (_slice_grid, "slice.grid", ERROR, set()),
    (_footprint, "footprint.place", ERROR, set()),
]
BROKEN_ELSEWHERE = {"product.readable", "packets.class"}


@pytest.mark.parametrize("kind", ["S", "A", "C", "N", "VV", "VH"])
def test_our_own_products_are_sound(made: Made, kind: str) -> None:
    report = audit(made.products[kind], None)
    assert [finding for finding in report.findings if finding.severity is not Severity.NOTE] == []
    assert report.packets > 0
    assert (report.decoded == report.packets) == (kind != "A")


@pytest.mark.parametrize(
    ("breakage", "rule", "severity", "consequences"), BREAKAGES, ids=[each[0].__name__.strip("_") for each in BREAKAGES]
)
def test_what_was_broken_is_named_and_nothing_else(
    edit: Callable[[], Editable], breakage: Breakage, rule: str, severity: Severity, consequences: set[str]
) -> None:
    product = edit()
    breakage(product)
    report = audit(product.path, 2)
    found = {finding.rule for finding in report.findings}
    assert found == {rule} | consequences, report.findings
    assert {finding.severity for finding in report.findings if finding.rule == rule} == {severity}
    assert report.passed() == (severity is not Severity.ERROR)
    assert not report.passed(strict=True)


def test_every_rule_is_broken_once() -> None:
    assert {rule for _, rule, _, _ in BREAKAGES} | BROKEN_ELSEWHERE == set(RULES)


def test_calibration_in_a_noise_product_does_not_belong_there(edit: Callable[[str], Editable]) -> None:
    product = edit("N")

    def change(headers, bodies):
        headers["signal_type"][3] = TX_CAL

    product.packets(change)
    rules = {finding.rule for finding in audit(product.path).findings if finding.severity is Severity.ERROR}
    assert rules == {"packets.class", "manifest.contents"}


def test_an_index_that_leads_to_another_packet_is_a_warning(edit: Callable[[], Editable], made: Made) -> None:
    product = edit()
    product.index(lambda records: records[[0, 1, 2]])
    assert audit(product.path, 2).findings == ()

    def change(records):
        records["byte_offset"][1] = records["byte_offset"][0]

    product.index(change)
    assert {(each.rule, each.severity) for each in audit(product.path, 2).findings} == {("index.offset", WARNING)}


def test_a_product_whose_measurements_are_gone_says_so(edit: Callable[[], Editable]) -> None:
    product = edit()
    for path in product.path.glob("*.dat"):
        path.unlink()
    rules = {finding.rule for finding in audit(product.path).findings}
    assert rules == {"files.missing", "product.readable"}


def test_real_manifests_break_no_rule_of_manifests_and_names(testdata: Path) -> None:
    """One of them was edited before it came to us: its CRC tells."""
    for product in sorted((testdata / "products").glob("*_RAW__0*")):
        report = audit(product)
        edited = {"name.crc"} if product.name.endswith("_41D5.SAFE") else set()
        rules = {finding.rule for finding in report.findings}
        assert rules == {"files.missing", "product.readable"} | edited, product.name


def test_real_packets_are_sound(testdata: Path) -> None:
    for path in sorted((testdata / "isp").glob("*.dat")):
        report = audit(path, None)
        assert report.passed(), report.findings
        assert report.decoded == report.packets > 0


def test_many_findings_of_a_kind_are_counted() -> None:
    findings = Findings()
    for number in range(MOST_PER_RULE + 4):
        findings.error("packets.faults", "x.dat", f"packet {number}")
    told = findings.result()
    assert len(told) == MOST_PER_RULE + 1
    assert told[-1].message == "and 4 more of this kind"
    with pytest.raises(ValueError, match="no rule"):
        findings.note("packets.colour", "x.dat", "")


def test_the_command_tells_place_and_remedy_and_its_exit_code(made: Made, edit: Callable[[], Editable]) -> None:
    runner = CliRunner()
    sound = runner.invoke(l0, ["verify", str(made.products["S"])])
    assert (sound.exit_code, "sound: nothing found" in sound.output) == (0, True)
    product = edit()
    _missing_told(product)
    assert runner.invoke(l0, ["verify", str(product.path)]).exit_code == 0
    strict = runner.invoke(l0, ["verify", "--strict", str(product.path)])
    assert strict.exit_code == 1
    assert "5 packets lost behind packet 699" in strict.output
    assert "a retransfer may bring them" in strict.output
    _name_crc(product)
    told = runner.invoke(l0, ["verify", "--json", str(product.path)])
    report = json.loads(told.output)
    assert (told.exit_code, report["passed"]) == (1, False)
    assert [each["rule"] for each in report["findings"] if each["severity"] == "error"] == ["name.crc"]
    assert runner.invoke(l0, ["verify", "--list-rules"]).output.count("\n") == len(RULES)
