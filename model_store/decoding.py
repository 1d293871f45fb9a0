"""From uploaded bytes to exact pixels, or to a reason why not.

Whatever the bytes are, `decode` returns pixels or raises ImageError. The format is told from the
first bytes, the size is checked before anything is unpacked, and no setting of Pillow is read or
changed. A certificate for other pixels than the ones that were sent would be the worst failure of
the service, so what cannot be decoded exactly as its format says is refused. Only damage inside a
JPEG's scans cannot be told: libjpeg bridges it, as in any viewer, and its pixels are certified.
"""

from dataclasses import dataclass

from model_store.errors import (
    ImageError,
    ImageTooLarge,
    ImageTooSmall,
    NotAnImage,
    UnsupportedImage,
)
from model_store.exif import orientation, upright
from model_store.image_file import ImageFile, Pixels, RecordValue
from model_store.jpeg_file import SIGNATURE as JPEG
from model_store.jpeg_file import read_jpeg
from model_store.png_file import SIGNATURE as PNG
from model_store.png_file import read_png
from model_store.webp_file import is_webp, read_webp

ACCEPTED = "PNG, JPEG and WebP are accepted"

# First bytes of what people send by mistake, with where they stand.
_OTHERS = (
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"8BPS", "Photoshop file"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript file"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "XML or SVG file"),
    (0, b"\0\0\1\0", "icon file"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftyp", "video or HEIF"),
    (0, b"qoif", "QOI"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"PK\x03\x04", "zip archive"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """What is looked at before an image is decoded.

    Attributes:
        max_bytes: Length of the file.
        max_side: Pixels a side.
        max_pixels: Pixels in all.
        min_side: Pixels a side.
    """

    max_bytes: int = 32 * 2**20
    max_side: int = 10_000
    max_pixels: int = 50_000_000
    min_side: int = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedImage:
    """Pixels exactly as the file says, upright.

    Attributes:
        pixels: (height, width, 3 or 4) of RGB or RGBA, not premultiplied. Read it, do not write:
            it may be a view that repeats one grey channel.
        max_value: The sample that means 1: 255 or 65535.
        record: What the file was and what was done, as plain JSON values.
    """

    pixels: Pixels
    max_value: int
    record: dict[str, RecordValue]

    @property
    def grey(self) -> bool:
        """Whether the file has one sample a pixel, which is repeated here."""
        return self.record.get("mode") == "grey"


def decode(data: bytes, limits: ImageLimits = ImageLimits()) -> DecodedImage:
    """The image in the bytes of a file.

    Args:
        data: The file.
        limits: Checked before pixels are unpacked.

    Raises:
        NotAnImage: Empty, not recognised or damaged.
        ImageTooLarge: Over a limit.
        ImageTooSmall: Under a limit.
        UnsupportedImage: Another format, several frames, CMYK, or an unusual coding.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"the image has {len(data)} bytes; at most {limits.max_bytes} are accepted",
            reason="too_many_bytes",
        )
    file = _read(data)
    _check_size(file.width, file.height, limits)
    stored = file.pixels()
    turn = orientation(file.exif)
    return DecodedImage(
        pixels=upright(stored, turn),
        max_value=65_535 if stored.dtype.itemsize == 2 else 255,
        record={**file.record, "exif_orientation": turn},
    )


def _read(data: bytes) -> ImageFile:
    if data.startswith(PNG):
        return read_png(data)
    if data.startswith(JPEG):
        return read_jpeg(data)
    if is_webp(data):
        return read_webp(data)
    raise _unrecognised(data)


def _unrecognised(data: bytes) -> ImageError:
    if not data:
        return NotAnImage(f"the image is empty (0 bytes); {ACCEPTED}", reason="empty")
    for at, magic, name in _OTHERS:
        if data.startswith(magic, at):
            return UnsupportedImage(f"the file's format is {name}; {ACCEPTED}", reason="format")
    return NotAnImage(f"the file is no image that is known; {ACCEPTED}", reason="not_an_image")


def _check_size(width: int, height: int, limits: ImageLimits) -> None:
    if max(width, height) > limits.max_side:
        raise ImageTooLarge(
            f"the image is {width}x{height} pixels; at most {limits.max_side} a side are accepted",
            reason="too_large",
        )
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image is {width}x{height}, {width * height} pixels; "
            f"at most {limits.max_pixels} are accepted",
            reason="too_large",
        )
    if min(width, height) < limits.min_side:
        raise ImageTooSmall(
            f"the image is {width}x{height} pixels; at least {limits.min_side} a side are needed",
            reason="too_small",
        )
