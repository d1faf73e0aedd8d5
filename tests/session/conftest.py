"""The tests here share helpers by plain name."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
