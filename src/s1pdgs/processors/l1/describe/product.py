"""The product annotation of one image."""

from s1pdgs.formats.l1.annotation import Product, SwathMerging, SwathTiming
from s1pdgs.processors.l1.describe.bursts import NO_SWATH_TIMING, swath_merging, swath_timing
from s1pdgs.processors.l1.describe.context import ImageContext
from s1pdgs.processors.l1.describe.general import general_annotation
from s1pdgs.processors.l1.describe.geometry import (
    antenna_patterns,
    coordinate_conversions,
    doppler_centroid,
    geolocation,
)
from s1pdgs.processors.l1.describe.image import image_annotation, quality_information
from s1pdgs.processors.l1.merge import MergePlan
from s1pdgs.processors.l1.tops_plan import BurstStack


def _swath_timing(context: ImageContext) -> SwathTiming:
    stack, inputs = context.plan.focus, context.inputs
    if not isinstance(stack, BurstStack) or context.frame.detected:
        return NO_SWATH_TIMING
    return swath_timing(
        stack,
        inputs.orbit,
        inputs.manifest.orbit,
        mode=inputs.mode,
        sensing=[burst.echoes.first_latch for burst in context.plan.channel.bursts],
        line_offset=context.line_offset,
    )


def _swath_merging(context: ImageContext) -> SwathMerging:
    plan = context.plan.focus
    if isinstance(plan, MergePlan):
        return swath_merging(plan, context.inputs.orbit)
    return SwathMerging(swath_merge_list=())


def product_annotation(context: ImageContext) -> Product:
    """Everything that is annotated about one image."""
    return Product(
        ads_header=context.header(),
        quality_information=quality_information(context),
        general_annotation=general_annotation(context),
        image_annotation=image_annotation(context),
        doppler_centroid=doppler_centroid(context),
        antenna_pattern=antenna_patterns(context),
        swath_timing=_swath_timing(context),
        geolocation_grid=geolocation(context),
        coordinate_conversion=coordinate_conversions(context),
        swath_merging=_swath_merging(context),
    )
