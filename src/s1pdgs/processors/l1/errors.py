"""What can go wrong in Level-1 processing."""

from s1pdgs.processors.l0.program import ProcessorError


class ProcessingError(ProcessorError):
    """The inputs do not allow a Level-1 product; the message names the file and the remedy."""
