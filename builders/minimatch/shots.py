"""The 46 shot types in 19 families: names only, drawn by the modules of `scenes`."""

from __future__ import annotations

FAMILIES: dict[str, tuple[str, ...]] = {
    "goal": ("goalmouth", "penalty-spot", "net"),
    "ball": ("ball-close", "boots", "corner-flag"),
    "keeper": ("gloves", "keeper-face"),
    "face": ("face-calm", "face-shout"),
    "joy": ("arms-up", "cup", "huddle"),
    "card": ("card-yellow", "card-red"),
    "signal": ("pointing", "linesman"),
    "stands": ("crowd", "flags"),
    "staff": ("coach", "bench", "sub-board"),
    "graphic": ("score", "team-sheet", "tactics"),
    "place": ("stadium", "tunnel", "var-room"),
    "body": ("injured", "handshake", "wall"),
    "play": ("wide", "box", "dribble"),
    "press": ("commentators", "photographers"),
    "mascot": ("mascot", "mascot-face"),
    "arrival": ("bus", "turnstile"),
    "clock": ("watch", "big-screen"),
    "sky": ("fireworks", "airship"),
    "lawn": ("mower", "sprinkler"),
}
SHARED = tuple(FAMILIES)[:13]
"""What a world shows whose splits share their families; the later ones are of others only."""
SHOTS: tuple[str, ...] = tuple(shot for family in FAMILIES.values() for shot in family)
FAMILY_OF: dict[str, str] = {shot: name for name, family in FAMILIES.items() for shot in family}
