"""What the bits of packets say: where decoding may begin, and which frames no other refers to.

Flags of containers are not asked for either, except which frames are key frames: a wrong one would
change frames. Sources: ITU-T H.264 (7.3.1, D.2.8), H.265 (7.3.1.2, 7.3.2.2, 8.1.3), AV1 bitstream
specification (5.5, 5.9).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

_LEADING = {"h264", "hevc", "mpeg1video", "mpeg2video"}
"""Codecs in which frames may be sent behind a key frame and shown before it."""
_SPS = re.compile(rb"\x42\x01(.)", re.DOTALL)
_HEVC_VPS, _HEVC_SPS = 32, 33
_RECOVERY_POINT = 6
_IDR, _SEI = 5, 6
_SEQUENCE, _DELIMITER, _HEADER, _FRAME = 1, 2, 3, 6
_HEAD = 256
"""Bytes of a unit of AV1 that are read: a header has fewer."""


class Access:
    """Reads the packets of one stream.

    Attributes
    ----------
    leading : bool
        Whether frames may be sent behind a key frame and shown before it (open GOP). What is shown
        from the key frame on does not need them.
    """

    def __init__(self, codec: Any) -> None:
        self._kind = str(codec.name)
        self._extradata = bytes(codec.extradata or b"")
        self._layers = {found[1][0] >> 1 & 7 for found in _SPS.finditer(self._extradata)}
        self._sequences: set[_Sequence | None] = set()
        self.leading = self._kind in _LEADING

    def begins(self, packet: Any) -> bool:
        """Whether all that is shown from this packet's frame on can be decoded from it on."""
        if not packet.is_keyframe:
            return False
        if self._kind == "hevc":  # a picture at random access (CRA, BLA, IDR)
            self._read_layers(bytes(packet))
        elif self._kind == "libdav1d":
            found = _Sequence.of(bytes(packet)) or _Sequence.of(self._extradata[4:])
            self._sequences.add(found)
        return self._kind != "h264" or self._recovers(bytes(packet))

    def skipped(self) -> str:
        """Which frames the decoder may leave out, as libavcodec names them."""
        if self._kind == "h264" or (self._kind == "hevc" and self._layers == {0}):
            return "NONREF"
        return "DEFAULT"  # frames of HEVC may have others of higher layers refer to them

    def unused(self, packet: Any) -> bool:
        """Whether a packet need not be sent: one shown frame of AV1 that is not kept.

        dav1d leaves out such frames from when it is opened, or never.
        """
        if len(self._sequences) != 1:
            return False
        (sequence,) = self._sequences
        units = [(kind, data) for kind, data in _obus(memoryview(packet)) if kind != _DELIMITER]
        return (
            sequence is not None
            and len(units) == 1
            and units[0][0] in (_HEADER, _FRAME)
            and sequence.keeps_nothing(units[0][1])
        )

    def _read_layers(self, data: bytes) -> None:
        """Note `sps_max_sub_layers_minus1` of the sequence parameter sets of HEVC."""
        for unit in self._nal_units(data):
            kind = unit[0] >> 1 & 63
            if kind == _HEVC_SPS:
                self._layers.add(unit[2] >> 1 & 7)
            elif kind < _HEVC_VPS:  # a slice
                return

    def _recovers(self, data: bytes) -> bool:
        """Whether this is an IDR picture, or an exact recovery point for what is shown from it."""
        for unit in self._nal_units(data):
            kind = unit[0] & 31
            if kind == _SEI and _exact_recovery(unit[1:].replace(b"\0\0\3", b"\0\0")):
                return True
            if 1 <= kind <= _IDR:
                return kind == _IDR
        return False

    def _nal_units(self, data: bytes) -> Iterator[bytes]:
        """Split a packet by its lengths, or by start codes."""
        if self._extradata[:1] != b"\x01":
            starts = [code.end() for code in re.finditer(b"\0\0\1", data)]
            for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
                yield data[start:end].ljust(3, b"\0")
            return
        size = (self._extradata[4 if self._kind == "h264" else 21] & 3) + 1
        at = 0
        while at + size < len(data):
            length = int.from_bytes(data[at : at + size], "big")
            yield data[at + size : at + size + length].ljust(3, b"\0")
            at += size + length


def _exact_recovery(payload: bytes) -> bool:
    """Whether SEI messages hold a recovery point that is this frame, and exact."""
    left = iter(payload)

    def number() -> int:
        total = 0
        for byte in left:
            total += byte
            if byte < 255:
                break
        return total

    while True:
        kind, message = number(), bytes(islice(left, number()))
        if kind == _RECOVERY_POINT:  # recovery_frame_cnt is ue(v) 0, exact_match_flag is 1
            return message[:1] >= b"\xc0"
        if not message:
            return False


def _obus(data: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
    """Type of each unit of AV1, and as much of it as a header may take."""
    at = 0
    while at < len(data):
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        length = len(data) - at
        if sized:
            length = shift = 0
            while at < len(data):
                length |= (data[at] & 127) << shift
                at, shift, more = at + 1, shift + 7, data[at] >> 7
                if not more:
                    break
        yield kind, bytes(data[at : at + min(length, _HEAD)])
        at += length


class _Bits:
    """Reads unsigned numbers, the highest bit first; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data.ljust(_HEAD, b"\0"), "big")
        self._left = 8 * max(len(data), _HEAD)

    def __call__(self, count: int) -> int:
        self._left -= count
        return self._value >> max(0, self._left) & ((1 << count) - 1)


@dataclass(frozen=True)
class _Sequence:
    """Fields of a sequence header of AV1 on which frame headers depend; 2: each frame tells."""

    screen_tools: int
    integer_vectors: int
    order_bits: int

    @classmethod
    def of(cls, data: bytes) -> _Sequence | None:
        """Read the first one in `data`; None where there is none, or one with rarer fields."""
        header = next((unit for kind, unit in _obus(data) if kind == _SEQUENCE), None)
        if header is None:
            return None
        bits = _Bits(header)
        bits(4)
        if bits(1) or bits(1):  # reduced_still_picture_header, timing_info_present_flag
            return None
        delays = bits(1)
        for _ in range(bits(5) + 1):  # operating points
            bits(12)
            if bits(5) > 7:
                bits(1)
            if delays and bits(1):
                bits(4)
        width, height = bits(4) + 1, bits(4) + 1
        bits(width)
        bits(height)
        if bits(1):  # frame_id_numbers_present_flag
            return None
        bits(7)
        ordered = bits(1)
        bits(2 * ordered)
        screen = 2 if bits(1) else bits(1)
        integer = 2 if not screen or bits(1) else bits(1)
        return cls(screen, integer, bits(3) + 1 if ordered else 0)

    def keeps_nothing(self, header: bytes) -> bool:
        """Whether the frame of a header is shown and refreshes no reference."""
        bits = _Bits(header)
        if bits(1):  # show_existing_frame
            return False
        kind = bits(2)
        if kind not in (1, 2) or not bits(1):  # neither inter nor intra-only; not shown
            return False
        resilient = bits(1)
        bits(1)
        screen = bits(1) if self.screen_tools == 2 else self.screen_tools
        if screen and self.integer_vectors == 2:
            bits(1)
        bits(1 + self.order_bits)
        if kind == 1 and not resilient:
            bits(3)  # primary_ref_frame
        return bits(8) == 0  # refresh_frame_flags
