"""Writes augment.json: pictures resampled as NVlabs/edm does (padding by reflection, doubling by zero-stuffing and sym6, grid_sample,
halving by sym6), written anew from the paper's description with PyTorch's operators. Run: python augment.py"""
import json, math, os
import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
sym6 = torch.tensor([0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466, 0.787641141030194,
                     0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148])
rot = lambda a: torch.tensor([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
scale = lambda x, y: torch.diag(torch.tensor([x, y, 1.0]))
shift = lambda x, y: torch.tensor([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def resample(x, p):
    H, W = x.shape[:2]
    s, q = 2 ** (0.2 * p["scale"]), 2 ** (0.2 * p["squeeze"])
    G = scale(1 / s, 1 / s) @ rot(p["rotate"]) @ rot(-p["axis"]) @ scale(1 / q, q) @ rot(p["axis"]) @ shift(-p["shiftX"] * 0.125 * W, -p["shiftY"] * 0.125 * H)
    m = W - 1  # enough for the parameters below
    t = F.pad(torch.as_tensor(x).permute(2, 0, 1)[None], [m, m, m, m], mode="reflect")
    C = t.shape[1]
    for dim in (3, 2):
        t = torch.stack([t, torch.zeros_like(t)], dim=dim + 1).flatten(dim, dim + 1).narrow(dim, 0, 2 * t.shape[dim] - 1)
        k = sym6.flip(0)[None, None].repeat(C, 1, 1)
        t = F.conv2d(t, k.unsqueeze(5 - dim), groups=C, padding=[6 * (dim == 2), 6 * (dim == 3)])
    G = shift(-0.5, -0.5) @ scale(2.0, 2.0) @ G @ scale(0.5, 0.5) @ shift(0.5, 0.5)
    oh, ow = 2 * (H + 6), 2 * (W + 6)
    G = scale(2 / t.shape[3], 2 / t.shape[2]) @ G @ scale(ow / 2, oh / 2)
    t = F.grid_sample(t, F.affine_grid(G[None, :2], [1, C, oh, ow], align_corners=False), mode="bilinear", padding_mode="zeros", align_corners=False)
    k = sym6[None, None].repeat(C, 1, 1)
    t = F.conv2d(t, k.unsqueeze(2), groups=C, stride=[1, 2], padding=[0, 5])[:, :, :, 3:-3]
    t = F.conv2d(t, k.unsqueeze(3), groups=C, stride=[2, 1], padding=[5, 0])[:, :, 3:-3, :]
    return t[0].permute(1, 2, 0)


g = np.random.default_rng(3)
cases = []
for n in range(6):
    x = g.normal(size=(14, 14, 2)).astype(np.float32)
    p = dict(scale=0.6 * g.normal(), rotate=g.uniform(-3, 3), axis=g.uniform(-3, 3), squeeze=0.5 * g.normal(), shiftX=0.5 * g.normal(), shiftY=0.5 * g.normal())
    if n < 4:  # one transformation at a time
        p = {k: v if k in [("scale",), ("rotate",), ("axis", "squeeze"), ("shiftX", "shiftY")][n] else 0.0 for k, v in p.items()}
    y = resample(x.astype(np.float64), p)
    cases.append(dict(p=p, x=[round(float(v), 6) for v in x.ravel()], y=[round(float(v), 6) for v in resample(np.round(x.astype(np.float64), 6), p).ravel()]))
json.dump(cases, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "augment.json"), "w"))
