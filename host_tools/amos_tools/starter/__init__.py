"""The starter vault: a small synthesised repertoire, so that the demo needs no recordings."""

from amos_tools.starter.make import make_starter_vault

__all__ = ["make_starter_vault"]
