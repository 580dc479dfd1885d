"""What Level-0 packets themselves say of their acquisition, where manifests are silent."""

from collections import Counter
from pathlib import Path

from s1pdgs.formats.isp.codes import Polarisation

_HEADER_BYTES = 68
_LENGTH = slice(4, 6)
_POLARISATION = 59
_PACKETS = 64


def acquired_polarisations(product: Path) -> tuple[str, ...]:
    """The polarisations that the instrument received side by side (`VV`, or `VH` and `VV`), as most of the first
    packets say; none where there are no packets to read.

    The segment of one polarisation tells by this whether another one exists (S1-IF-ASD-PL-0007, section 3.2.5.12).
    """
    for path in sorted(product.glob("*.dat")):
        if path.name.endswith(("-annot.dat", "-index.dat")):
            continue
        told = Counter(_codes(path)).most_common(1)
        if told:
            code = Polarisation(told[0][0])
            return tuple(sorted(code.tx + letter for letter in code.rx))
    return ()


def _codes(path: Path) -> list[int]:
    codes: list[int] = []
    with path.open("rb") as stream:
        while len(codes) < _PACKETS and len(header := stream.read(_HEADER_BYTES)) == _HEADER_BYTES:
            codes.append(header[_POLARISATION] >> 4 & 7)
            stream.seek(int.from_bytes(header[_LENGTH], "big") + 7 - _HEADER_BYTES, 1)
    return codes
