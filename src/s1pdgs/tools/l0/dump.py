"""The packet table of a product: chosen columns of the packets for which conditions hold, in bounded memory."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.tools.l0.columns import Column, block_of
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.filters import Condition, matching
from s1pdgs.tools.l0.packets import Packets, read_packets, sensing_times_us
from s1pdgs.tools.l0.product import Component, Product
from s1pdgs.tools.l0.runs import burst_numbers
from s1pdgs.tools.l0.subcom import ROWS, relayed_states
from s1pdgs.tools.l0.tables import Batch, Head

_ROWS_AT_ONCE = 16_384


@frozen
class Selection:
    """Which packets are wanted: of some polarisations and bursts (all if none), of a range of packet numbers
    (`first` .. `last`, the last not included), and those for which all conditions hold.
    """

    polarisations: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    bursts: tuple[int, ...] = ()
    first: int = 0
    last: int | None = None


def sar_components(product: Product, polarisations: Sequence[str] = ()) -> tuple[Component, ...]:
    """The measurements of a SAR product, of some polarisations; `ToolError` where there are none."""
    if not product.components:
        raise ToolError(f"{product.given}: none of the measurements that the manifest names is there")
    if product.telemetry:
        raise ToolError(f"{product.given}: holds telemetry, not SAR packets; `s1pdgs l0 info` tells what there is")
    wanted = {polarisation.upper() for polarisation in polarisations}
    chosen = tuple(each for each in product.components if not wanted or each.polarisation in wanted | {"?"})
    if not chosen:
        found = ", ".join(component.polarisation for component in product.components)
        raise ToolError(f"{product.given}: has no polarisation {', '.join(sorted(wanted))}; it has {found}")
    return chosen


def select(packets: Packets, selection: Selection) -> NDArray[np.int64]:
    """The indices of the wanted packets of a measurement, in order."""
    last = packets.count if selection.last is None else min(selection.last, packets.count)
    chosen = np.arange(min(selection.first, last), last, dtype=np.int64)
    if selection.bursts:
        chosen = chosen[np.isin(burst_numbers(packets.headers)[chosen], selection.bursts)]
    if not selection.conditions:
        return chosen
    times = sensing_times_us(packets.headers)
    pieces = [np.empty(0, np.int64)]
    for start in range(0, chosen.size, _ROWS_AT_ONCE):
        part = chosen[start : start + _ROWS_AT_ONCE]
        block = block_of(packets, part, times)
        pieces.append(part[matching(block, selection.conditions)])
    return np.concatenate(pieces)


def packet_batches(
    product: Product, columns: Sequence[Column], selection: Selection, limit: int | None = None
) -> Iterator[Batch]:
    """The table of the wanted packets of all measurements, one after the other, at most `limit` rows."""
    left = limit
    for component in sar_components(product, selection.polarisations):
        packets = read_packets(component)
        chosen = select(packets, selection)[:left]
        times = sensing_times_us(packets.headers)
        for start in range(0, chosen.size, _ROWS_AT_ONCE):
            block = block_of(packets, chosen[start : start + _ROWS_AT_ONCE], times)
            yield [column.make(block) for column in columns]
        if left is not None:
            left -= chosen.size


def head_of(columns: Sequence[Column]) -> Head:
    """Names and kinds of columns."""
    return [(column.name, column.kind) for column in columns]


def subcommutated_rows(product: Product, what: str, polarisations: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What the packets relay: rows of `orbit`, `attitude` or `temperatures`, of each measurement."""
    rows = []
    for component in sar_components(product, polarisations):
        packets = read_packets(component)
        rows += [{"channel": packets.polarisation, **ROWS[what](state)} for state in relayed_states(packets.headers)]
    return rows
