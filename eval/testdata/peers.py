"""The works of BenchmarkPeers (../bench_test.go) in PyTorch and torchmetrics, each the fastest of the usual ways: seconds, best of RUNS.

    python peers.py [distances|neighbours|ssim] [threads] [queries]
"""
import sys
import time

import torch
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

RUNS = 2
which = sys.argv[1] if len(sys.argv) > 1 else "all"
torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 2)


def best(name, f, runs=RUNS):
    if which not in ("all", name.split("/")[0]):
        return
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    print(f"{name} {min(times):.3f} s", flush=True)


def neighbours(x, y, piece=2048):
    """Squared distances by one matrix product a piece, the smallest of each row kept."""
    yy = (y * y).sum(1)
    low = torch.full((len(x),), float("inf"))
    at = torch.zeros(len(x), dtype=torch.long)
    for i in range(0, len(x), piece):
        for j in range(0, len(y), piece):
            v, k = torch.addmm(yy[j : j + piece][None], x[i : i + piece], y[j : j + piece].T, alpha=-2).min(1)
            better = v < low[i : i + piece]
            low[i : i + piece][better] = v[better]
            at[i : i + piece][better] = k[better] + j
    return at


torch.manual_seed(0)
with torch.inference_mode():
    if which in ("all", "distances"):
        x, y = torch.rand(10000, 2048), torch.rand(10000, 2048)
        best("distances/cdist", lambda: torch.cdist(x, y))
    if which in ("all", "neighbours"):
        queries = int(sys.argv[3]) if len(sys.argv) > 3 else 10000
        x, y = torch.rand(queries, 3072), torch.rand(50000, 3072)
        best("neighbours/addmm", lambda: neighbours(x, y), 1)
    if which in ("all", "ssim"):
        a, b = torch.rand(10000, 3, 32, 32), torch.rand(10000, 3, 32, 32)

        def pieces(size):  # one call for all needs many gigabytes
            return [ssim(a[i : i + size], b[i : i + size], data_range=1.0, reduction="none") for i in range(0, 10000, size)]

        best("ssim/100", lambda: pieces(100))
        best("ssim/1000", lambda: pieces(1000))
