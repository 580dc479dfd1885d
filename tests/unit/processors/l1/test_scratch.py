"""Scratch memory is used again by the thread that took it, and by no other."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from s1pdgs.processors.l1.scratch import Scratch


def test_a_name_gives_the_same_memory_in_any_shape_that_fits() -> None:
    scratch = Scratch()
    first = scratch.take("rows", 4, 6)
    assert first.shape == (4, 6)
    assert first.dtype == np.complex64
    assert np.shares_memory(first, scratch.take("rows", 2, 12))
    assert not np.shares_memory(first, scratch.take("columns", 4, 6))


def test_memory_grows_with_what_is_asked() -> None:
    scratch = Scratch()
    scratch.take("rows", 2, 2)
    assert scratch.take("rows", 100, 3).shape == (100, 3)


def test_threads_do_not_share() -> None:
    scratch = Scratch()
    mine = scratch.take("rows", 8)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(scratch.take, "rows", 8).result()
    assert not np.shares_memory(mine, other)
