"""Which process of a joint run this is; known without torch."""

from __future__ import annotations

import os


def is_main_process() -> bool:
    """Tell whether this process writes and shows progress: of a joint run, the first one.

    Launchers (``torchrun``, ``accelerate launch``) number the processes in ``RANK``.
    """
    return os.environ.get("RANK", "0") == "0"
