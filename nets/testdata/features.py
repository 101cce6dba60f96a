"""Features of Inception-v3 (both variants) and DINOv2 by PyTorch, for the tests of package nets.

    python features.py    # writes features.json beside itself (torch 2.15, torchvision 0.29)

Weights and inputs come from fill (../../internal/testkit/fill.py), in PyTorch's names and layout; batch norms get statistics too, so
that folding them is tested. The FID variant is torchvision's network with the three differences of the graph of 2015-12-05 that
pytorch-fid documents: averages that leave out padding, a maximum instead of the average in the last block, 1008 classes.
Stored of each output are its first numbers and random projections.
"""
import json, math, os, sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../internal/testkit"))
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from fill import fill

torch.set_num_threads(1)


def tensor(name, *shape):
    return torch.from_numpy(fill(name, math.prod(shape))).reshape(shape).float()


def weight(name, shape):
    """The fill of a weight: convolutions and matrices keep the variance through a ReLU, norms vary round their neutral values."""
    w = tensor(name, *shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * w
    if "cls_token" in name or "pos" in name:
        return 0.5 * w
    if len(shape) > 1:
        return w * math.sqrt(6 / math.prod(shape[1:]))
    if name.endswith(("gamma", "lambda1")) or ("bn" in name or "norm" in name) and name.endswith("weight"):
        return 1 + 0.3 * w
    return 0.3 * w


def set_weights(model):
    state = {k: v if k.endswith("num_batches_tracked") else weight(k, v.shape) for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    return model.eval()


def fid_branch_pool(m, x):
    return m.branch_pool(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False))


def fid_forward(m, largest):
    """forward of a block with the pooling of the FID graph; _forward of torchvision gives the branches, the last of which pools."""

    def forward(x):
        pool = fid_branch_pool(m, x) if not largest else m.branch_pool(F.max_pool2d(x, 3, 1, 1))
        return torch.cat(m._forward(x)[:-1] + [pool], 1)

    return forward


def inception(fid):
    m = torchvision.models.inception_v3(weights=None, aux_logits=False, transform_input=False, init_weights=False, num_classes=1008 if fid else 1000)
    if fid:
        for name in ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b", "7c"):
            block = getattr(m, "Mixed_" + name)
            block.forward = fid_forward(block, name == "7c")
    return set_weights(m)


def inception_features(m, x):
    spatial = {}
    hook = m.Mixed_6d.branch1x1.register_forward_hook(lambda _m, _i, o: spatial.update(v=o))
    pool = {}
    hook2 = m.avgpool.register_forward_hook(lambda _m, _i, o: pool.update(v=o.flatten(1)))
    with torch.inference_mode():
        logits = m(x)
    hook.remove(), hook2.remove()
    spatial = spatial["v"][:, :7].permute(0, 2, 3, 1).flatten(1)
    return dict(pool=pool["v"], spatial=spatial, logits=logits, no_bias=logits - m.fc.bias)


class Dino(nn.Module):
    """DINOv2 (Oquab et al. 2023) in the names of its repository, for 37×37 stored positions."""

    def __init__(self, dim, depth, heads, patch=14, positions=37):
        super().__init__()
        self.heads, self.patch, self.positions = heads, patch, positions
        self.cls_token, self.pos_embed = nn.Parameter(torch.zeros(1, 1, dim)), nn.Parameter(torch.zeros(1, 1 + positions**2, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, dim, patch, patch)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            b = nn.Module()
            b.norm1, b.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
            b.attn, b.mlp, b.ls1, b.ls2 = nn.Module(), nn.Module(), nn.Module(), nn.Module()
            b.attn.qkv, b.attn.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
            b.mlp.fc1, b.mlp.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
            b.ls1.gamma, b.ls2.gamma = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.ones(dim))
            self.blocks.append(b)
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def positions_for(self, h, w, offset):
        if h == w == self.positions:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].reshape(1, self.positions, self.positions, -1).permute(0, 3, 1, 2)
        if offset:  # the repository scales by (n + 0.1)/N, Hugging Face gives the size
            size = dict(scale_factor=((h + 0.1) / self.positions, (w + 0.1) / self.positions))
        else:
            size = dict(size=(h, w))
        grid = F.interpolate(grid, mode="bicubic", antialias=False, **size)
        assert grid.shape[-2:] == (h, w)
        return torch.cat([self.pos_embed[:, :1], grid.permute(0, 2, 3, 1).reshape(1, h * w, -1)], 1)

    def forward(self, x, offset=True):
        h, w = x.shape[2] // self.patch, x.shape[3] // self.patch
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.positions_for(h, w, offset)
        for b in self.blocks:
            n, s, d = x.shape
            q, k, v = b.attn.qkv(b.norm1(x)).reshape(n, s, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
            a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, s, d)
            x = x + b.ls1.gamma * b.attn.proj(a)
            x = x + b.ls2.gamma * b.mlp.fc2(F.gelu(b.mlp.fc1(b.norm2(x))))
        return self.norm(x)[:, 0]


def picture(b, h, w):
    return tensor("x", b, h, w, 3).permute(0, 3, 1, 2)


def record(v):
    v = v.detach().double().flatten()
    return [round(x.item(), 7) for x in v[:8]] + [round((v @ tensor(f"r/{k}", len(v)).double()).item(), 6) for k in range(4)]


def main():
    out = {}
    for name, fid in (("fid", True), ("torchvision", False)):
        features = inception_features(inception(fid), picture(1, 107, 91))
        out[name] = {k: record(v) for k, v in features.items()}
    dino = set_weights(Dino(24, 2, 3, positions=5))
    with torch.inference_mode():
        out["dinov2"] = dict(offset=record(dino(picture(2, 42, 56))), size=record(dino(picture(2, 42, 56), False)), native=record(dino(picture(2, 70, 70))))
    with open(os.path.join(HERE, "features.json"), "w") as f:
        json.dump(out, f, indent=1)


if __name__ == "__main__":
    main()
