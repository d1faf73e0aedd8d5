"""Pages asked for whatever their forms allow, and what they do not: documents of forms, and schemathesis over them."""

from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings

TEXT = {"type": "string", "maxLength": 80}
EXPECTED = {200, 400, 403, 404, 405, 409, 421}
"""405 and 421: of another method or name than the document's."""


def choice(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def asked(**parameters: dict[str, Any]) -> dict[str, Any]:
    found = [{"name": name, "in": "query", "schema": schema} for name, schema in parameters.items()]
    return {"parameters": found, "responses": {"200": {"description": "a page"}}}


def form(secret: str, **fields: dict[str, Any]) -> dict[str, Any]:
    known = {"secret": choice(secret), **fields}
    schema = {"type": "object", "properties": known, "required": list(known), "additionalProperties": False}
    body = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}
    return {"requestBody": body, "responses": {"200": {"description": "a page"}}}


def documented(**paths: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document of these."""
    return {"openapi": "3.1.0", "info": {"title": "pages", "version": "1"}, "paths": paths}


def answers_to(document: dict[str, Any], url: str, browser: requests.Session) -> set[int]:
    """The statuses of what was answered to eight requests of each kind, good and wrong ones; all are expected ones."""
    answered: set[int] = set()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    for found in schema.get_all_operations():
        operation = found.ok()
        good, wrong = (operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)

        @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(good | wrong)
        def one(case: Any) -> None:
            answer = case.call(session=browser, timeout=30)
            assert answer.status_code in EXPECTED, (answer.status_code, answer.text)
            answered.add(answer.status_code)

        one()
    return answered
