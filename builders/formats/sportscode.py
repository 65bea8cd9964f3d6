"""XML of Sportscode (Hudl, Nacsport, Angles and others write it): instances of codes, in seconds.

kloppy reads it too, with lxml, fsspec and aiohttp; but it stops at the first instance that lacks a
field and does not say which, and it takes document types, whose entities could fill the memory.
So: the standard library, and no document type.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, nan
from pathlib import Path
from xml.etree import ElementTree

from builders.formats import MAX_BYTES, Entry, Fault, Found
from vid2vidmr.errors import DataError
from vid2vidmr.files import read_bytes


class _Builder(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse it before any of its entities is defined."""
        raise ValueError("it has a document type")


def read(path: Path, name: str) -> Iterator[Found]:
    """Yield the instances of the video that has the file's name; the code is the class."""
    try:
        root = ElementTree.fromstring(
            read_bytes(path, MAX_BYTES), ElementTree.XMLParser(target=_Builder())
        )
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path} is not XML of Sportscode: {error}.") from None
    if root.find("ALL_INSTANCES") is None:
        raise DataError(f"{path} is not XML of Sportscode: it has no ALL_INSTANCES.")
    for number, instance in enumerate(root.iterfind("ALL_INSTANCES/instance"), 1):
        place = f"instance {number}"
        code = (instance.findtext("code") or "").strip()
        start, end = (_seconds(instance.findtext(tag)) for tag in ("start", "end"))
        if not code or not isfinite(start) or not isfinite(end):
            yield Fault(place, "expected a code, and start and end in seconds")
        else:
            yield Entry(place, name, code, start, end)


def _seconds(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return nan
