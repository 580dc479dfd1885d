"""Headers, annotations and relayed states as tables: what they say is what the packets hold."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp.header import HEADER_DTYPE, gather_headers, index_packets
from s1pdgs.formats.l0.annot import read_annotations
from s1pdgs.model.time import parse_utc
from s1pdgs.tools.l0.columns import COLUMNS, Block, choose_columns
from s1pdgs.tools.l0.command import l0
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.filters import matching, parse_condition
from s1pdgs.tools.l0.tables import needed
from tests.unit.tools.l0.conftest import Made
from tests.unit.tools.l0.editing import Editable


def run(*arguments: object) -> Result:
    return CliRunner().invoke(l0, ["dump", *map(str, arguments)])


def rows_of(result: Result) -> list[dict]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def headers_of(product: Path, polarisation: str) -> np.ndarray:
    (path,) = (path for path in product.glob(f"*-{polarisation.lower()}-*.dat") if path.stem[-2:].isalnum() and
               not path.stem.endswith(("annot", "index")))  # fmt: skip
    octets = np.fromfile(path, np.uint8)
    return gather_headers(octets, index_packets(octets)[0])


def test_all_codes_come_out_as_they_are_in_the_packets(made: Made, tmp_path: Path) -> None:
    product, target = made.products["S"], tmp_path / "headers.parquet"
    result = run(product, "--fields", "all", "-o", target)
    assert "2402 rows into" in result.output
    table = pq.read_table(target)
    assert table.column("channel").to_pylist() == ["VH"] * 1201 + ["VV"] * 1201
    for polarisation, part in (("VH", table.slice(0, 1201)), ("VV", table.slice(1201))):
        headers = headers_of(product, polarisation)
        for name in HEADER_DTYPE.names:
            assert np.array_equal(part.column(name).to_numpy(), headers[name]), name


def test_physical_values_stand_next_to_their_codes(made: Made) -> None:
    (row,) = rows_of(
        run(made.products["VV"], "--where", "signal=echo", "--limit", 1, "--format", "jsonl", "--physical", "--fields",
            "time,pri,swst,rx_gain,tx_ramp_rate,range_decimation,number_of_quads,swath_number,baq_mode")
    )  # fmt: skip
    assert list(row)[:4] == ["time", "pri", "pri_us", "swst"]
    assert row["pri_us"] == pytest.approx(19499 / 37.53472224)
    assert row["echo_delay_us"] == pytest.approx(10 * row["pri_us"] + row["swst_us"] + 40 / 37.53472224)
    assert (row["rx_gain"], row["rx_gain_db"]) == (12, -6.0)
    assert row["sampling_mhz"] == pytest.approx(66.728395)
    assert (row["swath"], row["compression"], row["samples"]) == ("S3", "FDBAQ_0", 512)
    take = made.session.take
    first_echo = take.orbit.utc(float(take.latch_s(take.schedule.pri_count[take.schedule.signal == 0][0])))
    assert abs(parse_utc(row["time"]) - first_echo) < timedelta(microseconds=16)


def test_annotations_are_those_of_the_component(made: Made) -> None:
    product = made.products["VV"]
    rows = rows_of(run(product, "--annotations", "--format", "jsonl", "--fields", "packet"))
    records = read_annotations(next(product.glob("*-annot.dat")))
    assert [row["annot_length"] for row in rows] == (records["packet_length"].astype(int) + 7).tolist()
    assert {(row["annot_vcid"], row["annot_channel"]) for row in rows} == {(24, 1)}
    assert rows[0]["annot_downlink_time"] > rows[0]["annot_sensing_time"]


def test_conditions_choose_packets(made: Made) -> None:
    product = made.products["S"]

    def count(*conditions: str) -> int:
        arguments = [part for text in conditions for part in ("--where", text)]
        return len(rows_of(run(product, "--polarisation", "VV", "--format", "jsonl", "--fields", "packet", *arguments)))

    assert count("signal=ECHO") == 385
    assert count("signal!=echo,noise") == 800
    assert count("signal=echo", "pri_count>=4600") + count("signal=echo", "pri_count<4600") == 385
    assert count("swath=S4") == 0
    assert count("rx_gain_db<-3") == 401
    assert count("time>2026-01-05T22:10:57.7", "time<=2026-01-05T22:10:57.8") == 192


def test_packet_ranges_and_bursts_choose_packets(made: Made) -> None:
    product = made.products["VV"]
    rows = rows_of(run(product, "--packets", "100:103", "--format", "jsonl", "--fields", "packet"))
    assert [row["packet"] for row in rows] == [100, 101, 102]
    rows = rows_of(run(product, "--burst", 1, "--format", "jsonl", "--fields", "packet,signal"))
    assert (len(rows), {row["signal"] for row in rows}) == (385, {"echo"})
    assert rows_of(run(product, "--packets", "1200:5000", "--format", "jsonl"))[0]["packet"] == 1200
    assert rows_of(run(product, "--packets", "5000:", "--format", "jsonl")) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--fields", "swat_number"], "did you mean swath_number"),
        (["--where", "rank"], "is no condition"),
        (["--where", "swath>IW1"], "compare it with = or !="),
        (["--where", "rank=many"], "'many' is not a whole number"),
        (["--where", "rank<1,2"], "several values"),
        (["--where", "time>yesterday"], "is not a time such as"),
        (["--packets", "7"], "write FIRST:LAST"),
        (["--polarisation", "HH"], "has no polarisation HH; it has VH, VV"),
        (["--format", "parquet"], "name one with --output"),
        (["-o", "/tmp/x.xlsx"], "the suffix tells no format"),
        (["--samples", "/tmp/x.tif"], "go into a .npz file or a .zarr store"),
    ],
)
def test_mistakes_are_explained(made: Made, arguments: list[str], complaint: str) -> None:
    result = run(made.products["S"], *arguments)
    assert result.exit_code == 1
    assert complaint in " ".join(result.output.split())


@pytest.mark.parametrize("what", ["orbit", "attitude", "temperatures"])
def test_relayed_states_are_decoded(made: Made, tmp_path: Path, what: str) -> None:
    target = tmp_path / f"{what}.csv"
    assert run(made.products["VV"], "--subcom", what, "-o", target).exit_code == 0
    with target.open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2
    for row in rows:
        time = made.session.take.orbit.seconds(parse_utc(row["time"]))
        if what == "orbit":
            position = made.session.take.orbit.position(time)
            assert [float(row[name]) for name in ("x_m", "y_m", "z_m")] == pytest.approx(position, abs=1.0)
            assert 690e3 < float(row["height_m"]) < 720e3
        elif what == "attitude":
            assert sum(float(row[f"q{k}"]) ** 2 for k in range(4)) == pytest.approx(1.0, abs=1e-6)
            assert (row["aocs_mode"], row["yaw_error"]) == ("5", "0")
        else:
            assert len([name for name in row if name.startswith("tile")]) == 42
            assert all(0 < float(row[f"tile{k:02d}_ta_degc"]) < 50 for k in range(1, 15))


def test_a_table_for_people_is_short_and_headers_alone_are_enough(made: Made) -> None:
    lines = run(made.products["A"]).output.splitlines()
    assert len(lines) == 21
    assert lines[0].split() == [column.name for column in choose_columns(())]
    whole = rows_of(run(made.products["VV"], "--format", "jsonl", "--fields", "length,pri_count"))
    headers = rows_of(
        run(made.products["A"], "--polarisation", "VV", "--format", "jsonl", "--fields", "length,pri_count")
    )
    assert headers == whole


def test_every_field_is_listed_with_its_meaning() -> None:
    listed = run("--list-fields").output.splitlines()
    assert [line.split()[0] for line in listed] == list(COLUMNS)
    assert all(len(line.split()) >= 3 for line in listed)


def test_an_output_appears_whole_or_not_at_all(edit: Callable[[str], Editable], tmp_path: Path) -> None:
    product = edit("VV")
    product.file("annotation").unlink()
    target = tmp_path / "headers.csv"
    result = run(product.path, "--annotations", "-o", target)
    assert "no annotation component" in result.output
    assert not target.exists()


@given(text=st.text(max_size=40))
def test_any_condition_is_parsed_or_refused(text: str) -> None:
    try:
        condition = parse_condition(text)
    except ToolError:
        return
    assert condition.column.name in COLUMNS


@given(
    values=st.lists(st.integers(0, 31), min_size=1, max_size=30),
    operator=st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
    limit=st.integers(0, 31),
)
def test_conditions_compare_as_they_are_written(values: list[int], operator: str, limit: int) -> None:
    headers = np.zeros(len(values), HEADER_DTYPE)
    headers["rank"] = values
    none = np.zeros(len(values), np.int64)
    block = Block("VV", none, none, none, headers, none, None)
    python = {"=": "=="}.get(operator, operator)
    wanted = [eval(f"{value} {python} {limit}") for value in values]
    assert matching(block, [parse_condition(f"rank {operator} {limit}")]).tolist() == wanted


def test_the_newer_satellites_have_signals_of_their_own(made: Made, tmp_path: Path) -> None:
    (source,) = made.products["VV"].glob("*1a.dat")
    for satellite, signal in (("s1b", "tacal"), ("s1d", "txcaliso")):
        copy = tmp_path / source.name.replace("s1a-", f"{satellite}-")
        copy.write_bytes(source.read_bytes())
        rows = rows_of(run(copy, "--where", "signal_type=11", "--format", "jsonl", "--fields", "signal"))
        assert rows == [{"signal": signal}] * 140


def test_a_library_that_is_not_installed_is_named_with_its_extra() -> None:
    with pytest.raises(ToolError, match=r"no_such_library is not installed; .* s1pdgs\[tools\]"):
        needed("no_such_library.part")
