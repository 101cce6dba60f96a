"""Small model directories as diffusers writes them, and what the models return, for golden_test.go.

    python make.py    # writes unet/, flat/, dit/ and golden.json beside itself (torch 2.15, diffusers 0.42)
    python make.py DIR x.json    # loads DIR as diffusers does and prints what the model returns, for live_test.go

Weights and inputs come from fill (../../../internal/testkit/fill.py). flat/ is the form of 2022: all files in one folder, a .bin
file, the old names of attention layers, and half precision.
"""
import json, math, os, shutil, sys

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../../internal/testkit"))
import torch
from diffusers import (DDIMScheduler, DDPMPipeline, DDPMScheduler, DiTTransformer2DModel, EDMEulerScheduler, FlowMatchEulerDiscreteScheduler,
                       DPMSolverMultistepScheduler, UNet2DModel)
from fill import fill

torch.set_num_threads(1)


def tensor(name, *shape):
    return torch.from_numpy(fill(name, math.prod(shape))).reshape(shape).float()


def set_weights(model):
    for name, p in model.named_parameters():
        w = tensor(name, *p.shape)
        p.data = w * math.sqrt(3 / math.prod(p.shape[1:])) if p.dim() > 1 else 1 + 0.3 * w if "norm" in name and name.endswith("weight") else 0.3 * w


def returns(model, classes):
    """The output for two pictures at steps 3 and 421, channels last."""
    size = model.config.sample_size
    h, w = size if isinstance(size, (list, tuple)) else (size, size)
    c = model.config.in_channels
    x = tensor("x", 2, h, w, c).permute(0, 3, 1, 2)
    t = torch.tensor([3, 421])
    y = torch.tensor([1, 2]) if classes else None
    with torch.no_grad():
        out = model(x, t, class_labels=y).sample
    return out.permute(0, 2, 3, 1).flatten().tolist()


def load(folder):
    for part, cls in (("unet", UNet2DModel), ("transformer", DiTTransformer2DModel)):
        if os.path.exists(os.path.join(folder, part)):
            model, info = cls.from_pretrained(folder, subfolder=part, output_loading_info=True)
            assert not any(info.values()), info
            return model.eval()
    raise SystemExit("no model in " + folder)


def has_classes(model):
    return bool(model.config.get("num_class_embeds") or model.config.get("num_embeds_ada_norm"))


def scheduler_state(folder):
    """alphas_cumprod or sigmas of the scheduler of a directory."""
    index = json.load(open(os.path.join(folder, "model_index.json")))
    import diffusers
    s = getattr(diffusers, index["scheduler"][1]).from_pretrained(folder, subfolder="scheduler")
    if hasattr(s, "alphas_cumprod"):
        return {"alphas_cumprod": s.alphas_cumprod.tolist(), "prediction": s.config.prediction_type}
    s.set_timesteps(10)
    return {"sigmas": s.sigmas.tolist(), "timesteps": s.timesteps.tolist()}


def main():
    golden = {}
    torch.manual_seed(0)
    unet = UNet2DModel(sample_size=(4, 8), in_channels=1, out_channels=1, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
                       attention_head_dim=4, down_block_types=("AttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "AttnUpBlock2D"),
                       resnet_time_scale_shift="scale_shift", downsample_type="resnet", upsample_type="resnet", num_class_embeds=3,
                       time_embedding_dim=8, mid_block_scale_factor=2.0)
    set_weights(unet)
    DDPMPipeline(unet, DDIMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", rescale_betas_zero_snr=True,
                                     num_train_timesteps=50)).save_pretrained(os.path.join(here, "unet"))
    golden["unet"] = returns(unet, True)

    flat = UNet2DModel(sample_size=8, in_channels=3, out_channels=3, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
                       attention_head_dim=None, down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
                       norm_eps=1e-6, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1)
    set_weights(flat)
    flat.half().float()
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    state = {}
    for name, w in flat.state_dict().items():
        for a, b in old.items():
            name = name.replace(a, b)
        state[name] = w.half()
    folder = os.path.join(here, "flat")
    shutil.rmtree(folder, ignore_errors=True)
    flat.save_config(folder)
    DDPMScheduler(beta_schedule="linear", clip_sample=False).save_config(folder)
    DPMSolverMultistepScheduler().save_config(os.path.join(folder, "infinite"))  # holds the bare word -Infinity
    torch.save(state, os.path.join(folder, "diffusion_pytorch_model.bin"))
    golden["flat"] = returns(flat, False)

    dit = DiTTransformer2DModel(num_attention_heads=1, attention_head_dim=8, in_channels=1, num_layers=1, sample_size=4, patch_size=2,
                                num_embeds_ada_norm=3)
    set_weights(dit)
    folder = os.path.join(here, "dit")
    dit.eval().save_pretrained(os.path.join(folder, "transformer"))
    FlowMatchEulerDiscreteScheduler(shift=2.0).save_pretrained(os.path.join(folder, "scheduler"))
    golden["dit"] = returns(dit, True)
    EDMEulerScheduler(sigma_max=40.0).save_config(os.path.join(folder, "edm"))
    golden = {k: [float("%.7g" % x) for x in v] for k, v in golden.items()}
    json.dump(golden, open(os.path.join(here, "golden.json"), "w"))


if len(sys.argv) > 1:
    model = load(sys.argv[1])
    json.dump({"output": returns(model, has_classes(model)), "scheduler": scheduler_state(sys.argv[1])}, open(sys.argv[2], "w"))
else:
    main()
