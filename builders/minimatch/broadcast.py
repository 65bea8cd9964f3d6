"""What the broadcaster adds to the camera's picture: colour, noise, rain, score bug, wipe."""

from __future__ import annotations

import cv2
import numpy as np

from builders.minimatch.canvas import Canvas, Image, mix
from builders.minimatch.config import FPS, HEIGHT, WIDTH
from builders.minimatch.style import BLACK, WHITE, Style, ink_on

WIPE_FRAMES = 4


class Broadcast:
    """Finishes the frames of one video."""

    def __init__(self, style: Style, seed: tuple[int, ...], font: cv2.FontFace) -> None:
        rng = np.random.default_rng([*seed, 3])
        self.style = style
        self._font = font
        picture = style.picture
        grey = np.full((3, 3), [0.114, 0.587, 0.299], np.float32)
        colour = picture.saturation * np.eye(3, dtype=np.float32) + (1 - picture.saturation) * grey
        gain = picture.gain * np.array(picture.tint, np.float32)
        self._colour = (gain[:, None] * colour).astype(np.float32)
        curve = 255 * (np.arange(256) / 255) ** picture.gamma
        self._curve = np.rint(curve).astype(np.uint8)
        self._noise = np.rint(
            128 + rng.normal(0, picture.noise or 1, (HEIGHT + 16, WIDTH + 16, 3))
        ).astype(np.uint8)
        self._rain = [_rain(rng) for _ in range(4)] if picture.rain else []

    def finish(
        self,
        filmed: Image,
        frame: int,
        *,
        graphic: bool = False,
        replay: bool = False,
        wipe: float | None = None,
    ) -> Image:
        """Give the frame as it is broadcast.

        Parameters
        ----------
        filmed : ndarray of uint8, (144, 256, 3)
        frame : int
            Number of the frame in the video.
        graphic : bool
            A full-screen graphic: no score bug and no rain on it.
        replay : bool
            Whether the shot is a replay, which is marked as such.
        wipe : float, optional
            How far a wipe has swept, from 0 to 1.
        """
        image = cv2.LUT(cv2.transform(filmed, self._colour), self._curve)
        if self._rain and not graphic:
            cv2.add(image, self._rain[frame % 4], dst=image)
        if self.style.picture.noise:
            y, x = (7 * frame) % 16, (11 * frame) % 16
            grain = self._noise[y : y + HEIGHT, x : x + WIDTH]
            cv2.addWeighted(image, 1.0, grain, 1.0, -128.0, dst=image)
        c = Canvas(np.asarray(image, np.uint8), font=self._font)
        if not graphic:
            self._bug(c, frame)
        if replay:
            self._badge(c)
        if wipe is not None:
            self._wipe(c, wipe)
        return c.image

    def _bug(self, c: Canvas, frame: int) -> None:
        bug = self.style.bug
        x0 = WIDTH - 98 if bug.right else 8
        y0 = HEIGHT - 19 if bug.bottom else 7
        c.rect(x0, y0, x0 + 62, y0 + 12, bug.bar)
        c.rect(x0, y0, x0 + 2.5, y0 + 12, self.style.home.shirt)
        c.rect(x0 + 59.5, y0, x0 + 62, y0 + 12, self.style.away.shirt)
        c.rect(x0 + 62, y0, x0 + 90, y0 + 12, bug.accent)
        score = f"{bug.teams[0]} {bug.score[0]}-{bug.score[1]} {bug.teams[1]}"
        c.text(score, (x0 + 31, y0 + 6), 6, WHITE, 700)
        clock = bug.clock_s + frame // FPS
        c.text(f"{clock // 60}:{clock % 60:02d}", (x0 + 76, y0 + 6), 6, ink_on(bug.accent), 700)

    def _badge(self, c: Canvas) -> None:
        bug = self.style.bug
        x = 26 if bug.right else WIDTH - 26
        c.rect(x - 20, 8, x + 20, 19, mix(bug.accent, BLACK, 0.2))
        c.text("REPLAY", (x, 13.5), 6, ink_on(bug.accent), 800)

    def _wipe(self, c: Canvas, share: float) -> None:
        x = -150 + (WIDTH + 230) * share
        stripes = (self.style.bug.bar, self.style.bug.accent, self.style.home.shirt)
        edges = ((0, 90), (90, 106), (106, 118), (118, 130))
        for colour, (left, right) in zip((*stripes, stripes[0]), edges, strict=True):
            a, b = x + left, x + right
            c.poly([(a + 40, 0), (b + 40, 0), (b - 10, HEIGHT), (a - 10, HEIGHT)], colour)
        c.disc((x + 60, HEIGHT / 2), 22, WHITE)
        c.text("M", (x + 60, HEIGHT / 2), 20, self.style.bug.bar, 900)


def _rain(rng: np.random.Generator) -> Image:
    """One layer of rain to be added to a frame."""
    layer = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    c = Canvas(layer)
    for x, y, length in rng.random((60, 3)) * (WIDTH + 20, HEIGHT, 9):
        tone = int(rng.integers(28, 64))
        c.line((x, y), (x - 2 - length / 3, y + 6 + length), (tone, tone, tone), 1)
    return layer
