"""Who sent a request: by an API key, by a browser's session, or from this very machine."""

import time
from collections.abc import Callable
from typing import Literal

from starlette.types import Scope

from app.access.errors import KeyNeeded, KeyRefused, TooManyGuesses
from app.access.keys import digest, id_of, matches
from app.access.presented import read
from app.prompt_runner import PromptRunner
from app.recent import MOST_REMEMBERED, Recent
from jobs import api_keys
from jobs.api_keys import StoredKey
from jobs.caller import LOCAL, Caller

KeysMode = Literal["auto", "required", "off"]

MAX_GUESSES = 20
"""Wrong keys a minute from one address."""

_USED_EVERY_S = 60.0


class Authenticator:
    """Turns what a request shows of its sender into a caller.

    Args:
        runner: Where the keys are.
        mode: "auto": requests from this machine need no key until one is made. "required": all
            do. "off": none does.
        clock: Seconds, for how long an answer is used again.
    """

    def __init__(
        self,
        runner: PromptRunner,
        *,
        mode: KeysMode,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = runner.run
        self._mode: KeysMode = mode
        self._clock = clock
        self._keys = Recent[StoredKey | None](clock)
        self._sessions = Recent[StoredKey | None](clock)
        self._any_key = Recent[bool](clock)
        self._locked: dict[str, float] = {}
        self._used_at: dict[str, float] = {}

    async def caller(self, connection: Scope) -> Caller:
        """Who sent a request.

        Raises:
            KeyNeeded: It shows no key, and needs one.
            KeyRefused: Its key opens nothing.
            TooManyGuesses: And many others from its address did not either.
            StoreUnavailable: Redis is away.
        """
        if self._mode == "off":
            return LOCAL
        shown = read(connection)
        if shown.key is not None:
            return await self.holder(shown.key, address=shown.address)
        if shown.session is not None:
            name = digest(shown.session)
            stored = await self._sessions.get(name, lambda: self._run(api_keys.read_session(name)))
            if stored is not None and stored.opens(time.time()):
                return await self._note_use(stored)
        if self._mode == "auto" and shown.local and not await self._keys_exist():
            return LOCAL
        raise KeyNeeded

    async def holder(self, text: str, *, address: str | None) -> Caller:
        """Who holds a key.

        Args:
            text: The key.
            address: Where it comes from.

        Raises:
            KeyRefused: It opens nothing.
            TooManyGuesses: And many others from this address did not either.
            StoreUnavailable: Redis is away.
        """
        key_id = id_of(text)
        stored = None
        if key_id is not None:
            stored = await self._keys.get(key_id, lambda: self._run(api_keys.read(key_id)))
        # A right key is never locked: nobody guesses 256 bits, but many share a proxy's address.
        if stored is not None and matches(text, stored.key) and stored.opens(time.time()):
            return await self._note_use(stored)
        guesser = str(address)
        self._refuse_locked(guesser)
        await self._count_guess(guesser)
        raise KeyRefused

    async def _keys_exist(self) -> bool:
        return await self._any_key.get("", lambda: self._run(api_keys.any_made()))

    async def _note_use(self, stored: StoredKey) -> Caller:
        key_id, now = stored.key.id, self._clock()
        if now - self._used_at.get(key_id, -_USED_EVERY_S) >= _USED_EVERY_S:
            self._used_at[key_id] = now
            await self._run(api_keys.used(key_id, now=time.time()))
        return stored.key.caller()

    def _refuse_locked(self, guesser: str) -> None:
        left = self._locked.get(guesser, 0.0) - self._clock()
        if left > 0:
            raise TooManyGuesses(limit=MAX_GUESSES, retry_after_s=int(left) + 1)

    async def _count_guess(self, guesser: str) -> None:
        failures = await self._run(api_keys.failed(guesser))
        if failures.count > MAX_GUESSES:
            if len(self._locked) >= MOST_REMEMBERED:
                self._locked.clear()
            self._locked[guesser] = self._clock() + failures.forgotten_in_s
            self._refuse_locked(guesser)
