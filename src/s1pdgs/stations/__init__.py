"""Station 1 of the walk: outside sources; CADIP and AUXIP stations and folders, polled and downloaded with proof."""

from s1pdgs.stations.poller import Source, download, open_source, poll
from s1pdgs.stations.profile import Credentials, Integrity, Kind, Profile, Retry

__all__ = ["Credentials", "Integrity", "Kind", "Profile", "Retry", "Source", "download", "open_source", "poll"]
