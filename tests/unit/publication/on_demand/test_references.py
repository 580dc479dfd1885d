"""What was ordered of a product is found along an index, however many orders there are."""

import sqlalchemy as sa

from s1pdgs.publication.odata.entities import find_page
from s1pdgs.publication.odata.options import read_options
from s1pdgs.publication.on_demand.odata import ORDERS
from s1pdgs.storage.database import Database
from tests.databases import plans_of


def test_orders_of_a_product_are_found_along_an_index(database: Database) -> None:
    asked = [("$filter", "InputProductReference/Reference eq 'S1A_X.SAFE'")]

    def ask(connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        find_page(connection, ORDERS, read_options(asked, offer=ORDERS.offer))

    (plan,) = plans_of(database, ask)
    assert "ix_demand_reference" in plan, plan
    assert not any(scan in plan for scan in ("SCAN demand", "Seq Scan", "B-TREE")), plan
