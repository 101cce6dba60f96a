"""Reference numbers for package diffusion, from the diffusers library, torch and plain NumPy in float64.

    python golden.py        (in this folder; writes golden.json; diffusers 0.42, torch 2.15)
"""
import json, math
import numpy as np
import torch
import diffusers.schedulers as S

torch.set_num_threads(1)
out = {}

# --- schedules: betas and alphas_cumprod of every discrete family -------------------------------------------------
AT = [0, 1, 2, 10, 100, 250, 500, 750, 900, 990, 998, 999]
SCHEDULES = {"linear": dict(), "scaled-linear": dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
             "cosine": dict(beta_schedule="squaredcos_cap_v2"), "sigmoid": dict(beta_schedule="sigmoid"),
             "laplace-diffusers": dict(beta_schedule="laplace"),
             "linear+zero": dict(rescale_betas_zero_snr=True),
             "scaled-linear+zero": dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, rescale_betas_zero_snr=True)}
out["at"], out["schedules"] = AT, {}
for name, kw in SCHEDULES.items():
    s = S.DDPMScheduler(**kw)
    abar = torch.cumprod(1 - s.betas.double(), 0)
    out["schedules"][name] = dict(alphas_cumprod=[abar[i].item() for i in AT])
t = (np.arange(1000) + 0.5) / 1000  # Hang et al. 2024: log-SNR is Laplace distributed; scipy knows its quantiles
from scipy.stats import laplace
lam = laplace.ppf(1 - t, scale=0.5)
out["schedules"]["laplace"] = dict(alphas_cumprod=[float(1 / (1 + np.exp(-lam[i]))) for i in AT])

# --- timesteps of the three time spacings --------------------------------------------------------------------------
out["timesteps"] = {}
for spacing in ["trailing", "leading", "linspace"]:
    for n in [1, 7, 10, 50]:
        s = S.DDIMScheduler(timestep_spacing=spacing)
        s.set_timesteps(n)
        out["timesteps"][f"{spacing} {n}"] = s.timesteps.tolist()

# --- sigma spacings --------------------------------------------------------------------------------------------------
e = S.EDMEulerScheduler(sigma_min=0.002, sigma_max=80, rho=7)
e.set_timesteps(9)
out["karras"] = e.sigmas.double().tolist()
e = S.EDMEulerScheduler(sigma_min=0.002, sigma_max=80, sigma_schedule="exponential")
e.set_timesteps(9)
out["exponential"] = e.sigmas.double().tolist()

# --- samplers: one trajectory each, with the exact denoiser of an even mixture of N(-1, 0.3²) and N(1, 0.3²) ---------
X0 = np.array([[0.3, -1.1, 0.05, 2.0, -0.6]])


def D(x, sigma):
    v = 0.09 + sigma * sigma
    return (0.09 * x + sigma * sigma * np.tanh(x / v)) / v


def noise(k):
    return 1.2 * np.sin(1.3 * k + 2.1 * np.arange(5) + 0.7)


step_now = [0]
# the last step draws none: diffusers adds noise whenever the timestep is not 0, which respaced DDPM (Nichol & Dhariwal's code) does not
fake = lambda shape, **kw: torch.tensor(noise(step_now[0] + 1) * (step_now[0] < 9 or not last_quiet[0])).reshape(shape).to(kw.get("dtype") or torch.float64)
last_quiet = [False]
import diffusers.schedulers.scheduling_ddpm as m1, diffusers.schedulers.scheduling_ddim as m2
import diffusers.schedulers.scheduling_euler_ancestral_discrete as m3, diffusers.schedulers.scheduling_dpmsolver_multistep as m4
for m in (m1, m2, m3, m4):
    m.randn_tensor = fake
out["samplers"] = []


def record(name, sigmas, x, eta=None, order=None, churn=None):
    row = dict(method=name, sigmas=[float(s) for s in sigmas], x=[float(v) for v in np.ravel(x)])
    for k, v in dict(eta=eta, order=order, churn=churn).items():
        if v is not None:
            row[k] = v
    out["samplers"].append(row)


def vp(sched, name, kw_step={}, eta=None, inverse=False):
    """schedulers in x_t = alpha·x"""
    ts = sched.timesteps.tolist()
    ab = sched.alphas_cumprod.double().numpy()
    sig = [math.sqrt((1 - ab[i]) / ab[i]) for i in ts] + [0.0]
    x = torch.tensor(X0 * sig[0] * math.sqrt(ab[ts[0]]))
    for i, tt in enumerate(ts):
        step_now[0] = i
        xb = x.numpy() / math.sqrt(ab[tt])
        eps = (xb - D(xb, sig[i])) / sig[i]
        x = sched.step(torch.tensor(eps), tt, x, **kw_step).prev_sample
    record(name, sig, x.numpy(), eta=eta)


for vt, name in [("fixed_small", "ddpm"), ("fixed_large", "ddpm-large")]:
    s = S.DDPMScheduler(variance_type=vt, clip_sample=False, timestep_spacing="trailing")
    s.set_timesteps(10)
    last_quiet[0] = True
    vp(s, name)
    last_quiet[0] = False
