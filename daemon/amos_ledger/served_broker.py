"""The broker that this ledger serves, remembered in its folder: commands that sign ask there what was signed before.

A folder that is put back from a copy remembers it as well, since the back-up has the file. Of TLS and of the login it
holds the paths alone, which are read at each connection.
"""

import json
from pathlib import Path

from amos.edges.durable_host import write_whole
from amos_ledger.errors import StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.own_json import read_json
from amos_mqtt.broker import LEVELS, Broker, Login, broker_at

_NAME = "broker.json"
_PATHS = ("tls_ca", "tls_certificate", "tls_key", "password_file")


def remember(folder: Folder, broker: Broker) -> None:
    """Keep where the broker is, durably. Raises `OSError`."""
    tls, login = broker.tls, broker.login
    paths = (
        *((tls.ca, tls.certificate, tls.key) if tls is not None else (None, None, None)),
        login.password_file if login is not None else None,
    )
    facts: dict[str, object] = {"host": broker.host, "port": broker.port, "levels": list(broker.levels)}
    facts |= {name: str(path.absolute()) for name, path in zip(_PATHS, paths, strict=True) if path is not None}
    if login is not None:
        facts["username"] = login.name
    data = json.dumps(facts, indent=2).encode() + b"\n"
    path = folder.path / _NAME
    if not path.is_file() or path.read_bytes() != data:
        write_whole(path, data, 0o600)


def recall(folder: Folder) -> Broker | None:
    """The broker that was served last; None where none ever was.

    Raises `StorageFailed` for a file that says something else, `BrokerSettingError` for TLS or password files that are
    of no use at this moment.
    """
    path = folder.path / _NAME
    try:
        facts = read_json(path)
        host, port = str(facts["host"]), int(facts["port"])
        levels = tuple(level for level in LEVELS["auto"] if level in facts["levels"])
        ca, certificate, key, password = (Path(facts[name]) if name in facts else None for name in _PATHS)
        login = Login(str(facts["username"]), password) if "username" in facts else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageFailed(f"{path}: expected the broker that is served, found something else ({error})") from None
    return broker_at(f"[{host}]:{port}", ca, certificate, key, levels or LEVELS["auto"], login)
