"""Writes pictures.zip: small files of every format that Decode reads, made by Pillow, and what Pillow decodes them to
(NAME.npy; for rotated ones after ImageOps.exif_transpose). Run: python pictures.py"""
import io, os, zipfile
import numpy as np
from PIL import Image, ImageOps

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = np.random.default_rng(7)
out = zipfile.ZipFile("pictures.zip", "w", zipfile.ZIP_DEFLATED)


def entry(name, data):
    out.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def add(name, image, expect=None, **options):
    b = io.BytesIO()
    image.save(b, **options)
    entry(name, b.getvalue())
    m = ImageOps.exif_transpose(Image.open(io.BytesIO(b.getvalue())))
    a = np.asarray(m.convert(expect) if expect else m)
    n = io.BytesIO()
    np.save(n, a)
    entry(name + ".npy", n.getvalue())


def smooth(h, w, c):  # blurred noise, so that chroma has slopes to interpolate
    a = rng.uniform(0, 255, (h // 3 + 2, w // 3 + 2, c)).astype(np.uint8)
    return np.asarray(Image.merge("RGB", [Image.fromarray(a[..., i]).resize((w, h), Image.BICUBIC) for i in range(3)])) if c == 3 else a


rgb = Image.fromarray(smooth(17, 23, 3))
noise = Image.fromarray(rng.integers(0, 256, (17, 23, 3), dtype=np.uint8))
grey = rgb.convert("L")
alpha = Image.fromarray(rng.integers(0, 256, (17, 23), dtype=np.uint8))
rgba = rgb.copy(); rgba.putalpha(alpha)
la = grey.copy(); la.putalpha(alpha)
g16 = Image.fromarray(rng.integers(0, 65536, (17, 23), dtype=np.uint16))

for sub in ["4:4:4", "4:2:2", "4:2:0"]:
    add("s%s.jpg" % sub.replace(":", ""), rgb, format="JPEG", quality=90, subsampling=sub)
    add("n%s.jpg" % sub.replace(":", ""), noise, format="JPEG", quality=95, subsampling=sub, progressive=True)
for w in [1, 2, 3, 4, 5]:
    add("w%d.jpg" % w, noise.crop((0, 0, w, 5)), format="JPEG", quality=95, subsampling="4:2:0")
add("grey.jpg", grey, format="JPEG", quality=90)
add("cmyk.jpg", rgb.convert("CMYK"), "RGB", format="JPEG", quality=95)
add("rgb.png", rgb, format="PNG")
add("rgba.png", rgba, format="PNG")
add("la.png", la, format="PNG")
add("grey.png", grey, format="PNG")
add("bits1.png", grey.convert("1"), "L", format="PNG")
add("grey16.png", g16, format="PNG")
add("palette.png", rgb.quantize(16), "RGB", format="PNG")
add("palette_alpha.png", rgb.quantize(16), "RGBA", format="PNG", transparency=b"\xff\x80\x00")
add("palette.gif", rgb.quantize(16), "RGB", format="GIF")
add("rgb.bmp", rgb, format="BMP")
add("grey.bmp", grey, format="BMP")
add("rgb.tiff", rgb, format="TIFF")
add("lzw.tiff", rgb, format="TIFF", compression="tiff_lzw")
add("grey16.tiff", g16, format="TIFF")
add("lossless.webp", rgb, format="WEBP", lossless=True)
add("lossless_alpha.webp", rgba, format="WEBP", lossless=True, exact=True)
add("lossy.webp", rgb, format="WEBP", quality=90)
add("lossy_alpha.webp", rgba, format="WEBP", quality=90)
for o in range(1, 9):
    exif = Image.Exif()
    exif[274] = o
    add("turn%d.png" % o, rgb, format="PNG", exif=exif)
    add("turn%d.webp" % o, rgb, format="WEBP", lossless=True, exif=exif)
    add("turn%d.jpg" % o, rgb, format="JPEG", quality=95, subsampling="4:4:4", exif=exif)
turned = Image.Exif()
turned[274] = 6
add("turn.tiff", rgb, format="TIFF", exif=turned)
