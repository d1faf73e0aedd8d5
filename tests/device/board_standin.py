"""A board on two serial lines, prompt and link, with its flash and its card in folders; and a package index."""

import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import threading
import tty
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STANDIN = Path(__file__).parent / "board" / "standin.py"
LIBRARIES = Path(__file__).parent / "board" / "libraries"
EXIT_RESET = 42
PROMPTS = (b">>> ", b"\x04>", b"CTRL-B to exit\r\n>")
"""What a board says last when nothing runs there."""


class StandInBoard:
    """MicroPython as a board: `prompt` and `link` are addresses; Ctrl-C on the prompt's line interrupts what runs.

    `like`: a board whose flash and card are copied into this one before it starts. `deaf_to`: as many interrupts are
    lost, as one is that meets a board while it boots.
    """

    def __init__(
        self,
        folder: Path,
        interpreter: list[str],
        unique_id: bytes = b"12345678",
        like: "StandInBoard | None" = None,
        deaf_to: int = 0,
    ):
        self.flash, self.card = folder / "flash", folder / "card"
        for made in (self.flash, self.card):
            made.mkdir(parents=True)
        if like:
            shutil.copytree(like.flash, self.flash, dirs_exist_ok=True)
            shutil.copytree(like.card, self.card, dirs_exist_ok=True)
        (self.flash / "unique_id").write_bytes(unique_id)
        self._deaf_to = deaf_to
        self.prompt, self._prompt_fd = self._line(folder / "prompt")
        self.link, self._link_fd = self._line(folder / "link")
        self.starts = 0
        self._interpreter = interpreter
        self._stopping = False
        self._said = (folder / "said").open("wb")
        self._process = self._start()
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def _line(self, path: Path) -> tuple[str, int]:
        master, slave = os.openpty()
        tty.setraw(slave)
        path.symlink_to(os.ttyname(slave))  # the slave stays open here, so that hosts may come and go
        return f"serial:{path}", master

    def _start(self) -> "subprocess.Popen[bytes]":
        self.starts += 1
        self._running = False
        words = [*self._interpreter, "-X", "heapsize=8m", str(STANDIN), str(self.flash), str(self.card)]
        pipe, line = subprocess.PIPE, self._link_fd
        return subprocess.Popen(
            [*words, str(line)], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, bufsize=0, pass_fds=[line]
        )

    def _relay(self) -> None:
        while not self._stopping:
            process = self._process
            assert process.stdin is not None and process.stdout is not None
            ready = select.select([self._prompt_fd, process.stdout], [], [], 0.1)[0]
            if process.stdout in ready:
                data = os.read(process.stdout.fileno(), 4096)
                self._said.write(data)
                self._said.flush()
                if data:
                    self._running = not data.endswith(PROMPTS)
                    os.write(self._prompt_fd, data)
                elif process.wait() == EXIT_RESET:
                    self._process = self._start()
                else:
                    return
            if self._prompt_fd in ready:
                data = os.read(self._prompt_fd, 4096)
                if b"\x03" in data and self._deaf_to:
                    self._deaf_to -= 1
                elif b"\x03" in data and self._running:
                    process.send_signal(signal.SIGINT)
                with contextlib.suppress(BrokenPipeError):  # it has just ended
                    process.stdin.write(data.replace(b"\x03", b""))

    def stop(self) -> None:
        self._stopping = True
        self._thread.join(5)
        self._process.kill()
        self._process.wait()
        self._said.close()


class PackageIndex:
    """What `mip` asks for: the two libraries, by their names and hashes."""

    def __init__(self) -> None:
        files = {path.relative_to(LIBRARIES).as_posix(): path.read_bytes() for path in LIBRARIES.rglob("*.py")}
        by_hash = {hashlib.sha256(data).hexdigest()[:8]: data for data in files.values()}
        packages = {"sdcard": ["sdcard.py"], "usb-device-cdc": ["usb/device/__init__.py", "usb/device/cdc.py"]}
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                kind, *rest = self.path.strip("/").split("/")
                body = None
                if kind == "package" and rest[1] in packages:
                    hashes = [[name, hashlib.sha256(files[name]).hexdigest()[:8]] for name in packages[rest[1]]]
                    body = json.dumps({"v": 1, "version": "1", "hashes": hashes}).encode()
                elif kind == "file":
                    body = by_hash.get(rest[1])
                self.send_response(404 if body is None else 200)
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
