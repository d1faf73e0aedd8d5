"""A MicroPython board's prompt, through mpremote: what the board is, what is on it, and how to put files there.

Contract: a file appears whole under its name or not at all (written beside, then renamed). Whatever ran on the board is
interrupted when the prompt is opened, as by a power cut; `restart` has it start anew. Raises `PromptError` only.
"""

import ast
import contextlib
import io
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from amos_cli.output import Exit
from amos_tools.device.call import DeviceError

CHUNK_BYTES = 3072
"""Of a file at once: 4 KB of base64, which a board has room for while nothing plays."""

REPLY_BYTES_MAX = 1 << 20
ANSWER_S = 3
LATE_ANSWER_S = 0.5

HASH = """
import hashlib
def _hash(name):
 try:
  digest = hashlib.sha256()
  with open(name, 'rb') as file:
   while True:
    part = file.read(1024)
    if not part:
     return digest.digest().hex()
    digest.update(part)
 except OSError:
  return None
"""
WALK = """
import os
def _walk(folder):
 for entry in os.ilistdir(folder):
  name = folder + '/' + entry[0]
  if entry[1] == 0x4000:
   _walk(name)
  else:
   print(repr(name))
try:
 _walk({folder!r})
except OSError:
 pass
"""
READ = """
try:
 with open({name!r}, 'rb') as file:
  print(repr(file.read({bytes_max})))
except OSError:
 print('None')
"""
FACTS = """
import os, sys
print(repr((sys.implementation[0], tuple(sys.implementation[1])[:2], os.uname()[4])))
"""
FROZEN_PATH = ".frozen"
"""Where MicroPython finds modules that its build froze."""

FROZEN = """
import sys
_path, _module = sys.path[:], sys.modules.pop('amos', None)
sys.path[:] = [{path!r}]
try:
 from amos import __version__ as _version
except ImportError:
 _version = None
sys.path[:] = _path
sys.modules.pop('amos', None)
if _module:
 sys.modules['amos'] = _module
print(repr(_version))
"""


class PromptError(DeviceError):
    """No MicroPython prompt is at the port, or what was asked of it failed."""

    exit_code = Exit.FINDING


class Prompt:
    """An open prompt."""

    def __init__(self, port: str, transport: Any) -> None:
        self._port = port
        self._transport = transport

    def run(self, code: str) -> list[Any]:
        """Run code there; the values it printed, one to a line, as literals."""
        said = bytearray()

        def take(data: bytes) -> None:
            if len(said) < REPLY_BYTES_MAX:
                said.extend(data.replace(b"\x04", b""))

        with _named(self._port):
            self._transport.exec(code, data_consumer=take)
        try:
            return [ast.literal_eval(line) for line in said.decode().splitlines() if line.strip()]
        except (ValueError, SyntaxError, UnicodeDecodeError):
            raise PromptError(f"{self._port}: expected values, found {bytes(said[:80])!r}") from None

    def facts(self) -> tuple[str, tuple[int, int], str]:
        """(implementation, its version, the board's own name)."""
        ((implementation, version, machine),) = self.run(FACTS)
        return str(implementation), version, str(machine)

    def frozen_version(self) -> str | None:
        """The version of the amos that is frozen into the board's MicroPython; None when none is."""
        (version,) = self.run(FROZEN.format(path=FROZEN_PATH))
        return None if version is None else str(version)

    def hashes(self, names: Sequence[str]) -> dict[str, str | None]:
        """SHA-256 in hex of each file there; None where there is none."""
        code = "\n".join([HASH, f"for name in {tuple(names)!r}:", " print(repr((name, _hash(name))))"])
        return dict(self.run(code))

    def read(self, name: str, bytes_max: int) -> bytes | None:
        """At most so many bytes of a file there; None where there is none."""
        (data,) = self.run(READ.format(name=name, bytes_max=bytes_max))
        return None if data is None else bytes(data)

    def files_below(self, folder: str) -> list[str]:
        """Every file in the folder and its folders."""
        return [str(name) for name in self.run(WALK.format(folder=folder))]

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, with the folders it is in."""
        parts = name.split("/")[1:-1]
        folders = tuple("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))
        if folders:
            made = ["import os", f"for name in {folders!r}:", " try:", "  os.mkdir(name)", " except OSError:", "  pass"]
            self.run("\n".join(made))
        self.run(f"from binascii import a2b_base64\n_file = open({name + '.new'!r}, 'wb')")
        for at in range(0, len(data), CHUNK_BYTES):
            self.run(f"_ = _file.write(a2b_base64({b64encode(data[at : at + CHUNK_BYTES])!r}))")
        self.run(f"import os\n_file.close()\nos.rename({name + '.new'!r}, {name!r})")

    def remove(self, names: Sequence[str]) -> None:
        """Take files away."""
        self.run(f"import os\nfor name in {tuple(names)!r}:\n os.remove(name)")

    def install(self, package: str, index: str) -> None:
        """Install a library of that package index into /lib, as `mpremote mip install` does."""
        from mpremote import mip
        from mpremote.commands import CommandError

        with _named(self._port), contextlib.redirect_stdout(io.StringIO()):
            try:
                mip._install_package(self._transport, package, index.rstrip("/"), "/lib", "latest", True)
            except CommandError as error:
                raise PromptError(f"{package}: expected it at {index}, found {error}") from None

    def restart(self) -> None:
        """Have the board start anew; the prompt is of no use afterwards."""
        with _named(self._port):
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")


@contextmanager
def open_prompt(port: str) -> Iterator[Prompt]:
    """The prompt at `serial:PATH`; what ran there is interrupted."""
    try:
        from mpremote.transport_serial import SerialTransport
    except ImportError:
        raise PromptError("a board's prompt needs mpremote: pip install 'amos[boards]'") from None
    with _named(port):
        transport = SerialTransport(port.partition(":")[2])
    try:
        with _named(port), contextlib.redirect_stdout(io.StringIO()):
            _enter(transport)
        yield Prompt(port, transport)
    finally:
        with contextlib.suppress(Exception):  # a board that restarts takes its port with it
            transport.exit_raw_repl()
        with contextlib.suppress(Exception):
            transport.close()


def _enter(transport: Any) -> None:
    """Interrupt what runs and enter the raw prompt.

    An interrupt is lost on a board that boots just then, or that runs a callback: MicroPython prints it and goes on. So
    it is repeated once; the board may then answer both times, and what follows must not meet the older answer.
    """
    from mpremote.transport import TransportError

    try:
        transport.enter_raw_repl(soft_reset=False, timeout_overall=ANSWER_S)
    except TransportError:
        transport.enter_raw_repl(soft_reset=False)
        time.sleep(LATE_ANSWER_S)
        transport.enter_raw_repl(soft_reset=False)


@contextmanager
def _named(port: str) -> Iterator[None]:
    """mpremote's errors, and the line's, by our name and in one line."""
    from mpremote.transport import TransportError, TransportExecError

    try:
        yield
    except TransportExecError as error:
        last = (error.error_output.strip().splitlines() or ["no reason given"])[-1]
        raise PromptError(f"{port}: the board says {last}") from None
    except (TransportError, OSError) as error:
        reason = str(error)
        if "could not enter raw repl" in reason:
            reason = "no MicroPython prompt answers there"
        fault = PromptError(f"{port}: {reason}")
        fault.exit_code = Exit.UNREACHABLE
        raise fault from None
