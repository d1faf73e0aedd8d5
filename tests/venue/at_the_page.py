"""What somebody with a browser does at a venue's page."""

from patience import wait_until
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from venue_world import VenueWorld


def sign_in(browser: Chrome, venue: VenueWorld) -> None:
    browser.get(f"{venue.url}/signin")
    browser.find_element(By.ID, "token").send_keys(venue.token, "\n")
    wait_until(lambda: browser.find_elements(By.CLASS_NAME, "live"), lambda: browser.page_source)


def press(browser: Chrome, words: str, said: str = "The player took it.") -> None:
    """The first button of that name; what it does is told by the page that follows."""

    def pressed() -> bool:
        found = browser.execute_script(
            "for (const b of document.querySelectorAll('button'))"
            " if (b.textContent.trim() === arguments[0]) { b.click(); return true; } return false;",
            words,
        )
        return bool(found)

    browser.execute_script("document.body.dataset.before = 'yes'")
    wait_until(pressed, lambda: (words, browser.page_source))
    wait_until(
        lambda: browser.execute_script("return document.readyState === 'complete' && !document.body.dataset.before"),
        lambda: browser.page_source,
    )
    assert said in browser.find_element(By.TAG_NAME, "main").text


def put(browser: Chrome, label: str, value: str) -> None:
    """Into the field with that label."""
    (found,) = browser.find_elements(By.XPATH, f"//label[normalize-space()='{label}']")
    field = browser.find_element(By.ID, found.get_attribute("for") or "")
    field.clear()
    field.send_keys(value)


def text_of(browser: Chrome) -> str:
    return str(browser.execute_script("return document.body.innerText"))


def scan(browser: Chrome, link: str) -> None:
    """Open it as another program does, of which the browser knows nothing: a page of another site."""
    browser.get("data:text/html,<a>scan</a>")
    browser.execute_script("const a = document.querySelector('a'); a.href = arguments[0]; a.click()", link)
    wait_until(lambda: browser.current_url.startswith("http"), lambda: browser.current_url)


def filled_in(browser: Chrome) -> str:
    """The code in the field of the first player that is new; empty where there is none."""
    script = "const f = document.querySelector('.pair input[name=code]'); return f ? f.value : ''"
    return str(browser.execute_script(script))
