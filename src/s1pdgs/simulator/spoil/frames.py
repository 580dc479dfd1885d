"""Faults of frames: lost, miscounted and damaged CADUs, damaged markers, and the form in which a station delivers."""

from enum import IntFlag

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.link.aos import FRAME_COUNT_MODULUS, unpack_headers, write_error_control
from s1pdgs.formats.link.parameters import FILL_VCID, MARKER_BYTES, LinkParameters
from s1pdgs.formats.link.randomiser import derandomise, pseudo_random_sequence
from s1pdgs.formats.link.reed_solomon import CORRECTABLE_SYMBOLS, encode_blocks
from s1pdgs.simulator.spoil.chance import Hits, generator
from s1pdgs.simulator.spoil.faults import Delivery, Faults, FrameSpan

_MOST_SYMBOLS = 60
_HEADER_BYTES = 6
Frames = NDArray[np.uint8]
"""CADUs uint8 (n, bytes of a CADU)."""


class Fate(IntFlag):
    """What became of a frame, and what it was."""

    LOST = 1
    """Not a byte of it is delivered."""
    CUT = 2
    """Bytes of it are missing, or foreign ones are in it."""
    UNCORRECTABLE = 4
    """More symbols are wrong than the code corrects, or it is sent without code."""
    CORRECTED = 8
    """Symbols are wrong, and the code corrects them."""
    MARKER = 16
    """Its marker is damaged."""
    RECOUNTED = 32
    """Its virtual channel frame count is not the one that was sent."""
    SHIFTED = 64
    """It does not begin at a byte."""
    INVERTED = 128
    TWICE = 256
    """It is delivered two times."""
    FILL = 512
    """It is a fill frame."""
    FALSE_MARKER = 1024
    """Its marker alone is inverted."""


def mark(fates: NDArray[np.uint16], frames: NDArray[np.int64] | NDArray[np.bool_] | int, fate: Fate) -> None:
    """Note a fate of some frames."""
    fates[frames] |= np.uint16(fate)


@frozen
class Sent:
    """A channel of the clean session: its number, CADUs, seconds of downlink and link."""

    channel: int
    frames: int
    duration_s: float
    start_us: int
    link: LinkParameters


