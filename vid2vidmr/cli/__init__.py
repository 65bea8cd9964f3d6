"""The command line: ``vid2vidmr COMMAND``. Every command is a thin call of one public function."""

from __future__ import annotations

import errno
import sys
from io import TextIOWrapper

ADVICE = {
    errno.ENOSPC: "free some space or choose another folder, then run the same command again",
    errno.EDQUOT: "free some space or choose another folder, then run the same command again",
    errno.EFBIG: "raise the limit on the size of files, then run the same command again",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "choose a folder that you may read and write",
    errno.EPERM: "choose a folder that you may read and write",
    errno.ENOTDIR: "choose another path: a part of this one is a file",
    errno.EEXIST: "choose another path: a file of this name is in the way",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EIO: "check the disk, or choose another file",
}
"""What to do about errors of the file system that are the user's to mend."""


def main() -> None:
    """Run the command line; exit 2 with one line where the user can mend what went wrong."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that is not to be had ends nothing
    try:
        from vid2vidmr.cli.app import app

        code = app(standalone_mode=False, prog_name="vid2vidmr")
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        from vid2vidmr.text import plain, redacted

        message = _message(error)
        if message is None:
            raise
        if message:
            print("error:", plain(redacted(message)), file=sys.stderr)
        code = 2
    if code == 130:  # typer returns it for Ctrl-C
        print("stopped", file=sys.stderr)
    sys.exit(code)


def _message(error: Exception) -> str | None:
    """Say what a user can mend; nothing where help was shown instead, None of other errors."""
    from vid2vidmr.errors import UserError

    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in ADVICE:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}: {ADVICE[error.errno]}."
    if not hasattr(error, "format_message"):  # typer's class has no public name
        return None
    from vid2vidmr.cli.usage import usage_message

    return usage_message(error)
