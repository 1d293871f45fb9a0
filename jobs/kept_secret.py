"""The secret that noise is derived from, for an operator who checks a certificate."""

from jobs.command import Command


def kept_secret() -> Command[bytes | None]:
    """The secret that is kept in Redis; None where none is. Makes none, unlike `server_secret`."""

    def parse(answer: bytes | None) -> bytes | None:
        return None if answer is None else bytes.fromhex(answer.decode())

    return Command(call="GET", args=("dmae:secret",), parse=parse)
