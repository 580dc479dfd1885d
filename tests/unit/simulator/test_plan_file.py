"""Plans from TOML: everything a plan has, and refusals that name the place."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument_faults import Fault
from s1pdgs.simulator.plan import Part, Plan, TakePlan, TelemetryPlan
from s1pdgs.simulator.plan_file import read_plan

WHOLE = """
satellite = "S1C"
start = 2026-02-03T04:05:06Z
seed = 7
mispointing = { roll_rad = 0.0, pitch_rad = 0.0, yaw_rad = 1e-4 }

[telemetry]
gps_period_s = 2

[[takes]]
name = "a"
mode = "IW"
duration_s = 60
samples = 128
faults = [{ kind = "lost", at = 5, count = 3, polarisation = "VH" }]

[[takes]]
name = "b"
mode = 15
start_s = 100.5
store = "Emergency"

[[downlinks]]
station = "MPS"
delay_s = 100
parts = [{ take = "a", end = 0.5 }]
telemetry = false
link = { interleave_depth = 5 }

[[downlinks]]
parts = [{ take = "a", begin = 0.5 }, { take = "b" }]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_plan_is_read(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, WHOLE))
    assert (plan.satellite, plan.seed) == ("S1C", 7)
    assert plan.start == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert plan.telemetry == TelemetryPlan(gps_period_s=2)
    assert plan.mispointing.yaw_rad == 1e-4
    assert plan.takes == (
        TakePlan(
            name="a",
            mode="IW",
            duration_s=60,
            samples=128,
            faults=(Fault(kind="lost", at=5, count=3, polarisation="VH"),),
        ),
        TakePlan(name="b", mode="15", start_s=100.5, store="Emergency"),
    )
    first, second = plan.downlinks
    assert (first.link.station, first.link.delay_s, first.link.link.interleave_depth) == ("MPS", 100, 5)
    assert (first.telemetry, second.telemetry) == (False, True)
    assert first.parts == (Part(take="a", end=0.5),)
    assert second.parts == (Part(take="a", begin=0.5), Part(take="b"))


def test_the_plan_of_the_documentation_is_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "simulator.md"
    example = page.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    plan = read_plan(written(tmp_path, example))
    assert plan.names == ("iw", "wave", "rfc")
    assert len(plan.takes[0].faults) == 7
    assert len(plan.downlinks) == 2


def test_an_empty_file_is_the_default_plan(tmp_path: Path) -> None:
    assert read_plan(written(tmp_path, "")) == Plan()


def test_telemetry_can_be_switched_off_and_times_without_zone_are_utc(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, "telemetry = false\nstart = 2026-01-01T00:00:00"))
    assert plan.telemetry is None
    assert plan.start == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [", "plan.toml: not TOML"),
        ("colour = 1", "plan.toml: unknown colour; known are satellite, start"),
        ("takes = 3", "takes: must be a list of tables"),
        ('start = "soon"', "start: give a date and time"),
        ("telemetry = 3", "telemetry: must be a table"),
        ('satellite = "S2A"', "'satellite' must be in"),
        ('[[takes]]\nmode = "IW9"', "takes\\[1\\]: mode 'IW9' is unknown"),
        ('[[takes]]\nduration_s = "long"', "takes\\[1\\]: duration_s: 'long' is not of type float"),
        ("[[takes]]\nsamples = 1.5", "takes\\[1\\]: samples: 1.5 is not of type int"),
        ("[[takes]]\nduration_s = 0", "takes\\[1\\]: 'duration_s' must be > 0"),
        ("[[takes]]\nlength = 1", "takes\\[1\\]: unknown length"),
        ('[[takes]]\nfaults = [{ kind = "odd" }]', "takes\\[1\\].faults\\[1\\]: 'kind' must be in"),
        ("[[takes]]\nfaults = [{ at = 1 }]", "takes\\[1\\].faults\\[1\\]: .*missing .*'kind'"),
        ('[[takes]]\nname = "a"\n[[takes]]\nname = "a"', "same name"),
        ("[[takes]]\ndata_take_id = 1\n[[takes]]\ndata_take_id = 1", "same data_take_id"),
        ('[[downlinks]]\nparts = [{ take = "z" }]', "a downlink wants data take 'z'; the plan has 1"),
        ('[[downlinks]]\nparts = [{ take = "1", begin = 0.6, end = 0.5 }]', "begin 0.6 is not before end 0.5"),
        ("[[downlinks]]\nlink = { interleave_depth = 40 }", "downlinks\\[1\\].link: 'interleave_depth' must be"),
        ("[[downlinks]]\nblock_bytes = 0", "downlinks\\[1\\]: 'block_bytes' must be > 0"),
        ("downlinks = []", "needs a data take and a downlink"),
    ],
)
def test_refusals_name_file_table_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        read_plan(written(tmp_path, text))


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", newline="")
    refusal = ""
    try:
        read_plan(path)
    except SimulatorError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith(f"{path}: ")
