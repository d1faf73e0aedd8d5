"""The API as OpenAPI 3.1 describes it: what is served, and what the tests hold every answer against."""

from typing import Any

from amos_sync.courier_status import VERSION as AMOS_VERSION
from amos_sync.venue.pauses import MINUTES_MAX
from amos_sync.venue.requests import KIND_LETTERS_MAX
from amos_web.limits import BODY_BYTES_MAX

PREFIX = "/api/v1"


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT, WHOLE, NUMBER, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


SCHEMAS = {
    "Refusal": _object(refusal=_object(name=TEXT, sentence=TEXT, hint=_or_null(TEXT))),
    "Taken": _object(taken={"const": True}),
    "Paired": _object(paired=_object(site=TEXT, name=TEXT)),
    "Stem": _object(
        number=WHOLE, stem_id=_or_null(TEXT), role=_or_null(TEXT), title=_or_null(TEXT), artist=_or_null(TEXT)
    ),
    "Slider": _object(name=TEXT, value=_or_null(NUMBER), min=NUMBER, max=NUMBER),
    "Daypart": _object(**{"from": TEXT, "until": TEXT, "slider": TEXT, "value": NUMBER}),
    "Player": _object(
        device_id=_or_null({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
        name=TEXT,
        address=TEXT,
        state={"enum": ["away", "stopped", "playing", "paused", "storage full", "fault"]},
        output=TEXT,
        wrong=_list(TEXT),
        tells_what_sounds=FLAG,
        section=_or_null(TEXT),
        stems=_list({"$ref": "#/components/schemas/Stem"}),
        volume_db=_or_null(WHOLE),
        volume_db_min=WHOLE,
        volume_db_max=WHOLE,
        sliders=_list({"$ref": "#/components/schemas/Slider"}),
        announcements=_list(TEXT),
        may=_list(TEXT),
        paused_until_unix_s=_or_null(WHOLE),
        pack=_or_null(_object(name=TEXT, serial=WHOLE)),
        last_receipted=WHOLE,
        last_receipt_unix_s=_or_null(WHOLE),
        waiting_segments=WHOLE,
        unsynced_minutes=WHOLE,
        lease_days=_or_null(WHOLE),
        is_new=FLAG,
        called=_or_null(TEXT),
        dayparts=_list({"$ref": "#/components/schemas/Daypart"}),
    ),
    "Status": _object(
        version={"const": 1},
        site=TEXT,
        as_of_unix_s=WHOLE,
        stale=FLAG,
        broker_connected=FLAG,
        wrong=_list(TEXT),
        players=_list({"$ref": "#/components/schemas/Player"}),
    ),
    "Input": {
        "type": "object",
        "properties": {
            "kind": {
                "type": "string",
                "minLength": 1,
                "maxLength": KIND_LETTERS_MAX,
                "description": "skip, pause, resume, volume, like, dislike, shuffle, announce, or the name of a slider",
            },
            "value": {
                "type": ["number", "string", "null"],
                "description": "dB of a volume; a stem's number or 0 for all; an announcement's name; a slider's units",
            },
        },
        "required": ["kind"],
        "additionalProperties": False,
    },
    "Code": _object(code={"type": "string", "pattern": "^[0-9]{6}$", "description": "as the operator said it"}),
    "Pause": _object(minutes={"type": "integer", "minimum": 1, "maximum": MINUTES_MAX}),
}


def _content(schema: str, kind: str = "application/json") -> dict[str, Any]:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _answers(good: str, *codes: str) -> dict[str, Any]:
    refusals = {
        code: {"description": REFUSALS[code], "content": _content("Refusal")} for code in ("401", "429", *codes)
    }
    return {"200": {"description": "It is so.", "content": _content(good)}, **refusals}


REFUSALS = {
    "400": "The request has no meaning; the sentence says what was expected.",
    "401": "No token, or a wrong one.",
    "404": "No such player is here.",
    "408": "The body did not come in time.",
    "409": "The player refuses it, or is away; the sentence is its own. A code: the desk refuses it, by name.",
    "413": f"The body has more than {BODY_BYTES_MAX} bytes.",
    "429": "Too many wrong tokens, or wrong codes.",
    "503": "Too many event streams.",
    "504": "The player, or the operator's desk, did not answer.",
}
_DEVICE = {"name": "device_id", "in": "path", "required": True, "schema": {"type": "string"}}
_POSTED = ("400", "404", "408", "409", "413", "504")


def _post(name: str, summary: str, schema: str, good: str = "Taken") -> dict[str, Any]:
    body = {"required": True, "content": _content(schema)}
    posted = {"operationId": name, "summary": summary, "requestBody": body, "responses": _answers(good, *_POSTED)}
    return {"parameters": [_DEVICE], "post": posted}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "amos: a venue's players", "version": AMOS_VERSION},
    "servers": [{"url": PREFIX}],
    "security": [{"token": []}],
    "paths": {
        "/status": {
            "get": {"operationId": "status", "summary": "All players as they are.", "responses": _answers("Status")}
        },
        "/events": {
            "get": {
                "operationId": "events",
                "summary": "Server-sent events: `status` with each change, `beat` where nothing changes for 10 s.",
                "responses": {
                    **_answers("Status", "503"),
                    "200": {"description": "A stream.", "content": {"text/event-stream": {"schema": TEXT}}},
                },
            }
        },
        "/players/{device_id}/inputs": _post("input", "Tell a player something, once.", "Input"),
        "/players/{device_id}/pause": _post("pause", "Pause a player for so many minutes.", "Pause"),
        "/players/{device_id}/pair": _post("pair", "Pair a new player by the operator's code.", "Code", "Paired"),
    },
    "components": {"schemas": SCHEMAS, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
}
