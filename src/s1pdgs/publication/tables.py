"""What goes out: the published form of products."""

import sqlalchemy as sa

from s1pdgs.catalogue.tables import product
from s1pdgs.storage.database import Micros, metadata

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id), primary_key=True),
    sa.Column("state", sa.Text, nullable=False, comment="pending | published | failed"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retry_at", Micros, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("location", sa.Text, comment="object key of the zip"),
    sa.Column("size", sa.BigInteger),
    sa.Column("md5", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("quicklook", sa.Text, comment="object key of the quicklook image"),
    sa.Column("requested_at", Micros, nullable=False),
    sa.Column("published_at", Micros),
    sa.Column("area", sa.LargeBinary, comment="footprint as well-known binary, valid and cut at the dateline"),
)
sa.Index("ix_publication_published", publication.c.published_at, publication.c.product_id)
sa.Index("ix_publication_state", publication.c.state, publication.c.retry_at)

published_type = sa.Table(
    "published_type",
    metadata,
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("held", sa.BigInteger, nullable=False, comment="how many products were published"),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("west", sa.Float, comment="of the box around all footprints, in degrees"),
    sa.Column("south", sa.Float),
    sa.Column("east", sa.Float),
    sa.Column("north", sa.Float),
    sa.Column("told", sa.JSON, nullable=False, comment="name -> values that its products have: see holdings.py"),
)
