"""What was wrong in a command line, in one line."""

from __future__ import annotations

import re
from typing import Any

from vid2vidmr.errors import UnknownNameError


def usage_message(error: Any) -> str:
    """Say what is wrong and where help is, of an error of typer; empty where it showed help.

    Parameters
    ----------
    error : ClickException
        With the nearest name where a command, an option or one of few values is unknown.
    """
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""
    context = getattr(error, "ctx", None)
    message = _with_nearest(error, error.format_message())
    path = context.command_path if context else "vid2vidmr"
    return f"{message} See `{path} --help`."


def _with_nearest(error: Any, message: str) -> str:
    """Put one name that was meant in the place of all that there are."""
    choices = getattr(getattr(getattr(error, "param", None), "type", None), "choices", ())
    found = re.search(r"'([^']*)' is not one of ", message)
    if found and choices:
        flag = "/".join(error.param.opts)
        known = (str(getattr(choice, "value", choice)) for choice in choices)
        return str(UnknownNameError(f"value of {flag}", found[1], known))
    return message if message.endswith((".", "?", ")")) else f"{message}."
