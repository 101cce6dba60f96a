"""Lets PEFT and diffusers use adapters that ebb trained, and compares with ebb's own merging.

python3 peer.py BASE RUN...  (needs torch, diffusers, peft): BASE is a run or model folder of a U-Net, each RUN one of
ebb finetune BASE --lora. Prints how far the adapter changes the output, and how far ebb's merged model is from PEFT's adapted one.
"""
import os
import sys

import torch
from diffusers import UNet2DModel
from peft import PeftModel

torch.set_num_threads(1)


def unet(run):
    return UNet2DModel.from_pretrained(os.path.join(run, "model", "unet"))


for run in sys.argv[2:]:
    torch.manual_seed(1)
    base, merged = unet(sys.argv[1]), unet(run)
    x, t = torch.randn(2, base.config.in_channels, base.config.sample_size, base.config.sample_size), torch.tensor([10, 700])
    with torch.no_grad():
        plain, ours = base(x, t).sample, merged(x, t).sample
        adapted = PeftModel.from_pretrained(base, os.path.join(run, "model", "adapter")).eval().base_model.model(x, t).sample
    print(run, "changes the output by", (adapted - plain).abs().max().item(), "and differs by", (adapted - ours).abs().max().item())
