"""The errors of the lake: a path that may not be, a frame that does not fit its table, a file that cannot be read."""

from headroom.config.secrets import redact


class LakeError(ValueError):
    """The lake refuses or cannot read something; the message names path, table or column, and what was expected."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class PathError(LakeError):
    """A path that is empty, absolute or would leave the lake's root."""


class FrameError(LakeError):
    """A frame does not fit its table; the message names the column, the dtype found and the dtype wanted."""


class UnreadableFileError(LakeError):
    """A file of the lake is there but is no JSON file, or no Parquet file that Headroom wrote."""


class WarehouseError(LakeError):
    """The warehouse cannot be built, for want of room or of permission; what stood there stays."""
