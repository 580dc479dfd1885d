import attrs
import numpy as np
import pytest

from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.link.encode import encode_cadus
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.formats.names import ProductName
from s1pdgs.processors.l0 import aio
from s1pdgs.processors.l0.link import ordered_link
from s1pdgs.processors.l0.program import Outcome, ProcessorError

COUNT = 120


@pytest.fixture(scope="module")
def sent(mission):
    return mission.packets(0, COUNT, 0.01)


def _run(order, folder):
    outcome = Outcome(aio.NAME)
    aio.process_session(order, folder, outcome)
    first = folder / (folder / "AIOProc.LIST").read_text().split()[0]
    assert ProductName.parse(first.name).polarisation == "VV"
    return (first / read_manifest(first / "manifest.safe").units[0].data.href).read_bytes(), outcome


@pytest.mark.parametrize(
    "link",
    [
        LinkParameters(interleave_depth=4),
        LinkParameters(randomised=False),
        LinkParameters(dual_basis=False, interleave_depth=5),
        LinkParameters(frame_length=8 * 200, cadu_trailer_bytes=16),
        LinkParameters(coded=False, has_fecf=True, frame_length=1115),
        LinkParameters(has_fhec=True, has_fecf=True, spacecraft_id=0x21),
    ],
    ids=["depth 4", "not randomised", "conventional", "shortened", "no code", "error controls"],
)
def test_the_link_of_a_channel_need_not_be_told(mission, sent, tmp_path, link):
    cadus = np.asarray(encode_cadus({24: sent}, link, 3)).tobytes()
    received, outcome = _run(mission.session_order(tmp_path, {1: cadus}, Descramble="auto", RSEncode=""), tmp_path)
    assert received == b"".join(sent)
    assert len(outcome.warnings) == 1  # of the other channel, which is not there


def test_insert_zone_and_control_field_cannot_be_seen_and_are_ordered(mission, sent, tmp_path):
    link = LinkParameters(insert_zone_bytes=20, has_ocf=True, has_fecf=True)
    cadus = np.asarray(encode_cadus({24: sent}, link, 3)).tobytes()
    parameters = {"Insert_Zone_Bytes": "20", "Frame_Operational_Control": "yes", "Spacecraft_Id": "80"}
    received, _ = _run(mission.session_order(tmp_path, {1: cadus}, **parameters), tmp_path)
    assert received == b"".join(sent)


def test_a_stream_that_is_shifted_by_bits_and_inverted_is_received(mission, sent, tmp_path):
    bits = 1 - np.unpackbits(encode_cadus({24: sent}, LinkParameters(), 3))
    shifted = np.packbits(np.concatenate((np.ones(3, dtype=np.uint8), bits)))
    received, _ = _run(mission.session_order(tmp_path, {1: shifted.tobytes()}), tmp_path)
    assert received == b"".join(sent)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"RSEncode": "no"}, "RSEncode no.*RSEncode yes.*set them to auto"),
        ({"RS_Dual_Basis": "no"}, "RS_Dual_Basis no.*RS_Dual_Basis yes"),
        ({"CADU_Trailer_Bytes": "4"}, "CADU_Trailer_Bytes 4.*2044 bytes apart"),
        ({"Frame_Length": "1000"}, "Frame_Length 1000"),
    ],
)
def test_an_order_that_the_bytes_contradict_is_refused_with_what_they_show(
    mission, sent, tmp_path, parameters, message
):
    cadus = np.asarray(encode_cadus({24: sent}, LinkParameters(), 3)).tobytes()
    with pytest.raises(ProcessorError, match=message):
        _run(mission.session_order(tmp_path, {1: cadus}, **parameters), tmp_path)


def test_an_order_that_only_frames_contradict_is_followed_with_a_warning(mission, sent, tmp_path):
    cadus = np.asarray(encode_cadus({24: sent}, LinkParameters(), 3)).tobytes()
    order = mission.session_order(tmp_path, {1: cadus}, Frame_Error_Control="yes")
    outcome = Outcome(aio.NAME)
    with pytest.raises(ProcessorError, match="frames do not pass"):
        aio.process_session(order, tmp_path, outcome)
    assert any("Frame_Error_Control yes, which its frames contradict" in warning for warning in outcome.warnings)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Descramble": "perhaps"}, "Descramble of the job order is 'perhaps'; give yes, no or auto"),
        ({"RS_Interleave_Depth": "eight"}, "RS_Interleave_Depth of the job order is 'eight'"),
        ({"RS_Interleave_Depth": "17"}, r"\(RS_Interleave_Depth\) do not fit together"),
        ({"Frame_Length": "1785"}, "1785 bytes is no multiple of the depth 8"),
        ({"Insert_Zone_Bytes": "1000"}, r"\(Insert_Zone_Bytes\) do not fit"),
    ],
)
def test_parameters_that_are_wrong_are_named(mission, parameters, message):
    with pytest.raises(ProcessorError, match=message):
        ordered_link(mission.order("AIO_PROCESSOR", {}, **parameters))


def test_a_channel_whose_bytes_show_nothing_follows_the_other_one(mission, sent, tmp_path):
    link = attrs.evolve(mission.link, interleave_depth=4)
    cadus = np.asarray(encode_cadus({24: sent}, link, 3)).reshape(-1, link.cadu_bytes)
    lonely = np.concatenate((cadus[:1].reshape(-1), np.zeros(5000, dtype=np.uint8)))
    order = mission.session_order(tmp_path, {1: cadus.tobytes(), 2: lonely.tobytes()})
    received, outcome = _run(order, tmp_path)
    assert received == b"".join(sent)
    assert any("that of channel 1 is followed" in warning for warning in outcome.warnings)
