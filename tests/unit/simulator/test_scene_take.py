"""A scene as a data take of a plan: found in the plan's own orbit, made from the plan's own auxiliary files."""

from pathlib import Path

import numpy as np

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.header import gather_headers, index_packets, packet_faults
from s1pdgs.formats.isp.packets import decode_lines
from s1pdgs.simulator.auxiliary.files import AuxiliaryContext, write_auxiliary
from s1pdgs.simulator.orbit import Acquisition
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.scene_take import scene_take


def test_a_scene_is_put_over_its_place_at_the_first_pass(passing: Acquisition, tmp_path: Path) -> None:
    write_auxiliary(tmp_path, AuxiliaryContext.of_acquisition(passing), ["AUX_CAL", "AUX_INS", "AUX_PP1"])
    take = TakePlan(mode="S3", echoes="scene", place="hel", duration_s=0.1, samples=3200, polarisation="DV")
    plan = Plan(start=Scenario().after, takes=(take,))
    scene = scene_take(plan, take, 0x42, passing.trajectory, tmp_path)
    assert scene.receive_polarisations == ("VV", "VH")
    assert abs((scene.sensing.start - passing.centre).total_seconds()) < 5.0
    assert scene.occupied.start < scene.sensing.start
    data = np.concatenate([octets for octets, _ in scene.batches("VV")])
    offsets, lengths = index_packets(data)
    headers = gather_headers(data, offsets)
    assert headers.size == scene.packet_count
    assert not packet_faults(headers).any()
    assert set(headers["data_take_id"]) == {0x42}
    echoes = np.flatnonzero(headers["signal_type"] == SignalType.ECHO)
    power = np.mean(np.abs(decode_lines(data, offsets[echoes], lengths[echoes], headers[echoes])) ** 2, axis=1)
    rank = int(headers["rank"][0])
    assert power[rank:].mean() > 2.0 * power[:rank].mean()
