"""Which release this is."""

from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "dmae-certify"


def release() -> str:
    """The version as installed, or "0+unknown" where the sources run without having been."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0+unknown"
