"""Sessions of a CADIP station (CADIP ICD ESA-EOPG-EOPGC-IF-15), as strict as we can be and as lax as stations need."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from attrs import frozen

from s1pdgs.model.session import Session, SessionFile
from s1pdgs.stations import odata
from s1pdgs.stations.errors import StationAnswerError, StationRefusal
from s1pdgs.stations.http import StationHttp
from s1pdgs.stations.odata import Parsed, Record
from s1pdgs.stations.profile import Integrity, Profile

_log = structlog.get_logger(__name__)
_DSIB = "_DSIB.xml"
_MOST = 2**31 - 1
_ID_TIME = re.compile(r"^\w+?_(\d{14})\d*$")


@frozen
class CadipClient:
    """What can be asked of a CADIP station."""

    http: StationHttp

    def sessions(self, after: datetime) -> Iterator[Parsed[Session]]:
        """Pages of the sessions published after a time, for the satellites of the profile. Raises `StationError`."""
        profile = self.http.profile
        terms = [odata.one_of("Satellite", profile.satellites)]
        filters, onward = list(terms), None
        if profile.publication_filter:
            filters.append(f"PublicationDate gt {odata.literal(after)}")
            onward = partial(odata.published_onward, other_terms=terms)
        options = {"$filter": " and ".join(filters), "$orderby": "PublicationDate asc"}
        for page in odata.pages(self.http, "Sessions", options, onward):
            yield odata.parsed(page, self._wanted)

    def _wanted(self, record: Record) -> Session | None:
        session = _session(record, self.http.profile)
        return session if session.satellite in self.http.profile.satellites else None

    def files(self, session_id: str) -> Iterator[Parsed[SessionFile]]:
        """Pages of the blocks that a session offers by now, whenever published. Raises `StationError`."""
        options = {"$filter": f"SessionId eq {odata.text(session_id)}"}
        for page in odata.pages(self.http, "Files", options):
            yield odata.parsed(page, partial(_block_of, session_id=session_id, profile=self.http.profile))

    def quality(self, session: Session) -> list[dict[str, Any]]:
        """The QualityInfo of a delivery of a session, verbatim; none where the station offers none.

        Raises `StationUnreachable`.
        """
        options = {"$filter": f"SessionId eq {odata.text(session.id)}"}
        records = [record for page in odata.pages(self.http, "Sessions", options) for record in page]
        alike = [record for record in records if odata.flag_of(record, "Retransfer") == session.retransfer]
        exact = [record for record in alike if record.get("Id") == session.remote_id]
        found = [each for record in exact or alike for each in self._quality_of(odata.text_of(record, "Id"))]
        return [record for record in found if isinstance(record, dict)]

    def _quality_of(self, remote_id: str) -> list[Any]:
        """As a property of the session, or expanded in it: stations know one or the other."""
        entity = f"Sessions{odata.key(remote_id)}"
        for url in (
            odata.entity_url(self.http, f"{entity}/QualityInfo"),
            odata.entity_url(self.http, entity, {"$expand": "QualityInfo"}),
        ):
            try:
                answer = self.http.get_json(url)
            except (StationRefusal, StationAnswerError) as error:
                _log.info("no quality information", source=self.http.profile.name, why=str(error))
                continue
            if isinstance(answer, dict):
                answer = answer.get("value") or answer.get("QualityInfo")
            if answer:
                return answer if isinstance(answer, list) else [answer]
        return []

    def file_url(self, remote_id: str) -> str:
        """Where the bytes of a file are."""
        return odata.entity_url(self.http, f"Files{odata.key(remote_id)}/$value")


def _session(record: Record, profile: Profile) -> Session:
    """Times that a station leaves out are taken from what it does tell, at last from the session identifier."""
    identifier = odata.name_of(record, "SessionId")
    start = odata.moment_of(record, "DownlinkStart", "PlannedDataStart") or _time_of(identifier)
    stop = odata.moment_of(record, "DownlinkStop", "PlannedDataStop") or start
    return Session(
        id=identifier,
        satellite=odata.optional_text_of(record, "Satellite") or identifier.partition("_")[0],
        station=odata.optional_text_of(record, "StationUnitId") or profile.station,
        channels=odata.number_of(record, "NumChannels", _MOST) or profile.expected_channels,
        publication_time=odata.moment_of(record, "PublicationDate") or stop,
        downlink_start=start,
        downlink_stop=max(start, stop),
        downlink_orbit=odata.number_of(record, "DownlinkOrbit", _MOST) or 0,
        retransfer=odata.flag_of(record, "Retransfer"),
        remote_id=odata.optional_text_of(record, "Id"),
    )


def _time_of(session_id: str) -> datetime:
    match = _ID_TIME.match(session_id)
    if match is not None:
        try:
            return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            pass
    raise StationAnswerError(f"session {session_id}: neither its record nor its identifier tells a time")


def _block_of(record: Record, session_id: str, profile: Profile) -> SessionFile | None:
    """A block of a session; None for another session's and for a DSIB: of blocks we write our own. Sizes and checksums
    that are not to be looked at are not told.
    """
    if record.get("SessionId") != session_id or str(record.get("Name")).endswith(_DSIB):
        return None
    name = odata.name_of(record, "Name")
    channel, block = odata.number_of(record, "Channel", _MOST), odata.number_of(record, "BlockNumber", _MOST)
    published = odata.moment_of(record, "PublicationDate")
    is_believed = profile.integrity is not Integrity.OFF
    size = odata.number_of(record, "Size") if is_believed else None
    if channel is None or block is None or published is None:
        raise StationAnswerError(f"file {name}: Channel, BlockNumber or PublicationDate is missing or cannot be")
    return SessionFile(
        id=odata.text_of(record, "Id"),
        session_id=session_id,
        name=name,
        channel=channel,
        block_number=block,
        final_block=odata.flag_of(record, "FinalBlock"),
        publication_time=published,
        size=-1 if size is None else size,
        retransfer=odata.flag_of(record, "Retransfer"),
        delivery=odata.optional_text_of(record, "DeliveryId"),
        checksum=odata.checksum_of(record) if is_believed else None,
    )
