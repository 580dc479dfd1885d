"""L1: a Level-0 slice becomes its products: SLC and GRD of StripMap, IW, EW and wave mode.

`s1pdgs-l1 JobOrder.xml`, run in the working directory. The job order brings one slice (`*_RAW__0S`; of wave mode the
whole data take), its calibration and noise products where there are any, AUX_INS, AUX_CAL, AUX_PP1 and an orbit file,
and asks for `*_SLC__1S`, one of `*_GRDF_1S`, `*_GRDH_1S` and `*_GRDM_1S`, and their annotation products. Products are
named in `<working directory>.LIST`.
"""

import sys
from pathlib import Path

from s1pdgs.formats.aux.binding import AuxiliaryError
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.listfile import list_file_name, write_list
from s1pdgs.processors.l0.program import Outcome, run_program
from s1pdgs.processors.l1.arrays import COMPILED, ArrayError
from s1pdgs.processors.l1.backends import wanted_backend
from s1pdgs.processors.l1.describe.image import SIGNIFICANT_GAP_LINES
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.focus_plan import FocusError
from s1pdgs.processors.l1.inputs import WAVE_MODE, SliceInput, read_inputs
from s1pdgs.processors.l1.making import Making
from s1pdgs.processors.l1.merge import MergeError
from s1pdgs.processors.l1.outputs import wanted_products
from s1pdgs.processors.l1.terrain import ELLIPSOID
from s1pdgs.processors.l1.tops_plan import BurstError
from s1pdgs.sar.attitude import AttitudeError

NAME = "L1_PROCESSOR"


def main() -> int:
    """Run on the job order named on the command line; the exit code."""
    return run_program(NAME, process_slice, sys.argv[1:])


def process_slice(order: JobOrder, folder: Path, outcome: Outcome) -> None:
    """Make the products that the order asks for in `folder`; `ProcessingError` when the inputs do not allow them."""
    wanted = wanted_products(order)
    try:
        backend = wanted_backend(order)
        if backend.name != COMPILED:
            outcome.info(f"focusing by arrays of {backend.name}")
        inputs = read_inputs(order, wanted.resolution)
        for one in inputs:
            _tell_inputs(one, outcome)
        outcome.progress(1, "inputs read")
        products = Making(order, wanted, inputs, folder, outcome, backend=backend).make()
    except (ArrayError, FocusError, BurstError, MergeError, PacketError, AttitudeError, AuxiliaryError) as error:
        raise ProcessingError(str(error)) from error
    write_list(folder / list_file_name(folder.resolve()), [path.name for path in products])


def _tell_inputs(inputs: SliceInput, outcome: Outcome) -> None:
    sensing = inputs.sensing
    swaths = ", ".join(dict.fromkeys(channel.swath for channel in inputs.channels))
    outcome.info(
        f"{inputs.slice_name}: {swaths}, sensing {sensing.start.isoformat()} to {sensing.stop.isoformat()}, "
        f"orbit {inputs.orbit_source}"
    )
    if inputs.terrain is not ELLIPSOID:
        tell = outcome.info if inputs.terrain.known == 1.0 else outcome.warn
        low, high = inputs.terrain.mean_m.min(), inputs.terrain.mean_m.max()
        tell(
            f"terrain of {low:.0f} to {high:.0f} m in the mean; {inputs.terrain.known:.1%} of the swath is in the model"
        )
    for channel in inputs.channels:
        echoes, name = channel.echoes, channel.name
        outcome.info(
            f"{name}: {echoes.lines} lines of {echoes.samples} samples, {echoes.missing} missing in "
            f"{echoes.gaps} gaps, {echoes.calibration} of calibration"
        )
        if len(echoes.windows) > 1:
            outcome.info(f"{name}: the sampling window changes {len(echoes.windows) - 1} times")
        if echoes.longest_gap > SIGNIFICANT_GAP_LINES:
            outcome.warn(f"{name}: {echoes.longest_gap} lines are missing in a row")
        if channel.lost:
            what = "vignettes" if inputs.mode == WAVE_MODE else "bursts"
            outcome.warn(f"{name}: {channel.lost} {what} miss most of their lines and are left out")
        if inputs.timing is not None:
            across_s, along_s = inputs.timing.of(channel.swath, channel.polarisation)
            outcome.info(
                f"{name}: AUX_ITC tells {1e9 * across_s:.3f} ns in range and {1e6 * along_s:.3f} us in azimuth, which "
                "stay in the product"
            )
        damaged = channel.sources[0].damaged
        if damaged:
            outcome.warn(f"{name}: {damaged} packets have damaged headers and are left out")
    if not inputs.ancillary.states:
        outcome.warn("no complete sub-commutated frame: the steering law stands in for the attitude")


if __name__ == "__main__":
    sys.exit(main())
