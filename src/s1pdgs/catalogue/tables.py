"""What we hold: products, their files and the boxes around their footprints."""

import sqlalchemy as sa

from s1pdgs.storage.database import Identifier, Micros, metadata

product = sa.Table(
    "product",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("satellite", sa.Text, nullable=False),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("generated", Micros, nullable=False),
    sa.Column("location", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("t0", Micros, nullable=False),
    sa.Column("timeliness", sa.Text),
    sa.Column("footprint", sa.JSON(none_as_null=True), comment="closed ring of [longitude, latitude] in degrees"),
    sa.Column("attributes", sa.JSON, nullable=False, comment="name -> [kind, value]; times as microseconds"),
    sa.Column("datatake", sa.Integer, comment="mission data take identifier, where there is one"),
    sa.Column("orbit", sa.BigInteger, comment="attribute orbitNumber, where it is a whole number"),
    sa.Column("relative_orbit", sa.BigInteger, comment="attribute relativeOrbitNumber, where it is a whole number"),
    sa.Column("catalogued_at", Micros, nullable=False),
    sa.Column("published_at", Micros, comment="when it went out, as publication tells; null while it has not"),
    sa.Column("evicted_at", Micros, comment="when its files went; null while they are here"),
    sa.Column("evict_at", Micros, comment="when its files go by their rule; null for never"),
    sa.Column("gone_at", Micros, comment="since when neither files nor zip are here; null while one of them is"),
    sa.Column("returned_at", Micros, comment="when files that had gone came in again: they are kept from then on"),
)
sa.Index("ix_product_published", product.c.published_at, product.c.id)
sa.Index("ix_product_name", product.c.name, product.c.published_at, postgresql_include=["id"])
sa.Index(
    "ix_product_type_start",
    product.c.type,
    product.c.start,
    product.c.published_at,
    postgresql_include=["id", "stop"],
)
sa.Index("ix_product_datatake_type", product.c.datatake, product.c.type)
sa.Index("ix_product_start", product.c.start, product.c.published_at, postgresql_include=["id", "stop"])
sa.Index("ix_product_orbit", product.c.orbit, product.c.type)
sa.Index("ix_product_relative_orbit", product.c.relative_orbit, product.c.type, product.c.start)
_IS_HERE = product.c.evicted_at.is_(None)
for _moment in (product.c.start, product.c.stop, product.c.generated):
    sa.Index(
        f"ix_product_here_{_moment.name}",
        product.c.type,
        product.c.satellite,
        _moment,
        sqlite_where=_IS_HERE,
        postgresql_where=_IS_HERE,
    )

_GOES = sa.and_(_IS_HERE, product.c.evict_at.is_not(None))
sa.Index("ix_product_evict_at", product.c.evict_at, product.c.id, sqlite_where=_GOES, postgresql_where=_GOES)

product_file = sa.Table(
    "product_file",
    metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("md5", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
)

type_span = sa.Table(
    "type_span",
    metadata,
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("longest_us", sa.BigInteger, nullable=False, comment="bounds interval searches by (type, start)"),
)

footprint_box = sa.Table(
    "footprint_box",
    metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, comment="a footprint over the dateline has a box on each side"),
    sa.Column("west", sa.Float, nullable=False),
    sa.Column("east", sa.Float, nullable=False),
    sa.Column("south", sa.Float, nullable=False),
    sa.Column("north", sa.Float, nullable=False),
    sa.Column("start", Micros, nullable=False, server_default="0", comment="start of sensing, as the product's"),
    sa.Column("stop", Micros, nullable=False, server_default="0", comment="stop of sensing, as the product's"),
)

footprint_tree = sa.table(
    "footprint_tree",
    *(sa.column(name, sa.Float) for name in ("west", "east", "south", "north", "start", "stop")),
    sa.column("id", sa.Integer),
)
"""On SQLite only, kept by triggers: an R*Tree of footprint boxes, in degrees, and sensing times, in days since 2010.

Its edges are rounded outwards to 32 bits. `id` is `TREE_PARTS` times the product's number, and the part.
"""
TREE_PARTS = 1024

same_product = sa.Table(
    "same_product",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="a product that was made and is no news"),
    sa.Column("product", sa.Text, nullable=False, comment="the held product with the same measurements"),
)

