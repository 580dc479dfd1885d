"""A downlink session: what one station received of one satellite in one pass."""

from datetime import datetime

from attrs import frozen


@frozen
class Session:
    """A downlink session as a station announces it (CADIP ICD, entity Session); `remote_id` is its key at the station,
    empty where it has none.
    """

    id: str
    satellite: str
    station: str
    channels: int
    publication_time: datetime
    downlink_start: datetime
    downlink_stop: datetime
    downlink_orbit: int
    retransfer: bool = False
    remote_id: str = ""


@frozen
class SessionFile:
    """One data block (DSDB) of a channel of a session.

    Where a source tells them: `delivery`, the source's key of the delivery of the session that it belongs to, and
    `checksum`, `MD5:<hex>` or `SHA256:<hex>`.
    """

    id: str
    session_id: str
    name: str
    channel: int
    block_number: int
    final_block: bool
    publication_time: datetime
    size: int
    retransfer: bool = False
    delivery: str = ""
    checksum: str | None = None
