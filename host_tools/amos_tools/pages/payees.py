"""The payee's pages: balances, statements over periods, one statement whole, and the page that checks it."""

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from amos_ledger.folder import Folder
from amos_ledger.settlement.money import signed_decimal
from amos_tools.pages.frame import Frame
from amos_tools.pages.statements import books_of, file_of, place_of, statement_of
from amos_tools.verify.page import checking_page

CHECKING_POLICY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The rest stands in that page itself, which names its one script by its hash and fetches nothing."""


class Payees:
    """Their routes."""

    def __init__(self, frame: Frame, folder: Folder) -> None:
        self._frame, self._folder = frame, folder

    def routes(self) -> list[BaseRoute]:
        """For the application."""
        return [
            Route("/payee", self._books),
            Route("/payee/check", self._check),
            Route("/payee/{place}", self._statement),
            Route("/payee/{place}/statement.json.gz", self._file),
        ]

    async def _books(self, request: Request) -> Response:
        payee = self._payee(request)
        books = await self._frame.on_a_thread(lambda: books_of(self._folder, payee))
        values = {"payee": payee, "books": books, "money": _money, "place_of": place_of}
        return self._frame.page(request, "payee", values)

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
