"""The ledger's doors: usage messages from any courier, and what an operator brings from others.

Every message is answered with a verdict by name. Whatever came, the log is one chain for each device, the totals are
those of what was accepted, and no message makes the ledger say that it is unavailable.
"""

import hashlib
import shutil
import tempfile
import zlib
from pathlib import Path

from fuzz_chance import EDGES, Chance, resigned, spoil, twisted
from fuzz_messages import TAKEN
from protocol_examples import Examples, Party

from amos.protocol.answer import ACCEPTED, CODES, UNAVAILABLE, Answer
from amos.protocol.cose import TYP_CATALOGUE, TYP_ENROLMENT, TYP_MANIFEST, TYP_USAGE, parse
from amos.protocol.enrolment import IDENTIFY_CONTEXT, Enrolment, sign_enrolment
from amos.protocol.envelope import wrap
from amos.protocol.limits import CATALOGUE_BYTES_MAX, ENVELOPE_BYTES_MAX, SEGMENT_BYTES_MAX
from amos.protocol.merkle import leaf_hash
from amos.protocol.segment import FIRST_PREVIOUS, Usage, columns, open_usage, sign_usage
from amos.protocol.topics import USAGE, device_topic
from amos_ledger import registry, tree
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder, init_folder
from amos_ledger.ledger import Ledger
from amos_ledger.reading import Message
