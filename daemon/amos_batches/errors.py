"""Why work on a cluster ends before its time."""


class BatchError(Exception):
    """The work was not done. The message is one line for a person."""

    exit_code = 3
    """As that of a broker that is not there."""


class ClusterAddressWrong(BatchError):
    """What was typed is no address of a scheduler."""

    exit_code = 2


class ClusterExtraMissing(BatchError):
    """Dask is not installed here."""

    exit_code = 1


class ClusterUnreachable(BatchError):
    """No scheduler answers at the address, or it has no worker."""


class ClusterDiffers(BatchError):
    """Scheduler or workers do not have the amos that asks."""


class ClusterLost(BatchError):
    """The scheduler, or the last worker, went away in the middle of the work, or a batch ends every worker it gets."""
