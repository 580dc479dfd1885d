"""A station to practise on: one folder served as CADIP and AUXIP, files appearing as in a pass, faults to order."""

from s1pdgs.simulator.station.content import ContentError, StationContent, read_content
from s1pdgs.simulator.station.faults import Account, Faults, FileFault, Quirks
from s1pdgs.simulator.station.server import RunningStation, serve

__all__ = [
    "Account",
    "ContentError",
    "Faults",
    "FileFault",
    "Quirks",
    "RunningStation",
    "StationContent",
    "read_content",
    "serve",
]
