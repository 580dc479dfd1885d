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
    sa.Column("catalogued_at", Micros, nullable=False),
    sa.Column("evicted_at", Micros),
)
sa.Index("ix_product_type_start", product.c.type, product.c.start)
sa.Index("ix_product_datatake_type", product.c.datatake, product.c.type)
sa.Index("ix_product_start", product.c.start)

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
)
sa.Index("ix_footprint_box_west", footprint_box.c.west, footprint_box.c.east)
