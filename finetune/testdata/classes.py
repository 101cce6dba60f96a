"""Cuts the CIFAR-10 archives of ../shared/data for the experiments of docs/finetuning.md: one class against the nine others.

python3 classes.py DATA OUT CLASS N  writes into OUT
  nine.zip        the nine other classes, training pictures
  tenth.zip       N training pictures of CLASS
  nine-valid.zip, tenth-valid.zip   the held-out pictures of each
"""
import os
import sys
import zipfile


def cut(source, target, keep, limit=None):
    done = 0
    with zipfile.ZipFile(source) as z, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as out:
        for name in sorted(z.namelist()):
            if name.endswith("/") or not keep(name.split("/")[-2]) or limit is not None and done == limit:
                continue
            out.writestr(zipfile.ZipInfo(name), z.read(name))
            done += 1
    print(target, done)


data, out, tenth, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
os.makedirs(out, exist_ok=True)
train, valid = os.path.join(data, "cifar10-train.zip"), os.path.join(data, "cifar10-valid.zip")
cut(train, os.path.join(out, "nine.zip"), lambda c: c != tenth)
cut(train, os.path.join(out, "tenth.zip"), lambda c: c == tenth, n)
cut(valid, os.path.join(out, "nine-valid.zip"), lambda c: c != tenth)
cut(valid, os.path.join(out, "tenth-valid.zip"), lambda c: c == tenth)
