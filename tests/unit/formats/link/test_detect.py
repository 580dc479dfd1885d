import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.link.detect import detect_link
from s1pdgs.formats.link.encode import encode_cadus
from s1pdgs.formats.link.parameters import LinkParameters

RANDOM = np.random.default_rng(5)
PACKETS = [
    b"\x0c\x1c\xc0\x00" + (size - 1).to_bytes(2, "big") + RANDOM.bytes(size)
    for size in RANDOM.integers(100, 3000, 30).tolist()
]


def _cadus(link: LinkParameters) -> np.ndarray:
    return encode_cadus({24: PACKETS, 25: PACKETS[:9]}, link, fill_frames=5)


def _links() -> st.SearchStrategy[LinkParameters]:
    def link(depth, fill, coded, flags, trailer):
        frame = None if not fill else (223 - fill) * depth
        return LinkParameters(
            interleave_depth=depth,
            frame_length=frame,
            coded=coded,
            dual_basis=flags[0] or not coded,
            randomised=flags[1],
            has_fhec=flags[2],
            has_fecf=flags[3],
            cadu_trailer_bytes=trailer,
        )

    return st.builds(
        link,
        st.sampled_from([1, 4, 5, 8]),
        st.integers(0, 100),
        st.booleans(),
        st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
        st.integers(0, 40),
    )


@settings(max_examples=30)
@given(link=_links(), damage=st.integers(0, 20), cut=st.integers(0, 5000), seed=st.integers(0, 9))
def test_whatever_the_link_is_its_bytes_tell(link, damage, cut, seed):
    data = _cadus(link)[cut:].copy()
    data[np.random.default_rng(seed).integers(0, data.size, damage)] ^= 0x10
    found = detect_link(data.tobytes())
    assert found is not None
    expected = link if link.coded else attrs.evolve(link, interleave_depth=8, frame_length=link.frame_bytes)
    if not link.coded and link.frame_bytes == 8 * 223:
        expected = attrs.evolve(expected, frame_length=None)
    assert found.parameters == expected
    assert not found.inverted


@pytest.mark.parametrize("shift", [1, 4, 7])
def test_a_shifted_inverted_stream_is_seen_through(shift):
    bits = np.concatenate((np.ones(shift, dtype=np.uint8), 1 - np.unpackbits(_cadus(LinkParameters()))))
    found = detect_link(np.packbits(bits).tobytes())
    assert found.inverted
    assert found.parameters == LinkParameters()


def test_what_cannot_be_seen_is_taken_as_known():
    link = LinkParameters(insert_zone_bytes=12, has_ocf=True, spacecraft_id=7)
    assert detect_link(_cadus(link).tobytes(), attrs.evolve(link, coded=False, interleave_depth=3)).parameters == link


@settings(max_examples=15)
@given(data=st.binary(max_size=5000))
def test_noise_is_no_link(data):
    assert detect_link(data) is None
    assert detect_link(b"".join(b"\x1a\xcf\xfc\x1d" + RANDOM.bytes(2040) for _ in range(12)) + data) is None
