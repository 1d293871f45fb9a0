"""One attempt to deliver one message."""

import asyncio
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from app.webhooks.allow import AllowList
from app.webhooks.errors import DeliveryFailed, TargetRefused
from app.webhooks.transport import CheckedTransport, Resolver, resolve

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024
_GONE = 410


class Sender:
    """Posts messages to receivers.

    Args:
        allow: To whom it may.
        timeout_s: For one attempt in all, from the name to the end of the answer.
        resolver: From names to addresses.
        tls: Whom to believe; the usual authorities if None.
    """

    def __init__(
        self,
        allow: AllowList,
        *,
        timeout_s: float = TIMEOUT_S,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        # trust_env: a proxy of the environment would resolve the name again, by itself.
        self._client = httpx.AsyncClient(
            transport=CheckedTransport(allow, resolver=resolver, tls=tls),
            headers={"Content-Type": "application/json", "User-Agent": "dmae-certify"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # tenants share it
            follow_redirects=False,
            trust_env=False,
            timeout=timeout_s,
        )

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Delivers one message.

        Args:
            url: Of the receiver; held against the list again, which may have changed since.
            body: JSON.
            headers: The message's own.

        Returns:
            The status of the receiver's answer, in 200 to 299.

        Raises:
            DeliveryFailed: With the reason.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(url, body, headers)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise DeliveryFailed(
                f"no answer within {self._timeout_s:g} s", reason="timeout"
            ) from error
        except TargetRefused as error:
            raise DeliveryFailed(str(error), reason="refused", final=True) from error
        except UnicodeError as error:  # of "xn--", which httpx decodes
            detail = "the host of the URL stands for no name"
            raise DeliveryFailed(detail, reason="unresolved", final=True) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DeliveryFailed(f"{type(error).__name__}", reason="unreachable") from error
        if not 200 <= status < 300:
            raise DeliveryFailed(
                f"the receiver answered {status}",
                reason="status",
                status=status,
                final=status == _GONE,
            )
        return status

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        async with self._client.stream("POST", url, content=body, headers=headers) as answer:
            # What it says is of no use, but a receiver may count on being listened to.
            read = 0
            async for piece in answer.aiter_raw():
                read += len(piece)
                if read > MAX_ANSWER_BYTES:
                    break
            return answer.status_code

    async def aclose(self) -> None:
        """Closes what is open."""
        await self._client.aclose()
