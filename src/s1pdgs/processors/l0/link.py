"""The link of each channel: what the job order says of it, what its bytes show, and what to do where these differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.link.cadu import marker_stride
from s1pdgs.formats.link.detect import DetectedLink, detect_link
from s1pdgs.formats.link.parameters import LinkError, LinkParameters
from s1pdgs.processors.l0.program import Outcome, ProcessorError
from s1pdgs.processors.l0.session import ChannelInput

AUTOMATIC = "auto"
"""Stands for a parameter that is to be seen from the data, as does an empty one."""
_SAMPLE_BYTES = 1024 * 1024
_MOST_SAMPLES = 16
_ANYWHERE = ("has_fhec", "has_fecf", "has_ocf", "insert_zone_bytes")


def _switch(text: str) -> bool:
    if text.lower() not in {"yes", "no"}:
        raise ValueError(f"is {text!r}; give yes, no or {AUTOMATIC}")
    return text.lower() == "yes"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ValueError(f"is {text!r}; give a whole number or {AUTOMATIC}")
    return int(text)


_PARAMETERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "randomised": ("Descramble", _switch),
    "coded": ("RSEncode", _switch),
    "dual_basis": ("RS_Dual_Basis", _switch),
    "interleave_depth": ("RS_Interleave_Depth", _number),
    "frame_length": ("Frame_Length", _number),
    "cadu_trailer_bytes": ("CADU_Trailer_Bytes", _number),
    "insert_zone_bytes": ("Insert_Zone_Bytes", _number),
    "has_fhec": ("Frame_Header_Error_Control", _switch),
    "has_ocf": ("Frame_Operational_Control", _switch),
    "has_fecf": ("Frame_Error_Control", _switch),
    "spacecraft_id": ("Spacecraft_Id", _number),
}
"""Fields of `LinkParameters`: the parameter of the job order and how it is read. Descramble and RSEncode are those of
ESA's AIOP."""


def ordered_link(order: JobOrder) -> dict[str, Any]:
    """The fields of `LinkParameters` that the job order fixes; `ProcessorError` naming a parameter that is wrong."""
    fixed = {}
    for field, (name, read) in _PARAMETERS.items():
        text = order.parameter(name, "").strip()
        if text and text.lower() != AUTOMATIC:
            try:
                fixed[field] = read(text)
            except ValueError as error:
                raise ProcessorError(f"parameter {name} of the job order {error}") from None
    _parameters(fixed)
    return fixed


def links_of(channels: Sequence[ChannelInput], fixed: Mapping[str, Any], outcome: Outcome) -> list[LinkParameters]:
    """The link of each channel: what the order fixes, for the rest what its bytes show, else what other channels show
    (of the same delivery before others), else the defaults.

    `ProcessorError` when the order fixes what the bytes contradict and nothing could be read that way.
    """
    known = _parameters(fixed)
    shown = {channel: _shown(channel, fixed, known, outcome) for channel in channels}
    return [link if link is not None else _of_others(channel, shown, known, outcome) for channel, link in shown.items()]


def _of_others(
    channel: ChannelInput,
    shown: Mapping[ChannelInput, LinkParameters | None],
    known: LinkParameters,
    outcome: Outcome,
) -> LinkParameters:
    others = sorted(shown.items(), key=lambda entry: entry[0].delivery != channel.delivery)
    model, link = next(((other, link) for other, link in others if link is not None), (None, known))
    followed = "the job order and defaults are" if model is None else f"that of {model.where} is"
    outcome.warn(f"{channel.where}: its bytes do not show what link they came by; {followed} followed")
    return link


