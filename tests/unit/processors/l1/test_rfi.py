"""Interference of other radio sources: found where it is, nowhere else, and taken off."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from s1pdgs.formats.aux.ins import read_instrument
from s1pdgs.formats.isp.codes import range_decimation, sampling_frequency_hz
from s1pdgs.processors.l1.packets import open_packets
from s1pdgs.processors.l1.receiver import EXTRACTED, NOMINAL
from s1pdgs.processors.l1.rfi.mitigation import FREQUENCY, TIME, Mitigation, find_interference
from s1pdgs.processors.l1.rfi.noise import NoiseStatistics, noise_statistics
from s1pdgs.processors.l1.rfi.pulses import find_pulses
from s1pdgs.processors.l1.rfi.search import DEFAULTS, Policy, pulse_source
from s1pdgs.processors.l1.rfi.tones import Band, widen_to
from s1pdgs.sar.chirp import Chirp
from s1pdgs.simulator.interference import Interferer, Pulses, Tone

SAMPLING_HZ, PRI_S = 64.345e6, 583e-6
CHIRP = Chirp(1.0782e12, -0.5 * 1.0782e12 * 20e-6, 20e-6)
BAND = Band(SAMPLING_HZ, 20e6, CHIRP.replica(SAMPLING_HZ).astype(np.complex64))
LINES, SAMPLES = 160, 6000
TIME_S = np.arange(LINES) * PRI_S
NOISE, ECHO = 12.0, 20.0

Lines = NDArray[np.complex64]


def white(lines: int, samples: int, seed: int) -> Lines:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((lines, samples, 2), np.float32).view(np.complex64)[..., 0]


@pytest.fixture(scope="module")
def scene() -> Lines:
    """Echoes of even ground, and thermal noise."""
    pulse = BAND.replica
    bins = scipy.fft.next_fast_len(SAMPLES + 2 * pulse.size)
    ground = scipy.fft.fft(white(LINES, SAMPLES + pulse.size, 1), bins, axis=1)
    echo = scipy.fft.ifft(ground * scipy.fft.fft(pulse, bins), axis=1)[:, pulse.size : pulse.size + SAMPLES]
    return np.asarray(ECHO / math.sqrt(pulse.size) * echo + NOISE * white(LINES, SAMPLES, 2), np.complex64)


def disturbed(lines: Lines, interferer: Interferer) -> Lines:
    result = lines.copy()
    interferer.add(result, TIME_S[: len(lines)], SAMPLING_HZ)
    return result


def search(lines: Lines, *domains: str, blocks: int = 1, overlap: int = 0) -> Mitigation:
    frequency = evolve(DEFAULTS.frequency_domain, blocks=blocks, overlap_lines=overlap)
    parameters = evolve(DEFAULTS, frequency_domain=frequency)
    return find_interference(reader(lines), lines.shape, BAND, parameters, domains or (TIME, FREQUENCY))


def reader(lines: Lines):  # type: ignore[no-untyped-def]
    def read(first: int, out: Lines) -> None:
        out[...] = lines[first : first + len(out)]

    return read


def cleaned(mitigation: Mitigation, lines: Lines) -> Lines:
    out = lines.copy()
    for first in range(0, len(lines), 64):
        mitigation.clean(first, out[first : first + 64], reader(lines))
    return out


def error_db(found: Lines, true: Lines) -> float:
    return 10.0 * math.log10(float(np.sum(np.abs(found - true) ** 2)) / float(np.sum(np.abs(true) ** 2)))


def test_a_clean_scene_has_no_interference_and_stays_as_it_is(scene: Lines) -> None:
    found = search(scene)
    (block,) = found.blocks
    assert (block.runs.size, block.isolated_lines.size, int(block.persistent.sum())) == (0, 0, 0)
    assert np.array_equal(cleaned(found, scene), scene)


def test_a_strong_tone_persists_at_its_frequency_and_goes(scene: Lines) -> None:
    lines = disturbed(scene, Tone(3.3e6, 100.0))
    found = search(lines)
    (block,) = found.blocks
    bins = np.flatnonzero(block.persistent)
    assert bins == pytest.approx(3.3e6 / SAMPLING_HZ * block.persistent.size, abs=3.0)
    assert error_db(cleaned(found, lines), scene) < error_db(lines, scene) - 20.0


def test_a_weak_tone_is_found_in_every_line(scene: Lines) -> None:
    lines = disturbed(scene, Tone(-4e6, 8.0))
    found = search(lines)
    (block,) = found.blocks
    assert block.tones(BAND).lines > 0.95 * LINES
    shares = block.isolated.mean(axis=0)
    size = block.isolated.shape[1]
    assert int(np.argmax(shares)) - size == pytest.approx(-4e6 / SAMPLING_HZ * size, abs=1.5)
    assert error_db(cleaned(found, lines), scene) < min(error_db(lines, scene) - 3.0, -14.0)


def test_pulses_are_found_in_the_lines_that_they_hit_and_go(scene: Lines) -> None:
    pulses = Pulses(interval_s=2.5 * PRI_S, length_s=6e-6, bandwidth_hz=2e6, amplitude=150.0)
    lines = disturbed(scene, pulses)
    hit = np.flatnonzero(np.abs(lines - scene).max(axis=1) > 0.0)
    found = search(lines, TIME)
    (block,) = found.blocks
    assert set(np.unique(block.runs[:, 0])) == set(hit)
    for line, start, stop in block.runs:
        touched = np.flatnonzero(lines[line] != scene[line])
        assert (start, stop) == pytest.approx((touched[0], touched[-1] + 1), abs=20)
    assert error_db(cleaned(found, lines), scene) < error_db(lines, scene) - 10.0
    share = block.pulses(SAMPLES)
    assert share.lines == hit.size
    assert share.mean_share == pytest.approx(6e-6 * SAMPLING_HZ / SAMPLES, rel=0.1)


def test_where_no_line_is_free_of_a_pulse_it_is_zero(scene: Lines) -> None:
    lines = scene.copy()
    lines[40:43, 100:400] += 500.0
    found = search(lines, TIME)
    zeroed = Mitigation(found.blocks, SAMPLES, BAND, found.domains, nearest=False)
    assert zeroed.blocks[0].runs.size
    assert not cleaned(zeroed, lines)[41, 110:390].any()
    assert np.abs(cleaned(found, lines)[41, 110:390]).mean() == pytest.approx(np.abs(scene).mean(), rel=0.2)


def test_blocks_are_searched_by_themselves(scene: Lines) -> None:
    lines = scene.copy()
    lines[: LINES // 2] = disturbed(scene, Tone(3.3e6, 100.0))[: LINES // 2]
    found = search(lines, FREQUENCY, blocks=2)
    assert [bool(block.persistent.any()) for block in found.blocks] == [True, False]
    assert np.array_equal(cleaned(found, lines)[LINES // 2 :], scene[LINES // 2 :])


def test_blocks_that_overlap_see_what_their_neighbours_see_and_free_their_own_lines(scene: Lines) -> None:
    """A tone that ends where the first block ends reaches into the second one as searched."""
    lines = scene.copy()
    lines[: LINES // 2] = disturbed(scene, Tone(3.3e6, 400.0))[: LINES // 2]
    found = search(lines, FREQUENCY, blocks=2, overlap=LINES // 2)
    assert [(block.first_line, block.lines) for block in found.blocks] == [(0, LINES // 2), (LINES // 2, LINES // 2)]
    assert all(block.persistent.any() for block in found.blocks)
    assert error_db(cleaned(found, lines), scene) < error_db(lines, scene) - 20.0


@pytest.mark.parametrize("overlap", [1, 7, 400])
def test_pulses_of_overlapping_blocks_count_once(scene: Lines, overlap: int) -> None:
    lines = disturbed(scene, Pulses(interval_s=2.5 * PRI_S, length_s=6e-6, bandwidth_hz=2e6, amplitude=150.0))
    hit = np.flatnonzero(np.abs(lines - scene).max(axis=1) > 0.0)
    blocks = search(lines, blocks=3, overlap=overlap).blocks
    assert sum(block.lines for block in blocks) == LINES
    for block in blocks:
        touched = block.runs[:, 0]
        assert set(touched) == {line for line in hit if block.first_line <= line < block.first_line + block.lines}


def test_the_chirp_that_was_sent_keeps_what_the_synthetic_one_takes_for_interference(scene: Lines) -> None:
    """A transmitter that is louder in a narrow band colours every echo; `useSyntheticChirp` tells what is expected."""
    bins = scipy.fft.next_fast_len(SAMPLES)
    louder = 1.0 + 4.0 * np.exp(-(((scipy.fft.fftfreq(bins, 1.0 / SAMPLING_HZ) - 2e6) / 4e5) ** 2))
    pulse = scipy.fft.ifft(scipy.fft.fft(BAND.replica, bins) * louder)[: BAND.replica.size].astype(np.complex64)
    lines = scipy.fft.ifft(scipy.fft.fft(scene, bins, axis=1) * louder, axis=1)[:, :SAMPLES].astype(np.complex64)
    found = [
        find_interference(reader(lines), lines.shape, evolve(BAND, replica=sent), DEFAULTS, (FREQUENCY,)).blocks[0]
        for sent in (BAND.replica, pulse)
    ]
    assert found[0].isolated_lines.size > 0.9 * LINES
    assert found[1].isolated_lines.size < 0.05 * LINES
    wanted = evolve(DEFAULTS, frequency_domain=evolve(DEFAULTS.frequency_domain, synthetic_chirp=False))
    policies = [Policy("Always", "Frequency", parameters) for parameters in (DEFAULTS, wanted)]
    assert [pulse_source(policy) for policy in policies] == [NOMINAL, EXTRACTED]


def test_missing_lines_are_no_interference(scene: Lines) -> None:
    lines = scene.copy()
    lines[30:40] = 0.0
    (block,) = search(lines).blocks
    assert (block.runs.size, block.isolated_lines.size) == (0, 0)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 12), st.integers(1100, 5000))
def test_noise_of_any_size_is_clean(seed: int, lines: int, samples: int) -> None:
    assert not noise_statistics(NOISE * white(lines, samples, seed), SAMPLING_HZ, 56e6).detected
    assert not find_pulses(NOISE * white(lines, samples, seed), DEFAULTS.time_domain).size


@pytest.mark.parametrize("interferer", [Tone(7e6, 3.0), Pulses(1.1e-3, 20e-6, 2e6, 40.0)])
def test_noise_with_interference_is_told(interferer: Interferer) -> None:
    quiet = NOISE * white(9, 20000, 3)
    clean = noise_statistics(quiet, SAMPLING_HZ, 56e6)
    found = noise_statistics(disturbed(quiet, interferer), SAMPLING_HZ, 56e6)
    assert (clean.detected, clean.rfi_psd) == (False, 0.0)
    assert found.detected
    assert found.fisher_z > 5.0 * clean.fisher_z
    assert found.rfi_psd > 2.0 * NOISE**2 * 2.0


def test_too_little_noise_tells_nothing() -> None:
    assert noise_statistics(white(1, 200, 1), SAMPLING_HZ, 56e6) == NoiseStatistics()
    assert noise_statistics(np.zeros((9, 20000), np.complex64), SAMPLING_HZ, 56e6) == NoiseStatistics()


def test_a_real_noise_packet_holds_what_its_instrument_disturbs_and_nothing_else(testdata: Path) -> None:
    packet = open_packets(testdata / "isp" / "000000-noise.dat")
    code = int(packet.headers["range_decimation"][0])
    band = sampling_frequency_hz(code), range_decimation(code).bandwidth_hz
    lines, bad = packet.decode()
    (folder,) = (testdata / "aux_processing").glob("S1B_AUX_INS*.SAFE")
    own_hz = {
        frequency
        for swath in read_instrument(folder).swaths
        for one in swath.decimation_filters or ()
        for frequency in one.spurious_frequencies_hz
    }
    assert not bad.size
    assert noise_statistics(lines, *band).detected
    assert not noise_statistics(lines, *band, sorted(own_hz)).detected


@given(st.integers(0, 511), st.integers(512, 9000))
def test_a_mask_keeps_its_place_in_a_longer_spectrum(at: int, bins: int) -> None:
    mask = np.zeros(512, np.bool_)
    mask[at] = True
    wide = np.flatnonzero(widen_to(mask, bins))
    assert np.angle(np.exp(2j * np.pi * (wide / bins - at / 512))) == pytest.approx(0.0, abs=2.0 * math.pi / 512)
