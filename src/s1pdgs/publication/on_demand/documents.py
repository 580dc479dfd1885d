"""An order as both doors tell it: a production order of OData, a job of OGC API Processes, and their notices."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.model.time import format_iso
from s1pdgs.publication.columns import CONTENT_TYPE
from s1pdgs.publication.search import Published, find_many

JOB_STATUS = {
    "queued": "accepted",
    "in_progress": "running",
    "completed": "successful",
    "failed": "failed",
    "cancelled": "dismissed",
}
"""The words of OGC API Processes for those of production orders."""
RELATIONS = "http://www.opengis.net/def/rel/ogc/1.0"


def notice_of(connection: sa.Connection, row: sa.Row[Any]) -> dict[str, Any]:
    """What is told of a new status, in the form of the door at which the order was placed."""
    if row.told["form"] != "ogc":
        return order_notice(row)
    base = row.told["base"]
    return status_info(row, base) | results_of(connection, row, base)


def order_notice(row: sa.Row[Any]) -> dict[str, Any]:
    """The notice of a production order; a product is downloaded at `Products(<ProductId>)/$value`."""
    return {
        "NotificationDate": format_iso(row.looked_at),
        "ProductionOrderId": row.uuid,
        "Status": row.status,
        "StatusMessage": row.message,
        "ProductId": row.product_id,
        "ProductName": row.products[0] if len(row.products) == 1 else None,
        "ProductNames": row.products,
        "WorkflowName": row.workflow,
        "SubmissionDate": format_iso(row.submitted_at),
        "CompletedDate": _time(row.ended_at),
    }


def options_of(row: sa.Row[Any]) -> list[dict[str, str]]:
    """The options that an order told."""
    return [{"Name": name, "Value": value} for name, value in sorted(row.options.items())]


def status_info(row: sa.Row[Any], base: str) -> dict[str, Any]:
    """The state of a job of the processes below an address (OGC 18-062r2, section 7.12)."""
    job = f"{base}/jobs/{row.uuid}"
    links = [link(job, "self", "this job")]
    if row.status == "completed":
        links.append(link(f"{job}/results", f"{RELATIONS}/results", "its results"))
    told = {
        "processID": row.workflow,
        "type": "process",
        "jobID": row.uuid,
        "status": JOB_STATUS[row.status],
        "message": row.message or row.status,
        "created": format_iso(row.submitted_at),
        "started": _time(row.started_at),
        "finished": _time(row.ended_at),
        "updated": format_iso(row.looked_at),
        "progress": 100 if row.status == "completed" else None,
        "links": links,
    }
    return {name: value for name, value in told.items() if value is not None}


def results_of(connection: sa.Connection, row: sa.Row[Any], base: str) -> dict[str, Any]:
    """The results of a job: a link to the zip of its product, or a list of links when there are several; none before
    its end. `base` is the address of the processes.
    """
    if row.status != "completed":
        return {}
    site = base.removesuffix("/ogc")
    links = [
        {
            "href": f"{site}/odata/v1/Products({product.uuid})/$value",
            "type": CONTENT_TYPE,
            "title": product.archive_name,
        }
        for product in products_of(connection, row)
    ]
    return {"product": links[0] if len(links) == 1 else links}


def products_of(connection: sa.Connection, row: Any) -> list[Published]:
    """What an order made, in order of sensing; nothing before it is completed."""
    found = find_many(connection, [], row.products) if row.status == "completed" else []
    return sorted(found, key=lambda product: (product.start, product.name))


def link(href: str, relation: str, title: str, media_type: str = "application/json") -> dict[str, str]:
    """A link of OGC's documents."""
    return {"href": href, "rel": relation, "type": media_type, "title": title}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_iso(moment)
