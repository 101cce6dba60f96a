"""Adapters of the PEFT library with the weights they merge to: goldens of adapter_test.go.

python3 goldens.py  (needs torch, peft, safetensors) writes, beside itself, adapters/KIND/adapter_config.json and adapter_model.safetensors
and goldens.json with the base weights and the merged weights of each kind, in PyTorch's layout.
"""
import json
import os
import shutil

import torch
from peft import LoraConfig, get_peft_model

torch.set_num_threads(1)
here = os.path.dirname(os.path.abspath(__file__))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.to_q = torch.nn.Linear(6, 5)
        self.conv1 = torch.nn.Conv2d(4, 6, 3, padding=1)
        self.shortcut = torch.nn.Conv2d(5, 3, 1)

    def forward(self, x):
        return x


goldens = {}
for kind, options in {
    "lora": dict(r=2, lora_alpha=3),
    "rslora": dict(r=2, lora_alpha=3, use_rslora=True),
    "dora": dict(r=3, lora_alpha=6, use_dora=True),
}.items():
    torch.manual_seed(1)
    net = Net()
    base = {k: v.detach().clone() for k, v in net.state_dict().items() if k.endswith("weight")}
    model = get_peft_model(net, LoraConfig(target_modules=["to_q", "conv1", "shortcut"], **options))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.normal_(0, 0.3)
            if "magnitude" in name:
                p.mul_(1 + 0.2 * torch.rand_like(p))
    out = os.path.join(here, "adapters", kind)
    shutil.rmtree(out, ignore_errors=True)
    model.save_pretrained(out)
    os.remove(os.path.join(out, "README.md"))
    merged = model.merge_and_unload().state_dict()
    goldens[kind] = {k: {"shape": list(v.shape), "base": v.flatten().tolist(), "merged": merged[k].flatten().tolist()} for k, v in base.items()}
with open(os.path.join(here, "goldens.json"), "w") as f:
    json.dump(goldens, f)
    f.write("\n")
