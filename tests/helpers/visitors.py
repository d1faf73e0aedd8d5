"""A page as people have it: a browser as wide as a phone, what an accessibility checker asks, and no script."""

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from browser import browsing
from patience import wait_until
from selenium.webdriver import Chrome

import amos_web
from amos_web.words import LANGUAGES, entries

WIDTH, HEIGHT = 360, 740

# What an accessibility checker asks first: a name for each control and each page, and enough contrast of each text.
_AUDIT = """
const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const light = (c) => { const f = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  return .2126 * f(c[0]) + .7152 * f(c[1]) + .0722 * f(c[2]); };
const under = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
  if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
const found = [], width = document.documentElement.clientWidth;  // a phone's innerWidth grows with what is too wide
for (const e of document.querySelectorAll('body *')) {
  const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const box = e.getBoundingClientRect();
  if (box.width && (own || e.matches('input, select'))) {
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(under(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) found.push(['contrast', e.outerHTML.slice(0, 80), (a + .05) / (b + .05)]);
  }
  const scrolls = e.parentElement.closest('.scroll, svg');
  if (box.right > width + 1 && !scrolls) found.push(['wide', e.outerHTML.slice(0, 80), box.right]);
  if (e.matches('button, select, input:not([type=hidden])')) {
    const name = e.getAttribute('aria-label') || (e.labels && e.labels.length && e.labels[0].textContent.trim())
      || e.textContent.trim();
    if (!name) found.push(['name', e.outerHTML.slice(0, 80), 0]);
    if (box.width && box.height < 44) found.push(['small', e.outerHTML.slice(0, 80), box.height]);
  }
}
const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
if (new Set(ids).size !== ids.length) found.push(['ids', ids.join(), 0]);
if (document.querySelectorAll('h1').length !== 1 || !document.querySelector('main')) found.push(['landmarks', '', 0]);
if (!document.documentElement.lang || !document.title) found.push(['document', '', 0]);
return found;
"""


@contextmanager
def as_wide_as_a_phone(chromium: tuple[Path, Path, dict[str, str]], profile: Path) -> Iterator[Chrome]:
    """A browser that likes English."""
    with browsing(*chromium, profile) as running:
        metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 2, "mobile": True}
        running.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        speak(running, "en")
        yield running


def speak(browser: Chrome, language: str) -> None:
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})


def prefer(browser: Chrome, scheme: str) -> None:
    """Light or dark."""
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)


def audited(browser: Chrome) -> Any:
    """What the page lacks, once it is styled."""
    styled = "return document.readyState === 'complete' && getComputedStyle(document.body).marginTop === '0px'"
    wait_until(lambda: browser.execute_script(styled), lambda: browser.page_source)
    return browser.execute_script(_AUDIT)


class NoScript:
    """A browser without script: forms and cookies alone."""

    def __init__(self, url: str):
        self.url = url
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        return self._open(urllib.request.Request(self.url + path, headers=headers or {}))

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> tuple[int, str]:
        data = urllib.parse.urlencode(fields).encode()
        return self._open(urllib.request.Request(self.url + path, data, headers or {}))

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def check_languages(sources: Path) -> None:
    """Every sentence of the templates is there in every language, with the same places for what is put in."""
    templates = "".join(path.read_text() for path in (sources / "templates").glob("*.html"))
    wanted = set(re.findall(r'_\("((?:[^"\\]|\\.)*)"', templates))
    wanted |= {f"{one}\0{many}" for one, many in re.findall(r'ngettext\("([^"]*)", "([^"]*)"', templates)}
    said = re.findall(r'npgettext\("([^"]*)", "([^"]*)", "([^"]*)"', templates)
    wanted |= {f"{context}\4{one}\0{many}" for context, one, many in said}
    for language in LANGUAGES[1:]:
        known = entries((sources / "locale" / f"{language}.po").read_text())
        known.pop("")
        assert set(known) == wanted and all(known.values())
        for message, translated in known.items():
            assert message.count("\0") == translated.count("\0") and "" not in translated.split("\0")
            assert set(re.findall(r"%\(\w+\)s", message)) == set(re.findall(r"%\(\w+\)s", translated))


def check_fetches_its_own(sources: Path) -> None:
    """Neither templates, scripts nor styles name another server."""
    for folder in (sources / "templates", sources / "static", Path(amos_web.__file__).parent / "static"):
        for path in folder.iterdir():
            assert "//" not in re.sub(r"^\s*//.*$|\s// .*$", "", path.read_text(), flags=re.MULTILINE), path
