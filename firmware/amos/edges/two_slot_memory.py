"""The twin of a two-slot file in memory, for tests on every runtime. `two_slot_file` has the contract."""


class TwoSlotMemory:
    """One without files. `fails`: the next writes raise OSError. `writes` counts those that did not."""

    def __init__(self, content: "bytes | None" = None):
        self.content = content
        self.damaged = False
        self.fails = False
        self.writes = 0

    def read(self) -> "bytes | None":
        return self.content

    def write(self, content: bytes) -> None:
        if self.fails:
            raise OSError("write failed")
        self.content = content
        self.writes += 1
