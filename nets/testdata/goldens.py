"""Forward pass and parameter gradients of tiny networks by PyTorch and diffusers, for nets_golden_test.go.

    python goldens.py    # writes goldens.json beside itself (torch 2.15, diffusers 0.42)

Weights and inputs come from fill (../../internal/testkit/fill.py), in PyTorch's layout; both sides compute in
float64. Stored are the output, channels last, and of each parameter's gradient its norm and two random projections.
"""
import json, math, os, sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../internal/testkit"))
import torch
import torch.nn as nn
import torch.nn.functional as F
from diffusers import DiTTransformer2DModel, UNet2DModel
from fill import fill

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


def tensor(name, *shape):
    return torch.from_numpy(fill(name, math.prod(shape))).reshape(shape)


def set_weights(model):
    for name, p in model.named_parameters():
        w = tensor(name, *p.shape)
        if p.dim() > 1:
            w = w * math.sqrt(3 / math.prod(p.shape[1:]))
        elif "norm" in name and name.endswith("weight") or name.endswith(("n1.weight", "n2.weight", "nf.weight")):
            w = 1 + 0.3 * w
        else:
            w = 0.3 * w
        p.data = w.contiguous()


def record(model, out):
    r = tensor("r", *out.shape)
    (out * r).sum().backward()
    grads = {}
    for name, p in model.named_parameters():
        if p.requires_grad:
            g = p.grad.flatten()
            grads[name] = [g.norm().item()] + [(g @ tensor(name + k, g.numel())).item() for k in ("/1", "/2")]
    return dict(output=out.detach().flatten().tolist(), gradients=grads)


def picture(model, call, b, h, w, c):
    set_weights(model)
    model.eval()
    x = tensor("x", b, h, w, c).permute(0, 3, 1, 2)
    return record(model, call(model, x).permute(0, 2, 3, 1))


T = torch.tensor([3.0, 421.0])
LABEL = torch.tensor([4, 1])


def ddpm():
    return UNet2DModel(sample_size=8, in_channels=3, out_channels=3, block_out_channels=(8, 12, 16), layers_per_block=1, norm_num_groups=4,
                    down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
                    attention_head_dim=None, norm_eps=1e-6, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1)


def unet_ddpm():
    return picture(ddpm(), lambda m, x: m(x, T).sample, 2, 8, 4, 3)


def training():
    """Loss and gradient norm of six training steps of the tiny DDPM U-Net."""
    m = ddpm()
    set_weights(m)
    opt = torch.optim.AdamW(m.parameters(), lr=1e-2, weight_decay=0.03)
    steps = []
    for k in range(6):
        x, y = (tensor(f"{n}{k}", 2, 8, 4, 3).permute(0, 3, 1, 2) for n in "xy")
        loss = F.mse_loss(m(x, T).sample, y)
        opt.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        opt.step()
        steps.append([loss.item(), norm.item()])
    return steps


def unet_scale_shift():
    m = UNet2DModel(sample_size=8, in_channels=1, out_channels=2, block_out_channels=(8, 16), layers_per_block=2, norm_num_groups=4,
                    down_block_types=("AttnDownBlock2D", "DownBlock2D"), up_block_types=("AttnUpBlock2D", "AttnUpBlock2D"),
                    attention_head_dim=4, downsample_type="resnet", upsample_type="resnet", resnet_time_scale_shift="scale_shift",
                    mid_block_scale_factor=2**0.5, num_class_embeds=5, time_embedding_dim=12)
    return picture(m, lambda m, x: m(x, T, LABEL).sample, 2, 4, 4, 1)


