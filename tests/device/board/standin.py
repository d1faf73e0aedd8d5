"""A board's boot and prompt on MicroPython's unix port: `micropython standin.py FLASH CARD LINK_FD`.

FLASH becomes the root of the file system, as a board's own flash is; CARD is what the SD driver finds. boot.py and
main.py run first, when they are there; then the raw prompt of MicroPython's manual on stdin and stdout. Exit code 42
asks whoever started it to start it again (machine.reset).
"""

import io
import sys

import ffi
import vfs

FLASH, CARD, LINK_FD = sys.argv[1:4]
HERE = __file__.rsplit("/", 1)[0]
EXIT_RESET = 42


def run(name):
    try:
        with open(name) as file:
            source = file.read()
    except OSError:
        return
    say(execute(source))


def execute(source):
    """Run it; the traceback, or nothing."""
    try:
        exec(compile(source, "<stdin>", "exec"), space)
    except SystemExit:
        raise
    except BaseException as error:
        text = io.StringIO()
        sys.print_exception(error, text)
        return text.getvalue()
    return ""


def say(text):
    sys.stdout.write(text)


def keys():
    """What is typed, in pieces: byte by byte would take an emulated board minutes. Ends with the line."""
    read = ffi.open(None).func("i", "read", "ipi")
    buffer = bytearray(4096)
    while True:
        count = read(0, buffer, len(buffer))
        if count == 0:
            return
        yield from bytes(buffer[: max(count, 0)])


def prompt():
    raw, typed = False, bytearray()
    for key in keys():
        if key == 1 and typed != b"\x05A":
            raw, typed = True, bytearray()
            say("\r\nraw REPL; CTRL-B to exit\r\n>")
        elif key == 2:
            raw = False
            say("\r\n>>> ")
        elif not raw:
            continue
        elif key == 1:
            typed = bytearray()
            say("R\x00")  # no raw paste mode
        elif key == 4:
            source, typed = bytes(typed), bytearray()
            say("OK")
            say("\x04" + execute(source.decode()) + "\x04>")
        else:
            typed.append(key)


vfs.umount("/")
vfs.mount(vfs.VfsPosix(FLASH), "/")
vfs.mount(vfs.VfsPosix(HERE + "/rom"), "/rom")
sys.path[:] = ["/rom", "/.", "/lib"]  # "" would be the folder it was started in
space = {"__name__": "__main__"}
import machine  # noqa: E402 (the board's, from /rom)

machine.FLASH, machine.CARD, machine.LINK_FD = FLASH, CARD, int(LINK_FD)
try:
    say("MicroPython\r\n")  # from here on an interrupt is Python's
    for name in ("/boot.py", "/main.py"):
        run(name)
except KeyboardInterrupt:
    pass
say(">>> ")  # from here on an interrupt is a key, since nothing runs
prompt()
