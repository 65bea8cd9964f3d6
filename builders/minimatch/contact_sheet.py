"""A picture of all shot types: `python -m builders.minimatch.contact_sheet docs/minimatch.png`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from builders.minimatch.broadcast import Broadcast
from builders.minimatch.camera import draw_camera
from builders.minimatch.canvas import Canvas, Image
from builders.minimatch.config import FPS, HEIGHT, WIDTH
from builders.minimatch.ground import Backdrop, World
from builders.minimatch.scenes import SCENES
from builders.minimatch.shots import SHOTS
from builders.minimatch.style import WHITE, draw_style

COLUMNS = 6


def draw_tile(shot: str, seed: tuple[int, ...], t: float = 1.5) -> Image:
    """Draw one frame of a shot type in a style of its own, uint8 (144, 256, 3)."""
    world = World(draw_style(np.random.default_rng([*seed, 0])), seed)
    rng = np.random.default_rng([*seed, 4])
    backdrop = Backdrop(world, rng, mirror=bool(rng.random() < 0.5))
    scene = SCENES[shot](backdrop)
    camera = draw_camera(rng, steady=scene.steady)
    canvas = backdrop.canvas.over(scene.background.copy())
    scene.draw(canvas, t, 0.5)
    broadcast = Broadcast(world.style, seed, world.font)
    return broadcast.finish(
        camera.frame(canvas.image, t, 0.5), round(t * FPS), replay=False, wipe=None
    )


def contact_sheet(seed: int = 0) -> Image:
    """Draw all shot types with their names, each in another style."""
    tile_h = HEIGHT + 16
    rows = -(-len(SHOTS) // COLUMNS)
    sheet = np.full((rows * tile_h, COLUMNS * (WIDTH + 4), 3), 30, np.uint8)
    labels = Canvas(sheet)
    for place, shot in enumerate(SHOTS):
        y, x = place // COLUMNS * tile_h, place % COLUMNS * (WIDTH + 4) + 2
        sheet[y : y + HEIGHT, x : x + WIDTH] = draw_tile(shot, (seed, place))
        labels.text(shot, (x + WIDTH / 2, y + HEIGHT + 8), 8, WHITE, 500)
    return sheet


if __name__ == "__main__":
    out = Path(sys.argv[1])
    drawn = contact_sheet(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    out.write_bytes(cv2.imencode(out.suffix, drawn, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes())
