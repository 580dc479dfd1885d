"""Downlink annotation: what the packet headers said, and how often they differed."""

from datetime import datetime, timedelta

import numpy as np

from s1pdgs.formats.isp.codes import (
    BaqMode,
    SignalType,
    duration_s,
    range_decimation,
    rx_gain_db,
)
from s1pdgs.formats.isp.subcom import AOCS_NORMAL_POINTING, AOCS_ORBIT_CONTROL
from s1pdgs.formats.l1.annotation import (
    BitErrorCount,
    DataFormat,
    DownlinkInformation,
    DownlinkValues,
    PointingStatus,
    RangeDecimation,
    Swl,
    Swst,
)
from s1pdgs.processors.l1.describe.context import ImageContext
from s1pdgs.processors.l1.packets import pick
from s1pdgs.sar.timing import WINDOW_START_DELAY_S

_FORMATS = {
    BaqMode.BYPASS: "Bypass",
    BaqMode.BAQ3: "BAQ 3 Bit",
    BaqMode.BAQ4: "BAQ 4 Bit",
    BaqMode.BAQ5: "BAQ 5 Bit",
    BaqMode.FDBAQ0: "FDBAQ",
    BaqMode.FDBAQ1: "FDBAQ",
    BaqMode.FDBAQ2: "FDBAQ",
}
_ERROR_FIELDS = {
    "num_err_data_take_id": "data_take_id",
    "num_err_ecc_number": "ecc_number",
    "num_err_test_mode": "test_mode",
    "num_err_rx_channel_id": "rx_channel",
    "num_err_instrument_config_id": "instrument_configuration_id",
    "num_err_ssb_error_flag": "error_flag",
    "num_err_baq_mode": "baq_mode",
    "num_err_baq_block_length": "baq_block_length",
    "num_err_range_decimation": "range_decimation",
    "num_err_rx_gain": "rx_gain",
    "num_err_tx_ramp_rate": "tx_ramp_rate",
    "num_err_tx_pulse_start_frequency": "tx_start_frequency",
    "num_err_rank": "rank",
    "num_err_pri": "pri",
    "num_err_polarisation": "polarisation",
    "num_err_temp_comp": "temperature_compensation",
    "num_err_elevation_beam_address": "elevation_beam",
    "num_err_azimuth_beam_address": "azimuth_beam",
    "num_err_swath_number": "swath_number",
}
_NOT_CHECKED = (
    "num_err_packet_count", "num_err_pri_count", "num_err_swst", "num_err_swl", "num_err_sas_test_mode",
    "num_err_cal_type", "num_err_calibration_beam_address", "num_err_cal_mode", "num_err_tx_pulse_number",
    "num_err_signal_type", "num_err_swap_flag", "num_err_number_of_quads",
)  # fmt: skip


def downlink_information(context: ImageContext) -> DownlinkInformation:
    """The settings of the instrument and the errors of the headers."""
    echoes = context.plan.channel.echoes
    return DownlinkInformation(
        swath=context.inputs.swath,
        azimuth_time=context.start,
        first_line_sensing_time=echoes.first_latch,
        last_line_sensing_time=echoes.last_latch,
        prf=1.0 / echoes.pri_s,
        bit_error_count=_errors(context),
        downlink_values=_values(context),
    )


def _errors(context: ImageContext) -> BitErrorCount:
    channel = context.plan.channel
    counted = {field: channel.echoes.errors.get(name, 0) for field, name in _ERROR_FIELDS.items()}
    damaged = channel.sources[0].damaged
    return BitErrorCount(
        num_err_sync_marker=damaged,
        **counted,
        **dict.fromkeys(_NOT_CHECKED, 0),
        num_isp_header_errors=sum(counted.values()) + damaged,
    )


