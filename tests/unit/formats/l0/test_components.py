import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.l0 import annot
from s1pdgs.formats.l0.index import INDEX_DTYPE, INDEX_SIZE, new_index, read_index
from s1pdgs.formats.xml import FormatError
from s1pdgs.model.time import micros, parse_utc

TIMES = st.integers(micros(parse_utc("2014-01-01")), micros(parse_utc("2050-01-01")))


def _annotation(**changes):
    fields = {
        "sensing_us": 0,
        "downlink_us": 0,
        "packet_lengths": 68,
        "frames": 1,
        "missing_frames": 0,
        "vcids": 25,
        "channels": 1,
    }
    return annot.new_annotations(**{name: np.array([value]) for name, value in (fields | changes).items()})


def test_records_have_the_published_sizes():
    assert annot.ANNOTATION_DTYPE.itemsize == annot.ANNOTATION_SIZE == 26
    assert INDEX_DTYPE.itemsize == INDEX_SIZE == 36


def test_the_octets_of_an_annotation():
    moment = micros(parse_utc("2000-01-03T00:00:01.002003"))
    record = _annotation(
        sensing_us=moment, downlink_us=moment + 1, packet_lengths=15664, frames=9, missing_frames=2, channels=2
    )
    assert record.tobytes().hex() == "0002000003ea00030002000003ea00043d290009000200998000"


@given(
    sensing=TIMES,
    downlink=TIMES,
    length=st.integers(68, 65540),
    vcid=st.integers(0, 62),
    channel=st.sampled_from([1, 2]),
)
def test_annotations_give_back_what_was_put_in(sensing, downlink, length, vcid, channel):
    record = _annotation(sensing_us=sensing, downlink_us=downlink, packet_lengths=length, vcids=vcid, channels=channel)
    assert annot.sensing_times_us(record)[0] == sensing
    assert annot.downlink_times_us(record)[0] == downlink
    assert annot.packet_sizes(record)[0] == length
    assert (annot.vcids(record)[0], annot.channels(record)[0]) == (vcid, channel)


def test_times_that_do_not_fit_are_refused():
    with pytest.raises(annot.AnnotationError, match="sensing time"):
        _annotation(sensing_us=0, downlink_us=micros(parse_utc("2020-01-01")))


def test_a_torn_annotation_component_is_refused(tmp_path):
    path = tmp_path / "x-annot.dat"
    path.write_bytes(bytes(27))
    with pytest.raises(annot.AnnotationError, match="27 bytes"):
        annot.read_annotations(path)


@pytest.mark.parametrize(("packets", "block", "records"), [(52053, 1000, 54), (329646, 1000, 331), (22647, 100, 228)])
def test_real_products_have_as_many_index_records(packets, block, records):
    times = np.arange(packets, dtype=np.int64)
    assert new_index(times, times, packets, block).size == records


def test_index_records_lead_to_their_packets():
    lengths = np.random.default_rng(0).integers(68, 1000, 2500)
    offsets = np.cumsum(lengths) - lengths
    times = micros(parse_utc("2020-01-01")) + np.arange(2500, dtype=np.int64) * 500
    data = new_index(times, offsets, int(lengths.sum())).tobytes()
    records = read_index(data, "index")
    assert records["data_units_offset"].tolist() == [0, 1000, 2000, 2500]
    assert records["byte_offset"].tolist() == [0, offsets[1000], offsets[2000], lengths.sum()]
    assert records["delta_size"].sum() == lengths.sum()
    assert records["date_time"][0] == (parse_utc("2020-01-01") - parse_utc("1950-01-01")).days
    assert records["delta_time"][0] == pytest.approx(500.0)
    with pytest.raises(FormatError, match="36-byte"):
        read_index(data[:-1], "index")
