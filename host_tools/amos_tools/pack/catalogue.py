"""The published catalogue of a vault: whose each stem is and how its income is split."""

from amos.crypto import key_id, public_key, sign
from amos.protocol.catalogue import AI_USES, VERSION, Catalogue, Composer, Share, Work, sign_catalogue
from amos.protocol.errors import LocalError
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos_tools.pack.errors import NotRepresentable
from amos_tools.stems import StemFacts
from amos_tools.vault import Vault


def export_catalogue(vault: Vault, publisher_seed: bytes, serial: int = 1) -> bytes:
    """The signed catalogue of every stem that is or ever was opted in, in the order of stem ids.

    An artist who has opted out since is still owed what was played before, so those stems stay; stems that were never
    opted in are nobody's business and are left out. A later `serial` replaces an earlier one.
    """
    works = [_work(stem) for stem in vault.published_stems()]
    try:
        signed = sign_catalogue(
            Catalogue(version=VERSION, serial=serial, works=works),
            key_id(public_key(publisher_seed)),
            lambda message: sign(publisher_seed, message),
        )
    except LocalError as error:
        raise NotRepresentable(f"catalogue: {error}") from None
    if len(signed) > CATALOGUE_BYTES_MAX:
        raise NotRepresentable(f"catalogue: expected at most {CATALOGUE_BYTES_MAX} bytes, found {len(signed)}")
    return signed


def _work(stem: StemFacts) -> Work:
    credits = stem.credits
    return Work(
        stem_id=stem.stem_id,
        title=stem.title,
        artist=stem.artist,
        isrc=stem.isrc,
        splits=[Share(payee=split.payee, ppm=split.ppm) for split in stem.splits],
        iswc=credits.iswc,
        composers=[Composer(name=who.name, ipi=who.ipi) for who in credits.composers] or None,
        publisher=credits.publisher,
        label=credits.label,
        upc=credits.upc,
        ai_use=None if credits.ai_use is None else AI_USES.index(credits.ai_use),
        training=credits.training,
    )
