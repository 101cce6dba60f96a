"""Resized pictures by Pillow, PyTorch and TensorFlow 1's arithmetic, for the tests of package features.

    python golden.py              # writes resize.json beside itself (Pillow 12, torch 2.15)
    python golden.py peers OUT    # weights and features by pytorch-fid, torch-fidelity and transformers, for TestEqualsPeers
                                  # (PyPI: pytorch-fid, torch-fidelity, transformers; random weights, nothing is fetched)

The picture is made by the formula in picture below; the test makes the same. TensorFlow 1's resize_bilinear without half-pixel centres is
written out here: output pixel o takes input o·in/out.
"""
import json, math, os, sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

torch.set_num_threads(1)


def picture(h, w, seed=0):
    y, x, c = np.meshgrid(np.arange(h), np.arange(w), np.arange(3), indexing="ij")
    return ((x * 37 + y * 91 + c * 53 + (x * y) % 17 * 11 + x * x * 3 + seed * 29) % 256).astype(np.uint8)


def tensorflow1(x, h, w):
    def taps(n, out):
        at = np.arange(out, dtype=np.float32) * np.float32(n / out)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, n - 1), at - low

    x = x.astype(np.float32)
    i0, i1, fy = taps(x.shape[0], h)
    j0, j1, fx = taps(x.shape[1], w)
    fy, fx = fy[:, None, None], fx[None, :, None]
    top = x[i0][:, j0] + (x[i0][:, j1] - x[i0][:, j0]) * fx
    bottom = x[i1][:, j0] + (x[i1][:, j1] - x[i1][:, j0]) * fx
    return top + (bottom - top) * fy


def torch_bilinear(x, h, w):
    t = torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1)[None]
    return F.interpolate(t, size=(h, w), mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()


def clean(x, h, w):
    planes = [np.asarray(Image.fromarray(x[:, :, c].astype(np.float32), mode="F").resize((w, h), Image.BICUBIC)) for c in range(3)]
    return np.stack(planes, -1).clip(0, 255)


def pillow(x, h, w):
    return np.asarray(Image.fromarray(x).resize((w, h), Image.BICUBIC)).astype(np.float32)


WAYS = dict(tensorflow=tensorflow1, torch=torch_bilinear, clean=clean, pillow=pillow)


def main():
    out = {}
    for name, way in WAYS.items():
        for h, w in ((7, 5), (23, 31)):  # a picture of 13×11 shrinks and grows
            out[f"{name} {h}x{w}"] = [round(float(v), 4) for v in way(picture(13, 11), h, w).flatten()[::5]]
    with open(os.path.join(HERE, "resize.json"), "w") as f:
        json.dump(out, f)


def peers(path):
    sys.path.insert(0, os.path.join(HERE, "../../../nets/testdata"))
    from features import set_weights
    from safetensors.torch import save_file

    import torchvision
    from pytorch_fid import inception as pytorch_fid
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from transformers import Dinov2Config, Dinov2Model

    pictures = np.stack([picture(32, 32, k) for k in range(2)])
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2)

    def save(name, model, **features):
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, os.path.join(path, name + ".safetensors"))
        for k, v in features.items():
            v.detach().numpy().astype("<f4").tofile(os.path.join(path, f"{name}.{k}.f32"))

    with torch.inference_mode():
        net = torchvision.models.inception_v3(weights=None, aux_logits=False, init_weights=False, num_classes=1008)
        for name, cls, args in (("Mixed_5b", "A", (192, 32)), ("Mixed_5c", "A", (256, 64)), ("Mixed_5d", "A", (288, 64)), ("Mixed_6b", "C", (768, 128)),
                                ("Mixed_6c", "C", (768, 160)), ("Mixed_6d", "C", (768, 160)), ("Mixed_6e", "C", (768, 192)), ("Mixed_7b", "E_1", (1280,)),
                                ("Mixed_7c", "E_2", (2048,))):
            setattr(net, name, getattr(pytorch_fid, "FIDInception" + cls)(*args))
        set_weights(net)
        pytorch_fid.fid_inception_v3 = lambda: net
        by_pytorch_fid = pytorch_fid.InceptionV3([3]).eval()(pixels.float() / 255)[0].flatten(1)
        state = os.path.join(path, "state.pth")
        torch.save(net.state_dict(), state)
        fidelity = FeatureExtractorInceptionV3("test", ["2048", "logits_unbiased"], feature_extractor_weights_path=state).eval()
        pool, logits = fidelity(pixels)
        os.remove(state)
        save("fid", net, torch=by_pytorch_fid, tensorflow=pool, probabilities=logits.softmax(-1))

        dino = set_weights(Dinov2Model(Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=14)))
        mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        x = torch.stack([torch.from_numpy(pillow(p, 224, 224)).permute(2, 0, 1) for p in pictures]) / 255
        save("dinov2", dino, pillow=dino((x - mean) / std).last_hidden_state[:, 0])


if len(sys.argv) > 1:
    peers(sys.argv[2])
else:
    main()
