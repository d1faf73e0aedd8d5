"""Which Debian mirrors this machine already uses, read from its own apt sources (sources.list(5))."""

import re
from pathlib import Path

DOCUMENTED = "http://deb.debian.org/debian"
"""The mirror that Debian's own documentation gives; used where the machine names none."""

CANDIDATES_MAX = 3  # each costs one failing `apt-get update` when the machine is offline

_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


def candidates(etc_apt: Path = Path("/etc/apt")) -> list[str]:
    """Mirrors to try, best first. A third party's repository in the list does no harm: its signature is refused."""
    uris: list[str] = []
    for path in [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))]:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if path.suffix == ".sources":
            uris += _deb822(text)
        elif path.suffix == ".list":
            uris += _one_line(text)
    unique = [uri.rstrip("/") for uri in dict.fromkeys(uris)]
    return [*unique[: CANDIDATES_MAX - 1], *([] if DOCUMENTED in unique else [DOCUMENTED])]


def _deb822(text: str) -> list[str]:
    uris = []
    without_comments = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", without_comments):
        fields = {
            match[1].lower(): match[2].split()
            for match in re.finditer(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" not in fields.get("types", []) or fields.get("enabled", ["yes"])[0].lower() in ("no", "false"):
            continue
        for uri in fields.get("uris", []):
            if any(_is_archive(uri, suite, fields.get("components", [])) for suite in fields.get("suites", [])):
                uris.append(uri)
    return uris


def _one_line(text: str) -> list[str]:
    uris = []
    for line in text.splitlines():
        match = _ONE_LINE.match(line.partition("#")[0].strip())
        if match and _is_archive(match["uri"], match["suite"], match["components"].split()):
            uris.append(match["uri"])
    return uris


def _is_archive(uri: str, suite: str, components: list[str]) -> bool:
    """Whether this may be a mirror of Debian's main archive.

    Raspberry Pi's mirrors carry other builds under the same names; the security archive carries only updates.
    """
    if "main" not in components or uri.startswith("cdrom:"):
        return False
    return not re.search(r"raspbian|raspberrypi|debian-security", uri) and not suite.endswith(("-security", "/updates"))
