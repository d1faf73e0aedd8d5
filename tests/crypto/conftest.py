"""The scripts here import each other by plain name, as MicroPython finds them; so does pytest."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
