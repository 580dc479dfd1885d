"""The products of a mission day of two satellites: what arrives and when, and what each job makes of its inputs."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from attrs import frozen
from tests.unit.formats.mask_files import geojson, mask_file, rectangle

from s1pdgs.jobs.spec import JobSpec
from s1pdgs.model.footprint import Footprint
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import AttributeValue, Product, StoredFile
from s1pdgs.model.time import FAR_FUTURE, format_compact
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.objects import ObjectStore

DAY = datetime(2026, 3, 1, tzinfo=UTC)
SATELLITES = ("S1A", "S1C")
ORBIT = timedelta(seconds=5924)
TAKES_OF_A_SESSION = 8
MODES = ("IW", "IW", "IW", "EW", "IW", "IW", "WV", "S3")
SLICE = timedelta(seconds=25)
SLICES = 9
_MADE_OF = {"l1": ("SLC__1S", "GRDH_1S"), "l2": ("OCN__2S",)}
_EVER = Interval(DAY - timedelta(days=30), FAR_FUTURE)


@frozen
class Arrival:
    """A product and when it is catalogued."""

    at: datetime
    product: Product


@frozen
class DataTake:
    """A data take of one session; NRT ones are assembled at once."""

    number: int
    satellite: str
    mode: str
    start: datetime
    timeliness: Timeliness

    @property
    def whole(self) -> Interval:
        return Interval(self.start, self.start + SLICES * SLICE)


def standing(store: ObjectStore) -> list[Product]:
    """What the catalogue holds when the day begins; the masks of gates lie in the store."""
    masks = []
    for kind, ring in (("MSK__LAND", rectangle(0, -60, 60, 60)), ("MSK_EW_SLC", rectangle(-60, 50, 60, 80))):
        mask = _product(kind, kind, "S1_", _EVER)
        store.put(f"{mask.location}/{mask.name}", iter([mask_file(geojson(ring))]))
        masks.append(mask)
    plans = [_product(kind, f"{satellite}_{kind}", satellite, _EVER) for satellite in SATELLITES
             for kind in ("AUX_OBMEMC", "MPL_ORBSCT", "MPL_ORBPRE")]  # fmt: skip
    configured = [
        _product(kind, f"{satellite}_{kind}_{version}", satellite, _EVER, {"instrumentConfigurationID": version % 5})
        for satellite in SATELLITES
        for kind in ("AUX_PP1", "AUX_PP2", "AUX_CAL", "AUX_INS")
        for version in range(50)
    ]
    return [*masks, *plans, *configured, _product("AUX_SCS", "AUX_SCS", "S1_", _EVER)]


def arrivals(hours: float) -> list[Arrival]:
    """Sessions and auxiliary files of the first hours of the day, in order of time."""
    end = DAY + timedelta(hours=hours)
    found = [*_sessions(end), *_orbits(end), *_weather(end)]
    return sorted(found, key=lambda arrival: (arrival.at, arrival.product.name))


def made(spec: JobSpec) -> list[Product]:
    """What the processors make of a job's inputs."""
    names = [entry.product for entry in spec.inputs if "_RAW__0S" in entry.product or entry.type == "SESSION"]
    if spec.chain == "l0-aio":
        return [segment for name in names for take in _takes_of(name) for segment in _segments(take)]
    take = data_take(int(names[0].split("_")[-2], 16))
    if spec.chain == "l0-asp":
        return list(_slices(take))
    return [_higher(take, names[0], kind) for kind in _MADE_OF[spec.chain[:2]]]


def data_take(number: int) -> DataTake:
    """The data take of a number: sessions of the satellites in turn bring eight each."""
    session, place = divmod(number, TAKES_OF_A_SESSION)
    orbit, satellite = divmod(session, len(SATELLITES))
    return DataTake(
        number=number,
        satellite=SATELLITES[satellite],
        mode=MODES[place],
        start=DAY + (orbit - 1 + place / TAKES_OF_A_SESSION) * ORBIT,
        timeliness=Timeliness.NRT if place % 4 == 0 else Timeliness.FAST24,
    )


def _takes_of(session: str) -> Iterator[DataTake]:
    first = int(session.rpartition("_")[2]) * TAKES_OF_A_SESSION
    return (data_take(first + place) for place in range(TAKES_OF_A_SESSION))


def _sessions(end: datetime) -> Iterator[Arrival]:
    for number, satellite in enumerate(SATELLITES):
        for orbit in range(int((end - DAY) / ORBIT) + 1):
            start = DAY + (orbit + number / len(SATELLITES)) * ORBIT
            name = f"{satellite}_{start:%Y%m%d%H%M%S}_{orbit * len(SATELLITES) + number:06d}"
            files = [
                f"ch_{channel}/DCS_01_{name}_ch{channel}_DSDB_{block:05d}.raw"
                for channel in (1, 2)
                for block in range(1, 41)
            ]
            span = Interval(start, start + timedelta(minutes=10))
            attributes: dict[str, AttributeValue] = {"station": "SGS", "sessionId": name}
            yield Arrival(span.stop, _product("SESSION", name, satellite, span, attributes, files=files))


