"""What can go wrong between the catalogue and a user."""


class PublicationError(Exception):
    """The root of this room's errors; the message is fit for a user."""


class QueryError(PublicationError, ValueError):
    """A query that its protocol does not allow or that this service does not know (400)."""


class UnservedError(QueryError):
    """A query that its protocol allows and that this service does not answer (501)."""


class SlowQueryError(PublicationError):
    """A query took longer than this service lets one take (503)."""


class UnknownProductError(PublicationError, LookupError):
    """There is no published product, image or collection of that name or identifier (404)."""


class EvictedError(PublicationError):
    """The product was published, and its bytes are gone (410)."""


class ConflictError(PublicationError):
    """What is asked does not fit the state of its object (409)."""


class CorruptProductError(PublicationError):
    """The stored bytes of a product are not those that were catalogued; nothing was published."""
