"""What is taken from a zip, and what no zip gets away with."""

import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from app.evaluations.archive import Archive, ArchiveLimits, UnreadableEntry
from app.evaluations.errors import BadArchive, EvaluationTooLarge
from app.evaluations.pictures import class_folders

LIMITS = ArchiveLimits(max_images=500, max_unpacked_bytes=50_000_000)
Zipped = Callable[..., bytes]


def raw_zip(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return file.getvalue()


def patched(data: bytes, signature: bytes, at: int, value: bytes) -> bytes:
    """The zip with a field of a header overwritten, at an offset from the header's signature."""
    start = data.index(signature) + at
    return data[:start] + value + data[start + len(value) :]


def local_and_central(data: bytes, local_at: int, central_at: int, value: bytes) -> bytes:
    return patched(patched(data, b"PK\3\4", local_at, value), b"PK\1\2", central_at, value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_come_in_the_order_of_folders_and_names(zipped: Zipped, compression: int) -> None:
    files = {"b/2.png": b"two" * 99, "a b/1.png": b"one", "b/1.png": b"", "a/9.png": b"nine"}

    archive = Archive(zipped(files, compression), LIMITS)

    assert archive.names == ["a/9.png", "a b/1.png", "b/1.png", "b/2.png"]
    assert {name: archive.read(name) for name in archive.names} == files


def test_a_large_file_is_read_whole(zipped: Zipped) -> None:
    data = bytes(range(256)) * 20_000

    archive = Archive(zipped({"a/x": data}, zipfile.ZIP_STORED), LIMITS)

    assert archive.read("a/x") == data


def test_what_file_managers_leave_behind_is_passed_over(zipped: Zipped) -> None:
    files = {"cat/a.png": b"a", "cat/.DS_Store": b"", "__MACOSX/cat/._a.png": b"", "Thumbs.db": b""}

    assert Archive(zipped(files), LIMITS).names == ["cat/a.png"]


@pytest.mark.parametrize(
    "name",
    ["../a.png", "cat/../../a.png", "/etc/passwd", "C:/a.png", "cat\\a.png", "cat//a.png", "./a"],
)
def test_paths_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(BadArchive, match="no plain path") as caught:
        Archive(raw_zip((zipfile.ZipInfo(name), b"a")), LIMITS)

    assert caught.value.errors[0].value == name


def test_a_name_with_a_nul_is_refused(zipped: Zipped) -> None:
    data = zipped({"cat/a.png/x": b"a"}).replace(b"cat/a.png/x", b"cat/a.png\0x")

    with pytest.raises(BadArchive, match="no plain path"):
        Archive(data, LIMITS)


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644])
def test_links_and_devices_are_refused(mode: int) -> None:
    info = zipfile.ZipInfo("cat/a.png")
    info.external_attr = mode << 16

    with pytest.raises(BadArchive, match="link"):
        Archive(raw_zip((info, b"/etc/passwd")), LIMITS)


def test_encrypted_files_are_refused(zipped: Zipped) -> None:
    data = local_and_central(zipped({"cat/a.png": b"a" * 20}), 6, 8, b"\1\0")

    with pytest.raises(BadArchive, match="encrypted"):
        Archive(data, LIMITS)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused() -> None:
    info = zipfile.ZipInfo("cat/a.png")

    with pytest.raises(BadArchive, match="twice"):
        Archive(raw_zip((info, b"a"), (info, b"b")), LIMITS)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_take_memory_to_unpack_are_refused(zipped: Zipped, method: int) -> None:
    with pytest.raises(BadArchive, match="not read here"):
        Archive(zipped({"cat/a.png": b"a" * 100}, method), LIMITS)


def test_a_bomb_is_refused_before_it_is_lit(zipped: Zipped) -> None:
    data = zipped({"cat/a.png": bytes(20_000_000)}, zipfile.ZIP_DEFLATED)

    with pytest.raises(BadArchive, match="would unpack to 20000000 bytes") as caught:
        Archive(data, LIMITS)

    assert caught.value.errors[0].limit == {"max_ratio": 100}


