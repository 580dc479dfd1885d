"""The receiver of every channel: its calibration pulses measured and judged, its echoes corrected by them."""

from datetime import timedelta

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from s1pdgs.formats.aux.ins import ChannelParameters, RxVariation
from s1pdgs.formats.aux.pp1 import PreprocessingParameters, ProductParameters
from s1pdgs.processors.l1.calibration_pulses import (
    MeanPulses,
    ReplicaMeasurement,
    judge_replicas,
    mean_pulses,
    measure_replicas,
)
from s1pdgs.processors.l1.channel import SLC, product_id
from s1pdgs.processors.l1.extracted_chirp import extracted_chirp
from s1pdgs.processors.l1.inputs import ChannelInput, SliceInput
from s1pdgs.processors.l1.receiver import MODEL, NOMINAL, Receiver, internal_calibration, model_pg


def receive(inputs: SliceInput) -> SliceInput:
    """The same inputs whose echoes are corrected for the receiver, as AUX_PP1 says of their SLC product."""
    product = inputs.processing.product(product_id(inputs, SLC))
    return inputs.only(*(_received(inputs, channel, product) for channel in inputs.channels))


def _received(inputs: SliceInput, channel: ChannelInput, product: ProductParameters) -> ChannelInput:
    parameters = inputs.instrument.channel(channel.swath, channel.polarisation)
    moment = channel.echoes.first_latch + 0.5 * (channel.echoes.last_latch - channel.echoes.first_latch)
    node = inputs.manifest.orbit.ascending_node_time
    settings, echoes = product.preprocessing, channel.echoes
    pulses = mean_pulses(channel.sources, int(echoes.header["range_decimation"]))
    nominal = echoes.chirp.replica(echoes.sampling_hz)
    replicas = _judged(pulses, nominal, parameters, settings, moment - node)
    calibration = internal_calibration(
        replicas,
        parameters,
        source=settings.pg_source if settings is not None else MODEL,
        max_invalid=settings.replica_thresholds.max_invalid_pg_fraction if settings is not None else 1.0,
        node=node,
        moment=moment,
    )
    variation = (
        _variation(inputs, channel) if product.common is not None and product.common.correct_rx_variation else None
    )
    receiver = Receiver(calibration, variation, echoes.chirp.length_s)
    bursts = tuple(evolve(burst, echoes=evolve(burst.echoes, receiver=receiver)) for burst in channel.bursts)
    return evolve(
        channel,
        replicas=replicas,
        bursts=bursts,
        echoes=evolve(echoes, receiver=receiver),
        extracted=extracted_chirp(pulses, nominal, {replica.time for replica in replicas if replica.valid}),
        chirp=NOMINAL if settings is None else settings.chirp_source,
    )


def _judged(
    pulses: MeanPulses,
    nominal: NDArray[np.complex128],
    parameters: ChannelParameters,
    settings: PreprocessingParameters | None,
    since: timedelta,
) -> tuple[ReplicaMeasurement, ...]:
    found = measure_replicas(pulses, nominal)
    if settings is None:
        return tuple(found)
    return judge_replicas(
        found,
        settings.replica_thresholds,
        nominal=nominal,
        reference=parameters.pg_reference,
        model=model_pg(parameters, since.total_seconds()),
    )


def _variation(inputs: SliceInput, channel: ChannelInput) -> RxVariation | None:
    """Of the received polarisation."""
    listed = inputs.instrument.swath(channel.swath).rx_variations
    return next((one for one in listed if one.polarisation == channel.polarisation[1]), None)
