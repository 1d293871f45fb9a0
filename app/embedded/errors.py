"""Why the stack on this machine could not start, or stopped.

EmbeddedError
+-- ServerNotFound     no Valkey or Redis server that could be started
+-- StoreAway          the store does not answer
+-- StateDirUnusable   the state directory cannot be made, or is not private
+-- AlreadyRunning     another stack uses the state directory
+-- RemoteRefused      an address that others can reach, while nobody needs a key
+-- SettingRefused     a variable of the environment has no such value
+-- PortInUse          another program listens there
+-- ChildFailed        a part of the stack does not start, or dies again and again
+-- StartTimeout       the parts run, but do not become ready
+-- DemoFailed         the demonstration did not show what it should
"""


class EmbeddedError(Exception):
    """Root of this package's errors; the message is meant for the person at the terminal."""


class ServerNotFound(EmbeddedError):
    """No Valkey or Redis server that could be started."""


class StoreAway(EmbeddedError):
    """The store does not answer."""


class StateDirUnusable(EmbeddedError):
    """The state directory cannot be made, or others could reach into it."""


class AlreadyRunning(EmbeddedError):
    """Another stack uses the state directory."""


class RemoteRefused(EmbeddedError):
    """Others could reach the address, and there is no API key to let some of them in."""


class SettingRefused(EmbeddedError):
    """A variable of the environment has no such value."""


class PortInUse(EmbeddedError):
    """Another program listens at the address."""


class ChildFailed(EmbeddedError):
    """A part of the stack does not start, or dies again and again."""


class StartTimeout(EmbeddedError):
    """The parts run, but did not become ready in time."""


class DemoFailed(EmbeddedError):
    """The demonstration did not show what it should."""
