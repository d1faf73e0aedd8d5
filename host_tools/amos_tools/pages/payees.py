"""The payee's pages: balances, statements over periods, one statement whole, and the page that checks it."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from amos_ledger.folder import Folder
from amos_ledger.settlement.money import signed_decimal
from amos_tools.pages.frame import Frame
from amos_tools.pages.limits import CHANGE_WAIT_S
from amos_tools.pages.own_stems import Changes, own_stem, own_stems
from amos_tools.pages.statements import books_of, file_of, frozen_of_stem, place_of, statement_of
from amos_tools.verify.page import checking_page
from amos_web.errors import WebRefusal

CHECKING_POLICY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The rest stands in that page itself, which names its one script by its hash and fetches nothing."""


class Payees:
    """Their routes."""

    def __init__(self, frame: Frame, folder: Folder, report: Callable[[str], None]) -> None:
        self._frame, self._folder, self._report = frame, folder, report
        self._changes = Changes(folder)
        self._turn = asyncio.Semaphore(1)
        self._asking: asyncio.Future[None] | None = None

    def routes(self) -> list[BaseRoute]:
        """For the application."""
        return [
            Route("/payee", self._books),
            Route("/payee/check", self._check),
            Route("/payee/stems/{stem}", self._stem),
            Route("/payee/stems/{stem}", self._change, methods=["POST"]),
            Route("/payee/{place}", self._statement),
            Route("/payee/{place}/statement.json.gz", self._file),
        ]

    async def _books(self, request: Request) -> Response:
        payee = self._payee(request)
        if self._asking is None or self._asking.done():  # one thread at most waits for a broker that is away
            self._asking = asyncio.get_running_loop().run_in_executor(None, self._changes.ask_ahead)
        books = await self._frame.on_a_thread(lambda: books_of(self._folder, payee))
        stems = await self._frame.on_a_thread(lambda: own_stems(self._folder, payee))
        values = {"payee": payee, "books": books, "stems": stems, "money": _money, "place_of": place_of}
        return self._frame.page(request, "payee", values)

    async def _stem(self, request: Request) -> Response:
        payee = self._payee(request)
        return await self._shown_stem(request, payee, None)

    async def _change(self, request: Request) -> Response:
        person, fields = await self._frame.form(request, "payee")
        assert person.payee is not None
        payee, stem, wanted = person.payee, request.path_params["stem"], fields.get("do", "")
        refusal = None
        try:
            if wanted not in ("withdraw", "bring back"):
                raise WebRefusal(400, "ChangeWrong", "do: expected withdraw or bring back", "use the form of this page")
            back = wanted == "bring back"
            if await self._in_turn(lambda: self._changes.make(payee, stem, back)):
                done = "brought back" if back else "withdrew"
                self._report(f"{person.name} {done} stem {stem} for {payee}")
        except WebRefusal as error:
            refusal = error
        return await self._shown_stem(request, payee, refusal)

    async def _in_turn(self, make: Callable[[], bool]) -> bool:
        """One change after the other, and no reader waits for one. Raises `WebRefusal`."""
        try:
            await asyncio.wait_for(self._turn.acquire(), CHANGE_WAIT_S)
        except TimeoutError:
            raise WebRefusal(503, "TooManyChanges", "others change stems", "try again in a while") from None
        try:
            return await asyncio.to_thread(make)
        finally:
            self._turn.release()

    async def _shown_stem(self, request: Request, payee: str, refusal: WebRefusal | None) -> Response:
        """The stem as it stands, with what it has earned: what is frozen is seen at once."""
        id = request.path_params["stem"]
        stem = await self._frame.on_a_thread(lambda: own_stem(self._folder, payee, id))
        earned = await self._frame.on_a_thread(lambda: frozen_of_stem(self._folder, payee, id))
        values = {"stem": stem, "earned": earned, "money": _money, "refusal": refusal}
        return self._frame.page(request, "payee_stem", values, 200 if refusal is None else refusal.status)

    async def _statement(self, request: Request) -> Response:
        payee, place = self._payee(request), request.path_params["place"]
        title, html = await self._frame.on_a_thread(lambda: statement_of(file_of(self._folder, payee, place)))
        return self._frame.page(request, "statement", {"heading": title, "html": html, "place": place})

    async def _file(self, request: Request) -> Response:
        payee, place = self._payee(request), request.path_params["place"]
        path = await self._frame.on_a_thread(lambda: file_of(self._folder, payee, place))
        return FileResponse(path, media_type="application/gzip", filename=f"{payee}-{place}.json.gz")

    async def _check(self, request: Request) -> Response:
        self._payee(request)
        page = checking_page(self._folder.public_key, self._folder.trust.origin)
        return Response(page, media_type="text/html", headers={"content-security-policy": CHECKING_POLICY})

    def _payee(self, request: Request) -> str:
        """Whose statements: those of who asks, whatever the address says."""
        person, _cookie = self._frame.entered(request, "payee")
        assert person.payee is not None
        return person.payee


def _money(micro: int | None) -> str:
    return "" if micro is None else signed_decimal(micro)
