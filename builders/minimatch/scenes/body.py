"""Family `body`: an injured player, a handshake, the wall."""

from __future__ import annotations

import math

from builders.minimatch.canvas import Canvas, mix
from builders.minimatch.figure import Pose, draw_figure, draw_head
from builders.minimatch.ground import Backdrop, draw_ball
from builders.minimatch.scenes.scene import Scene, scene
from builders.minimatch.style import BLACK, WHITE


def injured(b: Backdrop) -> Scene:
    """Show a player on the ground, a physio kneeling beside him."""
    style, (player, physio), (kit, _) = b.style, b.people(2), b.kits()
    b.touchline(96, 34, 1.0, soft=2.5)
    bag = (40, 40, 225)
    person_skin = player.skin
    coat = mix((60, 190, 240), style.home.shirt, 0.25)

    def draw(c: Canvas, t: float, u: float) -> None:
        ache = 5 * math.sin(3 * t)
        c.oval((236, 254), (180, 20), style.grass_dark)
        hip, knee = (292, 232), (352, 176 + ache)
        c.line((hip[0], hip[1] + 6), (384, 246), person_skin, 27)
        c.line((384, 246), (440, 250), kit.socks, 22)
        c.line((446, 250), (452, 232), BLACK, 16)
        c.line(hip, knee, person_skin, 30)
        c.line(knee, (384, 236), kit.socks, 24)
        c.line((386, 242), (404, 242), BLACK, 17)
        c.line(hip, (hip[0] + 28, hip[1] - 22), kit.shorts, 38)
        c.line((186, 230), hip, kit.shirt, 52)
        if kit.pattern != "plain":
            c.line((226, 208), (226, 252), kit.trim, 14)
        c.line((200, 214), (290, 192 + ache), mix(kit.shirt, BLACK, 0.15), 18)
        c.line((270, 196 + ache), (338, 182 + ache), person_skin, 15)
        draw_head(c, (136, 226 + ache / 2), 30, player, mood="shout", mouth=0.5 + ache / 12)
        kneel = (424, 226)
        c.line((452, 250), (424, 196), BLACK, 34)
        c.line((452, 250), (478, 256), BLACK, 24)
        c.line(kneel, (404, 124), coat, 58)
        for shift in (0, 12):
            c.line((402, 126 + shift), (372, 164), mix(coat, BLACK, 0.15), 18)
            c.line((372, 164), (348 - shift, 178 + ache), physio.skin, 13)
        draw_head(c, (392, 82), 26, physio, gaze=-1, mood="calm")
        c.rect(62, 232, 108, 264, bag)
        c.rect(80, 238, 90, 258, WHITE)
        c.rect(74, 244, 96, 252, WHITE)

    return scene(b, draw)


def handshake(b: Backdrop) -> Scene:
    """Show two rivals who shake hands, close."""
    (one, two), kits = b.people(2), b.kits()
    b.touchline(206, 44, 1.6, soft=5.0)
    pace = float(b.rng.uniform(4, 6))

    def draw(c: Canvas, t: float, u: float) -> None:
        pump = 9 * math.sin(pace * t)
        near = 12 * u
        left = draw_figure(
            c, (132 + near, 432), 356, kits[0], one, Pose((14, 8), (26, 70 + pump / 3), lean=0.03),
            mood="joy", number=False,
        )[1]  # fmt: skip
        right = draw_figure(
            c, (380 - near, 432), 350, kits[1], two, Pose((26, 70 + pump / 3), (14, 8), lean=-0.03),
            mood="joy", number=False,
        )[0]  # fmt: skip
        clasp = (256.0, (left[1] + right[1]) / 2 + pump)
        c.line(left, clasp, one.skin, 19)
        c.line(right, clasp, two.skin, 19)
        c.oval(clasp, (24, 15), one.skin)
        for k in range(4):
            c.line((clasp[0] - 2 + 6 * k, clasp[1] - 11), (clasp[0] - 6 + 6 * k, clasp[1] + 6),
                   two.skin, 6)  # fmt: skip

    return scene(b, draw)


def wall(b: Backdrop) -> Scene:
    """Show the wall before a free kick, the ball in front."""
    style, team, (kit, _) = b.style, b.people(5), b.kits()
    b.touchline(124, 30, 0.9, soft=1.5)
    b.canvas.path([(-20, 258), (256, 252), (532, 258)], WHITE, 4)
    shift = float(b.rng.uniform(0, 3))

    def draw(c: Canvas, t: float, u: float) -> None:
        leap = max(0.0, math.sin(1.6 * t + shift)) ** 4
        c.oval((256, 250), (196, 13), style.grass_dark)
        for k, person in enumerate(team):
            x = 104 + 76 * k
            hop = 30 * leap * (0.8 + 0.2 * (k % 2))
            pose = Pose((26, -42), (26, -42), (6, 2), (6, 2))
            draw_figure(c, (x, 250 - hop), 192 + 6 * (k % 3), kit, person, pose, mood="sad")
        draw_ball(c, (256, 252), 14, style.ball_panel, 0.7)

    return scene(b, draw)
