"""A QR code as another program reads it: of a page as it is painted, and of a terminal."""

import base64
import re
from typing import Any

import numpy as np
import zxingcpp
from selenium.webdriver import Chrome

_PLACE = """
const box = document.querySelector(arguments[0]).getBoundingClientRect();
return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height, scale: 2};
"""
_PIXELS = """
const [data, done] = arguments, picture = new Image();
picture.onload = () => {
  const canvas = new OffscreenCanvas(picture.width, picture.height), area = canvas.getContext('2d');
  area.drawImage(picture, 0, 0);
  const found = area.getImageData(0, 0, picture.width, picture.height).data;
  done([picture.width, [...found].filter((_value, place) => place % 4 === 1)]);
};
picture.src = 'data:image/png;base64,' + data;
"""


def read_on_page(browser: Chrome, selector: str) -> list[str]:
    """What the picture says; the browser is at an empty page afterwards."""
    asked = {"clip": browser.execute_script(_PLACE, selector), "captureBeyondViewport": True}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", asked)["data"]
    assert base64.b64decode(shot)[:4] == b"\x89PNG"
    browser.get("about:blank")
    width, green = browser.execute_async_script(_PIXELS, shot)
    return _read(np.array(green, np.uint8).reshape(-1, width))


def read_in_terminal(lines: list[str]) -> list[str]:
    """The same of lines of half blocks, black on white."""
    halves = {" ": (255, 255), "▀": (0, 255), "▄": (255, 0), "█": (0, 0)}
    rows: list[Any] = []
    for line in lines:
        (blocks,) = re.fullmatch("\033\\[30;107m([ ▀▄█]+)\033\\[0m", line).groups()  # type: ignore[union-attr]
        rows += np.array([halves[block] for block in blocks], np.uint8).T.tolist()
    return _read(np.kron(np.array(rows, np.uint8), np.ones((4, 4), np.uint8)))


def _read(grey: Any) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(np.ascontiguousarray(grey))]