def _orbits(end: datetime) -> Iterator[Arrival]:
    """Restituted orbits come after the data, so that most slices are made without one or wait for it."""
    for satellite in SATELLITES:
        for number in range(-2, int((end - DAY) / ORBIT) + 1):
            start = DAY + number * ORBIT
            span = Interval(start, start + 2 * ORBIT)
            name = f"{satellite}_AUX_RESORB_{format_compact(start)}"
            yield Arrival(span.stop + timedelta(minutes=50), _product("AUX_RESORB", name, satellite, span))


def _weather(end: datetime) -> Iterator[Arrival]:
    for number in range(-3, int((end - DAY) / timedelta(hours=3)) + 1):
        start = DAY + number * timedelta(hours=3)
        span = Interval(start, start + timedelta(hours=3))
        for kind in ("AUX_WND", "AUX_WAV", "AUX_ICE"):
            yield Arrival(max(start, DAY), _product(kind, f"S1__{kind}_{format_compact(start)}", "S1_", span))


def _segments(take: DataTake) -> Iterator[Product]:
    polarisations = ("VV",) if take.mode == "WV" else ("VV", "VH")
    for polarisation in polarisations:
        yield _level_0(take, "S", polarisation, take.whole, {"productConsolidation": "FULL"})


def _slices(take: DataTake) -> Iterator[Product]:
    for kind in "ACN":
        yield _level_0(take, kind, "DV", take.whole, {})
    if take.mode == "WV":
        yield _level_0(take, "S", "SV", take.whole, {})
        return
    for number in range(SLICES):
        start = take.start + number * SLICE
        span = Interval(start, min(start + 1.3 * SLICE, take.whole.stop))
        told: dict[str, AttributeValue] = {
            "sliceProductFlag": True, "sliceNumber": number + 1, "totalSlices": SLICES
        }  # fmt: skip
        yield _level_0(take, "S", "DV", span, told)


def _level_0(
    take: DataTake, kind: str, polarisation: str, span: Interval, attributes: dict[str, AttributeValue]
) -> Product:
    name = (
        f"{take.satellite}_{take.mode}_RAW__0{kind}{polarisation}_{format_compact(span.start)}_"
        f"{format_compact(span.stop)}_{50_000 + take.number:06d}_{take.number:06X}_{take.number & 0xFFFF:04X}.SAFE"
    )
    told: dict[str, AttributeValue] = {
        "datatakeID": take.number, "sliceProductFlag": False, "productClass": kind, "instrumentConfigurationID": 3,
    }  # fmt: skip
    files = ["manifest.safe", *(f"{part}.dat" for part in ("vv", "vv-annot", "vv-index", "vh", "vh-annot", "vh-index"))]
    return _product(f"{take.mode}_RAW__0{kind}", name, take.satellite, span, told | attributes, files=files, take=take)


def _higher(take: DataTake, source: str, kind: str) -> Product:
    name = source.replace("RAW__0S", kind)
    start, stop = (datetime.strptime(part, "%Y%m%dT%H%M%S").replace(tzinfo=UTC) for part in name.split("_")[-5:-3])
    files = ["manifest.safe", *(f"measurement/{number}.tiff" for number in range(6)),
             *(f"annotation/{number}.xml" for number in range(18))]  # fmt: skip
    told: dict[str, AttributeValue] = {"datatakeID": take.number}
    return _product(f"{take.mode}_{kind}", name, take.satellite, Interval(start, stop), told, files=files, take=take)


def _product(
    kind: str,
    name: str,
    satellite: str,
    validity: Interval,
    attributes: dict[str, AttributeValue] | None = None,
    *,
    files: Iterable[str] = (),
    take: DataTake | None = None,
) -> Product:
    return Product(
        name=name,
        type=kind,
        satellite=satellite,
        validity=validity,
        generation_time=validity.start,
        location=f"bench/{name}",
        files=tuple(StoredFile(path, 1_000_000, "0" * 32, "0" * 64) for path in files or (name,)),
        t0=min(validity.stop, DAY + timedelta(days=2)),
        timeliness=None if take is None else take.timeliness,
        footprint=None if take is None else _footprint(take, validity),
        attributes=attributes or {},
    )


def _footprint(take: DataTake, validity: Interval) -> Footprint:
    """A box along the track: somewhere on a globe that has one continent."""
    lon = (take.number * 37) % 340 - 170.0
    lat = (take.number * 13) % 140 - 70.0 + (validity.start - take.start) / SLICE
    return Footprint.from_points([(lon, lat), (lon + 2.5, lat), (lon + 2.5, lat + 1.6), (lon, lat + 1.6)])
