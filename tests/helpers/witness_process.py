"""A witness of the tests' own (c2sp.org/tlog-witness), a real HTTP process that shares no code with ours.

python witness_process.py NAME SEED_HEX STATE_FILE ORIGIN LOG_KEY_HEX: prints its port, then serves until it is ended.
"""

import base64
import hashlib
import http.server
import json
import sys
import time
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey


def key_id(name: str, kind: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def vkey(name: str, kind: int, key: bytes) -> str:
    return f"{name}+{key_id(name, kind, key).hex()}+{base64.b64encode(bytes([kind]) + key).decode()}"


def cosignature(name: str, key: SigningKey, text: bytes, unix_s: int) -> bytes:
    """The line under a checkpoint's text (c2sp.org/tlog-cosignature)."""
    signature = key.sign(b"cosignature/v1\ntime %d\n" % unix_s + text).signature
    blob = key_id(name, 4, bytes(key.verify_key)) + unix_s.to_bytes(8, "big") + signature
    return f"— {name} {base64.b64encode(blob).decode()}\n".encode()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 6962 section 2.1.2, verified by going down the tree: the proof is taken apart from its end."""
    if old == 0:
        return not proof
    if old == new:
        return not proof and old_root == new_root
    rest = list(proof)

    def walk(m: int, n: int, whole: bool) -> tuple[bytes, bytes]:
        """(root of the first m leaves here, root of all n)."""
        if m == n:
            root = old_root if whole else rest.pop()
            return root, root
        k = 1 << ((n - 1).bit_length() - 1)
        last = rest.pop()
        if m <= k:
            left_old, left_new = walk(m, k, whole)
            return left_old, node(left_new, last)
        right_old, right_new = walk(m - k, n - k, False)
        return node(last, right_old), node(last, right_new)

    try:
        return walk(old, new, True) == (old_root, new_root) and not rest
    except IndexError:
        return False


class Witness(http.server.BaseHTTPRequestHandler):
    name, state = "", Path()
    key = SigningKey(bytes(32))
    origin, log_key = "", bytes(32)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer, kind = self.judge(body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def judge(self, body: bytes) -> tuple[int, bytes, str]:
        plain = "text/plain"
        if self.path != "/add-checkpoint":
            return 404, b"", plain
        head, _, note = body.partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        old, proof = int(first.removeprefix("old ")), [base64.b64decode(line) for line in lines]
        text, _, signatures = note.partition(b"\n\n")
        origin, digits, root64 = text.decode().split("\n")
        if origin != self.origin:
            return 404, b"", plain
        if not self.signed(text + b"\n", signatures.decode()):
            return 403, b"", plain
        size, root = int(digits), base64.b64decode(root64)
        if old > size:
            return 400, b"", plain
        state = json.loads(self.state.read_text()) if self.state.exists() else {"size": 0, "root": ""}
        if old != state["size"]:
            return 409, b"%d\n" % state["size"], "text/x.tlog.size"
        if old == size and root.hex() != state["root"]:
            return 409, b"%d\n" % state["size"], "text/x.tlog.size"
        if not consistent(old, size, bytes.fromhex(state["root"]), root, proof):
            return 422, b"", plain
        self.state.write_text(json.dumps({"size": size, "root": root.hex()}))
        return 200, cosignature(self.name, self.key, text + b"\n", int(time.time())), plain

    def signed(self, text: bytes, signatures: str) -> bool:
        for line in signatures.splitlines():
            _dash, name, blob = line.split(" ")
            content = base64.b64decode(blob)
            if (name, content[:4]) == (self.origin, key_id(self.origin, 1, self.log_key)):
                try:
                    VerifyKey(self.log_key).verify(text, content[4:])
                    return True
                except BadSignatureError:
                    return False
        return False

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    name, seed, state, origin, log_key = sys.argv[1:]
    Witness.name, Witness.key, Witness.state = name, SigningKey(bytes.fromhex(seed)), Path(state)
    Witness.origin, Witness.log_key = origin, bytes.fromhex(log_key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Witness)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
