"""What to do about each cause for which a broker cannot be used, and which setting it is about. Pure."""

from amos_sync.check.finding import Finding, wrong

_ADVICE: tuple[tuple[str, str, str | None], ...] = (
    (
        "is not found (DNS)",
        "correct the host's name; resolvectl query HOST shows whether this network knows it",
        "broker",
    ),
    ("nothing listens at this port", "correct the port (mostly 1883, with TLS 8883), or start the broker", "broker"),
    ("no answer in time", "correct the address, or open the firewall between for this port", "broker"),
    ("no way to it", "connect this machine to the network: ip route shows the ways", None),
    ("not speak TLS at this port", "correct the port, or leave out the settings of TLS", "broker"),
    ("speaks TLS at this port", "name the authority's certificate with tls-ca, or correct the port", "tls-ca"),
    ("not trusted here", "name the certificate of the authority that signed the broker's", "tls-ca"),
    ("for another name than", "write the broker by the name that is in its certificate", "broker"),
    ("has expired", "renew the broker's certificate, or set this machine's clock (timedatectl)", None),
    ("is not valid yet", "set this machine's clock (timedatectl set-ntp true)", None),
    ("TLS certificate of ours", "name this site's certificate and its key", "tls-certificate"),
    ("authority of our TLS certificate", "have the broker's authority sign this site's certificate", "tls-certificate"),
    ("our TLS certificate", "have the operator sign another certificate for this site", "tls-certificate"),
    ("name or the password", "correct the user name and the first line of the password's file", "password-file"),
    (
        "does not let us in",
        "correct the user name, the password's file, and the broker's access rules",
        "password-file",
    ),
    ("is not asked", "correct the file that is named", None),
    ("gives no answer", "is it a broker of MQTT that listens there? Correct the address or the port", "broker"),
    ("no MQTT", "correct the address or the port: something else than a broker listens there", "broker"),
    ("hung up", "correct the port, and look at the broker's log", "broker"),
)
"""What a cause's sentence contains (`amos_mqtt.causes`), what to do, and the setting; the first that fits holds."""


def broker_fault(broker: str, reason: str) -> Finding:
    """The finding for a reason that goes on from "the broker"."""
    for part, advice, setting in _ADVICE:
        if part in reason:
            return wrong("broker", f"broker {broker} {reason}", advice, setting)
    return wrong("broker", f"broker {broker} {reason}", "look at the broker's log", "broker")
