"""What may be ordered follows from the chains, and options from their task tables."""

from importlib.resources import files

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from s1pdgs.formats.tasktable import Parameter
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.entities import EntitySet
from s1pdgs.publication.on_demand.odata import ORDERS, workflow_set
from s1pdgs.publication.on_demand.workflows import Option, Workflow, workflow_of, workflows_of
from s1pdgs.triggers.chains import Chains, Route
from tests.unit.publication.on_demand.conftest import TYPES

SHIPPED = Chains.read()


def with_parameters(*parameters: Parameter, **of_chain: str) -> Workflow:
    """The StripMap workflow of a task table that has some more parameters."""
    (route,) = [route for route in SHIPPED.routes if route.name == "l1-sm"]
    chain = route.chain.model_copy(update={"parameters": of_chain})
    table = evolve(route.table, parameters=(*route.table.parameters, *parameters))
    return workflow_of(workflows_of(Chains((Route(chain, table),)), TYPES), None, "SM_SLC__1S")


STRIPMAP = with_parameters()


def test_identifiers_do_not_depend_on_the_system_or_on_other_chains() -> None:
    alone = with_parameters()
    assert alone.id == workflow_of(workflows_of(SHIPPED, TYPES), None, "SM_SLC__1S").id
    assert alone.id == "01bd5bb8-a8fa-516c-aa1c-0c7865192220"


def test_without_chains_before_it_a_workflow_starts_from_what_its_own_takes() -> None:
    assert with_parameters().inputs == ()
    found = workflow_of(workflows_of(SHIPPED, TYPES), None, "WV_SLC__1S")
    assert (found.inputs, found.outputs) == (("WV_RAW__0S", "SESSION"), ("WV_SLC__1S",))


def test_which_types_may_be_ordered_is_a_setting() -> None:
    assert [workflow.name for workflow in workflows_of(SHIPPED, [r"IW_.*_1A", r"IW_RAW__0S"])] == [
        "IW_GRDH_1A", "IW_RAW__0S", "IW_SLC__1A",
    ]  # fmt: skip
    assert workflows_of(SHIPPED, []) == workflows_of(Chains(()), TYPES) == ()


def test_the_chain_has_the_last_word_on_defaults_and_may_add_options() -> None:
    workflow = with_parameters(Parameter("Looks", "Number", "3"), Dem="fine", Extra="a", Slice_Number="7")
    assert workflow.options == (
        Option("Application_LUT", "string", "SM_Default"),
        Option("Dem", "string", "fine"),
        Option("Looks", "number", "3"),
        Option("Extra", "string", "a"),
    )


@pytest.mark.parametrize(
    ("value", "text", "departs"),
    [(3, "3", False), (3.0, "3.0", False), ("3.00", "3.00", False), ("4", "4", True), (4.5, "4.5", True)],
)
def test_numbers_are_compared_as_numbers(value: object, text: str, departs: bool) -> None:
    workflow = with_parameters(Parameter("Looks", "number", "3"))
    chosen = workflow.chosen([("Looks", value)])
    assert chosen == {"Looks": text}
    assert bool(workflow.departures(chosen)) is departs


@pytest.mark.parametrize("value", ["many", "", "nan", "inf", True, "1" * 201, float("inf")])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(QueryError, match="option Looks is"):
        with_parameters(Parameter("Looks", "number", "3")).chosen([("Looks", value)])


@pytest.mark.parametrize(("value", "fits"), [("20260105", True), (20260105, True), ("2026-01-05", False), ("7", False)])
def test_numbers_of_dates_are_digits(value: object, fits: bool) -> None:
    workflow = with_parameters(Parameter("Day", "datenumber", "20260101"))
    if fits:
        assert workflow.chosen([("Day", value)]) == {"Day": "20260105"}
    else:
        with pytest.raises(QueryError, match="option Day is a datenumber, not "):
            workflow.chosen([("Day", value)])


@given(st.text(max_size=300) | st.integers() | st.floats() | st.booleans())
def test_a_value_stands_in_a_job_order_as_told_or_is_refused(value: object) -> None:
    try:
        chosen = STRIPMAP.chosen([("Dem", value)])
    except QueryError:
        assert not isinstance(value, str) or len(value) > 200 or not value.isprintable()
    else:
        assert chosen == {"Dem": value}


@pytest.mark.parametrize(("name", "served"), [("ProductionOrder", ORDERS), ("Workflow", workflow_set(()))])
def test_the_entity_data_model_describes_what_is_served(name: str, served: EntitySet) -> None:
    model = etree.fromstring((files("s1pdgs.publication") / "data" / "prip.edmx").read_bytes())
    (entity,) = model.iterfind(f".//{{*}}EntityType[@Name='{name}']")
    assert [each.get("Name") for each in entity.iterfind("{*}Property")] == list(served.offer.selectable)
    navigations = [each.get("Name") for each in entity.iterfind("{*}NavigationProperty")]
    assert navigations == list(served.offer.navigations)
