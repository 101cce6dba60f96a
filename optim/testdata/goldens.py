"""Ten steps of clip_grad_norm_, torch.optim.AdamW and an EMA, for optim_test.go.

    python goldens.py        # writes goldens.json beside itself (torch 2.15)

Weights and gradients come from fill (../../internal/testkit/fill.py), float64. Decay is on the matrix only.
"""
import json, os, sys

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../internal/testkit"))
import torch
from fill import fill

torch.set_num_threads(1)
t = lambda name, *s: torch.from_numpy(fill(name, int(torch.Size(s).numel()))).reshape(s)
w, b = t("w", 3, 4).clone().requires_grad_(), t("b", 4).clone().requires_grad_()
opt = torch.optim.AdamW([dict(params=[w], weight_decay=0.1), dict(params=[b], weight_decay=0.0)], lr=1.0, betas=(0.9, 0.99), eps=1e-6)
ema = [p.detach().clone() for p in (w, b)]
steps = []
for k in range(1, 11):
    w.grad, b.grad = t(f"gw{k}", 3, 4) * k / 5, t(f"gb{k}", 4) * k / 5
    norm = torch.nn.utils.clip_grad_norm_([w, b], 1.5).item()
    for g in opt.param_groups:
        g["lr"] = 1e-2 * min(1, k / 4)
    opt.step()
    d = min(0.999, (1 + k) / (10 + k))
    for p, e in zip((w, b), ema):
        e.lerp_(p.detach(), 1 - d)
    steps.append(dict(norm=norm, w=w.flatten().tolist(), b=b.tolist(), ema=ema[0].flatten().tolist()))
with open(os.path.join(here, "goldens.json"), "w") as f:
    f.write(json.dumps(steps, separators=(",", ":")).replace('},{', '},\n{') + "\n")
