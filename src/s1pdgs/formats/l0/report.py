"""What the Level-0 processors report: the reception of a session and the account of a data take.

Both become Earth Explorer files (`REP_ACQNR_`, `REP_L0PSA_`), products like any other, so that the book-keeping of the
ground segment is made from what the catalogue holds. The operational reports of these names are not published; these
are our own, in the Earth Explorer frame (PE-TN-ESA-GS-0001).
"""

from datetime import datetime
from enum import StrEnum

from attrs import frozen


class GapCause(StrEnum):
    """Why packet numbers are missing between two packets of one receive channel (DAD, section 4.3.1).

    `SUPPRESSED` PRIs are silent intervals of the timeline: nothing is missing.
    """

    DOWNLINK = "downlink"
    INSTRUMENT = "instrument"
    SUPPRESSED = "suppressed"


@frozen
class Gap:
    """Missing packets between two packets sensed at `start` and `stop`."""

    start: datetime
    stop: datetime
    packets: int
    cause: GapCause


@frozen
class StreamAccount:
    """One polarisation of a data take: what arrived and what did not.

    `first_packet` and `last_packet` are space packet counts. `starts` and `ends` tell whether the first packet of the
    data take and its postamble are here. `gaps` lists losses only, with those before the first packet that is here
    (they did not come down, or not yet); `lost_in_downlink` and `lost_in_instrument` sum them. `suppressed_pris` counts
    silent PRIs.
    """

    polarisation: str
    packet_store_ids: tuple[int, ...]
    packets: int
    first_packet: int
    last_packet: int
    starts: bool
    ends: bool
    duplicates: int
    corrupted: int
    lost_in_downlink: int
    lost_in_instrument: int
    suppressed_pris: int
    gaps: tuple[Gap, ...] = ()


@frozen
class SliceAccount:
    """One place on the grid of slices and what it holds; `product` is None where no packet fell into it.

    `packets` and `missing` are by polarisation, in the order of the data take's streams.
    """

    number: int
    start: datetime
    stop: datetime
    product: str | None
    packets: tuple[int, ...]
    missing: tuple[int, ...]


@frozen
class DataTakeReport:
    """The account of a data take as its segments give it (`REP_L0PSA_`, made by ASP).

    `grid_start`, `slice_length_s` and `slice_overlap_s` fix the grid of slices; the lengths are 0 for modes that are
    not sliced. `products` are the names of all products made (slices, A, C, N); `segments` those that were read.
    """

    satellite: str
    data_take_id: int
    mode: str
    start: datetime
    stop: datetime
    grid_start: datetime
    slice_length_s: float
    slice_overlap_s: float
    segments: tuple[str, ...]
    products: tuple[str, ...]
    streams: tuple[StreamAccount, ...]
    slices: tuple[SliceAccount, ...]


@frozen
class VirtualChannelAccount:
    """The frames and packets of one virtual channel after merging all deliveries.

    `recovered_frames` are frames that the fullest delivery lacked and another one had.
    """

    vcid: int
    packet_store_id: int | None
    frames: int
    missing_frames: int
    recovered_frames: int
    corrected_frames: int
    corrected_symbols: int
    packets: int
    discarded_packets: int


@frozen
class StationCount:
    """A count of the station's QualityInfo beside our own of the same delivery and channel; None: not told."""

    name: str
    station: int | None
    ours: int


@frozen
class ReceptionAccount:
    """One channel of one delivery: its bytes and frames, and what the station says of them."""

    session_id: str
    delivery: int
    channel: int
    start: datetime
    stop: datetime
    blocks: int
    bytes: int
    cadus: int
    skipped_bytes: int
    slips: int
    damaged_markers: int
    good_frames: int
    corrected_frames: int
    corrected_symbols: int
    uncorrectable_frames: int
    fill_frames: int
    foreign_frames: int
    station_counts: tuple[StationCount, ...] = ()


@frozen
class AcquisitionReport:
    """The reception of a pass in one or several deliveries (`REP_ACQNR_`, made by AIO)."""

    satellite: str
    start: datetime
    stop: datetime
    receptions: tuple[ReceptionAccount, ...]
    virtual_channels: tuple[VirtualChannelAccount, ...]
    products: tuple[str, ...]
    warnings: tuple[str, ...]
