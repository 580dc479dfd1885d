"""A downlink session of any size on disk: one IW data take, a channel each for V and H, with what AIO needs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from benchmarks.packets import echo_packets
from s1pdgs.formats.dsib import SessionInformation, write_dsib
from s1pdgs.formats.earth_explorer import EarthExplorerHeader
from s1pdgs.formats.eof import OrbitChange, OrbitFile, OrbitRecord, OrbitScenario, write_orbit, write_scenario
from s1pdgs.formats.isp.codes import duration_s, packet_time_codes
from s1pdgs.formats.isp.header import index_packets
from s1pdgs.formats.isp.subcom import FRAME_WORDS, AncillaryData, encode_frame, ticks
from s1pdgs.formats.joborder import JobOrder, OrderInput, OrderTask, ParameterStyle, write_job_order
from s1pdgs.formats.link.encode import CaduEncoder
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.formats.obmemc import MemoryConfiguration, PacketStore, write_obmemc
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import utc_to_gps
from s1pdgs.processors.l0.orbit import propagate
from s1pdgs.sar.orbit import StateVector

NODE = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
SENSING = NODE + timedelta(minutes=10)
DOWNLINK = NODE + timedelta(minutes=40)
SESSION = "S1A_20260301054000063412"
DATA_TAKE = 0x07B1C2
STORES = (PacketStore(24, 24, "NRT", "V"), PacketStore(25, 25, "NRT", "H"), PacketStore(50, 63, "Filler"))
VALIDITY = Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
NODE_VECTOR = StateVector(NODE, np.array([7_071_000.0, 0.0, 0.0]), np.array([0.0, -1585.0, 7430.0]))
PRI_S = float(duration_s(21_859))
BLOCK_BYTES = 256 * 1024 * 1024
FILL_FRAMES = 50


@frozen
class Session:
    """A session in a working directory: its job order, and what was sent."""

    job_order: Path
    bytes: int
    packets: int


def write_session(folder: Path, size: int) -> Session:
    """A session of about `size` bytes in `folder`, laid out as a job lays out the working directory of AIO."""
    inputs: dict[str, list[Path]] = _auxiliary(folder)
    total = packets = 0
    for number, (vcid, rx_channel) in enumerate(((24, 0), (25, 1)), start=1):
        files, count, written = _write_channel(folder, number, vcid, rx_channel, size // 2)
        inputs[f"RAW_ch{number}"] = files
        packets += count
        total += written
    entries = tuple(OrderInput(kind, "Physical", tuple(str(path) for path in paths)) for kind, paths in inputs.items())
    order = JobOrder(
        processor_name="AIO_PROCESSOR",
        version="1.0",
        tasks=(OrderTask("AIO", "1.0", entries),),
        parameters=(("Mission_Id", "S1A"),),
        processing_station="WILE",
        parameter_style=ParameterStyle.PLAIN,
    )
    path = folder / "JobOrder.xml"
    write_job_order(path, order)
    return Session(path, total, packets)


def _write_channel(folder: Path, number: int, vcid: int, rx_channel: int, size: int) -> tuple[list[Path], int, int]:
    place = folder / f"ch{number:02d}"
    place.mkdir()
    encoder = CaduEncoder(LinkParameters())
    template = echo_packets()
    offsets, lengths = index_packets(template)
    names: list[str] = []
    written = packets = 0
    state = NODE_VECTOR
    while written < size:
        name = f"DCS_01_{SESSION}_ch{number}_DSDB_{len(names) + 1:05d}.raw"
        with (place / name).open("wb") as block:
            while block.tell() < BLOCK_BYTES and written < size:
                state = propagate(state, SENSING + timedelta(seconds=packets * PRI_S))
                octets = _numbered(template, offsets, packets, rx_channel, state)
                pieces = [octets[o : o + n].tobytes() for o, n in zip(offsets, lengths, strict=True)]
                packets += len(pieces)
                written += block.write(encoder.encode({vcid: pieces}, FILL_FRAMES).data)
            if written >= size:
                written += block.write(encoder.finish().data)
        names.append(name)
    stop = DOWNLINK + timedelta(seconds=written * 8 / 260e6)
    information = SessionInformation(SESSION, DOWNLINK, stop, DOWNLINK, stop, written, tuple(names))
    dsib = place / f"DCS_01_{SESSION}_ch{number}_DSIB.xml"
    dsib.write_bytes(write_dsib(information))
    return [dsib, *(place / name for name in names)], packets, written


def _numbered(
    template: NDArray[np.uint8], offsets: NDArray[np.int64], first: int, rx_channel: int, state: StateVector
) -> NDArray[np.uint8]:
    """The template's packets with the counters and times of packets `first` and following, and one state's words."""
    octets = template.copy()
    number = first + np.arange(offsets.size)
    gps_s, fraction_s = utc_to_gps(SENSING)
    coarse, fine = packet_time_codes(gps_s, fraction_s + number * PRI_S)
    index = np.arange(offsets.size) % FRAME_WORDS
    for octet, width, values in (
        (2, 2, 0xC000 | number % 16384), (6, 4, coarse), (10, 2, fine), (16, 4, np.full(offsets.size, DATA_TAKE)),
        (21, 1, np.full(offsets.size, rx_channel)), (26, 1, index + 1), (27, 2, _ancillary(state)[index]),
        (29, 4, number), (33, 4, number + 2),
    ):  # fmt: skip
        for k in range(width):
            octets[offsets + octet + k] = (values >> 8 * (width - 1 - k)) & 0xFF
    return octets


def _ancillary(state: StateVector) -> NDArray[np.int64]:
    stamp = ticks(*utc_to_gps(state.time))
    frame = AncillaryData(
        position_m=state.position_m,
        velocity_m_s=state.velocity_m_s,
        position_time_ticks=stamp,
        quaternion=(1.0, 0.0, 0.0, 0.0),
        angular_rate_rad_s=(0.0, 0.0, 0.0),
        attitude_time_ticks=stamp,
    )
    return encode_frame(frame).astype(np.int64)


def _auxiliary(folder: Path) -> dict[str, list[Path]]:
    memory = folder / "S1A_OPER_AUX_OBMEMC_PDMC_20260101T000000.xml"
    memory.write_bytes(write_obmemc(MemoryConfiguration(VALIDITY.start, VALIDITY, STORES)))
    position, velocity = tuple(NODE_VECTOR.position_m.tolist()), tuple(NODE_VECTOR.velocity_m_s.tolist())
    vectors = tuple(
        OrbitRecord(
            time=NODE + timedelta(minutes=minutes), absolute_orbit=orbit, position_m=position, velocity_m_s=velocity
        )
        for orbit, minutes in ((63410, -98.7), (63411, 0.0))
    )
    prediction = write_orbit(folder, OrbitFile(_header("MPL_ORBPRE"), vectors))
    change = OrbitChange(
        absolute_orbit=73,
        relative_orbit=1,
        cycle=15,
        phase=1,
        repeat_cycle_days=12,
        cycle_length_orbits=175,
        anx_longitude_deg=0.0,
        mean_local_solar_time="18:00:00",
        solar_time_drift_s_day=0.0,
        anx_time=datetime(2014, 4, 8, tzinfo=UTC),
    )
    scenario = write_scenario(folder, OrbitScenario(_header("MPL_ORBSCT"), (change,)))
    return {"AUX_OBMEMC": [memory], "MPL_ORBPRE": [prediction], "MPL_ORBSCT": [scenario]}


def _header(file_type: str) -> EarthExplorerHeader:
    return EarthExplorerHeader(
        file_name=f"S1A_OPER_{file_type}_20260101T000000_20270101T000000_0001",
        mission="SENTINEL 1A",
        file_type=file_type,
        validity=VALIDITY,
        system="FOS",
        created=VALIDITY.start,
        reference_frame="EARTH_FIXED",
        time_reference="UTC",
    )
