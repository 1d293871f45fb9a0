"""How to make exactly this request without the page."""

import json
import shlex
from dataclasses import dataclass

from jobs.record import JobSpec

FILE = "image.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A piece of code to copy."""

    name: str
    label: str
    code: str


def snippets(spec: JobSpec, *, url: str, with_key: bool) -> tuple[Snippet, ...]:
    """A job's request, in each language.

    Args:
        spec: What was asked.
        url: Where the service is.
        with_key: Whether it asks for an API key.
    """
    fields: dict[str, str | int | float] = {"model": spec.model.id, **spec.params.stated()}
    return (
        Snippet(name="curl", label="curl", code=_curl(fields, url, with_key=with_key)),
        Snippet(name="python", label="Python", code=_python(fields, url, with_key=with_key)),
        Snippet(name="command", label="Command line", code=_command(fields, url)),
    )


def _curl(fields: dict[str, str | int | float], url: str, *, with_key: bool) -> str:
    lines = ['-H "Authorization: Bearer $DMAE_API_KEY"'] if with_key else []
    lines += [f"-F image=@{FILE}", *(f"-F {name}={_plain(fields[name])}" for name in fields)]
    return " \\\n  ".join(["curl", *lines, shlex.quote(f"{url}/certify")])


def _python(fields: dict[str, str | int | float], url: str, *, with_key: bool) -> str:
    arguments = "".join(f"        {name}={json.dumps(fields[name])},\n" for name in fields)
    note = "  # the key is in DMAE_API_KEY" if with_key else ""
    return (
        "from app.client import Client\n\n"
        f"with Client({json.dumps(url)}) as client:{note}\n"
        f"    job = client.certify(\n        {json.dumps(FILE)},\n{arguments}    )\n"
        "    print(job.wait())"
    )


def _command(fields: dict[str, str | int | float], url: str) -> str:
    options = [f"--{name.replace('_', '-')} {_plain(fields[name])}" for name in fields]
    return " \\\n  ".join([f"dmae certify {FILE}", *options, f"--url {shlex.quote(url)}"])


def _plain(value: str | float) -> str:
    return shlex.quote(value if isinstance(value, str) else f"{value!r}")
