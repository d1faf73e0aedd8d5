"""Codes as pages and commands show them."""

from typing import Any

from amos_tools.fleet.pairing.codes import PAIRING, Code, Codes


def code_facts(codes: Codes, code: Code, now_s: float) -> dict[str, Any]:
    """Of one of them. A code is shown as long as it pairs somebody: `code` is empty from then on."""
    state = code.state(now_s)
    return {
        "ticket": code.ticket,
        "site": code.site,
        "code": code.code if state in PAIRING else "",
        "state": state,
        "until_unix_s": code.until_unix_s,
        "name": code.name,
        "tier": code.tier,
        "who": code.who,
        "device_id": code.device_id,
        "called": code.called,
        "ended_by": code.ended_by,
        "wrong_codes": code.tries,
        "locked_until_unix_s": codes.locked_until(code.site, now_s),
    }
