"""Serving the page to this machine: nothing else may ask, nothing outside the archive is given."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from vid2vidmr.app.desk import Ask, Desk, Selection
from vid2vidmr.app.view import ASSETS, START, start_script
from vid2vidmr.archive.search import Searcher
from vid2vidmr.errors import UserError, VideoError
from vid2vidmr.files import BASE_CSS
from vid2vidmr.records import fault

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
MAX_ASKED = 2**20
MAX_DROPPED = 2**31
"""Bytes of a request, and of a file that is dropped."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
M = TypeVar("M", bound=BaseModel)


def serve(
    archive: str | Path,
    method: str,
    checkpoint: str | None = None,
    port: int = 8000,
    tell: Callable[[str], None] = print,
) -> None:
    """Serve the page of an archive until Ctrl-C.

    Parameters
    ----------
    archive, method, checkpoint
        See `Searcher`.
    port : int
        0 is any that is free.
    tell : callable
        Is told the address.

    Raises
    ------
    UserError
        If the port is taken, or the extra ``app`` is not installed.
    """
    with TemporaryDirectory(prefix="vid2vidmr-app-") as room:
        application = make_app(Desk(Searcher(archive, method, checkpoint), Path(room)))
        with listening_on(port) as listening:
            tell(f"http://{HOST}:{listening.getsockname()[1]}/ (Ctrl-C ends it)")
            server_of(application).run([listening])


def listening_on(port: int) -> socket.socket:
    """Open a port of this machine to this machine.

    Raises
    ------
    UserError
        If the port is taken.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise UserError(
            f"Port {port} cannot be used ({error.strerror}): pass another --port."
        ) from None


def server_of(application: Starlette) -> uvicorn.Server:
    """Make a server that says nothing and does not wait for browsers that hold on to a video."""
    import uvicorn

    quiet = uvicorn.Config(
        application, log_level="error", timeout_graceful_shutdown=1, server_header=False
    )
    return uvicorn.Server(quiet)


def make_app(desk: Desk) -> Starlette:
    """Make the application: page, videos, previews, and what the page asks."""
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.routing import Mount, Route
        from starlette.staticfiles import StaticFiles
    except ImportError:
        raise UserError('The page needs `pip install "vid2vidmr[app]"`.') from None

    def route(path: str, answer: Any, *methods: str) -> Route:
        return Route(path, partial(answer, desk), methods=list(methods or ("GET",)))

    return Starlette(
        routes=[
            route("/", _page), route(f"/{START}", _start),
            route(f"/assets/{BASE_CSS.name}", _style),
            Mount("/assets", StaticFiles(directory=ASSETS)),
            route("/video/{number:int}", _video), route("/preview/{number:int}", _preview),
            route("/dropped/{token}", _dropped), route("/drop", _drop, "PUT"),
            route("/search", _search, "POST"), route("/export", _export, "POST"),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=NAMES, www_redirect=False),
            Middleware(_Guard),
        ],
        exception_handlers={UserError: _refused, ValidationError: _refused},
    )  # fmt: skip


class _Guard:
    """Pages of other sites may send, too (they tell their origin): what they send is refused."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.datastructures import Headers, MutableHeaders
        from starlette.responses import PlainTextResponse

        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        application = self._app
        if scope["type"] == "http":
            asked = Headers(scope=scope)
            origin = asked.get("origin")
            if origin is not None and origin != f"http://{asked.get('host')}":
                application = PlainTextResponse("Only this page may ask.", 403)
        await application(scope, receive, marked)


async def _refused(request: Request, error: Exception) -> Response:
    from starlette.responses import JSONResponse

    said = fault(error, "the request") if isinstance(error, ValidationError) else str(error)
    return JSONResponse({"error": said}, 400)


async def _in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, *arguments)


async def _chunks(request: Request, limit: int, keep: Callable[[bytes], object]) -> None:
    """Take the body of a request; one that is too long is refused before it fills anything."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise UserError(f"That is more than {limit // 2**20:,} MiB.")
        keep(chunk)


async def _asked(request: Request, kind: type[M]) -> M:
    body = bytearray()
    await _chunks(request, MAX_ASKED, body.extend)
    return kind.model_validate_json(bytes(body))


def _file(path: Path | None) -> Response:
    from starlette.responses import FileResponse, PlainTextResponse

    return PlainTextResponse("Not here.", 404) if path is None else FileResponse(path)


async def _page(desk: Desk, request: Request) -> Response:
    return _file(ASSETS / "index.html")


async def _style(desk: Desk, request: Request) -> Response:
    return _file(BASE_CSS)


async def _start(desk: Desk, request: Request) -> Response:
    from starlette.responses import Response

    script = start_script(await _in_thread(desk.start))
    return Response(script, media_type="text/javascript")


async def _video(desk: Desk, request: Request) -> Response:
    return _file(desk.video(request.path_params["number"]))


async def _dropped(desk: Desk, request: Request) -> Response:
    return _file(desk.dropped(request.path_params["token"]))


async def _preview(desk: Desk, request: Request) -> Response:
    from starlette.responses import Response

    try:
        at_s = max(0.0, round(float(request.query_params.get("at", "0")), 2))
        image = await _in_thread(desk.preview, request.path_params["number"], at_s)
    except (ValueError, OverflowError, VideoError):
        image = None
    return _file(None) if image is None else Response(image, media_type="image/jpeg")


async def _drop(desk: Desk, request: Request) -> Response:
    from starlette.responses import JSONResponse

    token, path = desk.place(request.query_params.get("name", ""))
    try:
        with path.open("wb") as file:
            await _chunks(request, MAX_DROPPED, file.write)
        return JSONResponse(await _in_thread(desk.take, token, path))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _search(desk: Desk, request: Request) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(await _in_thread(desk.ask, await _asked(request, Ask)))


async def _export(desk: Desk, request: Request) -> Response:
    from starlette.responses import FileResponse

    path = await _in_thread(desk.take_out, await _asked(request, Selection))
    return FileResponse(path, filename=path.name)
