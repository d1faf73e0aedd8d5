"""Who a player is: its key, and what its board is. Only a rotation changes the key, before anything is played."""

from amos import __version__, crypto
from amos.protocol.link import IDENTIFY_CONTEXT


def key_id_of(seed: bytes) -> bytes:
    """The key id of a seed; that of a device's first key is the device's id."""
    return crypto.key_id(crypto.public_key(seed))


class Identity:
    """Holds the device key and signs with it. `voices` is the most that the board plays; `config` names the board.

    device_id     the id of the device's first key
    key_id        the id of the key in force, which is the same until the key is rotated
    key_history   the encoded `KeyHistory`, None while there was no rotation
    """

    def __init__(self, seed: bytes, config, history=None):
        self.take(seed, history)
        self.device_id = self.key_id if history is None else history.device_id
        self.firmware = __version__
        self.board = config.board
        self.voices = config.voices

    def take(self, seed: bytes, history) -> None:
        """Sign with this key from here on."""
        self._seed = seed
        self.public_key = crypto.public_key(seed)
        self.key_id = crypto.key_id(self.public_key)
        self.key_history = None if history is None else history.encode()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return crypto.sign(self._seed, message)

    def sign_pieces(self, message) -> bytes:
        """The signature of a `Pieces`, 64 bytes."""
        return crypto.sign(self._seed, *message.parts)

    def sign_identity(self, nonce: bytes) -> bytes:
        """The signature, 64 bytes, that answers a courier which asks who this is."""
        return self.sign(IDENTIFY_CONTEXT + nonce)
