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
    """The link layer of one downlink: CADU = marker + code block (+ what the station appends); code block =
    `interleave_depth` codewords.

    The values that Sentinel-1 flies are not public, so they are configuration; the defaults are a self-consistent
    choice (CCSDS 131.0-B and 732.0-B): Reed-Solomon (255,223), E = 16, depth 8 without virtual fill, hence a block of
    2040 bytes and a CADU of 2044. With `coded` false (a station that removed the parity) the block is the transfer
    frame alone.

    `frame_length` is the length of the transfer frame in bytes, 223 × `interleave_depth` where it is None; a shorter
    one is coded with virtual fill (CCSDS 131.0-B, section 4.3.7) and is a multiple of the depth. `cadu_trailer_bytes`
    follow each block in the files of the station and are skipped.
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
    frame_length: int | None = None
    cadu_trailer_bytes: int = attrs.field(default=0, validator=[attrs.validators.ge(0), attrs.validators.le(4096)])

    def __attrs_post_init__(self) -> None:
        frame, longest = self.frame_bytes, DATA_SYMBOLS * self.interleave_depth
        if self.coded and (frame % self.interleave_depth or frame > longest):
            raise LinkError(
                f"a coded frame of {frame} bytes is no multiple of the depth {self.interleave_depth} up to {longest}; "
                "give the frame length and the depth of the downlink, or leave them out to have them detected"
            )
        if self.zone_bytes < 1:
            raise LinkError(f"a frame of {frame} bytes leaves no room for packets; is the frame length right?")

    @property
    def block_bytes(self) -> int:
        """Bytes of the code block."""
        return self.frame_bytes + PARITY_SYMBOLS * self.interleave_depth * self.coded

    @property
    def cadu_bytes(self) -> int:
        """Bytes from one marker to the next."""
        return MARKER_BYTES + self.block_bytes + self.cadu_trailer_bytes

    @property
    def frame_bytes(self) -> int:
        """Bytes of the AOS transfer frame."""
        return DATA_SYMBOLS * self.interleave_depth if self.frame_length is None else self.frame_length

    @property
    def virtual_fill(self) -> int:
        """Zero symbols at the beginning of each codeword that are not sent."""
        return DATA_SYMBOLS - self.frame_bytes // self.interleave_depth

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
        """Bytes of the frame behind the packet zone."""
        return _OCF_BYTES * self.has_ocf + _FECF_BYTES * self.has_fecf

    @property
    def zone_bytes(self) -> int:
        """Bytes of packets in one frame."""
        return self.frame_bytes - self.zone_offset - self.trailer_bytes
