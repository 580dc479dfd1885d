"""What a job order asks Level-1 for, told by the types of its outputs."""

import pytest

from s1pdgs.formats.joborder import JobOrder, OrderOutput, OrderTask
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.outputs import wanted_products


def order(*types: str, mandatory: bool = True) -> JobOrder:
    outputs = tuple(OrderOutput(kind, "Regexp", f"^.*{kind}.*$", mandatory=mandatory) for kind in types)
    return JobOrder("L1", "1.0", (OrderTask("L1", "1.0", (), outputs),))


@pytest.mark.parametrize(
    ("types", "kinds", "resolution"),
    [
        (("SM_SLC__1S",), ("SLC",), "H"),
        (("SM_GRDF_1S",), ("GRD",), "F"),
        (("IW_GRDH_1S", "IW_SLC__1S"), ("SLC", "GRD"), "H"),
        (("EW_SLC__1S", "EW_GRDM_1S"), ("SLC", "GRD"), "M"),
        (("SignalData", "WV_SL1__1_", "WV_SLC__1S"), ("SLC",), "H"),
    ],
)
def test_kinds_and_resolution_are_those_of_the_outputs(
    types: tuple[str, ...], kinds: tuple[str, ...], resolution: str
) -> None:
    wanted = wanted_products(order(*types))
    assert (wanted.kinds, wanted.resolution) == (kinds, resolution)
    assert [wanted.resolution_of(kind) for kind in kinds] == ["_" if kind == "SLC" else resolution for kind in kinds]
    assert all(wanted.classes_of(kind) == ("S",) for kind in kinds)


def test_annotation_products_are_made_where_they_are_mandatory() -> None:
    assert wanted_products(order("IW_GRDH_1S", "IW_GRDH_1A")).classes_of("GRD") == ("S", "A")
    assert wanted_products(order("IW_GRDH_1A")).classes_of("GRD") == ("A",)
    optional = order("IW_GRDH_1S", "IW_GRDH_1A", mandatory=False)
    assert wanted_products(optional).classes_of("GRD") == ("S",)


@pytest.mark.parametrize(
    ("types", "message"),
    [
        (("IW_OCN__2S",), "asks for IW_OCN__2S; this processor makes products such as SM_SLC__1S"),
        ((), "asks for nothing"),
        (("IW_GRDH_1S", "IW_GRDM_1S"), "of resolutions H, M; order each by itself"),
    ],
)
def test_what_cannot_be_made_is_refused(types: tuple[str, ...], message: str) -> None:
    with pytest.raises(ProcessingError, match=message):
        wanted_products(order(*types))
