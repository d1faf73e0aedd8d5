"""What a root takes over from this machine, so that apt and pip work in it as they do here. Values in, values out."""

import configparser
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PIP_FILES = ("/etc/xdg/pip/pip.conf", "/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
"""Where pip reads its settings, the later the stronger (pip's documentation, "Configuration")."""

NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts")
_ENVIRONMENT = re.compile(r"PIP_\w+|\w+_proxy|SSL_CERT_(FILE|DIR)|\w+_CA_(BUNDLE|CERTS)|GIT_SSL_CAINFO", re.IGNORECASE)
_OF_THIS_USER = {"PIP_CONFIG_FILE", "PIP_CACHE_DIR", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"}
_APT = re.compile(r"Acquire::(Check-\w+|https?|Retries|Check-Valid-Until)\b.*", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """pip.conf     the text of one file with all of this machine's pip settings
    environment     variables that tell programs how to reach the network
    paths           files and folders that those name
    """

    pip_conf: str
    environment: dict[str, str]
    paths: tuple[str, ...]


def settings(pip_files: Iterable[str], environment: Mapping[str, str]) -> Settings:
    """From the texts of pip's files, the weakest first, and this process's environment."""
    merged: dict[str, dict[str, str]] = {}
    for text in pip_files:
        parser = configparser.RawConfigParser()
        parser.read_string(text)
        for section in parser.sections():
            merged.setdefault(section, {}).update(parser.items(section))
    conf = [line for name, values in merged.items() for line in (f"[{name}]", *_lines(values))]
    kept = {
        name: value for name, value in environment.items() if _ENVIRONMENT.fullmatch(name) and name not in _OF_THIS_USER
    }
    values = [*kept.values(), *(value for section in merged.values() for value in section.values())]
    return Settings("\n".join([*conf, ""]), kept, tuple(sorted({path for value in values for path in _paths(value)})))


def _lines(values: Mapping[str, str]) -> list[str]:
    # A value of several lines goes on where the next begins with a space.
    return [f"{name} = {value}".replace("\n", "\n    ") for name, value in values.items() if name != "cache-dir"]


def _paths(value: str) -> list[str]:
    words = [word.removeprefix("file://") for word in value.split()]
    return [word for word in words if word.startswith("/")]


def apt_conf(dump: str) -> str:
    """Out of `apt-config dump`: how this machine's apt reaches the archive, and what it does not check."""
    return "\n".join([line for line in dump.splitlines() if _APT.fullmatch(line)] + [""])


def enter_script(root: str, binds: Mapping[str, str], uid: int, command: str) -> str:
    """The shell script, for namespaces of its own, that runs `command` in `root` as the user `uid`.

    binds   path in the root -> path here; what is missing in the root is made
    """
    q = shlex.quote
    lines = ["set -e", f"cd {q(root)}", "mount -t proc proc proc", "mount --bind /dev dev"]
    lines += ["mount --bind /dev/pts dev/pts", "mount -t tmpfs -o mode=1777 tmpfs dev/shm"]
    lines += ["mount -t tmpfs -o mode=1777 tmpfs tmp"]
    for inside, outside in binds.items():
        place = q(inside.lstrip("/"))
        lines.append(
            f"if [ -d {q(outside)} ]; then mkdir -p {place}; else mkdir -p $(dirname {place}); "
            f"[ -e {place} ] || : > {place}; fi"
        )
        lines.append(f"mount --bind {q(outside)} {place}")
    user = f"--userspec={uid}:{uid} " if uid else ""
    lines.append(f"exec chroot {user}. sh -c {q(command)}")
    return "\n".join(lines)
