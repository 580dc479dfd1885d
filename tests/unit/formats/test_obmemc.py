from datetime import UTC, datetime

import pytest

from s1pdgs.formats.obmemc import (
    MemoryConfiguration,
    MemoryConfigurationError,
    PacketStore,
    operational_store_type,
    read_obmemc,
    store_timeliness,
    write_obmemc,
)
from s1pdgs.model.interval import Interval
from s1pdgs.model.timeliness import Timeliness

VALIDITY = Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC))
STORES = (PacketStore(24, 24, "NRT", "V"), PacketStore(41, 41, "NRT", "H", "LGS"), PacketStore(50, 63, "Filler"))


def test_the_real_configuration_is_read(testdata):
    memory = read_obmemc(testdata / "aux" / "S1A_OPER_AUX_OBMEMC_PDMC_20140201T000000.xml")
    assert len(memory.stores) == 51
    by_vcid = memory.by_vcid()
    assert (by_vcid[24].polarisation, by_vcid[25].polarisation) == ("V", "H")
    assert by_vcid[41].station_type == "LGS"
    assert not by_vcid[49].carries_sar
    assert by_vcid[63].store_id == 50
    assert memory.validity.start == datetime(2014, 2, 1, tzinfo=UTC)


def test_written_configurations_are_read_back(tmp_path):
    memory = MemoryConfiguration(VALIDITY.start, VALIDITY, STORES)
    path = tmp_path / "memory.xml"
    path.write_bytes(write_obmemc(memory))
    assert read_obmemc(path) == memory


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"VC-41", b"VC-24", "virtual channel 24 is associated twice"),
        (b"VC-41", b"VC-64", "more than VC-63"),
        (b">V<", b">X<", "neither H nor V"),
        (b"PS-24", b"24", "PacketStoreId '24'"),
        (b"UTC=2099-12-31T00:00:00", b"never", "Validity_Stop 'never'"),
        (b"OnBoardMemoryConfigurationUpdate", b"Other", "root element is Other"),
    ],
)
def test_a_broken_configuration_is_refused_with_its_field(tmp_path, old, new, complaint):
    path = tmp_path / "memory.xml"
    data = write_obmemc(MemoryConfiguration(VALIDITY.start, VALIDITY, STORES))
    assert old in data
    path.write_bytes(data.replace(old, new))
    with pytest.raises(MemoryConfigurationError, match=complaint):
        read_obmemc(path)


@pytest.mark.parametrize(
    ("store_id", "timeliness"),
    [
        (0, Timeliness.PT),
        (6, Timeliness.NRT),
        (19, Timeliness.FAST24),
        (24, Timeliness.FAST24),
        (37, Timeliness.PT),
        (49, Timeliness.NRT),
    ],
)
def test_packet_stores_tell_how_soon_products_are_due(store_id, timeliness):
    assert store_timeliness(operational_store_type(store_id)) is timeliness


def test_unknown_stores_and_types_are_refused():
    with pytest.raises(MemoryConfigurationError, match="51"):
        operational_store_type(51)
    with pytest.raises(MemoryConfigurationError, match="Emergency"):
        store_timeliness("Fast")
