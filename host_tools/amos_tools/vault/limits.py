"""Bounds of what the vault takes in, each with its reason."""

from amos.protocol.ledger_limits import COMPOSERS_MAX, SPLITS_MAX, TITLE_BYTES_MAX
from amos.protocol.limits import SMALL_TEXT_BYTES_MAX

STEM_SECONDS_MAX = 30 * 60
"""A stem is a loop or a take, not an album; bounds memory while measuring to about 2 GB in the worst case."""

SOURCE_RATE_HZ_MIN = 8_000
SOURCE_RATE_HZ_MAX = 192_000
"""Telephone to studio; outside it a header is more likely damaged than meant."""

VAULT_RATES_HZ = (22_050, 44_100, 48_000)
"""The rates a pack may have (daemon/DESIGN.md section 5)."""

PEAK_MAX = 2.0
"""Lossy codecs overshoot full scale by a decibel or two; 6 dB over is integer data marked as float."""

SILENT_PEAK = 10 ** (-78 / 20)
"""Of full scale: four steps of 16 bits. Dither alone stays below it, and the quietest room is above."""

SIDECAR_BYTES_MAX = 64 * 1024
CSV_BYTES_MAX = 16 * 1024 * 1024
"""About 100,000 rows."""

TITLE_MAX_BYTES = TITLE_BYTES_MAX
ARTIST_MAX_BYTES = TITLE_BYTES_MAX
PAYEE_MAX_BYTES = SMALL_TEXT_BYTES_MAX
PAYEES_MAX = SPLITS_MAX
CREDIT_MAX_BYTES = TITLE_BYTES_MAX
COMPOSERS_OF_A_STEM_MAX = COMPOSERS_MAX

TEMPO_MBPM_MIN = 20_000
TEMPO_MBPM_MAX = 400_000
BEATS_MAX = 4_096
"""1,024 bars of four: more than 30 minutes at any musical tempo."""

TAGS_OF_A_STEM_MAX = 32
TAG_MAX_BYTES = SMALL_TEXT_BYTES_MAX
TAG_TEXT_MAX_BYTES = TITLE_BYTES_MAX
