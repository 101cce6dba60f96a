"""Writes the goldens of this folder with PyTorch (2.15): run it here with the peers' python, commit what it writes.

good-*.pt      files with the tensors that expected.json lists (name, type, shape, elements as hexadecimal bytes)
refused-*.pt   files that must be refused, with a part of the message in expected.json
"""
import collections, io, json, os, pickle, zipfile
import torch

torch.manual_seed(0)
expected = {"good": {}, "refused": {}}


def plain(t):
    t = t.detach().contiguous()
    return bytes(t.reshape(-1).view(torch.uint8).tolist()) if t.numel() else b""


def walk(name, v, out):
    if isinstance(v, torch.Tensor):
        out.append({"name": name, "dtype": str(v.dtype)[6:], "shape": list(v.shape), "data": plain(v).hex()})
    elif isinstance(v, dict):
        for k, x in v.items():
            walk(f"{name}.{k}" if name else str(k), x, out)
    elif isinstance(v, (list, tuple, set)):
        for i, x in enumerate(v):
            walk(f"{name}.{i}" if name else str(i), x, out)


def good(name, value, **how):
    torch.save(value, f"good-{name}.pt", **how)
    out = []
    walk("", value, out)
    expected["good"][f"good-{name}.pt"] = out


def refused(name, part, value=None, data=None, **how):
    if data is None:
        torch.save(value, f"refused-{name}.pt", **how)
    else:
        open(f"refused-{name}.pt", "wb").write(data)
    expected["refused"][f"refused-{name}.pt"] = part


model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.GroupNorm(1, 3), torch.nn.Linear(3, 2).to(torch.bfloat16))
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
views = {"transposed": base.permute(2, 0, 1), "slice": base[1, 1:, ::2], "offset": base.reshape(-1)[5:7], "expanded": base[0, 0, :1].expand(3, 1).expand(3, 1),
         "repeated": base[0, 0, 1:2].expand(4), "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "channels_last": torch.ones(1, 2, 2, 2).to(memory_format=torch.channels_last),
         "base": base, "parameter": torch.nn.Parameter(torch.tensor([1.0, -1.0]))}
types = {str(d)[6:]: torch.tensor([0, 1, 3]).to(d) for d in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16,
                                                                torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128)}
new_types = {str(d)[6:]: torch.tensor([0, 1, 3]).to(d) for d in (torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz,
                                                                    torch.float8_e5m2fnuz, torch.float8_e8m0fnu)}
optimizer = torch.optim.AdamW(model[0].parameters(), lr=1e-3)
model[0](torch.ones(1, 2, 4, 4)).sum().backward()
optimizer.step()
checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 7, "loss": 0.25, "big": 2**70, "negative": -(2**40), "name": "é漢",
              "bytes": b"\x00\xff", "none": None, "flags": (True, False), "size": torch.Size([2, 3]), "device": torch.device("cpu"), "dtype": torch.float16,
              "nested": [[torch.tensor([1])], {"x": (torch.tensor([2]),)}], 5: torch.tensor([3]), "complex": 1 + 2j, "set": {1}, "array": bytearray(b"ab"),
              "counter": collections.Counter({"a": 2})}
attributed = torch.tensor([1.0, 2.0])
attributed.note = "mine"
for how, kw in (("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False})):
    good(f"state-{how}", model.state_dict(), **kw)
    good(f"views-{how}", views, **kw)
    good(f"types-{how}", types, **kw)
    good(f"checkpoint-{how}", checkpoint, **kw)
    good(f"attributes-{how}", [attributed], **kw)
good("new-types", new_types)
good("protocol-4", checkpoint, pickle_protocol=4)
good("protocol-5", checkpoint, pickle_protocol=5)
good("tensor", base)
good("empty", {})


class Evil:
    def __reduce__(self):
        return os.system, ("echo owned",)


refused("system", "posix.system", Evil())
refused("system-legacy", "posix.system", Evil(), _use_new_zipfile_serialization=False)
refused("module", "torch.nn.modules.linear.Linear", torch.nn.Linear(1, 1))
refused("sparse", "_rebuild_sparse_tensor", torch.eye(2).to_sparse())
refused("plain-pickle", "neither a zip archive", data=pickle.dumps({"a": 1}))
good_zip = open("good-tensor.pt", "rb").read()


def rezip(change, method=zipfile.ZIP_STORED, more={}):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good_zip)) as z, zipfile.ZipFile(out, "w", method) as w:
        for n, d in more.items():
            w.writestr(n, d)
        for n in z.namelist():
            data = change(n, z.read(n))
            if data is not None:
                w.writestr(n, data)
    return out.getvalue()


refused("compressed", "compressed", data=rezip(lambda n, d: d, zipfile.ZIP_DEFLATED))
refused("big-endian", "byte order", data=rezip(lambda n, d: b"big" if n.endswith("byteorder") else d))
refused("short-storage", "not of that size", data=rezip(lambda n, d: d[:-4] if n.endswith("data/0") else d))
refused("no-storage", "not in the archive", data=rezip(lambda n, d: None if n.endswith("data/0") else d))
refused("no-pickle", "0 files", data=rezip(lambda n, d: None if n.endswith("data.pkl") else d))
refused("not-torch", "0 files", data=rezip(lambda n, d: None, more={"hello.txt": b"hello"}))
refused("script", "TorchScript", data=rezip(lambda n, d: d, more={"good-tensor/constants.pkl": b"", "good-tensor/code/m.py": b""}))
refused("two", "2 files", data=rezip(lambda n, d: d, more={"other/data.pkl": b""}))
with open("expected.json", "w") as f:
    json.dump(expected, f, indent=0)
    f.write("\n")
