"""The AsyncAPI 3 document of amos's topics, worked out of SPEC's table and of the broker's access rules."""

import json
import re
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
DOCUMENT = PROJECT / "firmware/amos/protocol/asyncapi.json"
SPEC = PROJECT / "firmware/amos/protocol/SPEC.md"
RULES = PROJECT / "boards/mosquitto/amos.acl"

ROW = re.compile(r"^\| `(amos/1/[^`]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
PARAMETERS = {
    "site": "Slug of the venue: 1 to 64 of a-z, digits, - and _.",
    "device": "Device id, 32 lower-case hex digits.",
    "number": "Counts the ledger's rotations, from 1; with `operator-` before it, the operator's.",
}
BYTES = {"time": "application/octet-stream", "checkpoint": "text/plain", "usage": "application/octet-stream"}
"""Last part of a topic -> type of its payload; all others are CBOR."""


def topics() -> list[tuple[str, str, str]]:
    """(address with {parameters}, who to whom, payload) of each row of SPEC's section 9."""
    rows = ROW.findall(SPEC.read_text())
    return [(re.sub(r"<(\w+)>", r"{\1}", topic), who.strip(), payload.strip()) for topic, who, payload in rows]


def rights() -> list[tuple[str, str, str]]:
    """(role, `read` or `write`, address) of the access rules, `%u` and `+` as the parameters of the address."""
    role, found = "courier", []
    for line in RULES.read_text().splitlines():
        words = line.split()
        if words[:1] == ["user"]:
            role = words[1].removeprefix("amos.")
        elif words[:1] in (["pattern"], ["topic"]) and words[2].startswith("amos/1/"):
            found.append((role if words[0] == "topic" else "courier", words[1], _address(words[2])))
    return found


def _address(filter: str) -> str:
    filter = filter.replace("rotation/+", "rotation/{number}").replace("%u", "{site}")
    return filter.replace("amos/1/+", "amos/1/{site}").replace("/+/", "/{device}/")


def document() -> dict[str, Any]:
    """The whole document."""
    channels, messages, operations = {}, {}, {}
    for address, who, payload in topics():
        name = _name(address)
        channels[name] = _channel(address, who, payload, name)
        messages[name] = {
            "name": name,
            "contentType": BYTES.get(address.rpartition("/")[2], "application/cbor"),
            "summary": payload,
            "description": "Bytes as SPEC.md beside this file says, section 9; CBOR as messages.cddl does.",
        }
        retain = "retained" in who
        for role, right, of in rights():
            if of == address:
                action = "send" if right == "write" else "receive"
                operations[f"{role}-{action}s-{name}"] = {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{name}"},
                    "summary": f"What the {role} {'publishes' if action == 'send' else 'subscribes to'}.",
                    "tags": [{"name": role}],
                    "bindings": {"mqtt": {"qos": 1, "retain": retain and action == "send", "bindingVersion": "0.2.0"}},
                }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "amos over MQTT",
            "version": "1",
            "description": "Topics between couriers, ledger and operators. SPEC.md has the bytes; this has the ways.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/cbor",
        "servers": {
            "broker": {
                "host": "broker.example:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "5",
                "description": "MQTT 5, or 3.1.1; TLS with a certificate for each client (boards/mosquitto).",
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _channel(address: str, who: str, payload: str, name: str) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", address)
    channel: dict[str, Any] = {
        "address": address,
        "title": name,
        "description": f"{who}: {payload}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }
    if names:
        channel["parameters"] = {each: {"description": PARAMETERS[each]} for each in names}
    return channel


def _name(address: str) -> str:
    """`amos/1/{site}/courier/status` -> `courier-status`."""
    parts = [part for part in address.split("/")[2:] if not part.startswith("{")]
    return "-".join(parts)


def text() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