def _shown(
    channel: ChannelInput, fixed: Mapping[str, Any], known: LinkParameters, outcome: Outcome
) -> LinkParameters | None:
    """The link that the bytes of a channel show, with what the order fixes; None where they show none."""
    found = _detected(channel, known)
    if found is None:
        return None
    shown = found.parameters
    differing = {field: value for field, value in fixed.items() if getattr(shown, field) != value}
    differing = {field: value for field, value in differing.items() if _matters(field, fixed, shown)}
    if any(field not in _ANYWHERE and field != "spacecraft_id" for field in differing):
        raise ProcessorError(_contradiction(channel, differing, found))
    if differing:
        told = ", ".join(f"{_PARAMETERS[field][0]} {_word(value)}" for field, value in differing.items())
        outcome.warn(f"{channel.where}: the job order says {told}, which its frames contradict; the order is followed")
    link = _parameters({**attrs.asdict(shown), **{field: fixed[field] for field in differing}})
    turned = ", inverted" if found.inverted else ""
    outcome.info(
        f"{channel.where}: {found.sound} of {found.frames} CADUs looked at are sound{turned}: {described(link)}"
    )
    return link


def described(link: LinkParameters) -> str:
    """A link in words."""
    code = f"Reed-Solomon depth {link.interleave_depth}, {'dual' if link.dual_basis else 'conventional'} basis"
    parts = [
        f"CADUs of {link.cadu_bytes} bytes",
        f"frames of {link.frame_bytes}",
        code if link.coded else "no code",
        "randomised" if link.randomised else "not randomised",
    ]
    if link.cadu_trailer_bytes:
        parts.append(f"{link.cadu_trailer_bytes} bytes appended by the station")
    controls = (("FHEC", link.has_fhec), ("OCF", link.has_ocf), ("FECF", link.has_fecf))
    parts += [name for name, present in controls if present]
    return ", ".join(parts)


def _parameters(fields: Mapping[str, Any]) -> LinkParameters:
    try:
        return LinkParameters(**fields)
    except (LinkError, ValueError) as error:
        names = ", ".join(_PARAMETERS[field][0] for field in fields)
        raise ProcessorError(f"the link parameters of the job order ({names}) do not fit together: {error}") from None


def _detected(channel: ChannelInput, known: LinkParameters) -> DetectedLink | None:
    """The link, from the first part of the channel that shows it."""
    for sample in _samples(channel):
        found = detect_link(sample, known)
        if found is not None:
            return found
    return None


def _samples(channel: ChannelInput) -> Iterator[memoryview]:
    """Parts of the channel: its beginning, then others spread over all of it."""
    read = channel.reader()
    step = max(channel.size // _MOST_SAMPLES, _SAMPLE_BYTES)
    return (read(begin, begin + _SAMPLE_BYTES).data for begin in range(0, channel.size, step))


def _matters(field: str, fixed: Mapping[str, Any], shown: LinkParameters) -> bool:
    """Whether a field that the order fixes otherwise changes how the bytes are read."""
    if field == "spacecraft_id":
        return False
    if field in {"dual_basis", "interleave_depth"}:
        return shown.coded or fixed.get("coded", False)
    if field == "frame_length":
        return bool(fixed[field] != shown.frame_bytes)
    return True


def _contradiction(channel: ChannelInput, differing: Mapping[str, Any], found: DetectedLink) -> str:
    stride = found.parameters.cadu_bytes
    told = " and ".join(f"{_PARAMETERS[field][0]} {_word(value)}" for field, value in differing.items())
    seen = " and ".join(f"{_PARAMETERS[field][0]} {_word(getattr(found.parameters, field))}" for field in differing)
    return (
        f"{channel.where}: the job order says {told}, but sync markers are {stride} bytes apart and {found.sound} of "
        f"{found.frames} CADUs are sound with {seen}; correct the parameters or set them to {AUTOMATIC}"
    )


def _word(value: Any) -> str:
    if value is None:
        return "of the full code"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def stride_found(channel: ChannelInput) -> str:
    """How far apart the sync markers of a channel really are, for messages."""
    stride = next((each for sample in _samples(channel) if (each := marker_stride(sample)) is not None), None)
    if stride is None:
        return f"there is no pair of sync markers 1ACFFC1D in {channel.where}"
    return f"sync markers are {stride} bytes apart in {channel.where}"
