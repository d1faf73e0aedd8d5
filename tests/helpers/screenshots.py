"""The three pages as `host_tools/OPERATING.md` shows them: taken by the demo's test, kept when that is asked for."""

import os
import shutil
from pathlib import Path

from selenium.webdriver import Chrome

FOLDER = Path(__file__).resolve().parents[2] / "host_tools" / "screenshots"
WANTED = "AMOS_SCREENSHOTS"
"""Set by `make screenshots`: those in the tree are made anew."""

SIZES = {"venue": (360, 740), "operator": (1280, 540), "payee": (360, 740)}
"""In pixels, wide and high: two telephones and a desk."""


def take(browser: Chrome, name: str, folder: Path) -> Path:
    """The page that is open, as `name` is shown."""
    width, height = SIZES[name]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    browser.execute_script("scrollTo(0, 0)")
    path = folder / f"{name}.png"
    browser.save_screenshot(str(path))
    if WANTED in os.environ:
        FOLDER.mkdir(exist_ok=True)
        shutil.copy(path, FOLDER)
    return path


def size_of(picture: Path) -> tuple[int, int]:
    """Of a PNG, as its header says."""
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR"
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
