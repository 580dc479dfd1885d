import attrs
import numpy as np
import pytest

from s1pdgs.formats.link.aos import pack_headers, write_error_control
from s1pdgs.formats.link.decode import check_blocks
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.formats.link.reed_solomon import encode_blocks

LINK = LinkParameters(interleave_depth=1, has_fecf=True, has_fhec=True)


def _frames() -> np.ndarray:
    frames = np.random.default_rng(1).integers(0, 256, (4, LINK.frame_bytes), dtype=np.uint8)
    pack_headers(frames, 24, np.arange(4), LINK)
    write_error_control(frames)
    return frames


@pytest.mark.parametrize("coded", [True, False])
def test_a_frame_that_contradicts_its_own_error_control_is_damaged(coded):
    link = attrs.evolve(LINK, coded=coded)
    frames = _frames()
    frames[1, 100] ^= 1
    frames[3, [0, 1, 5]] ^= np.array([0x31, 0x0F, 0x77], dtype=np.uint8)
    write_error_control(frames[3:])
    blocks = encode_blocks(frames, link) if coded else frames
    assert check_blocks(blocks, link).uncorrectable.tolist() == [False, True, False, True]


def test_a_header_is_repaired_where_no_code_does_it():
    link = attrs.evolve(LINK, coded=False, has_fecf=False)
    sent = _frames()
    received = sent.copy()
    received[2, 1] ^= 0x0C
    check = check_blocks(received, link)
    assert not check.uncorrectable.any()
    assert np.array_equal(received, sent)
