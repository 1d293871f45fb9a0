"""`dmae serve`: the store, the workers and the web process, started, kept and stopped."""

import asyncio
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from app.access.authenticator import KeysMode
from app.client.settings import DEFAULT_URL
from app.embedded.address import base_url, free_port, is_loopback, require_free
from app.embedded.errors import RemoteRefused, StoreAway
from app.embedded.follow import follow
from app.embedded.lifeline import lifeline
from app.embedded.part import Part
from app.embedded.parts import Place, cores, store_part, web_part, worker_part
from app.embedded.settings import EmbeddedSettings, environment_with
from app.embedded.state_dir import held, private_directory, socket_path
from app.embedded.supervisor import Report, Supervisor
from app.embedded.valkey import find_server, store_url
from app.settings import AppSettings
from app.settings import settings_from_environment as web_settings
from jobs import api_keys
from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.errors import StoreUnavailable
from model_store.errors import ModelStoreError
from model_store.registry import Registry
from smoothing.digits import plain

STORE_START_S = 120.0
"""A long append-only file takes a while to read."""

START_S = 600.0
"""On a slow disk the imports of the first start alone can take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What the command line asks for.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 for any that is free.
        workers: Worker processes, at least 1.
        keys: Who needs an API key, as APP_KEYS has it; None leaves it to the environment.
        verbose: Whether to report what the parts log.
    """

    host: str
    port: int
    workers: int
    keys: KeysMode | None
    verbose: bool


def serve(options: ServeOptions, settings: EmbeddedSettings, report: Report) -> bool:
    """Run the stack until SIGINT, SIGTERM or SIGHUP; call from the main thread.

    Args:
        options: What the command line asks for.
        settings: What the environment asks for.
        report: Told what happens, a line or a few at a time.

    Returns:
        Whether everything stopped by itself; False if a second signal had it killed.

    Raises:
        EmbeddedError: It could not start, or a part dies again and again.
        AppError: A setting of the web process cannot be used.
    """
    given = {"redis_url": store_url(settings), "model_store_dir": settings.model_store_dir}
    web = web_settings(given if options.keys is None else given | {"keys": options.keys})
    port = options.port or free_port(options.host)
    url = base_url(options.host, port)
    server = None if settings.redis_url else find_server()
    private_directory(settings.state_dir)
    with held(settings.state_dir, url=url):
        require_free(options.host, port)
        stack = _Stack(options, settings, web, report, server=server, port=port, url=url)
        return asyncio.run(stack.run())


