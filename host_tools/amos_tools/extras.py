"""Which extra of this distribution brings a module that is not installed."""

import re
from importlib.metadata import PackageNotFoundError, requires

DISTRIBUTION = "amos"


def advice(module: str | None) -> str | None:
    """What to install so that `module` can be imported, in one line; None where no extra of ours brings it."""
    extra = _extra(_normal((module or "").partition(".")[0]))
    return extra and f"{module} is not installed: pip install '{DISTRIBUTION}[{extra}]'"


def _extra(package: str) -> str | None:
    """The smallest extra with it: an extra may hold another. Packages of extras are imported by their own names, or by
    these without `python-`, so that a missing module's name finds its line."""
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return None
    extras: dict[str, set[str]] = {}
    for line in lines:
        name, extra = re.match(r"[\w.-]+", line), re.search(r"""extra == ["']([\w-]+)["']""", line)
        if name and extra:
            extras.setdefault(extra[1], set()).add(_normal(name[0]))
    names = {package, f"python-{package}"}
    return min((name for name in extras if names & extras[name]), key=lambda name: len(extras[name]), default=None)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
