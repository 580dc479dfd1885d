"""What can be wrong with what arrives.

InboxError
├── UnsafeArchive    an archive that would leave its place or fill the disk
└── UnknownFile      a file that was never announced
"""


class InboxError(ValueError):
    """Something received cannot be taken in; the message names it and what is wrong."""


class UnsafeArchive(InboxError):  # noqa: N818
    """An archive is not what it should be, would leave its place or would fill the disk."""


class UnknownFile(InboxError):  # noqa: N818
    """A file is handled that its source never announced."""