datatake = sa.Table(
    "datatake",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("satellite", sa.Text, nullable=False),
    sa.Column("datatake", sa.Integer, nullable=False, comment="mission data take identifier"),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("report", sa.Text, nullable=False, comment="the REP_L0PSA_ that told it last"),
    sa.Column("reported_at", Micros, nullable=False),
    sa.Column("packets", sa.BigInteger, nullable=False),
    sa.Column("lost_in_downlink", sa.BigInteger, nullable=False, comment="packets"),
    sa.Column("lost_in_instrument", sa.BigInteger, nullable=False, comment="packets"),
    sa.Column("slices", sa.Integer, nullable=False, comment="places on the grid of slices"),
    sa.Column("slices_made", sa.Integer, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False, comment="every polarisation from its first packet to its postamble"),
    sa.Column("account", sa.JSON, nullable=False, comment="all that the report told: see catalogue/datatakes.py"),
)
sa.Index("ix_datatake_identifier", datatake.c.datatake, datatake.c.satellite)
sa.Index("ix_datatake_start", datatake.c.start)

datatake_product = sa.Table(
    "datatake_product",
    metadata,
    sa.Column("datatake_id", sa.ForeignKey(datatake.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("product", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("slice", sa.Integer, nullable=False, comment="its place on the grid; 0 for the whole data take"),
    sa.Column("superseded_by", sa.Text, comment="the newer version of the same; null for the current one"),
    sa.Column("superseded_at", Micros),
)

datatake_segment = sa.Table(
    "datatake_segment",
    metadata,
    sa.Column("datatake_id", sa.ForeignKey(datatake.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("segment", sa.Text, primary_key=True, comment="name of a segment that the last report was made from"),
)

reception = sa.Table(
    "reception",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("satellite", sa.Text, nullable=False),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("report", sa.Text, nullable=False, unique=True, comment="the REP_ACQNR_ that told it"),
    sa.Column("reported_at", Micros, nullable=False),
    sa.Column("account", sa.JSON, nullable=False, comment="all that the report told: see catalogue/receptions.py"),
)
sa.Index("ix_reception_satellite", reception.c.satellite, reception.c.start)

reception_product = sa.Table(
    "reception_product",
    metadata,
    sa.Column("reception_id", sa.ForeignKey(reception.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("product", sa.Text, primary_key=True, comment="name of a product that was made of it"),
    sa.Column("superseded_by", sa.Text, comment="the telemetry product of more deliveries; null for current ones"),
    sa.Column("superseded_at", Micros),
)
sa.Index("ix_reception_product_product", reception_product.c.product)

acquisition_plan = sa.Table(
    "acquisition_plan",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False, unique=True, comment="the product MPL_ACQPLN that it was read from"),
    sa.Column("satellite", sa.Text, nullable=False),
    sa.Column("start", Micros, nullable=False, comment="of the time that it is about"),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("made", Micros, nullable=False, comment="of two plans for one time the one made later counts"),
)
sa.Index("ix_acquisition_plan_satellite", acquisition_plan.c.satellite, acquisition_plan.c.stop)

planned_datatake = sa.Table(
    "planned_datatake",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("plan_id", sa.ForeignKey(acquisition_plan.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("satellite", sa.Text, nullable=False),
    sa.Column("datatake", sa.Integer, comment="mission data take identifier, where the plan tells it"),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("swath", sa.Text, comment="of modes with a single one"),
    sa.Column("polarisation", sa.Text),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("orbit", sa.Integer, comment="absolute, at its start"),
    sa.Column("replaced_by", sa.BigInteger, comment="the newer plan for its time; null while it is planned"),
)
sa.Index("ix_planned_datatake_start", planned_datatake.c.start)
sa.Index("ix_planned_datatake_identifier", planned_datatake.c.datatake, planned_datatake.c.satellite)

legal_hold = sa.Table(
    "legal_hold",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("product_id", sa.ForeignKey(product.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False, comment="who ordered it, and by which door"),
    sa.Column("held_at", Micros, nullable=False),
    sa.Column("released_at", Micros, comment="null while it holds"),
    sa.Column("released_by", sa.Text),
)
sa.Index("ix_legal_hold_product_id", legal_hold.c.product_id)

garbage = sa.Table(
    "garbage",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("prefix", sa.Text, nullable=False, comment="of objects that no row claims any more"),
    sa.Column("product_id", Identifier, comment="of its files below the prefix only; null for all that is there"),
    sa.Column("due_at", Micros, nullable=False, comment="they are left alone before: somebody may still read them"),
)
sa.Index("ix_garbage_due_at", garbage.c.due_at)
