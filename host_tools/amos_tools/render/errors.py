"""Named refusals of render and provenance. Each is one sentence an operator can act on."""


class RenderError(Exception):
    """Base: nothing was written, or what was read is not accepted."""

    @property
    def name(self) -> str:
        """The refusal's name, as the command line shows it."""
        return type(self).__name__


class BadLength(RenderError):
    """A length out of bounds."""


class HitRefused(RenderError):
    """A hit-point that cannot be met on its frame."""


class PieceUnknown(RenderError):
    """The script has no `render` of that name."""


class StemUnplayable(RenderError):
    """A stem of the pack is missing or is not what the manifest says: a render lacks no voice."""


class LeaseOver(RenderError):
    """The pack's lease has ended: its artists may have opted out since."""


class CatalogueMissing(RenderError):
    """The pack's catalogue cannot be read, so the file could not name its artists."""


class OutputFailed(RenderError):
    """The operating system refused to write."""


class NoProvenance(RenderError):
    """A file without the engine's provenance."""


class BadProvenance(RenderError):
    """Provenance that is damaged, or of a version this program does not know."""


class OtherPack(RenderError):
    """The pack is not the one the file was rendered from."""
