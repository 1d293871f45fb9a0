"""Certify many pictures at a time: python examples/batch_async.py PICTURE...

It needs `dmae serve`. A full service and a restart are waited for by the client; what cannot be
certified is told.
"""
# ruff: noqa: INP001, T201 - a script

import asyncio
import sys
from pathlib import Path

from app.client import AsyncClient, ClientError

AT_A_TIME = 8


async def certify(client: AsyncClient, picture: Path, room: asyncio.Semaphore) -> str:
    """A line about a picture."""
    async with room:
        try:
            job = await client.certify(picture, sigma=0.25, n=500, priority="batch")
            certificate = await job.wait()
        except ClientError as error:
            return f"{picture.name}: {error}"
    return f"{picture.name}: {certificate.label or 'abstained'} {certificate.radius}"


async def main(pictures: list[Path]) -> None:
    """Print a line about each, in the order in which they end."""
    room = asyncio.Semaphore(AT_A_TIME)
    async with AsyncClient() as client:
        asked = [asyncio.create_task(certify(client, picture, room)) for picture in pictures]
        for line in asyncio.as_completed(asked):
            print(await line)


asyncio.run(main([Path(name) for name in sys.argv[1:]]))
