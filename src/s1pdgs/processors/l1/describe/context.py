"""What every annotation data set is filled from."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.l1.annotation import AdsHeader
from s1pdgs.processors.l1.channel import ChannelPlan
from s1pdgs.processors.l1.images import ComplexImage, DetectedImage, Frame
from s1pdgs.processors.l1.inputs import SliceInput
from s1pdgs.processors.l1.receiver import Receiver

Array = NDArray[np.float64]


def no_offset(line: int) -> int:
    """The offset of lines in a file that is not there yet."""
    raise LookupError(f"the measurement of line {line} is not written")


@frozen(eq=False)
class ImageContext:
    """One image of a product: `product_type` is SLC or GRD, `number` counts the product's images from 1.

    `line_offset` tells where a line begins in the measurement file, once that is written. `parts` are the swaths of a
    merged image, each as an image of its own.
    """

    inputs: SliceInput
    plan: ChannelPlan
    product_type: str
    number: int
    timeliness: str
    line_offset: Callable[[int], int] = no_offset
    parts: "tuple[ImageContext, ...]" = ()

    @property
    def image(self) -> ComplexImage | DetectedImage:
        return self.plan.image(self.product_type)

    @property
    def swaths(self) -> "tuple[ImageContext, ...]":
        """The swaths that the image is made of."""
        return self.parts or (self,)

    @property
    def frame(self) -> Frame:
        return self.image.frame

    @property
    def polarisation(self) -> str:
        return self.plan.channel.polarisation

    @property
    def start(self) -> datetime:
        """Zero-Doppler time of the first line."""
        return self.utc(self.frame.first_line_s)

    @property
    def stop(self) -> datetime:
        """Zero-Doppler time of the last line."""
        return self.utc(self.frame.last_line_s)

    @property
    def receiver(self) -> Receiver:
        """What was taken off the echoes."""
        found = self.plan.channel.echoes.receiver
        if found is None:
            raise LookupError(f"{self.plan.channel.name} was focused without its receiver")
        return found

    def utc(self, time_s: float) -> datetime:
        """UTC of seconds after the orbit's epoch."""
        return self.inputs.orbit.utc(time_s)

    def times_s(self, interval_s: float, least: int = 2) -> list[float]:
        """Times about every interval from the first line to the last."""
        return self.frame.annotated_times_s(interval_s, least)

    def header(self) -> AdsHeader:
        """The header of every data set of this image."""
        manifest = self.inputs.manifest
        return AdsHeader(
            mission_id=manifest.satellite,
            product_type=self.product_type,
            polarisation=self.polarisation,
            mode=self.inputs.swath if self.inputs.mode == "SM" else self.inputs.mode,
            swath=self.inputs.mode if self.parts else self.inputs.swath,
            start_time=self.start,
            stop_time=self.stop,
            absolute_orbit_number=manifest.orbit.start_orbit,
            mission_data_take_id=manifest.data_take_id,
            image_number=self.number,
        )
