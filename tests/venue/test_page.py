"""The venue's page as people have it: on a phone, with a keyboard, without script; and each act in the signed log."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from at_the_page import sign_in, text_of
from german import english_lengths, texts_of
from patience import wait_until
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from venue_world import VenueWorld
from visitors import NoScript, as_wide_as_a_phone, audited, check_fetches_its_own, check_languages, prefer, speak

from amos_sync.venue import pages
from amos_web.sessions import Sessions
from amos_web.templates import Templates
from amos_web.words import LANGUAGES, chosen, entries, translations

SOURCES = Path(pages.__file__).parent


@pytest.fixture(scope="module")
def phone(chromium: tuple[Path, Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with as_wide_as_a_phone(chromium, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_control_has_a_name_and_every_text_its_contrast(
    phone: Chrome, venue: VenueWorld, tmp_path: Path, scheme: str, language: str
) -> None:
    speak(phone, language)
    prefer(phone, scheme)
    try:
        phone.delete_all_cookies()
        phone.get(f"{venue.url}/signin")
        assert audited(phone) == []
        sign_in(phone, venue)
        wait_until(lambda: "Ilse Maren" in text_of(phone), lambda: text_of(phone))
        assert audited(phone) == []
        assert ("Was klingt" in text_of(phone)) == (language == "de")
        assert phone.execute_script("return document.documentElement.lang") == language
        shot = tmp_path / f"venue-{language}-{scheme}.png"
        phone.save_screenshot(str(shot))
        assert shot.stat().st_size > 20_000
    finally:
        speak(phone, "en")


def test_the_page_goes_along_and_shows_what_is_old(phone: Chrome, venue: VenueWorld) -> None:
    phone.delete_all_cookies()
    sign_in(phone, venue)
    assert venue.do("inputs", {"kind": "volume", "value": -27})[0] == 200
    wait_until(lambda: "-27 dB" in text_of(phone), lambda: text_of(phone))
    # As if the page had been made when less might be done.
    shape = "return document.querySelector('section[data-shape]').dataset.shape"
    phone.execute_script("document.querySelector('section[data-shape]').dataset.shape = '[]'")
    assert venue.do("inputs", {"kind": "volume", "value": -28})[0] == 200
    wait_until(lambda: phone.execute_script(shape) not in ("[]", None), "the page is made anew")
    stale = phone.find_element(By.ID, "stale")
    assert not stale.is_displayed()
    # As if between any two looks at the clock 40 s went by.
    phone.execute_script("const now = Date.now; let ahead = 0; Date.now = () => now() + (ahead += 40000);")
    wait_until(stale.is_displayed, lambda: text_of(phone))
    assert "what is shown is old" in stale.text
    log = [entry for entry in phone.get_log("browser") if entry["level"] == "SEVERE"]
    assert not [entry for entry in log if "favicon" not in entry["message"]], log


def signed_in(venue: VenueWorld) -> tuple[NoScript, dict[str, str]]:
    """Somebody, and the hidden fields of their forms."""
    visitor = NoScript(venue.url)
    code, page = visitor.post("/signin", token=venue.token)
    assert code == 200, page
    hidden = dict(re.findall(r'type="hidden" name="(secret|device_id)" value="([0-9a-f]+)"', page))
    return visitor, hidden


def test_everything_works_without_script(venue: VenueWorld) -> None:
    visitor, hidden = signed_in(venue)
    assert 'http-equiv="refresh"' in visitor.get("/")[1]
    code, page = visitor.post("/do", **hidden, kind="volume", value="-18")
    assert code == 200 and "The player took it." in page
    venue.until(lambda player: player["volume_db"] == -18)
    code, page = visitor.post("/do", **hidden, kind="volume", value="11")
    assert code == 400 and "volume: expected -60 to 0 dB, found 11" in page
    code, page = visitor.post("/do", **hidden, act="like 77")
    assert code == 409 and "expected 0 to 5, found 77" in page
    assert visitor.post("/do", **hidden, act="skip")[0] == 200


def test_a_form_from_elsewhere_does_nothing(venue: VenueWorld) -> None:
    visitor, hidden = signed_in(venue)
    foreign = {"Origin": "https://evil.example"}
    for code, answer in (
        visitor.post("/do", device_id=hidden["device_id"], act="skip"),
        visitor.post("/do", device_id=hidden["device_id"], secret="0" * 64, act="skip"),
        visitor.post("/do", foreign, **hidden, act="skip"),
        visitor.post("/signin", foreign, token=venue.token),
        NoScript(venue.url).post("/do", **hidden, act="skip"),
        NoScript(venue.url).get("/live"),
    ):
        assert code == 403 and "refusal" in answer
    assert visitor.post("/do", {"Content-Type": "text/plain"}, **hidden)[0] == 400
    assert visitor.post("/do", **hidden, **{f"f{number}": "" for number in range(9)})[0] == 400
    assert visitor.post("/signout", secret=hidden["secret"])[0] == 200
    assert "Token" in visitor.get("/")[1]
    assert "lets nobody in" in NoScript(venue.url).post("/signin", token="wrong")[1]


@pytest.mark.parametrize("cookie", [None, "", "a.b.c", "..", "ü.1.2", "x" * 300, "{hash}.{made}.{wrong}"])
def test_a_cookie_that_is_none_of_ours_is_nobodys(cookie: str | None) -> None:
    sessions = Sessions(b"k" * 32)
    good = sessions.begin("ab" * 32)
    assert sessions.token_of(good) == "ab" * 32 and sessions.is_secret(good, sessions.secret_of(good))
    assert Sessions(b"j" * 32).token_of(good) is None
    known, made, _mac = good.split(".")
    told = cookie if cookie is None else cookie.replace("{hash}", known).replace("{made}", made)
    assert sessions.token_of(told) is None
    old = f"{known}.1"
    assert sessions.token_of(f"{old}.{sessions._mac('session', old)}") is None


def test_every_sentence_of_the_page_is_there_in_every_language() -> None:
    check_languages(SOURCES)


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("en,de;q=0.9", "en"),
        ("fr,de;q=0.3,en;q=0.2", "de"),
        ("de;q=x", "de"),
        (",;q=" * 99, "en"),
    ],
)
def test_the_language_is_the_one_that_is_liked_best(accept: str, language: str) -> None:
    assert chosen(accept) == language


@pytest.mark.parametrize(
    "text",
    [
        *('msgid "a"\nmsgstr "b', 'msgid a\nmsgstr "b"', "hello\n"),
        *('msgid "a"\nmsgstr[6] "b"', 'msgid "a"\nmsgstr[] "b"'),
    ],
)
def test_a_catalogue_that_is_none_is_named_with_its_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^line \d: expected"):
        entries(text)


def test_a_number_says_which_form_a_message_has() -> None:
    known = translations(SOURCES / "locale")
    forms = "%(num)s minute is not receipted yet.", "%(num)s minutes are not receipted yet."
    told = {language: [known[language].ngettext(*forms, number) for number in (0, 1, 2)] for language in LANGUAGES}
    assert told["en"] == [forms[1], forms[0], forms[1]]
    one, many = "%(num)s Minute ist noch nicht quittiert.", "%(num)s Minuten sind noch nicht quittiert."
    assert told["de"] == [many, one, many]


def test_a_context_says_which_case_a_message_has() -> None:
    text = 'msgctxt "ago"\nmsgid "a day"\nmsgstr "einem Tag"\n\nmsgid "a day"\nmsgstr "ein Tag"\n'
    assert entries(text) == {"ago\4a day": "einem Tag", "a day": "ein Tag"}


def test_no_length_of_time_is_told_in_english_to_who_reads_german(venue: VenueWorld) -> None:
    visitor, de = NoScript(venue.url), {"Accept-Language": "de"}
    assert english_lengths(visitor.get("/signin", de)[1]) == []
    visitor.post("/signin", token=venue.token)
    code, page = visitor.get("/", de)
    told = " ".join(texts_of(page, "de"))
    assert code == 200 and english_lengths(page) == [] and "nicht quittiert." in told and "ohne Nachricht" in told


def test_nothing_is_fetched_from_elsewhere() -> None:
    check_fetches_its_own(SOURCES)


def test_what_a_template_shows_is_escaped() -> None:
    words: Any = translations(SOURCES / "locale")
    evil = {"sentence": "<script>alert(1)</script>", "hint": '"><b>'}
    for language in LANGUAGES:
        page = Templates(pages.PACKAGE, words).render("signin.html", language, {"refusal": evil})
        assert "<script>alert" not in page and "&lt;script&gt;" in page
