"""Aimi Script: when and how stems may sound. `compile_script` turns it into a score for the player."""

from amos_tools.script.compile import Compiled, compile_script
from amos_tools.script.format import format_script
from amos_tools.script.problems import Problem, ScriptError, Span

__all__ = ["Compiled", "Problem", "ScriptError", "Span", "compile_script", "format_script"]
