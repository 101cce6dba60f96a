"""Says what the numbers.txt of mustshow.sh shows:   python3 numbers.py OUT/numbers.txt   (tables for docs/finetuning.md)"""
import json
import sys

rows = {}
for line in open(sys.argv[1]):
    name, _, text = line.partition("{")
    rows[name.strip()] = json.loads("{" + text)


def mse(name):
    return rows[name]["heldout_mse"] if name in rows else float("nan")


print("| run | new class | nine old classes |\n|---|---|---|")
for run in ["base", "whole", "lora", "mixed", "scratch"]:
    print(f"| {run} | {mse(run + ' tenth'):.5f} | {mse(run + ' nine'):.5f} |")
gain = mse("base tenth") - mse("whole tenth")
print("better than from scratch with ten times the steps:", mse("whole tenth") < mse("scratch tenth"))
print(f"share of the gain that LoRA reaches: {(mse('base tenth') - mse('lora tenth')) / gain:.2f}")
forgot, mixed = mse("whole nine") - mse("base nine"), mse("mixed nine") - mse("base nine")
print(f"forgotten: {forgot:.5f}; with 20 % old data {mixed:.5f}; at least halved: {mixed <= forgot / 2}")
if "shifted nine" in rows:
    print("\n| step of linear betas | base | linear | shifted cosine |\n|---|---|---|---|")
    for i, t in enumerate(rows["base nine"]["t"]):
        print(f"| {t:.0f} | " + " | ".join(f"{rows[n + ' nine']['per_t'][i]:.5f}" for n in ["base", "linear", "shifted"]) + " |")
