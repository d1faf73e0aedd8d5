"""A browser, in which the page that checks statements is opened: installed, or Debian's Chromium."""

import os
import re
import shutil
from pathlib import Path

from amos_tools.toolchain.debian import Bundle, architecture, in_cache, unpacked
from amos_tools.toolchain.errors import ToolMissing
from amos_tools.toolchain.started import output_of

# What `ldd chromium chromedriver` names beside the C library, and letters to show a page in.
CHROMIUM = (
    *("chromium", "chromium-common", "chromium-driver", "fontconfig-config", "fonts-dejavu-core", "libasound2"),
    *("libasyncns0", "libatk-bridge2.0-0", "libatk1.0-0", "libatspi2.0-0", "libavahi-client3"),
    *("libavahi-common3", "libblkid1", "libbrotli1", "libbsd0", "libcairo2", "libcap2", "libcom-err2"),
    *("libcups2", "libdatrie1", "libdav1d6", "libdbus-1-3", "libdouble-conversion3", "libdrm2", "libexpat1"),
    *("libffi8", "libflac12", "libfontconfig1", "libfreetype6", "libfribidi0", "libgbm1", "libgcc-s1"),
    *("libgcrypt20", "libglib2.0-0", "libgmp10", "libgnutls30", "libgpg-error0", "libgraphite2-3"),
    *("libgssapi-krb5-2", "libharfbuzz-subset0", "libharfbuzz0b", "libhogweed6", "libidn2-0", "libjpeg62-turbo"),
    *("libk5crypto3", "libkeyutils1", "libkrb5-3", "libkrb5support0", "liblcms2-2", "liblz4-1", "liblzma5"),
    *("libmd0", "libminizip1", "libmount1", "libmp3lame0", "libmpg123-0", "libnettle8", "libnspr4", "libnss3"),
    *("libogg0", "libopenh264-7", "libopenjp2-7", "libopus0", "libp11-kit0", "libpango-1.0-0", "libpcre2-8-0"),
    *("libpixman-1-0", "libpng16-16", "libpulse0", "libselinux1", "libsndfile1", "libstdc++6", "libsystemd0"),
    *("libtasn1-6", "libthai0", "libudev1", "libunistring2", "libvorbis0a", "libvorbisenc2"),
    *("libwayland-server0", "libx11-6", "libx11-xcb1", "libxau6", "libxcb-render0", "libxcb-shm0", "libxcb1"),
    *("libxcomposite1", "libxdamage1", "libxdmcp6", "libxext6", "libxfixes3", "libxi6", "libxkbcommon0"),
    *("libxnvctrl0", "libxrandr2", "libxrender1", "libzstd1", "zlib1g"),
)
CHROMIUM_RELEASE = "bookworm"  # as for ALSA: its programs start each other, with the machine's own C library
CHROMIUM_MIN = 137
"""The first that knows Ed25519 in WebCrypto without being asked to."""
FONT_SETTINGS = """<?xml version="1.0"?>
<fontconfig><dir prefix="relative">usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
"""
INSTALLED = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
"""Names under which a Chromium or Chrome is found on PATH."""


def browser_at_hand() -> tuple[Path, dict[str, str]]:
    """(browser, the environment variables with which it starts): installed, or fetched on an earlier occasion. Raises
    `ToolMissing`: its 130 MB are not fetched."""
    for name in INSTALLED:
        found = shutil.which(name)
        if found is not None:
            return Path(found), {}
    root = in_cache(bundle())
    if root is None:
        raise ToolMissing("no Chromium or Chrome is installed")
    browser, _driver, variables = in_bundle(root)
    return browser, variables


def chromium() -> tuple[Path, Path, dict[str, str]]:
    """(browser, its WebDriver, the environment variables with which they start), installed or fetched. Raises
    `ToolMissing`."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is not None and driver is not None and _chromium_version(Path(browser), {}) >= CHROMIUM_MIN:
        return Path(browser), Path(driver), {}
    return in_bundle(unpacked(bundle(), _check_chromium))


def bundle() -> Bundle:
    """What Debian's Chromium needs beside the C library."""
    return Bundle("chromium", CHROMIUM, architecture(), release=CHROMIUM_RELEASE)


def in_bundle(root: Path) -> tuple[Path, Path, dict[str, str]]:
    """As `chromium`, of a bundle in this folder."""
    libraries = [*root.glob("usr/lib/*-linux-gnu*"), *root.glob("lib/*-linux-gnu*")]
    libraries += root.glob("usr/lib/*-linux-gnu*/pulseaudio")
    variables = {"LD_LIBRARY_PATH": ":".join(map(str, libraries)), "FONTCONFIG_FILE": str(_font_settings(root))}
    return root / "usr/lib/chromium/chromium", root / "usr/bin/chromedriver", variables


def _font_settings(root: Path) -> Path:
    """Tells where the letters in `root` are; without any, a page ends its renderer. FONTCONFIG_SYSROOT would not do:
    Chromium takes the names that it leads to for the machine's own files, and a bare machine has none."""
    settings = root / "amos-fonts.conf"
    if not settings.exists():
        staged = root / f".amos-fonts.{os.getpid()}"  # several may ask for it at once
        staged.write_text(FONT_SETTINGS)
        staged.replace(settings)
    return settings


def _check_chromium(root: Path) -> None:
    browser, driver, variables = in_bundle(root)
    if _chromium_version(browser, variables) < CHROMIUM_MIN or not _chromium_version(driver, variables):
        raise ToolMissing(f"chromium {CHROMIUM_MIN} or later was fetched but does not start here: {browser}")


def _chromium_version(program: Path, variables: dict[str, str]) -> int:
    """0 where it does not start."""
    match = re.match(r"Chrom\w+ (\d+)", output_of([str(program), "--version"], variables))
    return int(match[1]) if match else 0
