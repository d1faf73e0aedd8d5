"""The harness is imported by plain name, as MicroPython does."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
