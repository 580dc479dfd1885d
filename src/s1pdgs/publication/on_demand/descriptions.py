"""What OGC API Processes tell of themselves and of their processes: every workflow is a process of its name."""

from collections.abc import Sequence
from typing import Any

from s1pdgs.publication.on_demand.asked import PRIORITY
from s1pdgs.publication.on_demand.documents import RELATIONS, link
from s1pdgs.publication.on_demand.workflows import PRODUCT_ORDER, Option, Workflow

_CLASSES = ("core", "ogc-process-description", "json", "job-list", "callback", "dismiss")
CONFORMANCE = [f"http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{name}" for name in _CLASSES]
_SCHEMAS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "datenumber": {"type": "string", "pattern": "^[0-9]{8,20}$"},
}


def landing(base: str, site: str) -> dict[str, Any]:
    """The landing page; `base` is the address of the processes, `site` that of the server."""
    return {
        "title": "s1pdgs: products on demand",
        "description": "Processes make Sentinel-1 products; their jobs are the production orders of the OData service.",
        "links": [
            link(base, "self", "this document"),
            link(f"{site}/openapi.json", "service-desc", "the API", "application/vnd.oai.openapi+json;version=3.1"),
            link(f"{base}/conformance", f"{RELATIONS}/conformance", "what it conforms to"),
            link(f"{base}/processes", f"{RELATIONS}/processes", "the processes"),
            link(f"{base}/jobs", f"{RELATIONS}/job-list", "the jobs"),
        ],
    }


def summary(workflow: Workflow, base: str) -> dict[str, Any]:
    """A process in the list of processes."""
    return {
        "id": workflow.name,
        "title": f"{workflow.name} by {workflow.chain}",
        "description": workflow.description,
        "version": workflow.version,
        "jobControlOptions": ["async-execute", "dismiss"],
        "outputTransmission": ["reference"],
        "links": [link(f"{base}/processes/{workflow.name}", "process", "the process with its inputs")],
    }


def description(workflow: Workflow, base: str) -> dict[str, Any]:
    """A process with its inputs and outputs."""
    process = f"{base}/processes/{workflow.name}"
    priority = _input(
        "Priority", "the higher, the sooner", {"type": "integer", "minimum": 1, "maximum": 100, "default": PRIORITY}
    )
    if workflow is PRODUCT_ORDER:
        inputs = {"product": {**_input("What is ordered", "name of a product", {"type": "string"}), "minOccurs": 1}}
    else:
        inputs = {
            "product": _input(
                "What it is made of", f"name of a product of type {_either(workflow.inputs)}", {"type": "string"}
            ),
            "start": _input("Sensing start", "with `stop`, in place of a product", _DATE),
            "stop": _input("Sensing stop", "products that begin by then are taken", _DATE),
        }
    return {
        **summary(workflow, base),
        "inputs": {
            **inputs,
            "priority": priority,
            **{option.name: _option(option) for option in workflow.options},
        },
        "outputs": {
            "product": {
                "title": f"A product of type {_either(workflow.outputs)}" if workflow.outputs else "The product",
                "description": "a zip; a list of links when several were made",
                "schema": {"type": "string", "contentMediaType": "application/zip", "format": "binary"},
            }
        },
        "links": [
            link(process, "self", "this document"),
            link(f"{process}/execution", f"{RELATIONS}/execute", "order it"),
        ],
    }


_DATE = {"type": "string", "format": "date-time"}


def _option(option: Option) -> dict[str, Any]:
    default = float(option.default) if option.kind == "number" and option.default else option.default
    return _input(option.name, "a parameter of the processor", {**_SCHEMAS[option.kind], "default": default})


def _input(title: str, told: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "description": told, "minOccurs": 0, "maxOccurs": 1, "schema": schema}


def _either(types: Sequence[str]) -> str:
    return " or ".join(types)
