"""A picture of all shot types: `python -m builders.minimatch.contact_sheet docs/minimatch.png`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from builders.minimatch.broadcast import Broadcast
from builders.minimatch.camera import draw_camera
from builders.minimatch.canvas import Canvas, Image
from builders.minimatch.config import FPS
from builders.minimatch.ground import Backdrop, World
from builders.minimatch.scenes import SCENES
from builders.minimatch.shots import SHOTS
from builders.minimatch.style import WHITE, draw_style

COLUMNS = 6
TILE_W, TILE_H = 164, 92


def draw_tile(shot: str, seed: tuple[int, ...], t: float = 1.5) -> Image:
    """Draw one frame of a shot type in a style of its own, uint8 (144, 256, 3)."""
    world = World(draw_style(np.random.default_rng([*seed, 0])), seed)
    rng = np.random.default_rng([*seed, 4])
    backdrop = Backdrop(world, rng, mirror=False)
    scene = SCENES[shot](backdrop)
    camera = draw_camera(rng, steady=scene.steady)
    canvas = backdrop.canvas.over(scene.background.copy())
    scene.draw(canvas, t, 0.5)
    broadcast = Broadcast(world.style, seed, world.font)
    return broadcast.finish(
        camera.frame(canvas.image, t, 0.5), round(t * FPS), graphic=scene.steady
    )


def contact_sheet(seed: int = 0) -> Image:
    """Draw all shot types with their names, each in another style, uint8 (rows, columns, 3)."""
    rows = -(-len(SHOTS) // COLUMNS)
    cell_w, cell_h = TILE_W + 4, TILE_H + 14
    sheet = np.full((rows * cell_h, COLUMNS * cell_w, 3), 24, np.uint8)
    labels = Canvas(sheet)
    for place, shot in enumerate(SHOTS):
        y, x = place // COLUMNS * cell_h, place % COLUMNS * cell_w + 2
        tile = draw_tile(shot, (seed, place))
        tile = cv2.resize(tile, (TILE_W, TILE_H), interpolation=cv2.INTER_AREA)
        # Fewer colours halve the PNG, which lies in the repository.
        sheet[y : y + TILE_H, x : x + TILE_W] = tile & 0xF8
        labels.text(shot, (x + TILE_W / 2, y + TILE_H + 6), 7, WHITE, 500)
    return sheet


if __name__ == "__main__":
    out = Path(sys.argv[1])
    png = cv2.imencode(out.suffix, contact_sheet(), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    out.write_bytes(png.tobytes())
