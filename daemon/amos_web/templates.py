"""Pages from templates, in each language; everything that a template shows is escaped."""

import gettext
from collections.abc import Mapping
from typing import Any

from amos_web.errors import WebUnusable


class Templates:
    """Those of `package`'s folder `templates`. Raises `WebUnusable` where Jinja2 is not installed."""

    def __init__(self, package: str, translations: Mapping[str, gettext.NullTranslations]):
        try:
            from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
        except ImportError:
            raise WebUnusable("web: expected the package jinja2; install 'amos[web]'") from None
        self._environments = {}
        for language, words in translations.items():
            environment = Environment(
                loader=PackageLoader(package),
                autoescape=select_autoescape(default=True),
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                extensions=["jinja2.ext.i18n"],
            )
            environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
            environment.globals["language"] = language
            for name in environment.list_templates(extensions=["html"]):
                environment.get_template(name)  # compiled: the first who asks does not wait for it
            self._environments[language] = environment

    def render(self, name: str, language: str, values: Mapping[str, Any]) -> str:
        """The page."""
        return self._environments[language].get_template(name).render(values)
