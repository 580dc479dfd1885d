"""What goes out: the published form of products."""

import sqlalchemy as sa

from s1pdgs.catalogue.tables import product
from s1pdgs.storage.database import Identifier, Micros, metadata

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
    sa.Column("verified_at", Micros, comment="when the stored zip was read again and was as published"),
    sa.Column("archived_at", Micros, comment="when the archive had a verified copy; null while it has none"),
    sa.Column("evicted_at", Micros, comment="when the zip went; null while it can be downloaded"),
    sa.Column("evict_at", Micros, comment="when the zip goes by its rule; null for never"),
    sa.Column("restored_until", Micros, comment="of one that was ordered: it stays until then"),
    sa.Column(
        "modified_at",
        Micros,
        comment="when what users see of it changed last, for no two products the same; null before it is published",
    ),
)
sa.Index("ix_publication_published", publication.c.published_at, publication.c.product_id)
sa.Index("ix_publication_modified", publication.c.modified_at, publication.c.product_id)
sa.Index("ix_publication_state", publication.c.state, publication.c.retry_at)
_GOES = sa.and_(publication.c.evicted_at.is_(None), publication.c.evict_at.is_not(None))
sa.Index(
    "ix_publication_evict_at",
    publication.c.evict_at,
    publication.c.product_id,
    sqlite_where=_GOES,
    postgresql_where=_GOES,
)

auxiliary_offer = sa.Table(
    "auxiliary_offer",
    metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, comment="of what is served: the file itself, or the zip of a folder"),
    sa.Column("location", sa.Text, nullable=False, comment="object key of what is served"),
    sa.Column("size", sa.BigInteger, comment="null, as the checksums, while the zip is not made"),
    sa.Column("md5", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("published_at", Micros, comment="null while the zip is not made"),
    sa.Column("attempts", sa.Integer, nullable=False, comment="to make the zip"),
    sa.Column("retry_at", Micros, nullable=False),
    sa.Column("reason", sa.Text, comment="why the last attempt failed"),
)
sa.Index("ix_auxiliary_offer_published_at", auxiliary_offer.c.published_at, auxiliary_offer.c.product_id)
_PENDING = auxiliary_offer.c.published_at.is_(None)
sa.Index("ix_auxiliary_offer_retry_at", auxiliary_offer.c.retry_at, sqlite_where=_PENDING, postgresql_where=_PENDING)

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

damaged_object = sa.Table(
    "damaged_object",
    metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("place", sa.Text, primary_key=True, comment="store | archive"),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fault", sa.Text, nullable=False, comment="missing | damaged"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("found_at", Micros, nullable=False),
)

patrol = sa.Table(
    "patrol",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("reached", Identifier, nullable=False, comment="the product that was looked at last"),
)
