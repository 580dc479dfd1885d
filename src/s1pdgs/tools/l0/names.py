"""What people call the codes of a packet header: one table for each code, undefined codes as `?` and the code."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import BaqMode, Polarisation, SignalType
from s1pdgs.formats.isp.errors import PacketError

Names = NDArray[np.str_]

_SIGNALS = {
    SignalType.ECHO: "echo",
    SignalType.NOISE: "noise",
    SignalType.TX_CAL: "txcal",
    SignalType.RX_CAL: "rxcal",
    SignalType.EPDN_CAL: "epdncal",
    SignalType.TA_CAL: "tacal",
    SignalType.APDN_CAL: "apdncal",
    SignalType.TX_H_CAL_ISO: "txhcaliso",
}
_COMPRESSIONS = {
    BaqMode.BYPASS: "BYPASS",
    BaqMode.BAQ3: "BAQ_3_BIT",
    BaqMode.BAQ4: "BAQ_4_BIT",
    BaqMode.BAQ5: "BAQ_5_BIT",
    BaqMode.FDBAQ0: "FDBAQ_0",
    BaqMode.FDBAQ1: "FDBAQ_1",
    BaqMode.FDBAQ2: "FDBAQ_2",
}
_CALIBRATION_MODES = ("interleaved", "pre/postamble", "PCC-32", "RF-672")


def _table(name: Callable[[int], str], size: int = 256) -> Names:
    found = []
    for code in range(size):
        try:
            found.append(name(code))
        except (PacketError, ValueError, KeyError, IndexError):
            found.append(f"?{code}")
    table = np.array(found)
    table.flags.writeable = False
    return table


@cache
def signals(*, newer: bool = False) -> Names:
    """Of signal types, str (256,); type 11 is TA calibration on S-1A/B and TxCalIso on the `newer` S-1C/D."""
    special = {SignalType.TA_CAL: "txcaliso"} if newer else {}
    return _table(lambda code: (_SIGNALS | special)[SignalType(code)])


@cache
def swaths() -> Names:
    """Of swath numbers, str (256,): `IW1` whatever the kind of packet."""
    return _table(codes.swath_name)


@cache
def modes() -> Names:
    """Of ECC numbers, str (256,)."""
    return _table(codes.instrument_mode)


@cache
def compressions() -> Names:
    """Of BAQ modes, str (256,), as manifests call them."""
    return _table(lambda code: _COMPRESSIONS[BaqMode(code)])


@cache
def transmitted() -> Names:
    """What is transmitted, of polarisation codes, str (8,)."""
    return _table(lambda code: Polarisation(code).tx, 8)


@cache
def received() -> Names:
    """Of receive channels, str (16,)."""
    return _table(lambda code: "VH"[code], 16)


@cache
def calibration_modes() -> Names:
    """Of calibration modes, str (4,)."""
    return _table(lambda code: _CALIBRATION_MODES[code], 4)


@cache
def full_bandwidth() -> NDArray[np.bool_]:
    """Which swath numbers mark full-bandwidth packets, bool (256,)."""
    return np.array([_is_full(code) for code in range(256)])


@cache
def sampling_mhz() -> NDArray[np.float64]:
    """Sampling frequency of range decimation codes in MHz, float64 (256,), NaN where undefined."""
    return np.array([_sampling(code) for code in range(256)])


def _is_full(code: int) -> bool:
    try:
        return codes.swath(code).full_bandwidth
    except PacketError:
        return False


def _sampling(code: int) -> float:
    try:
        return codes.sampling_frequency_hz(code) * 1e-6
    except PacketError:
        return float("nan")
