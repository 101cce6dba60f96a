"""Writes adamw.json: three steps of torch.optim.AdamW with clipping by a factor and a moving average. Run beside the file."""
import json

import torch

torch.set_num_threads(1)
torch.manual_seed(7)
n, steps, lr, betas, eps, decay, scale, ema_decay = 37, 3, 3e-3, (0.9, 0.99), 1e-8, 0.05, 0.7, 0.9
w = torch.nn.Parameter(torch.randn(n))
out = dict(lr=lr, beta1=betas[0], beta2=betas[1], epsilon=eps, decay=decay, scale=scale, ema_decay=ema_decay,
           w0=w.tolist(), gradients=[])
optimizer = torch.optim.AdamW([w], lr=lr, betas=betas, eps=eps, weight_decay=decay, foreach=False)
ema = w.detach().clone()
for _ in range(steps):
    gradient = torch.randn(n) * 10 ** torch.empty(n).uniform_(-4, 1)
    out["gradients"].append(gradient.tolist())
    w.grad = gradient * scale
    optimizer.step()
    ema.lerp_(w.detach(), 1 - ema_decay)
state = optimizer.state[w]
out.update(w=w.tolist(), m=state["exp_avg"].tolist(), v=state["exp_avg_sq"].tolist(), ema=ema.tolist())
with open("adamw.json", "w") as f:
    json.dump(out, f)
