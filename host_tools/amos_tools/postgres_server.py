"""A PostgreSQL server of our own, for measuring and testing: on a socket in memory, durable against nothing but its own
crash."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from amos_tools.demo.processes import wait_until

NOBODY = 65534
"""As whom it runs where this user is root: its programs refuse to run as root."""

STARTS_S = 120

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "deadlock_timeout": "300ms",
    "jit": "off",
}


class Server:
    """A running server; the programs of `bin` run as another user where this one is root, as whom they do not start."""

    def __init__(
        self,
        programs: Path,
        variables: dict[str, str],
        port: int | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        memory = Path("/dev/shm")
        place = memory if os.access(memory, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="amos-postgres-", dir=place))
        self.folder.chmod(0o755)
        self._count = 0
        self._as_user: dict[str, Any] = {}
        if os.getuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            self._as_user = {"user": NOBODY, "group": NOBODY}
            if not _others_enter(programs):
                shutil.copytree(_root_of(programs), self.folder / "root", symlinks=True)
                moved = self.folder / "root"
                variables = {
                    name: value.replace(str(_root_of(programs)), str(moved)) for name, value in variables.items()
                }
                programs = moved / programs.relative_to(_root_of(programs))
        self._programs, self._environment = programs, os.environ | variables
        self._run("initdb", "-D", str(self.data), "-U", "amos", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._settings = (
            _SETTINGS
            | (settings or {})
            | ({} if port is None else {"listen_addresses": "127.0.0.1", "port": str(port)})
        )
        self.start()

    @property
    def data(self) -> Path:
        """Where the server keeps everything."""
        return self.folder / "data"

    def start(self) -> None:
        """Start the server, and wait until it answers. Raises `DemoError`."""
        words = [f"-c{name}={value}" for name, value in self._settings.items()]
        self.process = subprocess.Popen(
            [self._programs / "postgres", "-D", self.data, "-k", self.folder, *words],
            env=self._environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as_user,
        )  # fmt: skip
        wait_until(self._answers, "PostgreSQL answering", STARTS_S)

    def kill(self) -> None:
        """End it as a crash does, with all that it has started."""
        self.process.kill()
        self.process.wait()
        time.sleep(0.2)  # its children end when they find it gone
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """End it, and remove all that it kept."""
        self.process.send_signal(2)  # ends sessions too
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str = "postgres") -> str:
        """Of the database of this name."""
        port = f"&port={self._settings['port']}" if "port" in self._settings else ""
        return f"postgresql://amos@/{name}?host={quote(str(self.folder), safe='')}{port}"

    def database(self, template: str = "template0") -> str:
        """The URL of a fresh database, a copy of another that nobody uses."""
        self._count += 1
        name = f"ledger_{self._count}"
        source = template.rpartition("?")[0].rpartition("/")[2] or template
        with psycopg.connect(self.url(), autocommit=True) as connection:
            version = connection.info.server_version
            how = " STRATEGY file_copy" if version >= 150000 else ""
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}{how}".encode())
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove the database at this URL, whoever uses it."""
        name = url.rpartition("?")[0].rpartition("/")[2]
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())

    def _answers(self) -> bool:
        assert self.process.poll() is None, "PostgreSQL ended"
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [self._programs / program, *words],
            env=self._environment, cwd="/", check=True, timeout=60, capture_output=True, **self._as_user,
        )  # fmt: skip


def _root_of(programs: Path) -> Path:
    """The folder into which the packages are unpacked: usr/lib/postgresql/15/bin stands below it."""
    return programs.parents[4]


def _others_enter(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


@contextmanager
def running(programs: Path, variables: dict[str, str]) -> Iterator[Server]:
    """A server as long as it is needed."""
    server = Server(programs, variables)
    try:
        yield server
    finally:
        server.stop()
