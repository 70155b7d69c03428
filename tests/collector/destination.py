"""Someone else's web server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class Destination:
    """A local web server that answers with the statuses it is given, then 200."""

    def __init__(self, *answers: tuple[int, dict[str, str], str]) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[dict[str, str], bytes]] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.answers:
            status, headers, text = self.answers.pop(0)
            return web.Response(status=status, headers=headers, text=text)
        self.taken.append((dict(request.headers), body))
        return web.Response(text="ok")

    @asynccontextmanager
    async def url(self, path: str = "/hook/secret-part") -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{site.port}{path}"
        finally:
            await runner.cleanup()
