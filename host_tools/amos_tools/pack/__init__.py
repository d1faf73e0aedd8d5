"""Packs: the stems, score and manifest a player holds."""

from amos_tools.pack.build import PackSummary, build_pack
from amos_tools.pack.catalogue import export_catalogue
from amos_tools.pack.errors import PackBuildError

__all__ = ["PackBuildError", "PackSummary", "build_pack", "export_catalogue"]