for eta in [0.0, 0.5, 1.0]:
    s = S.DDIMScheduler(clip_sample=False, timestep_spacing="trailing")
    s.set_timesteps(10)
    vp(s, "ddim", dict(eta=eta), eta=eta)


def ve(sched, name, n=12, **rec):
    """schedulers in x = x0 + sigma·eps"""
    sched.set_timesteps(n)
    sig = []
    for v in sched.sigmas.double().tolist():
        if not sig or sig[-1] != v:
            sig.append(v)
    x = torch.tensor(X0 * sig[0])
    for i, tt in enumerate(sched.timesteps):
        step_now[0] = i
        sched.scale_model_input(x, tt)  # sets step_index
        sg = float(sched.sigmas[sched.step_index])
        xb = x.double().numpy()
        x = sched.step(torch.tensor((xb - D(xb, sg)) / sg), tt, x).prev_sample
    record(name, sig, x.double().numpy(), **rec)


base = dict(beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
ve(S.EulerDiscreteScheduler(**base), "euler")
ve(S.EulerAncestralDiscreteScheduler(**base), "euler-ancestral", eta=1.0)
ve(S.HeunDiscreteScheduler(**base), "heun")
ve(S.LMSDiscreteScheduler(**base, use_karras_sigmas=True), "lms", order=4)


def lam(sched, name, n=16, **rec):
    """schedulers in VP coordinates at levels sched.sigmas"""
    sched.set_timesteps(n)
    sig = sched.sigmas.double().tolist()
    x = torch.tensor(X0 * sig[0] / math.hypot(1, sig[0]))
    for i, tt in enumerate(sched.timesteps):
        step_now[0] = i
        xb = x.double().numpy() * math.hypot(1, sig[i])
        x = sched.step(torch.tensor((xb - D(xb, sig[i])) / sig[i]), tt, x).prev_sample
    record(name, sig, x.double().numpy(), **rec)


karras = dict(**base, use_karras_sigmas=True)
lam(S.DPMSolverMultistepScheduler(**karras, solver_order=2), "dpmpp-2m")
lam(S.DPMSolverMultistepScheduler(**karras, solver_order=2, algorithm_type="sde-dpmsolver++"), "dpmpp-2m-sde", eta=1.0)
for o in (1, 2, 3):
    lam(S.UniPCMultistepScheduler(**karras, solver_order=o), "unipc", order=o)

f = S.FlowMatchEulerDiscreteScheduler()
f.set_timesteps(sigmas=np.linspace(0.98, 0.1, 10))
ts = f.sigmas.double().tolist()
sig = [t / (1 - t) for t in ts]
x = torch.tensor(X0 * ts[0])
for i, tt in enumerate(f.timesteps):
    xb = x.double().numpy() * (1 + sig[i])
    d = D(xb, sig[i])
    x = f.step(torch.tensor((xb - d) / sig[i] - d), tt, x).prev_sample
record("euler", sig, x.double().numpy())

# not in diffusers in this form: third order with the exact second difference, by quadrature of the interpolating parabola
from scipy.integrate import quad


def dpm3(eta, n=10):
    r = np.linspace(10 ** (1 / 7), 0.05 ** (1 / 7), n) ** 7
    sig = list(r) + [0.0]
    x, past = X0 * sig[0], []
    for i in range(n):
        past.append((-math.log(sig[i]), D(x, sig[i])))
        if sig[i + 1] == 0:
            x = past[-1][1]
            continue
        h, c = math.log(sig[i] / sig[i + 1]), 1 + eta
        pts = past[-3:]
        w = []
        for j in range(len(pts)):
            lj = lambda tau, j=j: np.prod([(past[-1][0] + tau - pts[k][0]) / (pts[j][0] - pts[k][0]) for k in range(len(pts)) if k != j])
            w.append(quad(lambda tau: c * math.exp(-c * (h - tau)) * lj(tau), 0, h, epsabs=1e-14)[0])
        if len(pts) == 2:  # published second-order start: midpoint form
            p1 = -math.expm1(-c * h)
            k = p1 / 2 * h / (pts[1][0] - pts[0][0])
            w = [-k, p1 + k]
        x = math.exp(-c * h) * x + sum(a * p[1] for a, p in zip(w, pts)) + sig[i + 1] * math.sqrt(-math.expm1(-2 * eta * h)) * noise(i + 1)
    return sig, x


record("dpmpp-3m", *dpm3(0.0))
record("dpmpp-3m-sde", *dpm3(1.0), eta=1.0)


def heun_churn(n=10, S_churn=8.0, S_min=0.1, S_max=6.0, S_noise=1.003):
    """Karras et al. 2022, algorithm 2, written from the paper"""
    r = np.linspace(10 ** (1 / 7), 0.05 ** (1 / 7), n) ** 7
    sig = list(r) + [0.0]
    x = X0 * sig[0]
    for i in range(n):
        g = min(S_churn / n, math.sqrt(2) - 1) if S_min <= sig[i] <= S_max else 0.0
        th = sig[i] * (1 + g)
        x = x + math.sqrt(th * th - sig[i] ** 2) * S_noise * noise(i + 1)
        d = (x - D(x, th)) / th
        xn = x + (sig[i + 1] - th) * d
        if sig[i + 1] > 0:
            d2 = (xn - D(xn, sig[i + 1])) / sig[i + 1]
            xn = x + (sig[i + 1] - th) * (d + d2) / 2
        x = xn
    return sig, x


record("heun", *heun_churn(), churn=[8.0, 0.1, 6.0, 1.003])

# --- DDIM inversion --------------------------------------------------------------------------------------------------
s = S.DDIMInverseScheduler(clip_sample=False, timestep_spacing="trailing")
s.set_timesteps(10)
ts = s.timesteps.tolist()
ab = s.alphas_cumprod.double().numpy()
x = torch.tensor(X0.copy())
prev = 1.0
for tt in ts:
    sg, a = math.sqrt((1 - ab[tt]) / ab[tt]), math.sqrt(ab[tt])
    lo = tt - 100
    a_lo = math.sqrt(ab[lo]) if lo >= 0 else math.sqrt(float(s.initial_alpha_cumprod))
    xb = x.numpy() / a_lo
    eps = (xb - D(xb, sg)) / sg
    x = s.step(torch.tensor(eps), tt, x).prev_sample
sg = [math.sqrt((1 - ab[t]) / ab[t]) for t in ts][::-1]
out["inversion"] = dict(sigmas=sg + [0.0], x=np.ravel(x.numpy() / math.sqrt(ab[ts[-1]])).tolist(), initial=float(s.initial_alpha_cumprod))

# --- guidance rescale, dynamic thresholding --------------------------------------------------------------------------
g = torch.Generator().manual_seed(3)
c, u = torch.randn(2, 6, generator=g, dtype=torch.float64), torch.randn(2, 6, generator=g, dtype=torch.float64)
w = u + 4 * (c - u)
out["guidance"] = dict(cond=c.flatten().tolist(), uncond=u.flatten().tolist(), plain=w.flatten().tolist(),
                       rescaled=(0.7 * w * c.std(1, keepdim=True) / w.std(1, keepdim=True) + 0.3 * w).flatten().tolist())
s = S.DDPMScheduler(thresholding=True, dynamic_thresholding_ratio=0.9, sample_max_value=2.5)
v = torch.randn(3, 1, 2, 4, generator=g) * torch.tensor([0.3, 1.5, 9.0]).view(3, 1, 1, 1)
out["threshold"] = dict(x=v.flatten().tolist(), want=s._threshold_sample(v).flatten().tolist())

# --- losses, and the target of each prediction -----------------------------------------------------------------------
a, b = torch.randn(12, generator=g) * 2, torch.randn(12, generator=g)
out["losses"] = dict(f=a.tolist(), target=b.tolist(), mse=torch.nn.functional.mse_loss(a, b).item(), l1=torch.nn.functional.l1_loss(a, b).item(),
                     huber=torch.nn.functional.huber_loss(a, b, delta=0.7).item(),
                     pseudo_huber=float(np.mean(0.49 * (np.sqrt(1 + ((a - b).numpy().astype(float) / 0.7) ** 2) - 1))))
s = S.DDPMScheduler()
x0, eps, tt = torch.tensor([0.5, -1.5, 0.25]), torch.tensor([1.0, 0.3, -2.0]), torch.tensor([10, 400, 990])
out["velocity"] = dict(t=tt.tolist(), x0=x0.tolist(), eps=eps.tolist(), x_t=s.add_noise(x0, eps, tt).tolist(), v=s.get_velocity(x0, eps, tt).tolist())

# --- weights: min-SNR as in diffusers' training scripts (compute_snr), on eps and on v ---------------------------------
from diffusers.training_utils import compute_snr
snr = compute_snr(s, tt).double()
out["min_snr"] = dict(eps=(torch.clamp(snr, max=5) / snr).tolist(), v=(torch.clamp(snr, max=5) / (snr + 1)).tolist())

# --- random numbers: Philox4x32-10 in plain Python, Box-Muller with u = (word + 1/2)/2^32 -------------------------------


def philox(c, k):
    c, k = list(c), list(k)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


seed, index, draw = 0x0123456789ABCDEF, (7 << 32) + 5, 3
z = []
for block in range(2):
    wds = philox([block, draw, index & 0xFFFFFFFF, index >> 32], [seed & 0xFFFFFFFF, seed >> 32])
    for i in (0, 2):
        r, th = math.sqrt(-2 * math.log((wds[i] + 0.5) / 2**32)), 2 * math.pi * (wds[i + 1] + 0.5) / 2**32
        z += [r * math.cos(th), r * math.sin(th)]
out["normals"] = z
json.dump(out, open("golden.json", "w"), indent=None, separators=(",", ":"))
print("bytes", len(open("golden.json").read()))
