"""What the space packets said: timing, gains, formats, errors of the header validation."""

from datetime import datetime

from s1pdgs.formats.l1.leaves import AocsMode, DataFormatMode, Swath
from s1pdgs.formats.l1.records import record


@record
class BitErrorCount:
    """Packet header fields that differed from what the header validation settled on, counted per field."""

    num_err_sync_marker: int
    num_err_data_take_id: int
    num_err_ecc_number: int
    num_err_test_mode: int
    num_err_rx_channel_id: int
    num_err_instrument_config_id: int
    num_err_packet_count: int
    num_err_pri_count: int
    num_err_ssb_error_flag: int
    num_err_baq_mode: int
    num_err_baq_block_length: int
    num_err_range_decimation: int
    num_err_rx_gain: int
    num_err_tx_ramp_rate: int
    num_err_tx_pulse_start_frequency: int
    num_err_rank: int
    num_err_pri: int
    num_err_swst: int
    num_err_swl: int
    num_err_polarisation: int
    num_err_temp_comp: int
    num_err_elevation_beam_address: int
    num_err_azimuth_beam_address: int
    num_err_sas_test_mode: int
    num_err_cal_type: int
    num_err_calibration_beam_address: int
    num_err_cal_mode: int
    num_err_tx_pulse_number: int
    num_err_signal_type: int
    num_err_swap_flag: int
    num_err_swath_number: int
    num_err_number_of_quads: int
    num_isp_header_errors: int


@record
class DataFormat:
    """Compression of each kind of packet; the block length in samples, the mean bit rate in bits per sample."""

    baq_block_length: int
    echo_format: DataFormatMode
    noise_format: DataFormatMode
    calibration_format: DataFormatMode
    mean_bit_rate: float


@record
class RangeDecimation:
    """The decimation filter: bandwidth and output sampling rate in Hz, length in taps."""

    decimation_filter_bandwidth: float
    sampling_frequency_after_decimation: float
    filter_length: int


@record
class Swl:
    """Sampling window length in seconds from a zero-Doppler time on."""

    azimuth_time: datetime
    value: float


@record
class Swst:
    """Sampling window start time after its PRI in seconds, from a zero-Doppler time on."""

    azimuth_time: datetime
    value: float


@record
class PointingStatus:
    """Attitude control mode and error flags at a time."""

    azimuth_time: datetime
    aocs_op_mode: AocsMode
    roll_error_flag: bool
    pitch_error_flag: bool
    yaw_error_flag: bool


@record
class DownlinkValues:
    """Settings of the instrument: times in s, frequencies in Hz, ramp rate in Hz/s, receiver gain in dB."""

    pri: float
    rank: int
    data_take_id: int
    ecc_number: int
    rx_channel_id: int
    instrument_config_id: int
    data_format: DataFormat
    range_decimation: RangeDecimation
    rx_gain: float
    tx_pulse_length: float
    tx_pulse_start_frequency: float
    tx_pulse_ramp_rate: float
    swath_number: int
    swl_list: tuple[Swl, ...]
    swst_list: tuple[Swst, ...]
    pointing_status_list: tuple[PointingStatus, ...]


@record
class DownlinkInformation:
    """The downlink of one swath: sensing times of its first and last line, PRF in Hz, errors, settings."""

    swath: Swath
    azimuth_time: datetime
    first_line_sensing_time: datetime
    last_line_sensing_time: datetime
    prf: float
    bit_error_count: BitErrorCount
    downlink_values: DownlinkValues
