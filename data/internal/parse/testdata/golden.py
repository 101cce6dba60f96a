"""Writes the small files that parse_test.go reads: .npy of many types, CIFAR pickles of protocols 1 to 4. Run: python golden.py"""
import os, pickle, struct
import numpy as np

os.chdir(os.path.dirname(os.path.abspath(__file__)))
for name in ["u1", "i1", "<u2", ">u2", "<i2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", ">f4", "?"]:
    np.save("npy_%s.npy" % name.replace("<", "le_").replace(">", "be_").replace("?", "bool"), (np.arange(6).reshape(2, 3) % 2 if name == "?" else np.arange(6).reshape(2, 3)).astype(name))
np.save("halves.npy", np.array([0, -0.0, 1.5, -2.25, 65504, 6e-8, 6.1e-5, np.inf], np.float16))
np.save("fortran.npy", np.asfortranarray(np.arange(6).reshape(2, 3)))

x = np.random.default_rng(0).integers(0, 256, (2, 3072), dtype=np.uint8)
x.tofile("cifar_data.bin")
d = {"batch_label": "training batch 1 of 5", "labels": [6, 9], "data": x, "filenames": ["a.png", "b.png"]}
for protocol in range(1, 5):
    pickle.dump(d, open("cifar_p%d.pkl" % protocol, "wb"), protocol)
pickle.dump({"fine_labels": [19, 99], "coarse_labels": [1, 2], "data": x}, open("cifar100.pkl", "wb"), 2)
pickle.dump({"label_names": ["airplane", "cat"], "num_cases_per_batch": 10000}, open("meta.pkl", "wb"), 2)

# What Python 2's cPickle wrote for the published archives: byte strings by SHORT_BINSTRING and BINSTRING.
s = lambda t: b"U" + bytes([len(t)]) + t
py2 = (b"\x80\x02}q\x01(" + s(b"batch_label") + b"q\x02" + s(b"training batch 1 of 5") + s(b"labels") + b"]q\x04(K\x06K\x09e" + s(b"data")
       + b"cnumpy.core.multiarray\n_reconstruct\nq\x06cnumpy\nndarray\nq\x07K\x00\x85" + s(b"b") + b"\x87R(K\x01K\x02M\x00\x0c\x86"
       + b"cnumpy\ndtype\n" + s(b"u1") + b"K\x00K\x01\x87R(K\x03" + s(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
       + struct.pack("<i", x.size) + x.tobytes() + b"tbu.")
assert (pickle.loads(py2, encoding="latin1")["data"] == x).all()
open("cifar_py2.pkl", "wb").write(py2)
open("evil.pkl", "wb").write(b"cos\nsystem\n(S'true'\ntR.")
