"""What focuses: the compiled kernels, or the same chains by arrays on a library and device of choice."""

import os
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from s1pdgs.formats.joborder import JobOrder
from s1pdgs.processors.l1 import focus_arrays, tops_arrays
from s1pdgs.processors.l1.arrays import COMPILED, Arrays, open_arrays
from s1pdgs.processors.l1.focus import FocusedBlock, focus
from s1pdgs.processors.l1.focus_plan import FocusPlan, LineSource
from s1pdgs.processors.l1.scratch import Scratch
from s1pdgs.processors.l1.tops import focus_burst
from s1pdgs.processors.l1.tops_plan import BurstPlan

Spectrum = NDArray[np.complex64]

PARAMETER = "Array_Backend"
VARIABLE = "L1_ARRAY_BACKEND"
"""A dynamic parameter of job orders and a variable of the environment, of which the first counts."""


class Backend(Protocol):
    """Focuses by plans. Results of all backends are alike: within a thousandth of the peak."""

    @property
    def name(self) -> str:
        """One of `arrays.BACKENDS`."""

    def focus(self, plan: FocusPlan, source: LineSource) -> Iterator[FocusedBlock]:
        """Focus all blocks of StripMap lines or of a vignette in order; their valid lines tile the image."""

    def focus_burst(self, plan: BurstPlan, source: LineSource) -> Spectrum:
        """Focus a TOPS burst: complex64 (lines, samples) of its image grid, in beta nought amplitude.

        The memory may be reused for the next burst.
        """


@frozen
class Compiled:
    """The compiled kernels, on the threads of the host. The image of a burst is overwritten by that of the next."""

    name: str = COMPILED
    scratch: Scratch = field(factory=Scratch, eq=False)

    def focus(self, plan: FocusPlan, source: LineSource) -> Iterator[FocusedBlock]:
        return focus(plan, source)

    def focus_burst(self, plan: BurstPlan, source: LineSource) -> Spectrum:
        return focus_burst(plan, source, self.scratch)


@frozen(eq=False)
class ArrayBackend:
    """Arrays of a library, on its device."""

    arrays: Arrays

    @property
    def name(self) -> str:
        return self.arrays.name

    def focus(self, plan: FocusPlan, source: LineSource) -> Iterator[FocusedBlock]:
        return focus_arrays.focus(self.arrays, plan, source)

    def focus_burst(self, plan: BurstPlan, source: LineSource) -> Spectrum:
        return tops_arrays.focus_burst(self.arrays, plan, source)


def wanted_backend(order: JobOrder | None = None) -> Backend:
    """The backend that a job order or the environment names, else the compiled kernels.

    Raises `ArrayError` when it is not there.
    """
    named = os.environ.get(VARIABLE, COMPILED)
    return open_backend(named if order is None else order.parameter(PARAMETER, named))


def open_backend(name: str) -> Backend:
    """The backend of a name of `arrays.BACKENDS`. Raises `ArrayError` when its library or device is not there."""
    return Compiled() if name == COMPILED else ArrayBackend(open_arrays(name))
