"""The harness is imported by plain name, as MicroPython does. What each target met is told in the end, and the sum."""

import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Of all tests that passed and noted `fuzz`: a line for people, and their cases."""
    reports = [report for report in terminalreporter.getreports("passed") if report.when == "call"]
    met = [value for report in reports for name, value in report.user_properties if name == "fuzz"]
    for line, _cases in met:
        terminalreporter.write_line(line)
    if met:
        terminalreporter.write_line(f"{sum(cases for _line, cases in met)} cases of hostile input in all")
