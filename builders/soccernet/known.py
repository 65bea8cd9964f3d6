"""What the paper says of the labels: they were not at hand here, so it is shown, not required."""

from __future__ import annotations

from pathlib import Path

from builders.facts import Fact
from builders.formats.soccernet import records
from vid2vidmr.video.files import files_below

FILE = "Labels-v2.json"
MATCHES, ACTIONS, CLASSES = 500, 110_458, 17


def spotting_facts(folder: Path) -> list[Fact]:
    """Count what is in a folder of matches, those included that a broadcast does not show."""
    files = [path for name, path in files_below(folder).items() if Path(name).name == FILE]
    labels = [action["label"] for path in files for action in records(path)]
    return [
        Fact("matches", MATCHES, len(files)),
        Fact("actions", ACTIONS, len(labels)),
        Fact("classes", CLASSES, len(set(labels))),
    ]
