"""What can go wrong in Level-1 processing."""


class ProcessingError(ValueError):
    """The inputs do not allow a Level-1 product; the message names the file and the remedy."""
