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
_OF_THIS_USER = {"cache-dir", "user", "target", "prefix"}
_OF_THIS_USER |= {"PIP_CONFIG_FILE", "PIP_CACHE_DIR", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"}
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
            merged.setdefault(section, {}).update(
                (name, value) for name, value in parser.items(section) if name not in _OF_THIS_USER
            )
    conf = [line for name, values in merged.items() for line in (f"[{name}]", *_lines(values))]
    kept = {
        name: value for name, value in environment.items() if _ENVIRONMENT.fullmatch(name) and name not in _OF_THIS_USER
    }
    values = [*kept.values(), *(value for section in merged.values() for value in section.values())]
    return Settings("\n".join([*conf, ""]), kept, tuple(sorted({path for value in values for path in _paths(value)})))


def _lines(values: Mapping[str, str]) -> list[str]:
    # A value of several lines goes on where the next begins with a space.
    return [f"{name} = {value}".replace("\n", "\n    ") for name, value in values.items()]


def _paths(value: str) -> list[str]:
    words = [_index_folder(word) if word.startswith("file:///") else word for word in value.split()]
    return [word for word in words if word.startswith("/")]


def _index_folder(url: str) -> str:
    """The folder that holds an index of files and, beside it, the files that its pages link to."""
    path = url.removeprefix("file://").rstrip("/")
    return path.rpartition("/")[0] or path


def apt_conf(dump: str) -> str:
    """Out of `apt-config dump`: how this machine's apt reaches the archive, and what it does not check."""
    return "\n".join([line for line in dump.splitlines() if _APT.fullmatch(line)] + [""])


@dataclass(frozen=True)
class Bind:
    """A file or folder of this machine, seen in the root as `inside`, where it is made if it is missing."""

    inside: str
    outside: str
    writable: bool = False


def enter_script(root: str, binds: Iterable[Bind], uid: int, command: str) -> str:
    """The shell script, for namespaces of its own, that runs `command` in `root` as the user `uid`."""
    q = shlex.quote
    lines = ["set -e", f"cd {q(root)}", "mount -t proc proc proc", "mount --bind /dev dev"]
    lines += ["mount --bind /dev/pts dev/pts", "mount -t tmpfs -o mode=1777 tmpfs dev/shm"]
    lines += ["mount -t tmpfs -o mode=1777 tmpfs tmp"]
    for bind in binds:
        place, source = q(bind.inside.lstrip("/")), q(bind.outside)
        make = f'mkdir -p "$(dirname {place})"; [ -e {place} ] || : > {place}'
        lines.append(f"if [ -d {source} ]; then mkdir -p {place}; else {make}; fi")
        lines.append(f"mount --bind {source} {place}")
        if not bind.writable:
            lines.append(f"mount -o remount,bind,ro {place}")
    user = f"--userspec={uid}:{uid} " if uid else ""
    lines.append(f"exec chroot {user}. sh -c {q(command)}")
    return "\n".join(lines)
