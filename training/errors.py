"""What can go wrong while training.

TrainingError
    BadUsage           the command line is wrong
    BadConfig          a setting is out of its range, or does not go with another
    BadData            the image folder cannot be trained on
    ConfigDiffers      a run directory holds a run of another configuration
    InUse              another process is at work on a run directory or a table
    BadCheckpoint      a checkpoint is missing or does not fit the model
    NotFinite          the loss or its gradient became infinite or NaN
    DiskFull           there is no room for a file of the run
    CompileFailed      torch.compile could not compile the network
    MemoryFull         an accelerator has no memory for a step
    TableDiffers       a half-written evaluation table belongs to another evaluation
    BadTable           a table of an evaluation cannot be read, or does not go with another
    WorkerFailed       a process of an evaluation died, or could not do its work
"""


class TrainingError(Exception):
    """Root of everything this package raises on purpose."""


class BadUsage(TrainingError):
    """The command line is wrong: an unknown option, or a value that is missing or impossible."""


class BadConfig(TrainingError, ValueError):
    """A setting is out of its range, or does not go with another."""


class BadData(TrainingError):
    """The image folder is missing, empty, of one class only, or holds a broken image."""


class ConfigDiffers(TrainingError):
    """A run directory was started with another configuration.

    Attributes:
        fields: Dotted names of the fields that differ.
    """

    def __init__(self, message: str, *, fields: tuple[str, ...]) -> None:
        super().__init__(message)
        self.fields = fields


class InUse(TrainingError):
    """Another process is at work on the run directory or the table."""


class BadCheckpoint(TrainingError):
    """A checkpoint is missing, half there, or does not fit the model."""


class NotFinite(TrainingError):
    """The loss or its gradient became infinite or NaN: the run stops rather than goes on so."""


class DiskFull(TrainingError):
    """There is no room for a file of the run; its last checkpoint is intact."""


class CompileFailed(TrainingError):
    """torch.compile could not compile the network."""


class MemoryFull(TrainingError):
    """An accelerator has no memory for a step."""


class TableDiffers(TrainingError):
    """A half-written evaluation table belongs to another evaluation."""


class BadTable(TrainingError):
    """A table of an evaluation cannot be read, or does not go with another."""


class WorkerFailed(TrainingError):
    """A process of an evaluation died, or could not do its work."""
