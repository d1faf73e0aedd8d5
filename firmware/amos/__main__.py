"""`python -m amos DIRECTORY [name=value ...]` on every runtime: run the player of that directory (see config.py)."""

import sys

from amos.compat import MICROPYTHON, const
from amos.heap import begin_work, forget

begin_work()  # before the imports that fill it

# The longest chains of imports begin at the top: an import within another takes stack, of which boards have little.
from amos.sound import mixer  # noqa: E402, F401, I001
from amos.journal.journal import JournalError  # noqa: E402
from amos.app import Player  # noqa: E402
from amos.edges.address import AddressError  # noqa: E402
from amos.edges.key_files import KeyFault  # noqa: E402
from amos.protocol.errors import ProtocolError  # noqa: E402
from amos.settings import ConfigError, Settings  # noqa: E402

_REFUSED = const(2)


def main(arguments) -> int:
    """Exit code 0, or 2 after one line that says what is wrong: a setting, a file, or an output that is refused."""
    if not arguments:
        print("usage: python -m amos DIRECTORY [name=value ...]")
        return _REFUSED
    try:
        if MICROPYTHON:
            from amos.edges.watchdog import heartbeat
        else:
            # A supervisor that wants to hear from the player names itself in the environment.
            from amos.edges.notify_host import heartbeat
        player = Player(_settings(arguments), heartbeat=heartbeat())
        try:
            if not MICROPYTHON:
                # MicroPython has no signals but the interrupt.
                from amos.edges.signals_host import on_stop

                on_stop(player.stop)
            player.run()
            if player.restarts:
                from amos.edges.restart import start_anew

                start_anew()
            if player.refused:
                return _REFUSED
        except KeyboardInterrupt:
            pass  # on boards: as after a power cut, the next start seals what was flushed
        if MICROPYTHON:
            from amos.edges.watchdog import rest

            rest()  # somebody is at the prompt; after an error nobody is, and the watchdog bites
    except (ConfigError, AddressError, KeyFault, JournalError, ProtocolError, OSError) as error:
        print("amos player: %s: %s" % (type(error).__name__, error))
        return _REFUSED
    return 0


def _settings(arguments) -> Settings:
    """Raises `ConfigError`."""
    from amos.config import load

    settings = load(arguments[0], arguments[1:]).alone()
    forget("amos.config", "amos.crypto.key_text")
    return settings


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
