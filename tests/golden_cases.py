"""Where golden cases come from: the folder in VID2VIDMR_GOLDEN, by default the project's copy."""

import os
from pathlib import Path


def golden_folder() -> Path:
    """Folder of the golden files."""
    return Path(os.environ.get("VID2VIDMR_GOLDEN", Path(__file__).parent / "golden"))


def golden_cases(pattern: str) -> list[Path]:
    """All files of the folder that match, sorted; a folder may hold only some."""
    return sorted(golden_folder().glob(pattern))