def unet_fourier():
    m = UNet2DModel(sample_size=8, in_channels=3, out_channels=3, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=2,
                    down_block_types=("ResnetDownsampleBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "ResnetUpsampleBlock2D"),
                    time_embedding_type="fourier", add_attention=False)
    # diffusers embeds ln(t) and divides the output by t; ours does neither.
    return picture(m, lambda m, x: m(x, T).sample * T.view(-1, 1, 1, 1), 2, 4, 4, 3)


def dit():
    m = DiTTransformer2DModel(num_attention_heads=2, attention_head_dim=8, in_channels=3, out_channels=2, num_layers=2,
                              sample_size=4, patch_size=2, num_embeds_ada_norm=5)
    return picture(m, lambda m, x: m(x, timestep=T, class_labels=LABEL).sample, 2, 4, 4, 3)


class Text(nn.Module):
    """The TextModel of torch_bench.py; with cond, adaLN of time and class and a SwiGLU (own definition, as in text.go)."""

    def __init__(self, vocab, d, layers, heads, cond):
        super().__init__()
        self.emb, self.h, self.cond = nn.Embedding(vocab, d), heads, cond
        hid = 4 * d
        self.blocks = nn.ModuleList()
        for _ in range(layers):
            b = dict(n1=nn.LayerNorm(d, bias=False), qkv=nn.Linear(d, 3 * d, bias=False), o=nn.Linear(d, d, bias=False), n2=nn.LayerNorm(d, bias=False),
                     up=nn.Linear(d, hid, bias=not cond), down=nn.Linear(hid, d, bias=not cond))
            if cond:
                b.update(gate=nn.Linear(d, hid, bias=False), modulation=nn.Linear(d, 6 * d))
            self.blocks.append(nn.ModuleDict(b))
        if cond:
            self.time_embedding = nn.ModuleDict(dict(linear_1=nn.Linear(256, d), linear_2=nn.Linear(d, d)))
            self.class_embedding = nn.Embedding(5, d)
        self.nf, self.head = nn.LayerNorm(d, bias=False), nn.Linear(d, vocab - 1)

    def forward(self, x, t, label):
        h = self.emb(x)
        B, L, D = h.shape
        dh = D // self.h
        ang = torch.arange(L)[:, None] / (10000 ** (torch.arange(0, dh, 2) / dh))[None]
        c, s = ang.cos(), ang.sin()
        rope = lambda q: torch.cat([q[..., :dh // 2] * c - q[..., dh // 2:] * s, q[..., dh // 2:] * c + q[..., :dh // 2] * s], -1)
        if self.cond:
            from diffusers.models.embeddings import get_timestep_embedding
            e = get_timestep_embedding(t, 256, flip_sin_to_cos=True, downscale_freq_shift=1).to(h.dtype)
            e = self.time_embedding["linear_2"](F.silu(self.time_embedding["linear_1"](e)))
            e = F.silu(e + self.class_embedding(label))
        for b in self.blocks:
            m = b["modulation"](e)[:, None].chunk(6, -1) if self.cond else (0,) * 6
            q, k, v = b["qkv"](b["n1"](h) * (1 + m[1]) + m[0]).view(B, L, 3, self.h, dh).permute(2, 0, 3, 1, 4)
            o = F.scaled_dot_product_attention(rope(q), rope(k), v)
            h = h + (1 + m[2]) * b["o"](o.transpose(1, 2).reshape(B, L, D))
            y = b["n2"](h) * (1 + m[4]) + m[3]
            f = b["up"](y) * F.silu(b["gate"](y)) if self.cond else F.gelu(b["up"](y), approximate="tanh")
            h = h + (1 + m[5]) * b["down"](f)
        return self.head(self.nf(h))


def text(cond):
    m = Text(7, 8, 2, 2, cond)
    set_weights(m)
    x = ((tensor("x", 2, 6) + 1) * 3.5).long()
    return record(m, m(x, T, LABEL))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        w = 8
        setattr(self, "in", nn.Linear(2, w))
        self.time_proj = nn.Module()
        self.time_proj.weight = nn.Parameter(torch.zeros(w // 2), requires_grad=False)
        self.time_embedding = nn.ModuleDict(dict(linear_1=nn.Linear(w, w), linear_2=nn.Linear(w, w)))
        self.class_embedding = nn.Embedding(5, w)
        self.blocks = nn.ModuleList(nn.ModuleDict(dict(norm=nn.LayerNorm(w), cond=nn.Linear(w, w), up=nn.Linear(w, 2 * w), down=nn.Linear(2 * w, w)))
                                    for _ in range(2))
        self.norm_out, self.out = nn.LayerNorm(w), nn.Linear(w, 2)

    def forward(self, x, t, label):
        a = t[:, None] * self.time_proj.weight * 2 * math.pi
        e = torch.cat([a.sin(), a.cos()], -1)
        e = self.time_embedding["linear_2"](F.silu(self.time_embedding["linear_1"](e))) + self.class_embedding(label)
        h, e = getattr(self, "in")(x), F.silu(e)
        for b in self.blocks:
            h = h + b["down"](F.silu(b["up"](b["norm"](h) + b["cond"](e))))
        return self.out(F.silu(self.norm_out(h)))


def mlp():
    m = MLP()
    set_weights(m)
    return record(m, m(tensor("x", 2, 2), T / 100, LABEL))


def works():
    """Of the works of torch_bench.py: norm and projections of the output, on small inputs where the network allows it."""
    cifar = UNet2DModel(sample_size=32, in_channels=3, out_channels=3, block_out_channels=(128, 256, 256, 256), layers_per_block=2,
                        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
                        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
                        attention_head_dim=None, norm_eps=1e-6, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1)
    small = UNet2DModel(sample_size=32, in_channels=3, out_channels=3, block_out_channels=(64, 96, 128), layers_per_block=1,
                        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
                        attention_head_dim=None)
    dit = DiTTransformer2DModel(num_attention_heads=6, attention_head_dim=64, in_channels=3, out_channels=3, num_layers=12,
                                sample_size=32, patch_size=2, num_embeds_ada_norm=10)
    t, label = T[:1], LABEL[:1]
    picture = lambda n: tensor("x", 1, n, n, 3).permute(0, 3, 1, 2)
    tokens = ((tensor("x", 1, 16) + 1) * 14).long()
    out = {}
    for name, m, f in (("unet-cifar", cifar, lambda m: m(picture(8), t).sample.permute(0, 2, 3, 1)),
                       ("unet-small", small, lambda m: m(picture(8), t).sample.permute(0, 2, 3, 1)),
                       ("dit-s", dit, lambda m: m(picture(8), timestep=t, class_labels=label).sample.permute(0, 2, 3, 1)),
                       ("text-base", Text(28, 512, 8, 8, False), lambda m: m(tokens, t, label))):
        set_weights(m)
        m.eval()
        with torch.no_grad():
            y = f(m).flatten()
        out[name] = [y.norm().item()] + [(y @ tensor(k, y.numel())).item() for k in ("/1", "/2", "/3")]
    return out


goldens = dict(unet_ddpm=unet_ddpm(), unet_scale_shift=unet_scale_shift(), unet_fourier=unet_fourier(), dit=dit(),
               text=text(False), text_cond=text(True), mlp=mlp())
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens.json"), "w") as f:
    f.write('{"works":' + json.dumps(works()) + ',\n"training":' + json.dumps(training()) + ",\n")
    rnd = lambda v: float(f"{v:.12g}")
    g = {k: dict(output=[rnd(v) for v in o["output"]], gradients={n: [rnd(v) for v in p] for n, p in o["gradients"].items()}) for k, o in goldens.items()}
    f.write('"tiny":' + json.dumps(g, separators=(",", ":")).replace('},"', '},\n"').replace(']"', ']\n"') + "}\n")
