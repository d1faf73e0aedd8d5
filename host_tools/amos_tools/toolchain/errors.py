"""Why a program is missing, in one sentence a person can act on."""


class ToolMissing(Exception):
    """The tool is not on this machine and could not be fetched; the message is one line and says what to do."""