def test_no_more_is_unpacked_than_allowed_in_all(zipped: Zipped) -> None:
    data = zipped({f"cat/{i}.png": bytes(1000) for i in range(10)})

    with pytest.raises(EvaluationTooLarge) as caught:
        Archive(data, ArchiveLimits(max_images=10, max_unpacked_bytes=9_999))

    assert caught.value.errors[0].limit == {"max_bytes": 9_999}


@pytest.mark.parametrize("count", [501, 10_000])
def test_more_files_than_allowed_are_refused(zipped: Zipped, count: int) -> None:
    with pytest.raises(EvaluationTooLarge) as caught:
        Archive(zipped({f"cat/{i}.png": b"" for i in range(count)}), LIMITS)

    assert caught.value.errors[0].limit in ({"max_images": 500}, {"max_directory_bytes": 577_536})


def test_a_huge_directory_is_refused_before_it_is_parsed() -> None:
    """Each of its entries would cost ten times its own bytes."""
    entry = b"PK\1\2" + bytes(42)
    directory = entry * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(directory), 0, 0)
    data = directory + end

    tracemalloc.start()
    with pytest.raises(EvaluationTooLarge, match="directory"):
        Archive(data, LIMITS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize("told", [5, 50, 5_000])
def test_a_file_that_is_not_as_long_as_it_says_is_unreadable(zipped: Zipped, told: int) -> None:
    data = zipped({"cat/a.png": b"abcdefghij", "cat/b.png": b"b"}, zipfile.ZIP_DEFLATED)
    archive = Archive(local_and_central(data, 22, 24, struct.pack("<L", told)), LIMITS)

    with pytest.raises(UnreadableEntry):
        archive.read("cat/a.png")
    assert archive.read("cat/b.png") == b"b"


def test_a_file_with_another_checksum_is_unreadable(zipped: Zipped) -> None:
    archive = Archive(zipped({"cat/a.png": b"abc"}).replace(b"abc", b"abd"), LIMITS)

    with pytest.raises(UnreadableEntry, match="CRC"):
        archive.read("cat/a.png")


def test_files_that_overlap_are_unreadable(zipped: Zipped) -> None:
    """All entries of the classic bomb are one kernel of data."""
    data = zipped({"cat/a.png": b"a" * 500, "cat/b.png": b"b" * 500})
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    lying = data[: second + 42] + struct.pack("<L", 0) + data[second + 46 :]
    archive = Archive(lying, LIMITS)

    with pytest.raises(UnreadableEntry):
        archive.read("cat/b.png")


def test_any_cut_is_noticed(zipped: Zipped) -> None:
    data = zipped({"cat/a.png": b"a" * 50, "dog/b.png": b"b" * 50})

    for length in range(len(data)):
        with pytest.raises(BadArchive):
            Archive(data[:length], LIMITS)


def test_any_changed_byte_gives_the_files_or_an_error(zipped: Zipped) -> None:
    data = bytearray(zipped({"cat/a.png": b"a" * 9, "dog/b.png": b"b"}, zipfile.ZIP_DEFLATED))

    for at in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            data[at] ^= flip
            _read_all(bytes(data))
            data[at] ^= flip


def _read_all(data: bytes) -> Any:
    try:
        archive = Archive(data, LIMITS)
    except (BadArchive, EvaluationTooLarge):
        return
    for name in archive.names:
        try:
            assert len(archive.read(name)) == archive.size(name)
        except UnreadableEntry:
            continue


@pytest.mark.parametrize("data", [b"", b"PK", b"\x89PNG", bytes(100)])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(BadArchive, match="zip"):
        Archive(data, LIMITS)


def test_an_empty_zip_has_no_files(zipped: Zipped) -> None:
    assert Archive(zipped({}), LIMITS).names == []


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["cat/1.png", "dog/2.png"], ["cat", "dog"]),
        (["set/cat/1.png", "set/dog/2.png"], ["cat", "dog"]),
        (["a/cat/1.png", "b/dog/2.png"], [None, None]),
        (["1.png", "dog/2.png"], [None, "dog"]),
        (["cat/1.png", "cat/deep/2.png"], ["cat", None]),
        (["x/set/cat/1.png"], [None]),
    ],
)
def test_the_folder_around_a_file_is_its_class(paths: list[str], labels: list[str | None]) -> None:
    assert [class_folders(paths)[path] for path in paths] == labels