class _Stack:
    def __init__(
        self,
        options: ServeOptions,
        settings: EmbeddedSettings,
        web: AppSettings,
        report: Report,
        *,
        server: Path | None,
        port: int,
        url: str,
    ) -> None:
        self._options = options
        self._settings = settings
        self._web = web
        self._report = report
        self._server = server
        self._port = port
        self._url = url
        self._socket = socket_path(settings.state_dir, settings.runtime_dir)
        self._signing = settings.signing_keys_dir or private_directory(settings.signing_dir)
        self._place = Place(
            logs=private_directory(settings.state_dir / "logs"),
            environment=environment_with(
                {
                    "REDIS_URL": web.redis_url,
                    "MODEL_STORE_DIR": str(settings.model_store_dir),
                    "APP_SIGNING_KEYS_DIR": str(self._signing),
                    "APP_KEYS": web.keys,
                }
            ),
            redis_url=web.redis_url,
        )
        self._began = time.monotonic()

    async def run(self) -> bool:
        with lifeline() as ties:
            supervisor = Supervisor(ties=ties, report=self._report)
            with _signals(supervisor):
                following = asyncio.create_task(self._follow())
                try:
                    if await self._start(supervisor):
                        self._announce()
                        await supervisor.until_stopped()
                finally:
                    self._report("stopping (once more to kill)")
                    await supervisor.stop()
                    following.cancel()
                    await asyncio.wait({following})
                    self._report("killed" if supervisor.forced else "stopped; jobs are kept")
        return not supervisor.forced

    async def _start(self, supervisor: Supervisor) -> bool:
        if self._server is None:
            self._report("using the store that REDIS_URL names")
        else:
            self._report(f"starting the store ({self._server.name} in {self._settings.state_dir})")
            supervisor.add(
                store_part(
                    self._place, self._server, directory=self._store(), socket_path=self._socket
                )
            )
            if not await supervisor.until_ready(STORE_START_S):
                return False
        self._locked = await asyncio.to_thread(self._keys_needed)
        self._report("loading the model (imports take 10-30 s)")
        supervisor.add(*self._workers())
        host, port = self._options.host, self._port
        supervisor.add(web_part(self._place, self._web, host=host, port=port, url=self._url))
        return await supervisor.until_ready(START_S)

    async def _follow(self) -> None:
        names = ["store", "web", *(part.name for part in self._workers())]
        if self._options.verbose:
            await follow({name: self._place.logs / f"{name}.log" for name in names}, self._report)

    def _store(self) -> Path:
        return private_directory(self._settings.state_dir / "valkey")

    def _workers(self) -> list[Part]:
        count = self._options.workers
        threads = max(1, cores() // count)
        return [worker_part(self._place, i + 1, torch_threads=threads) for i in range(count)]

    def _keys_needed(self) -> bool:
        """Whether requests from this machine need an API key.

        Raises:
            RemoteRefused: Others could reach the service, and nobody has a key.
            StoreAway: Whether there is a key cannot be told.
        """
        if self._web.keys == "off":
            return False
        try:
            with make_redis(self._place.redis_url) as connection:
                exist = SyncRunner(connection).run(api_keys.any_made())
        except StoreUnavailable as error:
            raise StoreAway(f"the store does not answer, see REDIS_URL: {error}") from error
        if not exist and not is_loopback(self._options.host):
            raise RemoteRefused(
                f"{self._options.host} can be reached by other machines, and there is no API key "
                "yet. Start `dmae serve` without --host, make a key with `dmae keys create`, and "
                "start it again; or say --keys off, if a firewall or a proxy decides who gets in"
            )
        return exist or self._web.keys == "required"

    def _announce(self) -> None:
        seconds = time.monotonic() - self._began
        url, key, option = self._url, "", ""
        if self._locked:
            key = ' -H "Authorization: Bearer $DMAE_API_KEY"'
        if url != DEFAULT_URL:
            option = f" --url {url}"
        image, sigma = _example_image(), _example_sigma(self._settings.model_store_dir)
        self._report(
            f"ready to certify after {seconds:.0f} s: open {url}/ in a browser, or\n"
            f"  {command()} certify {image} --sigma {sigma}{option}\n"
            f"  curl -F image=@{image} -F sigma={sigma} -H 'Prefer: wait=60'{key} {url}/certify\n"
            f"What it can do: {url}/docs; keys that sign: {self._signing}; "
            f"logs: {self._place.logs}\n"
            "Ctrl-C stops."
        )
        if self._locked:
            self._report(f"requests need an API key (`{command()} keys create` makes one)")
        named = "allowed_hosts" in self._web.model_fields_set
        if not is_loopback(self._options.host) and not named:
            self._report(
                "requests to other names than localhost are refused: set APP_ALLOWED_HOSTS"
            )


def command() -> str:
    """How this program is called from here: in a fresh `.venv` it is not on the PATH."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "dmae" and which("dmae") is None else "dmae"


def _example_image() -> str:
    cat = Path("examples/images/cat.jpg")
    return str(cat) if cat.exists() else "picture.jpg"


def _example_sigma(model_store: Path) -> str:
    try:
        return plain(Registry(model_store).default().sigmas[0])
    except ModelStoreError:
        return "0.25"


@contextmanager
def _signals(supervisor: Supervisor) -> Generator[None]:
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    # nohup ignores it: then the end of the terminal is not to end the stack.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, supervisor.interrupt)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