def _values(context: ImageContext) -> DownlinkValues:
    echoes = context.plan.channel.echoes
    header = echoes.header
    chirp = echoes.chirp
    times = [_window_time(context, window.first_line) for window in echoes.windows]
    swst = [
        Swst(azimuth_time=time, value=float(duration_s(window.swst)) + WINDOW_START_DELAY_S)
        for time, window in zip(times, echoes.windows, strict=True)
    ]
    swl = [
        Swl(azimuth_time=time, value=float(duration_s(window.swl)))
        for time, window in zip(times, echoes.windows, strict=True)
    ]
    decimation = range_decimation(int(header["range_decimation"]))
    return DownlinkValues(
        pri=float(duration_s(int(header["pri"]))),
        rank=echoes.rank,
        data_take_id=int(header["data_take_id"]) & 0xFFFF,  # the schema gives it 16 bits
        ecc_number=int(header["ecc_number"]),
        rx_channel_id=int(header["rx_channel"]),
        instrument_config_id=int(header["instrument_configuration_id"]),
        data_format=_data_format(context),
        range_decimation=RangeDecimation(
            decimation_filter_bandwidth=decimation.bandwidth_hz,
            sampling_frequency_after_decimation=echoes.sampling_hz,
            filter_length=decimation.filter_length,
        ),
        rx_gain=float(rx_gain_db(int(header["rx_gain"]))),
        tx_pulse_length=chirp.length_s,
        tx_pulse_start_frequency=chirp.start_hz,
        tx_pulse_ramp_rate=chirp.rate_hz_s,
        swath_number=int(header["swath_number"]),
        swl_list=tuple(swl),
        swst_list=tuple(swst),
        pointing_status_list=_pointing(context),
    )


def _window_time(context: ImageContext, line: int) -> datetime:
    """When a line was sensed about: of bursts, when its burst was."""
    channel = context.plan.channel
    starts = np.cumsum([0, *(burst.echoes.lines for burst in channel.bursts)])
    if channel.bursts:
        return channel.bursts[int(np.searchsorted(starts, line, side="right")) - 1].echoes.first_latch
    return context.start + max(line, 0) * timedelta(seconds=channel.echoes.pri_s)


def _data_format(context: ImageContext) -> DataFormat:
    channel = context.plan.channel
    header = channel.echoes.header
    packets = channel.echoes.packets
    samples = float(2 * packets.headers["number_of_quads"].astype(float).sum())
    bits = 8.0 * float(packets.lengths.sum()) / samples if samples else 0.0
    noise = pick(channel.sources, SignalType.NOISE)
    noise_mode = int(noise[0].headers["baq_mode"][0]) if noise else int(BaqMode.BAQ5)
    return DataFormat(
        baq_block_length=8 * (int(header["baq_block_length"]) + 1),
        echo_format=_FORMATS[BaqMode(int(header["baq_mode"]))],
        noise_format=_FORMATS[BaqMode(noise_mode)],
        calibration_format="Bypass",
        mean_bit_rate=bits,
    )


def _pointing(context: ImageContext) -> tuple[PointingStatus, ...]:
    """One entry for each change of the relayed status."""
    found: list[PointingStatus] = []
    modes = {AOCS_NORMAL_POINTING: "Normal Pointing Mode", AOCS_ORBIT_CONTROL: "Orbit Control Mode"}
    ancillary = context.inputs.ancillary
    for time, state in zip(ancillary.attitude_times, ancillary.states, strict=True):
        status = PointingStatus(
            azimuth_time=time,
            aocs_op_mode=modes.get(state.aocs_mode, "No Mode"),
            roll_error_flag=state.roll_error,
            pitch_error_flag=state.pitch_error,
            yaw_error_flag=state.yaw_error,
        )
        kept = found[-1] if found else None
        if kept is None or (kept.aocs_op_mode, kept.roll_error_flag, kept.pitch_error_flag, kept.yaw_error_flag) != (
            status.aocs_op_mode,
            status.roll_error_flag,
            status.pitch_error_flag,
            status.yaw_error_flag,
        ):
            found.append(status)
    return tuple(found)
