"""A small mission: one StripMap data take on a believable orbit, sent down over two channels."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from attrs import frozen

from s1pdgs.formats.dsib import SessionInformation, write_dsib
from s1pdgs.formats.earth_explorer import EarthExplorerHeader
from s1pdgs.formats.eof import OrbitChange, OrbitFile, OrbitRecord, OrbitScenario, write_orbit, write_scenario
from s1pdgs.formats.isp.codes import packet_time_codes
from s1pdgs.formats.isp.header import new_headers
from s1pdgs.formats.isp.packets import build_packets
from s1pdgs.formats.isp.subcom import AncillaryData, encode_frame, ticks
from s1pdgs.formats.joborder import JobOrder, OrderInput, OrderTask, ParameterStyle
from s1pdgs.formats.link.encode import encode_cadus
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
NODE_VECTOR = StateVector(NODE, np.array([7_071_000.0, 0.0, 0.0]), np.array([0.0, -1585.0, 7430.0]))
LINK = LinkParameters()
STORES = (
    PacketStore(24, 24, "NRT", "V"),
    PacketStore(25, 25, "NRT", "H"),
    PacketStore(45, 45, "HKTM"),
    PacketStore(49, 49, "GPS"),
    PacketStore(51, 52, "Spare"),
    PacketStore(50, 63, "Filler"),
)
ECHO, NOISE, TX_CAL = 0, 1, 8


def data_take_packets(
    rx_channel: int, count: int, step_s: float, *, data_take_id: int = DATA_TAKE, ecc: int = 3
) -> list[bytes]:
    """Packets of one receive channel (0 V, 1 H): preamble, echoes with calibration between, postamble."""
    headers = new_headers(count)
    number = np.arange(count)
    gps_s, fraction_s = utc_to_gps(SENSING)
    headers["coarse_time"], headers["fine_time"] = packet_time_codes(gps_s, fraction_s + number * step_s)
    headers["data_take_id"] = data_take_id
    headers["ecc_number"] = ecc
    headers["rx_channel"] = rx_channel
    headers["instrument_configuration_id"] = 7
    headers["sequence_count"] = number % 16384
    headers["space_packet_count"] = number
    headers["pri_count"] = number + 2
    headers["polarisation"] = 7
    headers["rank"] = 10
    headers["pri"] = 19499
    headers["swst"] = 5271
    headers["swl"] = 12178
    headers["tx_pulse_length"] = 1658
    headers["range_decimation"] = 4
    headers["number_of_quads"] = 10779
    headers["swath_number"] = 2
    _signals(headers, count)
    _subcommutate(headers, step_s)
    random = np.random.default_rng(rx_channel + 17 * count)
    bounds = np.concatenate(([0], np.cumsum(4 * random.integers(1, 60, count))))
    data, offsets = build_packets(headers, random.integers(0, 256, bounds[-1], dtype=np.uint8), bounds)
    return [data[a:b].tobytes() for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]


def _signals(headers: np.ndarray, count: int) -> None:
    number = np.arange(count)
    signal = np.where(number % 100 == 50, TX_CAL, ECHO)
    signal[:8] = NOISE
    signal[8:16] = TX_CAL
    signal[-16:-8] = TX_CAL
    signal[-8:] = NOISE
    headers["signal_type"] = signal
    headers["ssb_flag"] = signal == TX_CAL
    headers["baq_mode"] = np.choose(np.searchsorted([ECHO, NOISE, TX_CAL], signal), [12, 5, 0])
    headers["cal_mode"][:16] = headers["cal_mode"][-16:] = 1


def _subcommutate(headers: np.ndarray, step_s: float) -> None:
    for first in range(0, len(headers), 64):
        state = propagate(NODE_VECTOR, SENSING + timedelta(seconds=first * step_s))
        stamp = ticks(*utc_to_gps(state.time))
        frame = AncillaryData(
            position_m=state.position_m,
            velocity_m_s=state.velocity_m_s,
            position_time_ticks=stamp,
            quaternion=(1.0, 0.0, 0.0, 0.0),
            angular_rate_rad_s=(0.0, 0.0, 0.0),
            attitude_time_ticks=stamp,
        )
        part = headers[first : first + 64]
        part["subcom_index"] = np.arange(1, 65)[: len(part)]
        part["subcom_word"] = encode_frame(frame)[: len(part)]


def write_auxiliary(folder: Path) -> dict[str, Path]:
    """AUX_OBMEMC, MPL_ORBPRE and MPL_ORBSCT in a folder, by type."""
    validity = Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    memory = folder / "S1A_OPER_AUX_OBMEMC_PDMC_20260101T000000.xml"
    memory.write_bytes(write_obmemc(MemoryConfiguration(validity.start, validity, STORES)))
    vectors = []
    for orbit, minutes in ((63410, -98.7), (63411, 0.0)):
        vectors.append(
            OrbitRecord(
                time=NODE + timedelta(minutes=minutes),
                absolute_orbit=orbit,
                position_m=tuple(NODE_VECTOR.position_m.tolist()),
                velocity_m_s=tuple(NODE_VECTOR.velocity_m_s.tolist()),
            )
        )
    prediction = write_orbit(folder, OrbitFile(_header("MPL_ORBPRE", validity), tuple(vectors)))
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
    scenario = write_scenario(folder, OrbitScenario(_header("MPL_ORBSCT", validity), (change,)))
    return {"AUX_OBMEMC": memory, "MPL_ORBPRE": prediction, "MPL_ORBSCT": scenario}


def _header(file_type: str, validity: Interval) -> EarthExplorerHeader:
    return EarthExplorerHeader(
        file_name=f"S1A_OPER_{file_type}_20260101T000000_20270101T000000_0001",
        mission="SENTINEL 1A",
        file_type=file_type,
        validity=validity,
        system="FOS",
        created=validity.start,
        reference_frame="EARTH_FIXED",
        time_reference="UTC",
    )


def write_channel(folder: Path, channel: int, cadus: bytes, blocks: int = 3) -> list[Path]:
    """The DSIB and the DSDBs of a channel, cut without regard to CADUs."""
    place = folder / f"ch{channel:02d}"
    place.mkdir(parents=True)
    edges = [len(cadus) * k // blocks + (k % blocks) * 5 for k in range(blocks + 1)]
    edges[-1] = len(cadus)
    paths = []
    for number in range(blocks):
        path = place / f"DCS_01_{SESSION}_ch{channel}_DSDB_{number + 1:05d}.raw"
        path.write_bytes(cadus[edges[number] : edges[number + 1]])
        paths.append(path)
    stop = DOWNLINK + timedelta(seconds=60)
    names = tuple(path.name for path in paths)
    information = SessionInformation(SESSION, DOWNLINK, stop, DOWNLINK, stop, len(cadus), names)
    dsib = place / f"DCS_01_{SESSION}_ch{channel}_DSIB.xml"
    dsib.write_bytes(write_dsib(information))
    return [dsib, *paths]


def job_order(processor: str, inputs: Mapping[str, Sequence[Path]], **parameters: str) -> JobOrder:
    """A job order with one task."""
    entries = tuple(OrderInput(kind, "Physical", tuple(str(path) for path in paths)) for kind, paths in inputs.items())
    return JobOrder(
        processor_name=processor,
        version="1.0",
        tasks=(OrderTask("TASK", "1.0", entries),),
        parameters=tuple({"Mission_Id": "S1A", **parameters}.items()),
        processing_station="WILE",
        parameter_style=ParameterStyle.PLAIN,
    )


@frozen
class Mission:
    """What tests ask of the small mission."""

    packets: Callable[..., list[bytes]] = data_take_packets
    auxiliary: Callable[[Path], dict[str, Path]] = write_auxiliary
    channel: Callable[..., list[Path]] = write_channel
    order: Callable[..., JobOrder] = job_order
    link: LinkParameters = LINK

    def cadus(self, packets: Mapping[int, Sequence[bytes]], fill_frames: int = 3) -> np.ndarray:
        """CADUs uint8 (n, bytes) of packets by virtual channel."""
        return encode_cadus(packets, self.link, fill_frames).reshape(-1, self.link.cadu_bytes)

    def session_order(self, folder: Path, channels: Mapping[int, bytes], **parameters: str) -> JobOrder:
        """Write a session and its auxiliary files, and the order to process it."""
        return self.pass_order(folder, [channels], **parameters)

    def pass_order(self, folder: Path, deliveries: Sequence[Mapping[int, bytes]], **parameters: str) -> JobOrder:
        """The same with several deliveries, each of which brings channels."""
        inputs: dict[str, Sequence[Path]] = {kind: [path] for kind, path in self.auxiliary(folder).items()}
        blocks: dict[int, list[Path]] = {}
        for delivery, channels in enumerate(deliveries, 1):
            place = folder if delivery == 1 else folder / f"delivery{delivery}"
            for number, data in channels.items():
                blocks.setdefault(number, []).extend(self.channel(place, number, data))
        inputs |= {f"RAW_ch{number}": paths for number, paths in blocks.items()}
        return self.order("AIO_PROCESSOR", inputs, **parameters)


@pytest.fixture(scope="session")
def mission() -> Mission:
    return Mission()
