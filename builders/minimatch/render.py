"""From the plan of a video to its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from builders.minimatch.broadcast import WIPE_FRAMES, Broadcast
from builders.minimatch.camera import draw_camera
from builders.minimatch.canvas import Image
from builders.minimatch.config import FPS, HEIGHT, WIDTH
from builders.minimatch.ground import Backdrop, World
from builders.minimatch.plan import VideoPlan
from builders.minimatch.scenes import SCENES
from builders.minimatch.shots import FAMILY_OF
from builders.minimatch.style import draw_style
from vid2vidmr.files import replacing

REPLAY_SPEED = 0.5
# The last line takes a third off the preset's time and makes no larger files.
ENCODER = {
    "preset": "veryfast",
    "crf": "30",
    "g": "32",
    "threads": "1",
    "x264-params": "subme=1:rc-lookahead=4",
}


def frames(plan: VideoPlan) -> Iterator[Image]:
    """Draw the frames of a video, each of uint8 (144, 256, 3), blue first.

    A shot's look depends on the video and the shot's number only, so that the same plan gives the
    same frames in any process.
    """
    cv2.setNumThreads(1)
    style = draw_style(np.random.default_rng([*plan.seeds, 0]))
    world = World(style, plan.seeds)
    broadcast = Broadcast(style, plan.seeds, world.font)
    for number, shot in enumerate(plan.shots):
        rng = np.random.default_rng([*plan.seeds, 4, number])
        mirror = FAMILY_OF[shot.shot] != "graphic" and bool(rng.random() < 0.5)
        backdrop = Backdrop(world, rng, mirror=mirror)
        scene = SCENES[shot.shot](backdrop)
        camera = draw_camera(rng, steady=scene.steady)
        speed = float(rng.uniform(0.8, 1.25)) * (REPLAY_SPEED if shot.replay else 1.0)
        length = shot.end - shot.start
        for frame in range(length):
            t, u = speed * frame / FPS, frame / length
            canvas = backdrop.canvas.over(scene.background.copy())
            scene.draw(canvas, t, u)
            filmed = camera.frame(canvas.image, t, u)
            wipe = _wipe(frame, length) if shot.replay else None
            yield broadcast.finish(
                filmed,
                shot.start + frame,
                graphic=scene.steady,
                replay=shot.replay,
                wipe=wipe,
            )


def _wipe(frame: int, length: int) -> float | None:
    """How far a wipe has swept: one opens a replay, one ends it."""
    if frame < WIPE_FRAMES:
        return 0.5 + 0.5 * frame / WIPE_FRAMES
    if frame >= length - WIPE_FRAMES:
        return 0.5 * (1 - (length - frame - 1) / WIPE_FRAMES)
    return None


def render(plan: VideoPlan, path: Path) -> None:
    """Draw a video and write it as H.264; the file appears when it is complete.

    One encoder thread: the same plan gives the same bytes.
    """
    with (
        replacing(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"fflags": "+bitexact"}) as container,
    ):
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = ENCODER
        for image in frames(plan):
            planes = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode())
