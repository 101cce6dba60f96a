"""Writes golden.json: small pictures and what Pillow's Image.resize makes of them. Run: python golden.py (Pillow 11 or later).

Pillow up to 12 always makes the horizontal pass first; Pillow 13 swaps the passes where the height shrinks much more
(python-pillow/Pillow#9549). We keep the fixed order that published figures were measured with, hence the two calls.
"""
import base64, json, os
import numpy as np
import PIL
from PIL import Image

rng = np.random.default_rng(1)
filters = {"lanczos": Image.LANCZOS, "bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR, "box": Image.BOX}
b64 = lambda a: base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()
cases = []


def add(name, kind, a, image, h, w):
    if kind == "rgba":  # in one call, because Pillow takes the opacity out and in again in each; a shape that both orders of passes share
        out = np.asarray(image.resize((w, h), filters[name]))
    else:
        out = np.asarray(image.resize((w, a.shape[0]), filters[name]).resize((w, h), filters[name]))
    c = 1 if a.ndim == 2 else a.shape[2]
    cases.append(dict(filter=name, kind=kind, h=a.shape[0], w=a.shape[1], c=c, oh=h, ow=w, input=b64(a), output=b64(out)))


for name in filters:
    for (h, w), (oh, ow) in [((9, 13), (5, 4)), ((7, 6), (15, 11)), ((24, 31), (8, 8)), ((5, 8), (5, 3)), ((8, 5), (3, 5)), ((40, 40), (3, 57))]:
        a = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
        if h == 24:  # hard edges exercise the clipping of negative lobes
            a = (a > 127).astype(np.uint8) * 255
        add(name, "u8", a, Image.fromarray(a), oh, ow)
    a = rng.integers(0, 256, (11, 12), dtype=np.uint8)
    add(name, "u8", a, Image.fromarray(a), 6, 5)
    a = rng.integers(0, 256, (11, 12, 4), dtype=np.uint8)
    a[:4, :, 3], a[4:6, :, 3] = 0, 255
    add(name, "rgba", a, Image.fromarray(a), 5, 7)
    a = rng.integers(0, 256, (11, 12, 2), dtype=np.uint8)
    add(name, "rgba", a, Image.fromarray(a, "LA"), 5, 7)
    a = rng.integers(0, 65536, (10, 9), dtype=np.uint16)
    add(name, "u16", a, Image.fromarray(a), 4, 13)
    a = rng.normal(size=(10, 9)).astype(np.float32)
    add(name, "f32", a, Image.fromarray(a), 4, 13)

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json")
json.dump(dict(pillow=PIL.__version__, cases=cases), open(path, "w"))
