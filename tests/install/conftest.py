"""Helpers beside these tests are imported by their plain name."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
