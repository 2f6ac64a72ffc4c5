"""What makes a new name in a folder survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["sync_folder"]


def sync_folder(folder: Path) -> None:
    """Bring a folder to the disk: a name is there when its folder is.

    Args:
        folder: in which a file was made or renamed.

    Raises:
        OSError: it cannot be opened, or written.
    """
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
