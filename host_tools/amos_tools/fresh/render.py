"""Renders half a minute of the last demo's pack and prints the SHA-256 of its PCM; run in a root, by amos's Python."""

import hashlib
import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

from amos_tools.toolchain import cache

LENGTH = "30s"


def main() -> None:
    demo = cache.folder("demo")
    publisher = json.loads((demo / "keys" / "pinned.json").read_text())["publisher"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "render.wav"
        words = ["render", str(demo / "pack"), f"--publisher-key={publisher}", f"--length={LENGTH}", f"--out={out}"]
        subprocess.run([sys.executable, "-m", "amos_tools", *words], check=True)
        with wave.open(str(out)) as file:
            print(hashlib.sha256(file.readframes(file.getnframes())).hexdigest())


if __name__ == "__main__":
    main()
