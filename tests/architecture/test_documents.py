"""What the documents point at is there: files, headings, parts of the code, settings."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|href)="([^"]+)\"""")
OUTSIDE = ("https://", "http://", "mailto:")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SETTINGS = "".join(
    (ROOT / name).read_text() for name in ("docs/settings.md", ".env.example", "docker-compose.yml")
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def targets(page: Path) -> set[str]:
    """Relative links and pictures, in Markdown and in HTML."""
    found = LINK.findall(FENCE.sub("", page.read_text()))
    links = {markdown or html for markdown, html in found}
    return {link for link in links if not link.startswith(OUTSIDE)}


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    words = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in words}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    broken: list[str] = []
    for link in targets(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_parts_of_the_code_that_are_named_exist(page: Path) -> None:
    rooms = "app|jobs|worker|smoothing|model_store|training|tests|bench|deploy|examples|lua"
    named = re.findall(rf"`((?:{rooms})/[\w./-]*)`", page.read_text())

    assert [
        name for name in named if not any((base / name).exists() for base in (ROOT, ROOT / "jobs"))
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"\b(?:APP|WORKER|DMAE)_[A-Z_]*[A-Z]\b", page.read_text()))

    assert [name for name in named if not re.search(rf"\b{name}\b", SETTINGS)] == []
