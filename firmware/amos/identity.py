"""Who a player is: its key, and what its board is. Nothing of this changes while the process lives."""

from amos import __version__, crypto
from amos.protocol.link import IDENTIFY_CONTEXT


def device_id_of(seed: bytes) -> bytes:
    """The device id of a seed."""
    return crypto.key_id(crypto.public_key(seed))


class Identity:
    """Holds the device key and signs with it. `voices` is the most that the board plays; `config` names the board."""

    def __init__(self, seed: bytes, config):
        self._seed = seed
        self.public_key = crypto.public_key(seed)
        self.device_id = crypto.key_id(self.public_key)
        self.firmware = __version__
        self.board = config.board
        self.voices = config.voices

    def sign_pieces(self, message) -> bytes:
        """The signature of a `Pieces`, 64 bytes."""
        return crypto.sign(self._seed, *message.parts)

    def sign_identity(self, nonce: bytes) -> bytes:
        """The signature, 64 bytes, that answers a courier which asks who this is."""
        return crypto.sign(self._seed, IDENTIFY_CONTEXT + nonce)
