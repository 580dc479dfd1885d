"""Sessions of a CADIP station (CADIP ICD ESA-EOPG-EOPGC-IF-15), as strict as we can be and as lax as stations need."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from attrs import frozen

from s1pdgs.model.session import Session, SessionFile
from s1pdgs.stations import odata
from s1pdgs.stations.errors import StationAnswerError, StationError, StationRefusal
from s1pdgs.stations.http import StationHttp
from s1pdgs.stations.odata import Record
from s1pdgs.stations.profile import Profile

_Parsed = TypeVar("_Parsed")
_log = structlog.get_logger(__name__)
_ID_TIME = re.compile(r"^\w+?_(\d{14})\d*$")


@frozen
class CadipClient:
    """What can be asked of a CADIP station."""

    http: StationHttp

    def sessions(self, after: datetime) -> Iterator[list[Session]]:
        """Pages of the sessions published after a time, for the satellites of the profile. Raises `StationError`."""
        profile = self.http.profile
        terms = [odata.one_of("Satellite", profile.satellites)]
        if profile.publication_filter:
            terms.append(f"PublicationDate gt {odata.literal(after)}")
        options = {"$filter": " and ".join(terms), "$orderby": "PublicationDate asc"}
        for page in odata.pages(self.http, "Sessions", options):
            parsed = self._understood(_session, page)
            yield [session for session in parsed if session.satellite in profile.satellites]

    def files(self, session_id: str) -> Iterator[list[SessionFile]]:
        """Pages of everything that a session offers by now, whenever published. Raises `StationError`."""
        options = {"$filter": f"SessionId eq {odata.text(session_id)}"}
        for page in odata.pages(self.http, "Files", options):
            yield [file for file in self._understood(_file, page) if file.session_id == session_id]

    def quality(self, session: Session) -> list[dict[str, Any]]:
        """The QualityInfo of a delivery of a session, verbatim; none where the station offers none.

        Raises `StationUnreachable`.
        """
        options = {"$filter": f"SessionId eq {odata.text(session.id)}"}
        records = [record for page in odata.pages(self.http, "Sessions", options) for record in page]
        alike = [record for record in records if bool(record.get("Retransfer")) == session.retransfer]
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

    def _understood(self, parse: Callable[[Record, Profile], _Parsed], page: Iterable[Record]) -> list[_Parsed]:
        """The parsed records of a page; one that is beyond understanding leaves a line in the log."""
        parsed = []
        for record in page:
            try:
                parsed.append(parse(record, self.http.profile))
            except StationError as error:
                _log.warning("a record was passed over", source=self.http.profile.name, why=str(error))
        return parsed


def _session(record: Record, profile: Profile) -> Session:
    """Times that a station leaves out are taken from what it does tell, at last from the session identifier."""
    identifier = odata.text_of(record, "SessionId")
    start = odata.moment_of(record, "DownlinkStart", "PlannedDataStart") or _time_of(identifier)
    stop = odata.moment_of(record, "DownlinkStop", "PlannedDataStop") or start
    return Session(
        id=identifier,
        satellite=str(record.get("Satellite") or identifier.partition("_")[0]),
        station=str(record.get("StationUnitId") or profile.station),
        channels=odata.number_of(record, "NumChannels") or profile.expected_channels,
        publication_time=odata.moment_of(record, "PublicationDate") or stop,
        downlink_start=start,
        downlink_stop=max(start, stop),
        downlink_orbit=odata.number_of(record, "DownlinkOrbit") or 0,
        retransfer=bool(record.get("Retransfer")),
        remote_id=str(record.get("Id") or ""),
    )


def _time_of(session_id: str) -> datetime:
    match = _ID_TIME.match(session_id)
    if match is not None:
        try:
            return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            pass
    raise StationAnswerError(f"session {session_id}: neither its record nor its identifier tells a time")


def _file(record: Record, _profile: Profile) -> SessionFile:
    name = odata.text_of(record, "Name")
    if "/" in name or "\\" in name or name.startswith("."):
        raise StationAnswerError(f"file name {name!r} is not a plain file name")
    channel, block = odata.number_of(record, "Channel"), odata.number_of(record, "BlockNumber")
    published = odata.moment_of(record, "PublicationDate")
    size = odata.number_of(record, "Size")
    if channel is None or block is None or published is None:
        raise StationAnswerError(f"file {name}: Channel, BlockNumber or PublicationDate is missing")
    return SessionFile(
        id=odata.text_of(record, "Id"),
        session_id=odata.text_of(record, "SessionId"),
        name=name,
        channel=channel,
        block_number=block,
        final_block=bool(record.get("FinalBlock")),
        publication_time=published,
        size=-1 if size is None else size,
        retransfer=bool(record.get("Retransfer")),
        delivery=str(record.get("DeliveryId") or ""),
        checksum=odata.checksum_of(record),
    )
