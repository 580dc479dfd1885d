"""What has to be known about a downlink before its first byte can be read."""

import attrs

MARKER = 0x1ACFFC1D
MARKER_BYTES = 4
CODEWORD_SYMBOLS = 255
PARITY_SYMBOLS = 32
DATA_SYMBOLS = CODEWORD_SYMBOLS - PARITY_SYMBOLS
FILL_VCID = 63

_PRIMARY_HEADER_BYTES = 6
_FHEC_BYTES = 2
_MPDU_HEADER_BYTES = 2
_OCF_BYTES = 4
_FECF_BYTES = 2


class LinkError(ValueError):
    """The downlink cannot be read or written with the link parameters that were given."""


@attrs.frozen
class LinkParameters:
    """The link layer of one downlink: CADU = marker + code block; code block = `interleave_depth` codewords.

    The values that Sentinel-1 flies are not public, so they are configuration; the defaults are a self-consistent
    choice (CCSDS 131.0-B and 732.0-B): Reed-Solomon (255,223), E = 16, depth 8 without virtual fill, hence a block of
    2040 bytes and a CADU of 2044. With `coded` false (a station that removed the parity) the block is the transfer
    frame alone, 223 × `interleave_depth` bytes.
    """

    spacecraft_id: int = attrs.field(default=0x50, validator=[attrs.validators.ge(0), attrs.validators.le(255)])
    interleave_depth: int = attrs.field(default=8, validator=[attrs.validators.ge(1), attrs.validators.le(16)])
    coded: bool = True
    dual_basis: bool = True
    randomised: bool = True
    insert_zone_bytes: int = attrs.field(default=0, validator=[attrs.validators.ge(0), attrs.validators.le(128)])
    has_fhec: bool = False
    has_ocf: bool = False
    has_fecf: bool = False

    @property
    def block_bytes(self) -> int:
        """Bytes of a CADU after its marker."""
        return (CODEWORD_SYMBOLS if self.coded else DATA_SYMBOLS) * self.interleave_depth

    @property
    def cadu_bytes(self) -> int:
        return MARKER_BYTES + self.block_bytes

    @property
    def frame_bytes(self) -> int:
        """Bytes of the AOS transfer frame."""
        return DATA_SYMBOLS * self.interleave_depth

    @property
    def mpdu_offset(self) -> int:
        """Where the M_PDU begins in the frame."""
        return _PRIMARY_HEADER_BYTES + _FHEC_BYTES * self.has_fhec + self.insert_zone_bytes

    @property
    def zone_offset(self) -> int:
        """Where the packet zone begins in the frame."""
        return self.mpdu_offset + _MPDU_HEADER_BYTES

    @property
    def trailer_bytes(self) -> int:
        return _OCF_BYTES * self.has_ocf + _FECF_BYTES * self.has_fecf

    @property
    def zone_bytes(self) -> int:
        """Bytes of packets in one frame."""
        return self.frame_bytes - self.zone_offset - self.trailer_bytes
