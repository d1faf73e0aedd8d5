"""Whatever is asked of the operators' pages is answered by a page: what their forms allow, and what they do not."""

import re
from pathlib import Path
from typing import Any

import pytest
import requests
from form_fuzz import TEXT, answers_to, asked, choice, documented, form
from pages_world import BAR, PagesWorld
from rollout_examples import a_rollout

from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import ACTS, KINDS, TAG_ACTS
from amos_tools.fleet.tags.kept import write_tags
from amos_tools.fleet.tags.tags import Tags
from amos_tools.pages.fleet_query import SORTS
from amos_tools.pages.fleet_rows import ALL_STATES


def document(secret: str, device_id: str, marks: set[str]) -> dict[str, Any]:
    """The forms and addresses of an admin, but for those that let people in and out."""
    names = {"name": "name", "in": "path", "required": True, "schema": choice("cafe-8", "r-1", "%2e%2e", "desk.json")}
    device = {"name": "id", "in": "path", "required": True, "schema": choice(device_id, "f" * 32, "x")}
    fleet = asked(
        q=TEXT, state=choice("", *ALL_STATES), sort=choice(*SORTS), page={"type": "integer"}, wrong=TEXT, tag=TEXT
    )
    queries, acts = choice("", "q=bar-1", "sort=x", "tag=hotel", "tag=%07"), choice(*ACTS, *TAG_ACTS)
    direct = form(secret, query=queries, count=choice("0", "1", "2"), which=choice(*marks), act=acts, value=TEXT)
    act = form(secret, act=choice(*KINDS), pack=TEXT)
    rings = choice("a: 5 %\nb: 100 %", "a: cafe, #hotel", "a", "", "a: cafe/0\na: 1 %")
    length = choice("1s", "2h", "", "9999999999d", "h")
    start = form(secret, pack=choice("cafe-8", "..", ""), rings=rings, soak=length, take=length, percent=TEXT)
    numbers = choice("0", "7", "255", "256", "-1", "", "x")
    draw = form(secret, site=choice("cafe", "../x", ""), name=choice("", "bar", "B"), tier=numbers, days=numbers)
    paths = {
        "/fleet": {"get": fleet, "post": direct},
        "/fleet/{id}": {"parameters": [device], "get": asked()},
        "/waiting": {"get": asked(), "post": form(secret, key=TEXT, hours=choice("1", "24", "7"))},
        "/rollouts": {"get": asked(), "post": start},
        "/rollouts/{name}": {"parameters": [names], "get": asked(), "post": act},
        "/pairing": {"get": asked(site=TEXT), "post": draw},
        "/weeks/{name}": {"parameters": [names], "get": asked()},
        "/played": {"get": asked(period=TEXT)},
        "/played.csv": {"get": asked(period=TEXT)},
    }
    return documented(**paths)


@pytest.mark.parametrize("role", ["admin", "player"])
def test_whatever_is_asked_is_answered_by_a_page(tmp_path: Path, role: str) -> None:
    desk = DeskFolder(tmp_path / "desk")
    desk.make()
    write_tags(desk.path, Tags({"cafe": ("hotel",)}))
    desk.store("r-1").save(a_rollout(1, 2))
    with PagesWorld(tmp_path / "world", desk.path) as pages, requests.Session() as browser:
        page = browser.post(f"{pages.url}/signin", data={"code": pages.code(role)}, timeout=30).text
        secret = page.partition('name="secret" value="')[2][:64]
        asked_by = [browser.get(f"{pages.url}/fleet?q={text}", timeout=30).text for text in ("", "bar-1")]
        marks = {"0" * 16, *(mark for page in asked_by for mark in re.findall(r'name="which" value="(\w+)"', page))}
        answered = answers_to(document(secret, pages.device_id(BAR), marks), pages.url, browser)
    assert {200, 403} <= answered if role == "player" else {200, 400, 404} <= answered
    assert role == "admin" or desk.waiting() == [], "whoever may not order has ordered nothing"
