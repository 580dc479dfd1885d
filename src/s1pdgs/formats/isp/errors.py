"""What can be wrong with a space packet."""

from s1pdgs.formats.xml import FormatError


class PacketError(FormatError):
    """A space packet, or a run of them, does not follow S1-IF-ASD-PL-0007."""
