"""PyTorch side of the cold-decoding measurement of BenchmarkLoader: pictures per second of a DataLoader with 2 workers.

    python dataloader_peer.py cifar10-train.zip
"""
import io, sys, time, zipfile
import numpy as np, torch
from PIL import Image
torch.set_num_threads(1)
class Zip(torch.utils.data.Dataset):
    def __init__(s, path): s.path, s.z = path, None; s.names = sorted(zipfile.ZipFile(path).namelist())
    def __len__(s): return len(s.names)
    def __getitem__(s, i):
        if s.z is None: s.z = zipfile.ZipFile(s.path)
        a = np.asarray(Image.open(io.BytesIO(s.z.read(s.names[i]))).convert("RGB"))
        return torch.from_numpy(a.copy()).permute(2, 0, 1).float().div_(127.5).sub_(1)
if __name__ == "__main__":
    best = 0
    for _ in range(3):
        loader = torch.utils.data.DataLoader(Zip(sys.argv[1]), batch_size=64, shuffle=True, num_workers=2)
        it = iter(loader); next(it); t, n = time.perf_counter(), 0
        for x in it: n += len(x)
        best = max(best, n / (time.perf_counter() - t))
    print("torch DataLoader, 2 workers: %.0f pictures/s" % best)
