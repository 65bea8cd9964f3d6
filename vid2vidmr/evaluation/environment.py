"""What code and machine made a number: versions, commit, hardware."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from pydantic import Field

from vid2vidmr.records import Record

PACKAGES = ("vid2vidmr", "numpy", "torch", "av", "opencv-python-headless", "numba", "scipy")
"""Packages whose version can change a number."""


class Environment(Record):
    """What code and machine made something; as far as it is known."""

    commit: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    hardware: str | None = None


def environment() -> Environment:
    """Say what this process is."""
    return Environment(commit=commit(), versions=versions(), hardware=hardware())


def versions() -> dict[str, str]:
    """Versions of Python and of the installed `PACKAGES`."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def commit() -> str | None:
    """Git commit of this code, ``-dirty`` if files differ; None outside its repository."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        run = ["git", "-C", str(here), *arguments]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # An installed copy can lie in the repository of another project, which does not track it.
        git("ls-files", "--error-unmatch", Path(__file__).name)
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


@cache
def hardware() -> str:
    """Processor, number of cores, and the GPU where torch is in use and has one."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    text = f"{model}, {os.cpu_count()} cores"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        text += f", {torch.cuda.get_device_name()}"
    return text
