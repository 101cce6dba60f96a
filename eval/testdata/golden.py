"""Goldens of package eval: scikit-image, torchmetrics, SciPy and NumPy on inputs that both sides compute (../../internal/testkit/fill.py).

    python golden.py > golden.json
"""
import json
import os
import sys

import numpy as np
import scipy.linalg
import scipy.special
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as msssim
from torchmetrics.image.kid import poly_mmd

torch.set_num_threads(1)
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../internal/testkit"))
from fill import fill  # noqa: E402


def picture(name, h, w, c, bits, noise):
    """A smooth pattern with noise; integers of the given bits, or floats of 0 … 1."""
    y, x, ch = np.meshgrid(np.arange(h), np.arange(w), np.arange(c), indexing="ij")
    v = ((x * 5 + y * 3 + x * y // 4 + ch * 40) % 256) / 255 * (1 - noise) + noise * (fill(name, h * w * c).reshape(h, w, c) + 1) / 2
    if bits == 32:
        return v.astype(np.float32)
    return np.floor(v * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def paired(name, h, w, c, bits, noise):
    a, b = picture("a" + name, h, w, c, bits, 0.1), picture("b" + name, h, w, c, bits, noise)
    white = {8: 255, 16: 65535, 32: 1}[bits]
    a, b = a.astype(np.float64), b.astype(np.float64)
    out = dict(name=name, height=h, width=w, channels=c, bits=bits, noise=noise)
    out["mse"] = mean_squared_error(a, b) * (255 / white) ** 2
    out["psnr"] = peak_signal_noise_ratio(a, b, data_range=white)
    kw = dict(channel_axis=-1, data_range=white)
    if min(h, w) >= 11:
        out["gaussian"] = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, **kw)
    out["uniform"] = structural_similarity(a, b, **kw)
    scales, betas = 0, [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    while scales < 5 and min(h, w) >> scales >= 11:
        scales += 1
    out["scales"] = scales
    if scales:
        # torchmetrics asks for more pixels than its windows need where there are fewer than five scales, but not than five need
        t = [torch.from_numpy(v).permute(2, 0, 1)[None] / white for v in (a, b)]
        w = [v / sum(betas[:scales]) for v in betas[:scales]]
        try:
            out["msssim"] = msssim(*t, data_range=1.0, betas=tuple(w)).item()
        except ValueError:
            out["scales"] = 0
    return out


def features(name, n, d, scale, shift):
    """Vectors with a common factor, so that covariances are not diagonal."""
    x = fill(name, n * d).reshape(n, d) * (1 + np.arange(d) / d) + fill(name + "f", n)[:, None]
    return (x * scale + shift).astype(np.float32).astype(np.float64)


def fid(x, y):
    s1, s2 = [np.atleast_2d(np.cov(v, rowvar=False)) for v in (x, y)]
    root = scipy.linalg.sqrtm(s1 @ s2)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)


def fid_small(x, y):
    """For singular covariances, where sqrtm is not to be trusted: singular values of the cross product."""
    a, b = [(v - v.mean(0)) / np.sqrt(len(v) - 1) for v in (x, y)]
    s = np.linalg.svd(a @ b.T, compute_uv=False)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + (a * a).sum() + (b * b).sum() - 2 * s.sum())


def manifold(x, y):
    """Naive Kynkäänniemi et al. 2019 and Naeem et al. 2020."""
    dist = lambda p, q: np.sqrt(((p[:, None] - q[None]) ** 2).sum(-1))
    xx, yy, xy = dist(x, x), dist(y, y), dist(x, y)
    radius = lambda m, k: np.sort(m, axis=1)[:, k]  # 0 is the vector itself
    precision = (xy <= radius(yy, 3)[None]).any(1).mean()
    recall = (xy <= radius(xx, 3)[:, None]).any(0).mean()
    inside = xy < radius(yy, 5)[None]
    return dict(precision=precision, recall=recall, density=inside.sum() / (5 * len(x)), coverage=inside.any(0).mean())


def distribution(name, n, m, d):
    x, y = features("x" + name, n, d, 1, 0), features("y" + name, m, d, 0.9, 0.15)
    out = dict(name=name, n=n, m=m, d=d, fid_small=fid_small(x, y))
    if min(n, m) > d:
        out["fid"] = fid(x, y)
    k = min(n, m)
    out["kid"] = poly_mmd(torch.from_numpy(x[:k]), torch.from_numpy(y[:k])).item()
    width = 1.5
    rbf = lambda p, q: np.exp(-((p[:, None] - q[None]) ** 2).sum(-1) / (2 * width**2))
    out["mmd"] = float((rbf(x, x).sum() - n) / (n * (n - 1)) + (rbf(y, y).sum() - m) / (m * (m - 1)) - 2 * rbf(x, y).mean())
    out.update(manifold(x, y))
    q = (np.arange(n * m) + 0.5) / (n * m)
    first = lambda v: np.sort(v[:, 0])[np.floor(q * len(v)).astype(int)]
    out["wasserstein"] = float(np.sqrt(((first(x) - first(y)) ** 2).mean()))
    p = scipy.special.softmax(3 * x, axis=1)
    out["inception"] = float(np.exp((p * np.log(p / p.mean(0))).sum(1).mean()))
    return out


json.dump(
    dict(
        pairs=[
            paired("colour", 32, 32, 3, 8, 0.3),
            paired("grey", 48, 37, 1, 8, 0.2),
            paired("four", 24, 31, 4, 8, 0.9),
            paired("tiny", 7, 7, 3, 8, 0.3),
            paired("deep", 40, 33, 3, 16, 0.5),
            paired("float", 33, 64, 2, 32, 0.4),
            paired("large", 176, 181, 3, 8, 0.4),
            paired("three", 64, 47, 1, 8, 0.7),
        ],
        distributions=[distribution("square", 150, 150, 12), distribution("flat", 40, 60, 90), distribution("mixed", 40, 120, 64), distribution("line", 70, 50, 1)],
    ),
    sys.stdout,
    indent=1,
)
