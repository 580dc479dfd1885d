"""Annotation and index records read with descriptions of their own, field by field as CODA has them.

Facts (names, types, order) from the CODA product definitions SARStandardL0AnnotationData and SARStandardL0IndexData;
the bits of VCID and channel from the mapping of ESA's EOPF reader. Nothing here knows the code that wrote the records.
"""

import struct
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.l0.annot import new_annotations
from s1pdgs.formats.l0.index import new_index

ANNOTATION = struct.Struct(">HIHHIHHHHBBBB")
ANNOTATION_FIELDS = ("sensing_days", "sensing_ms", "sensing_us", "downlink_days", "downlink_ms", "downlink_us")
ANNOTATION_FIELDS += ("packet_length", "frames", "missingFrames", "CRCFlag", "VCID", "channel", "spare")
INDEX = struct.Struct(">ddIIQB3s")
INDEX_FIELDS = ("dateAndTime", "deltaTime", "deltaSize", "deltaUnitsOffset", "byteOffset", "variableSizeFlag", "spare")
UNIX = datetime(1970, 1, 1, tzinfo=UTC)
Y2K, Y1950 = datetime(2000, 1, 1, tzinfo=UTC), datetime(1950, 1, 1, tzinfo=UTC)


def _read(layout: struct.Struct, fields: tuple[str, ...], data: bytes) -> list[dict]:
    return [dict(zip(fields, values, strict=True)) for values in layout.iter_unpack(data)]


def _moment(micros: int) -> datetime:
    return UNIX + timedelta(microseconds=micros)


TIMES = st.datetimes(datetime(2014, 1, 1), datetime(2050, 1, 1)).map(  # noqa: DTZ001
    lambda moment: (moment.replace(tzinfo=UTC) - UNIX) // timedelta(microseconds=1)
)
PACKETS = st.fixed_dictionaries(
    {
        "sensing_us": TIMES,
        "downlink_us": TIMES,
        "packet_lengths": st.integers(68, 65540),
        "frames": st.integers(0, 65535),
        "missing_frames": st.integers(0, 65535),
        "vcids": st.integers(0, 62),
        "channels": st.sampled_from([1, 2]),
    }
)


@given(packets=st.lists(PACKETS, min_size=1, max_size=5))
def test_annotations_say_to_another_reader_what_was_written(packets):
    columns = {name: np.array([packet[name] for packet in packets]) for name in packets[0]}
    data = new_annotations(**columns).tobytes()
    assert len(data) == 26 * len(packets)
    for packet, found in zip(packets, _read(ANNOTATION, ANNOTATION_FIELDS, data), strict=True):
        for name in ("sensing", "downlink"):
            of_day = timedelta(milliseconds=found[f"{name}_ms"], microseconds=found[f"{name}_us"])
            assert found[f"{name}_us"] < 1000
            assert of_day < timedelta(days=1)
            assert Y2K + timedelta(days=found[f"{name}_days"]) + of_day == _moment(packet[f"{name}_us"])
        assert found["packet_length"] + 1 + 6 == packet["packet_lengths"]
        assert (found["frames"], found["missingFrames"]) == (packet["frames"], packet["missing_frames"])
        assert (found["CRCFlag"], found["spare"]) == (0, 0)
        assert format(found["VCID"], "08b") == f"10{packet['vcids']:06b}"  # present, spare, six bits of VCID
        assert format(found["channel"], "08b") == {1: "01", 2: "10"}[packet["channels"]] + "000000"


@given(
    lengths=st.lists(st.integers(68, 65540), min_size=1, max_size=60),
    start=TIMES,
    block=st.integers(1, 20),
)
def test_the_index_leads_another_reader_to_every_block(lengths, start, block):
    offsets = np.cumsum(lengths) - lengths
    times = start + np.arange(len(lengths), dtype=np.int64) * 583
    records = _read(INDEX, INDEX_FIELDS, new_index(times, offsets, sum(lengths), block).tobytes())
    firsts = list(range(0, len(lengths), block))
    assert [record["deltaUnitsOffset"] for record in records] == [*firsts, len(lengths)]
    assert [record["byteOffset"] for record in records] == [*offsets[firsts].tolist(), sum(lengths)]
    assert all((record["variableSizeFlag"], record["spare"]) == (1, bytes(3)) for record in records)
    for record, following in pairwise(records):
        assert record["byteOffset"] + record["deltaSize"] == following["byteOffset"]
        here, there = (Y1950 + timedelta(days=each["dateAndTime"]) for each in (record, following))
        assert abs(here - _moment(int(times[record["deltaUnitsOffset"]]))) < timedelta(microseconds=2)
        assert abs((there - here) - timedelta(milliseconds=record["deltaTime"])) < timedelta(microseconds=4)
