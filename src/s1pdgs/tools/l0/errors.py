"""What can be wrong with what a tool is given."""

from s1pdgs.formats.xml import FormatError


class ToolError(FormatError):
    """A product cannot be opened, or a request makes no sense for it; the message names the remedy."""
