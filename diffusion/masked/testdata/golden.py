"""Golden numbers of package masked, from PyTorch in float64: python golden.py > golden.json

fill is the same function as in internal/testkit/fill.py: numbers that both sides compute and neither stores.
"""
import json
import math
import os
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../internal/testkit"))
from fill import fill

torch.set_default_dtype(torch.float64)
B, L, V = 3, 5, 7
logits = torch.tensor(fill("masked.logits", B * L * (V + 1))).view(B, L, V + 1) * 6
tokens = torch.arange(B * L).view(B, L) * 3 % V
weight = torch.tensor(fill("masked.weight", B * L)).view(B, L).abs()
logits.requires_grad_()
# Zero masking probability: the last of the V+1 logits is the mask's and set to minus infinity.
ce = torch.nn.functional.cross_entropy(logits.index_fill(2, torch.tensor([V]), -math.inf).flatten(0, 1), tokens.flatten(), reduction="none")
row = (ce.view(B, L) * weight).sum(1)
row.mean().backward()

t = torch.tensor([0.01, 0.3, 0.5, 0.9], requires_grad=True)
schedules = {}
for name, alpha in [("linear", lambda t: 1 - t), ("cosine", lambda t: 1 - torch.cos(math.pi / 2 * (1 - t))), ("polynomial", lambda t: 1 - t**3)]:
    a = alpha(t)
    (slope,) = torch.autograd.grad(a.sum(), t)
    schedules[name] = dict(rate=(1 - a).tolist(), weight=(-slope / (1 - a)).tolist())

# Uniform noise: the bound of one position by Campbell et al. 2022, summed over all y != z, for every z and x.
uniform = []
for alpha in [0.9, 0.4, 0.05]:
    p = torch.softmax(torch.tensor(fill("masked.uniform", 4)) * 3, 0)
    table = []
    for x in range(4):
        for z in range(4):
            xb = alpha * torch.nn.functional.one_hot(torch.tensor(x), 4) + (1 - alpha) / 4
            pb = alpha * p + (1 - alpha) / 4
            total = 0.0
            for y in range(4):
                if y != z:
                    s, m = xb[y] / xb[z], pb[y] / pb[z]
                    total += float(m - s * torch.log(m) + s * (torch.log(s) - 1))
            table.append(total / 4)
    uniform.append(dict(alpha=alpha, loss=table))

json.dump(dict(row=row.tolist(), grad=logits.grad[..., :V].flatten().tolist(), schedules=schedules, uniform=uniform), sys.stdout)
