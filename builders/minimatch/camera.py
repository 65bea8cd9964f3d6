"""The camera of a shot: how it frames the scene, moves, and looks from the other side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from builders.minimatch.canvas import H, Image, W
from builders.minimatch.config import HEIGHT, WIDTH

MOVES = ("still", "zoom-in", "zoom-out", "pan", "drift", "handheld")


@dataclass(frozen=True)
class Camera:
    """A framing and a movement. `zoom` 1 shows the whole scene."""

    move: str
    zoom: float
    side: float  # where in the room that the zoom leaves, -1 to 1
    shift: float  # phase of the movement
    mirror: bool

    def frame(self, image: Image, t: float, u: float) -> Image:
        """Film the scene, (288, 512, 3), at time `t` s, share `u` of the shot; (144, 256, 3)."""
        zoom, x, y, roll = self.zoom, 0.5 * self.side, 0.0, 0.0
        if self.move == "zoom-in":
            zoom *= 1 + 0.15 * u
        elif self.move == "zoom-out":
            zoom *= 1.15 - 0.15 * u
        elif self.move == "pan":
            zoom *= 1.1
            x = math.copysign(2 * u - 1, self.side)
        elif self.move == "drift":
            zoom *= 1.05
            x, y = math.sin(0.7 * t + self.shift), math.cos(0.5 * t + self.shift)
        elif self.move == "handheld":
            zoom *= 1.07
            x = 0.5 * math.sin(3.1 * t + self.shift) + 0.3 * math.sin(7.7 * t)
            y = 0.5 * math.cos(4.3 * t + self.shift) + 0.3 * math.sin(9.1 * t)
            roll = 0.012 * math.sin(2.3 * t + self.shift)
        if self.mirror:
            x = -x
        step = W / WIDTH / zoom
        room_x, room_y = (W - WIDTH * step) / 2, (H - HEIGHT * step) / 2
        cos, sin = step * math.cos(roll), step * math.sin(roll)
        # Pixel centres: at zoom 1 every pixel is the mean of 2 x 2 pixels of the scene.
        mid_x, mid_y = (W - 1) / 2 + x * room_x, (H - 1) / 2 + y * room_y
        half_x, half_y = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
        matrix = np.array(
            [
                [cos, -sin, mid_x - cos * half_x + sin * half_y],
                [sin, cos, mid_y - sin * half_x - cos * half_y],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        filmed = cv2.warpAffine(
            image, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT
        )
        return np.asarray(filmed, np.uint8)


def draw_camera(rng: np.random.Generator, *, steady: bool) -> Camera:
    """Draw the camera of one shot; a graphic is seen as it is."""
    move = str(rng.choice(MOVES))
    zoom, side = float(1 + 0.16 * rng.random() ** 2), float(rng.uniform(-1, 1))
    shift, mirror = float(rng.uniform(0, 6)), bool(rng.random() < 0.5)
    if steady:
        return Camera("still", 1.0, 0.0, 0.0, False)
    return Camera(move, zoom, side, shift, mirror)
