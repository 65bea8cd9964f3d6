"""Pages of help, and what was wrong in a command line, in one line."""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import Any

from vid2vidmr.errors import UnknownNameError

CHOICE = re.compile(r"Invalid value for '?([^\s']+)'?: '(.*)' is not one of (.*)")


def flowing(command: Any) -> Any:
    """Take the source's line ends out of the help of a command, and of those below it.

    Typer does so in the first paragraph alone, and the others would be broken twice.
    """
    command.help = command.help and re.sub(r"(?<=\S)\n *(?=\S)", " ", cleandoc(command.help))
    for below in getattr(command, "commands", {}).values():
        flowing(below)
    return command


def usage_message(error: Any) -> str:
    """Say what is wrong and where help is, of an error of typer; nothing where it showed help.

    With the nearest name where one of few was expected.
    """
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""
    message: str = error.format_message().replace("Value error, ", "").strip()
    if choice := CHOICE.match(message):
        flag, given, known = choice.groups()
        message = str(UnknownNameError(f"value of {flag}", given, re.findall("'([^']*)'", known)))
    message += _given(error, message)
    if not message.endswith((".", "?", ")")):
        message += "."
    context = getattr(error, "ctx", None)
    return f"{message} See `{context.command_path if context else 'vid2vidmr'} --help`."


def _given(error: Any, message: str) -> str:
    """Name the value that was refused, where the message does not."""
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return ""
    given = str(error.__cause__.errors()[0]["input"])
    return "" if repr(given) in message else f", not {given[:80]!r}"