class FrameSpoiler:
    """Spoils the CADUs of one channel, batch by batch in order."""

    def __init__(self, faults: Faults, delivery: Delivery, sent: Sent, seed: int) -> None:
        self._faults, self._delivery, self._sent = faults, delivery, sent

        def hits(purpose: str, share: float, run: float = 1.0) -> Hits:
            return Hits(generator(seed, sent.channel, purpose), share, run)

        self._lost = hits("lost", faults.lose_frames, faults.lose_run)
        self._flips = hits("bits", faults.bit_errors)
        self._repairable = hits("repairable", faults.repairable_frames)
        self._corrupt = hits("corrupt", faults.corrupt_frames)
        self._damaged = hits("damaged", faults.damaged_markers)
        self._inverted = hits("inverted", faults.inverted_markers)
        self._wrong = hits("counts", faults.wrong_counts)
        self._symbols, self._marks, self._counts = (
            generator(seed, sent.channel, purpose) for purpose in ("symbols", "marks", "wrong")
        )
        resets = generator(seed, sent.channel, "resets").integers(0, max(sent.frames, 1), faults.count_resets)
        self._resets = sorted(resets.tolist())
        self._begins: dict[int, int] = {}
        share = faults.inverted_from
        self._inverted_first = sent.frames if share is None else int(share * sent.frames)
        self._turn = 0.25 + 0.5 * float(generator(seed, sent.channel, "turn").random())

    def spoil(self, cadus: Frames, first: int, fates: NDArray[np.uint16]) -> tuple[Frames, NDArray[np.int64]]:
        """The CADUs as they are delivered, and which of the channel's frames int64 (n,) they are.

        `cadus` begin with frame `first` and are changed; `fates` uint16 are those of these frames.
        """
        numbers = first + np.arange(len(cadus))
        headers = cadus[:, MARKER_BYTES : MARKER_BYTES + _HEADER_BYTES].copy()
        if self._sent.link.randomised:
            headers ^= pseudo_random_sequence(_HEADER_BYTES)
        fields = unpack_headers(headers)
        mark(fates, fields.vcid == FILL_VCID, Fate.FILL)
        mark(fates, self._losses(numbers, fields.vcid), Fate.LOST)
        self._recount(cadus, numbers, fields.vcid, fields.frame_count, fates)
        self._damage(cadus, numbers, fates)
        self._mark(cadus, fates)
        kept = np.flatnonzero((fates & Fate.LOST) == 0)
        fates[(fates & Fate.LOST) != 0] &= np.uint16(Fate.LOST | Fate.FILL)
        return self._form(cadus[kept], numbers[kept], fates, kept), numbers[kept]

    def _losses(self, numbers: NDArray[np.int64], vcid: NDArray[np.int64]) -> NDArray[np.bool_]:
        faults, sent = self._faults, self._sent
        lost = _within(faults.lose, sent.channel, numbers)
        exposed = np.flatnonzero(np.isin(vcid, list(faults.vcids)) if faults.vcids else np.ones(vcid.size, np.bool_))
        lost[exposed[self._lost.take(exposed.size)]] = True
        seconds = (numbers + 0.5) * (sent.duration_s / max(sent.frames, 1))
        for start, stop in faults.silences:
            lost |= (seconds >= start) & (seconds < stop)
        if faults.hear is not None:
            lost |= (seconds < faults.hear[0]) | (seconds >= faults.hear[1])
        return lost

    def _recount(
        self,
        cadus: Frames,
        numbers: NDArray[np.int64],
        vcid: NDArray[np.int64],
        counts: NDArray[np.int64],
        fates: NDArray[np.uint16],
    ) -> None:
        """Give frames other counts, as an instrument would that counts wrongly: their code holds."""
        false = counts.copy()
        for channel, begin in self._begins.items():
            false[vcid == channel] -= begin
        while self._resets and self._resets[0] <= numbers[-1]:
            following = np.flatnonzero((numbers >= self._resets[0]) & (vcid != FILL_VCID))
            if not following.size:
                break
            row = int(following[0])
            later = (vcid == vcid[row]) & (numbers >= numbers[row])
            self._begins[int(vcid[row])] = int(counts[row])
            false[later] = counts[later] - counts[row]
            self._resets.pop(0)
        wrong = self._wrong.take(len(cadus))
        false[wrong] = self._counts.integers(0, FRAME_COUNT_MODULUS, wrong.size)
        changed = np.flatnonzero(false % FRAME_COUNT_MODULUS != counts)
        if changed.size:
            self._recode(cadus, changed, false[changed])
            mark(fates, changed, Fate.RECOUNTED)

    def _recode(self, cadus: Frames, rows: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Write frame counts and code the frames anew; the header error control does not cover the count."""
        link = self._sent.link
        blocks = cadus[rows, MARKER_BYTES : MARKER_BYTES + link.block_bytes]
        if link.randomised:
            derandomise(blocks)
        frames = np.ascontiguousarray(blocks[:, : link.frame_bytes])
        for byte, shift in ((2, 16), (3, 8), (4, 0)):
            frames[:, byte] = (counts % FRAME_COUNT_MODULUS) >> shift & 0xFF
        if link.has_fecf:
            write_error_control(frames)
        blocks = encode_blocks(frames, link) if link.coded else frames
        if link.randomised:
            derandomise(blocks)
        cadus[rows, MARKER_BYTES : MARKER_BYTES + link.block_bytes] = blocks

    def _damage(self, cadus: Frames, numbers: NDArray[np.int64], fates: NDArray[np.uint16]) -> None:
        """Make errors, and see what the code can do about them."""
        faults, link = self._faults, self._sent.link
        if not faults.have_errors:
            return
        clean = cadus.copy()
        flat = cadus.reshape(-1)
        flips = self._flips.take(8 * flat.size)
        np.bitwise_xor.at(flat, flips // 8, (128 >> (flips % 8)).astype(np.uint8))
        blocks = cadus[:, MARKER_BYTES : MARKER_BYTES + link.block_bytes]
        for row in self._repairable.take(len(cadus)).tolist():
            self._wrong_symbols(blocks[row], int(self._symbols.integers(1, CORRECTABLE_SYMBOLS + 1)))
        for row in self._corrupt.take(len(cadus)).tolist():
            self._wrong_symbols(blocks[row], int(self._symbols.integers(CORRECTABLE_SYMBOLS + 1, _MOST_SYMBOLS)))
        for span in faults.damage:
            for row in np.flatnonzero(_within((span,), self._sent.channel, numbers)).tolist():
                self._wrong_symbols(blocks[row], span.symbols)
        different = blocks != clean[:, MARKER_BYTES : MARKER_BYTES + link.block_bytes]
        touched = np.flatnonzero(different.any(axis=1))
        length = link.block_bytes // link.interleave_depth
        wrong = different[touched].reshape(touched.size, length, link.interleave_depth).sum(axis=1).max(axis=1)
        limit = CORRECTABLE_SYMBOLS if link.coded else 0
        fates[touched] |= np.where(wrong > limit, Fate.UNCORRECTABLE, Fate.CORRECTED).astype(np.uint16)
        marks = (cadus[:, :MARKER_BYTES] != clean[:, :MARKER_BYTES]).any(axis=1)
        mark(fates, marks, Fate.MARKER)
        if self._delivery.parity_stripped:
            corrected = (fates & Fate.CORRECTED) != 0
            cadus[corrected, MARKER_BYTES:] = clean[corrected, MARKER_BYTES:]

    def _wrong_symbols(self, block: NDArray[np.uint8], count: int) -> None:
        """Change `count` symbols in each of the interleaved codewords of a block."""
        depth = self._sent.link.interleave_depth
        length = block.size // depth
        for codeword in range(depth):
            places = self._symbols.choice(length, min(count, length), replace=False) * depth + codeword
            block[places] ^= self._symbols.integers(1, 256, places.size, np.uint8)

    def _mark(self, cadus: Frames, fates: NDArray[np.uint16]) -> None:
        for row in self._damaged.take(len(cadus)).tolist():
            bits = self._marks.choice(8 * MARKER_BYTES, int(self._marks.integers(1, 9)), replace=False)
            np.bitwise_xor.at(cadus[row], bits // 8, (128 >> (bits % 8)).astype(np.uint8))
            mark(fates, row, Fate.MARKER)
        inverted = self._inverted.take(len(cadus))
        cadus[inverted, :MARKER_BYTES] ^= 0xFF
        mark(fates, inverted, Fate.MARKER | Fate.FALSE_MARKER)

    def _form(
        self, cadus: Frames, numbers: NDArray[np.int64], fates: NDArray[np.uint16], kept: NDArray[np.int64]
    ) -> Frames:
        """What the station makes of the CADUs: turned over where the demodulator is, bare, with its own trailer."""
        delivery, link = self._delivery, self._sent.link
        length = MARKER_BYTES + (link.frame_bytes if delivery.parity_stripped else link.block_bytes)
        formed = np.empty((len(cadus), length + delivery.trailer_bytes), np.uint8)
        formed[:, :length] = cadus[:, :length]
        if delivery.derandomised and link.randomised:
            formed[:, MARKER_BYTES:length] ^= pseudo_random_sequence(length - MARKER_BYTES)
        turned = numbers >= self._inverted_first
        formed[turned, :length] ^= 0xFF
        mark(fates, kept[turned], Fate.INVERTED)
        turning = np.flatnonzero(numbers == self._inverted_first)
        if turning.size and self._inverted_first:
            formed[turning[0], : int(self._turn * length)] ^= 0xFF
            mark(fates, kept[turning[0]], Fate.UNCORRECTABLE)
        if delivery.trailer_bytes:
            self._append_trailer(formed[:, length:], numbers)
        return formed

    def _append_trailer(self, trailer: NDArray[np.uint8], numbers: NDArray[np.int64]) -> None:
        """The time of reception in microseconds since 1970, big-endian, behind zeros."""
        sent = self._sent
        times = sent.start_us + np.rint(numbers * (1e6 * sent.duration_s / max(sent.frames, 1))).astype(np.int64)
        octets = times.astype(">i8").view(np.uint8).reshape(-1, 8)
        size = min(8, trailer.shape[1])
        trailer[:] = 0
        trailer[:, trailer.shape[1] - size :] = octets[:, 8 - size :]


def _within(spans: tuple[FrameSpan, ...], channel: int, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which frames lie in any of the spans of a channel."""
    inside = np.zeros(numbers.size, np.bool_)
    for span in spans:
        if span.channel == channel:
            inside |= (numbers >= span.first) & (numbers < span.stop)
    return inside
