"""The pages in a browser: on a phone and at a desk, light and dark, in each language, by the keyboard, on paper."""

from pathlib import Path

import pytest
from pages_world import BAR, PagesWorld
from patience import wait_until
from scanned import read_on_page
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from visitors import audited, check_fetches_its_own, check_languages, prefer, speak

from amos_ledger.watch.alerts import Alert, Alerts
from amos_ledger.watch.state_file import write_state
from amos_tools.pages import frame
from amos_web.words import LANGUAGES

SOURCES = Path(frame.__file__).parent
ADDRESSES = ("/fleet", "/fleet/{device}", "/waiting", "/played?period=2026-11", "/people", "/nothing")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_control_has_a_name_and_every_text_its_contrast(
    phone: Chrome, pages: PagesWorld, tmp_path: Path, scheme: str, language: str
) -> None:
    speak(phone, language)
    prefer(phone, scheme)
    write_state(pages.state, Alerts([Alert("silent:x", "was not heard of", 1, set(), 2**40, False)]))
    try:
        phone.delete_all_cookies()
        phone.get(f"{pages.url}/signin")
        assert audited(phone) == []
        pages.sign_in(phone, "admin")
        for address in ADDRESSES:
            phone.get(pages.url + address.format(device=pages.device_id(BAR)))
            assert audited(phone) == [], address
            assert phone.execute_script("return document.documentElement.lang") == language
        pages.sign_in(phone, "payee", "ann")
        assert audited(phone) == []
        shot = tmp_path / f"pages-{language}-{scheme}.png"
        phone.save_screenshot(str(shot))
        assert shot.stat().st_size > 10_000
    finally:
        speak(phone, "en")


def test_the_link_fills_in_its_code_and_leaves_none_in_the_address(phone: Chrome, pages: PagesWorld) -> None:
    phone.delete_all_cookies()
    phone.get("about:blank")
    phone.get_log("browser")  # of other tests
    code = pages.code("player", "Lou")
    phone.get(f"{pages.url}/signin#{code}")
    field = phone.find_element(By.ID, "code")
    wait_until(lambda: field.get_property("value") == code, "the code is filled in")
    assert phone.current_url == f"{pages.url}/signin"
    field.send_keys(Keys.ENTER)
    wait_until(lambda: phone.current_url.endswith("/fleet"), lambda: phone.page_source)
    log = [entry for entry in phone.get_log("browser") if entry["level"] == "SEVERE"]
    assert not [entry for entry in log if "favicon" not in entry["message"]], log


def test_a_link_is_a_picture_too_by_which_a_phone_comes_in(phone: Chrome, pages: PagesWorld) -> None:
    pages.sign_in(phone, "admin")
    phone.get(f"{pages.url}/people")
    phone.find_element(By.ID, "name").send_keys("Lou", Keys.ENTER)
    wait_until(lambda: phone.find_elements(By.ID, "link"), lambda: phone.page_source)
    link = phone.find_element(By.ID, "link").text
    assert "/signin#" in link and audited(phone) == []
    assert read_on_page(phone, ".qr") == [link]


def test_the_table_is_filtered_and_sorted_by_the_keyboard_alone(phone: Chrome, pages: PagesWorld) -> None:
    pages.sign_in(phone, "player")
    phone.find_element(By.ID, "q").send_keys("bar-1", Keys.ENTER)
    wait_until(lambda: "q=bar-1" in phone.current_url, lambda: phone.current_url)
    assert "1 player;" in phone.find_element(By.ID, "count").text
    phone.get(f"{pages.url}/fleet")
    for _each in range(60):
        ActionChains(phone).send_keys(Keys.TAB).perform()
        focus = phone.switch_to.active_element
        if focus.text == "Player":
            break
    outline = phone.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert focus.text == "Player" and outline == "solid", "the focus is seen"
    focus.send_keys(Keys.ENTER)
    wait_until(lambda: "sort=name" in phone.current_url, lambda: phone.current_url)
    (head,) = phone.find_elements(By.CSS_SELECTOR, "th[aria-sort]")
    assert head.text.startswith("Player") and head.get_attribute("aria-sort") == "ascending"


def test_a_page_left_open_says_that_it_is_old(phone: Chrome, pages: PagesWorld) -> None:
    pages.sign_in(phone, "player")
    stale = phone.find_element(By.ID, "stale")
    assert not stale.is_displayed()
    # As if an hour had gone by.
    phone.execute_script("const now = Date.now; Date.now = () => now() + 3600000;")
    wait_until(stale.is_displayed, "it says so")


def test_on_paper_there_is_the_table_and_nothing_to_press(phone: Chrome, pages: PagesWorld) -> None:
    pages.sign_in(phone, "music")
    phone.get(f"{pages.url}/played?period=2026-11")
    phone.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not any(button.is_displayed() for button in phone.find_elements(By.TAG_NAME, "button"))
        assert phone.find_element(By.TAG_NAME, "tfoot").is_displayed()
    finally:
        phone.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_every_sentence_is_there_in_every_language() -> None:
    check_languages(SOURCES)


def test_nothing_is_fetched_from_elsewhere() -> None:
    check_fetches_its_own(SOURCES)
