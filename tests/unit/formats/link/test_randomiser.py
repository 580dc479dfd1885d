import numpy as np

from s1pdgs.formats.link.randomiser import derandomise, pseudo_random_sequence


def test_sequence_begins_as_published():
    assert pseudo_random_sequence(8).tobytes().hex() == "ff480ec09a0d70bc"


def test_sequence_repeats_after_255_bits():
    bits = np.unpackbits(pseudo_random_sequence(255))
    assert np.array_equal(bits[:255], bits[255:510])
    assert not np.array_equal(bits[:127], bits[127:254])


def test_randomising_twice_gives_the_data_back():
    data = np.random.default_rng(0).integers(0, 256, (3, 2040), dtype=np.uint8)
    changed = data.copy()
    derandomise(changed)
    assert not np.array_equal(changed, data)
    derandomise(changed)
    assert np.array_equal(changed, data)
