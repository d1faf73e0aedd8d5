"""Codes and credits as people state them: text in, checked values out. Pure.

An empty text means that nobody stated it. ISRC and UPC are checked by python-stdnum, imported where it is used, since
machines that only play, or only fetch and prove, lack it. It knows neither ISWC nor IPI: an ISWC's check digit is
reckoned here, an IPI's form is looked at.
"""

import re
from collections.abc import Mapping

from amos.protocol.catalogue import AI_USES
from amos_cli.names import hint
from amos_tools.stems import Composer, Credits
from amos_tools.vault import errors
from amos_tools.vault.limits import COMPOSERS_OF_A_STEM_MAX, CREDIT_MAX_BYTES

CREDIT_FIELDS = ("iswc", "composers", "publisher", "label", "upc", "ai_use", "training")

_ISWC = re.compile(r"T[0-9]{10}")
_IPI = re.compile(r"[0-9]{9,11}")
IPI_DIGITS = 11
YES_OR_NO = {"yes": True, "true": True, "no": False, "false": False}


def parse_credits(file: str, fields: Mapping[str, str]) -> Credits:
    """Check the texts of `CREDIT_FIELDS`. Raises the `VaultError` of the first wrong one."""
    return Credits(
        iswc=_iswc(file, fields["iswc"]),
        composers=_composers(file, fields["composers"]),
        publisher=checked_text(file, "publisher", fields["publisher"], CREDIT_MAX_BYTES) or None,
        label=checked_text(file, "label", fields["label"], CREDIT_MAX_BYTES) or None,
        upc=_upc(file, fields["upc"]),
        ai_use=_ai_use(file, fields["ai_use"]),
        training=_training(file, fields["training"]),
    )


def credit_texts(credits: Credits) -> dict[str, str]:
    """What `parse_credits` makes these credits of."""
    training = {None: "", True: "yes", False: "no"}[credits.training]
    composers = ";".join(item.name + (f"={item.ipi}" if item.ipi else "") for item in credits.composers)
    plain = {name: getattr(credits, name) or "" for name in ("iswc", "publisher", "label", "upc", "ai_use")}
    return {**plain, "composers": composers, "training": training}


def checked_text(file: str, field: str, text: str, bytes_max: int) -> str:
    """The text, if it is printable and not too long. Raises `BadText`."""
    if not text.isprintable():
        raise errors.BadText(file, field, "printable text", text)
    if len(text.encode("utf-8", "surrogatepass")) > bytes_max:
        raise errors.BadText(file, field, f"at most {bytes_max} bytes of UTF-8", text)
    return text


def parse_isrc(file: str, text: str) -> str | None:
    """The ISRC without hyphens, None for an empty text. Raises `BadIsrc`."""
    if not text:
        return None
    from stdnum import isrc
    from stdnum.exceptions import ValidationError

    try:
        return str(isrc.validate(text))
    except ValidationError as error:
        expected = f"an ISRC such as GB-ABC-24-00001, or nothing ({error})"
        raise errors.BadIsrc(file, "isrc", expected, text) from None


def _upc(file: str, text: str) -> str | None:
    if not text:
        return None
    from stdnum import ean
    from stdnum.exceptions import ValidationError

    try:
        return str(ean.validate(text))
    except ValidationError as error:
        expected = f"a UPC or EAN such as 036000291452, or nothing ({error})"
        raise errors.BadUpc(file, "upc", expected, text) from None


def _iswc(file: str, text: str) -> str | None:
    if not text:
        return None
    plain = re.sub(r"[-. ]", "", text).upper()
    if not _ISWC.fullmatch(plain):
        raise errors.BadIswc(file, "iswc", "an ISWC such as T-034.524.680-1, or nothing", text)
    digits = [int(digit) for digit in plain[1:]]
    total = 1 + sum(weight * digit for weight, digit in enumerate(digits[:-1], 1))
    if (total + digits[-1]) % 10:
        raise errors.BadIswc(file, "iswc", f"the check digit {-total % 10}", text)
    return plain


def _composers(file: str, text: str) -> tuple[Composer, ...]:
    """`name;name=IPI` in the order given."""
    found: list[Composer] = []
    for piece in text.split(";") if text else []:
        name, equals, ipi = (part.strip() for part in piece.partition("="))
        name = checked_text(file, "composers", name, CREDIT_MAX_BYTES)
        if not name or (equals and not _IPI.fullmatch(ipi)):
            raise errors.BadComposer(file, "composers", "name;name=IPI, an IPI of 9 to 11 digits", piece)
        if name in [item.name for item in found]:
            raise errors.BadComposer(file, "composers", "each composer once", name)
        found.append(Composer(name, ipi.zfill(IPI_DIGITS) if equals else None))
    if len(found) > COMPOSERS_OF_A_STEM_MAX:
        raise errors.BadComposer(file, "composers", f"at most {COMPOSERS_OF_A_STEM_MAX}", len(found))
    return tuple(found)


def _ai_use(file: str, text: str) -> str | None:
    if text and text not in AI_USES:
        expected = "one of " + ", ".join(AI_USES) + hint(text, AI_USES) + ", or nothing"
        raise errors.UnknownAiUse(file, "ai_use", expected, text)
    return text or None


def _training(file: str, text: str) -> bool | None:
    if text and text.lower() not in YES_OR_NO:
        raise errors.TrainingUnclear(file, "training", "yes, no, or nothing", text)
    return YES_OR_NO[text.lower()] if text else None
