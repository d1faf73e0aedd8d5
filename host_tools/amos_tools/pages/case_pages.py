"""The pages of cases: payees write, operators answer."""

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from amos_tools.pages.cases import Cases
from amos_tools.pages.frame import Frame
from amos_web.errors import TokenError, WebRefusal
from amos_web.people import PAYEE, Person

NUMBER_DIGITS_MAX = 9


class CasePages:
    """Their routes. `report` is told who wrote and who answered."""

    def __init__(self, frame: Frame, folder: Path, report: Callable[[str], None]) -> None:
        self._frame, self._cases, self._report = frame, Cases(folder), report

    def routes(self) -> list[BaseRoute]:
        """For the application."""
        return [Route("/cases", self._shown), Route("/cases", self._form, methods=["POST"])]

    async def _shown(self, request: Request) -> Response:
        person, _cookie = self._frame.entered(request, "cases")
        return await self._page(request, person, None, None)

    async def _form(self, request: Request) -> Response:
        person, fields = await self._frame.form(request, "cases")
        told, refusal = None, None
        try:
            told = await self._frame.on_a_thread(lambda: self._done(person, fields))
        except TokenError as error:
            refusal = WebRefusal(400, "CaseWrong", str(error))
        return await self._page(request, person, told, refusal)

    def _done(self, person: Person, fields: dict[str, str]) -> int:
        text = fields.get("text", "")
        if person.role == PAYEE:
            assert person.payee is not None
            case = self._cases.write(person.payee, person.name, text)
            self._report(f"{person.name} wrote case {case.number} for {person.payee}")
            return case.number
        digits = fields.get("number", "")
        if not digits.isdecimal() or len(digits) > NUMBER_DIGITS_MAX:
            raise TokenError(f"case: expected the number of one, found {digits[:40]!r}")
        case = self._cases.answer(int(digits), person.name, text)
        self._report(f"{person.name} answered case {case.number} of {case.payee}")
        return case.number

    async def _page(self, request: Request, person: Person, told: int | None, refusal: WebRefusal | None) -> Response:
        try:
            if person.role == PAYEE:
                assert person.payee is not None
                payee = person.payee
                cases = await self._frame.on_a_thread(lambda: self._cases.of(payee))
            else:
                cases = await self._frame.on_a_thread(self._cases.all)
        except TokenError as error:
            raise WebRefusal(503, "CasesUnreadable", str(error), "tell the operator") from None
        values = {"cases": cases, "told": told, "refusal": refusal, "answers": person.role != PAYEE}
        return self._frame.page(request, "cases", values, 200 if refusal is None else refusal.status)
