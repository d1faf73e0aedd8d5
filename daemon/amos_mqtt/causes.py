"""Why a connection cannot be had or was lost, in a sentence for each cause that goes on from "the broker". Pure."""

import errno
import re
import socket
import ssl

from amos_mqtt.broker import Broker, BrokerSettingError

NO_ANSWER = "gives no answer"
NO_TLS = "does not speak TLS at this port; its port with TLS is another, mostly 8883"
TLS_WANTED = "speaks TLS at this port; use TLS (--tls-ca), or its other port, mostly 1883"
HUNG_UP = "hung up"

_UNTRUSTED = "has a TLS certificate of an authority that is not trusted here; --tls-ca names the right one"
_OTHER_NAME = "has a TLS certificate for another name than {host}"

_CERTIFICATE = {
    9: "has a TLS certificate that is not valid yet, or the clock of this machine is behind",
    10: "has a TLS certificate that has expired, or the clock of this machine is ahead",
    **dict.fromkeys((2, 18, 19, 20, 21), _UNTRUSTED),
    **dict.fromkeys((62, 64), _OTHER_NAME),
}
"""OpenSSL's verify code (x509_vfy.h) -> sentence."""

_ALERTS = {
    "WRONG_VERSION_NUMBER": NO_TLS,
    "RECORD_LAYER_FAILURE": NO_TLS,
    "CERTIFICATE_REQUIRED": "asks for a TLS certificate of ours; --tls-certificate names it",
    "UNKNOWN_CA": "does not trust the authority of our TLS certificate",
    "CERTIFICATE_EXPIRED": "says that our TLS certificate has expired",
    "CERTIFICATE_REVOKED": "says that our TLS certificate is revoked",
    "BAD_CERTIFICATE": "does not accept our TLS certificate",
    "UNSUPPORTED_PROTOCOL": "speaks only versions of TLS that are not safe any more",
    "PROTOCOL_VERSION": "speaks only versions of TLS that are not safe any more",
    "HANDSHAKE_FAILURE": "cannot agree with us on how to use TLS, or wants a TLS certificate of ours",
}
"""What OpenSSL's reason contains -> sentence."""

_NO_ROOM = "has no room for more messages (quota exceeded); its disk or its queue may be full"

_CODES = {
    129: "found our packet malformed",
    130: "found an error in the protocol",
    132: "does not speak this version",
    133: "refuses the client id {client_id}",
    134: "refuses the name or the password",
    135: "does not let us in (not authorised); check the name, the password and its access rules",
    136: "refuses: it is not available at this moment",
    137: "refuses: it is busy",
    138: "refuses: this client is banned",
    139: "is shutting down",
    140: "refuses the way of logging in",
    141: "heard nothing from us for too long",
    142: "let another client in our place, which has the same client id {client_id}; give each its own",
    143: "refuses a topic filter",
    144: "refuses a topic's name",
    147: "was sent more messages at once than it takes",
    149: "takes only smaller messages than ours",
    150: "was sent too many messages in a short time",
    151: _NO_ROOM,
    152: "ended the connection by its operator's hand",
    153: "refuses a payload's format",
    154: "keeps no retained messages, and needs to",
    155: "does not take messages of QoS 1, and needs to",
    156: "names another server to use",
    157: "has moved to another server",
    159: "takes no more connections at this moment: too many in a short time",
}
"""MQTT 5 reason code -> sentence; paho gives those of 3.1.1 in the same numbers."""

TAKEN_OVER = 142
OTHER_LEVEL = frozenset((128, 129, 130, 132))
"""Refusals after which another level of the protocol may be accepted."""


def of_error(error: BaseException, broker: Broker) -> str:
    """Why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        sentence = _CERTIFICATE.get(error.verify_code)
        if sentence is None:
            return f"has a TLS certificate that is not accepted: {error.verify_message}"
        return sentence.format(host=broker.host)
    if isinstance(error, BrokerSettingError):
        return f"is not asked: {error}"
    if isinstance(error, ssl.SSLEOFError):
        return f"{HUNG_UP} in the TLS handshake; it may not speak TLS at this port"
    if isinstance(error, ssl.SSLError):
        return of_tls_reason(str(error.reason))
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"cannot be reached: the name {broker.host} is not found (DNS)"
    if isinstance(error, ConnectionRefusedError):
        return "cannot be reached: nothing listens at this port"
    if isinstance(error, TimeoutError):
        return "cannot be reached: no answer in time; the address may be wrong, or a firewall between"
    if isinstance(error, ConnectionError) and broker.tls is not None:
        return f"{HUNG_UP} in the TLS handshake; it may not speak TLS at this port"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return "cannot be reached: there is no way to it from this network"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached: {error.strerror}"
    return f"cannot be reached: {type(error).__name__}: {error}"


def of_tls_reason(reason: str) -> str:
    """What went wrong in TLS, by OpenSSL's name for it."""
    for part, sentence in _ALERTS.items():
        if part in reason:
            return sentence
    return f"cannot agree with us in TLS: {reason}"


def of_loss(logged: str) -> str | None:
    """What the client library's log says about a broken line, if that is an alert of TLS."""
    found = re.search(r"\[SSL: ([A-Z0-9_]+)\]", logged)
    return of_tls_reason(found[1]) if found else None


def of_code(code: int, client_id: str) -> str:
    """What the broker means by its reason code."""
    sentence = _CODES.get(code)
    return f"refuses with code {code}" if sentence is None else sentence.format(client_id=client_id)
