"""Writes the goldens of this folder with the reference implementation (PyPI safetensors 0.8, numpy): run it here, commit what it writes.

all.safetensors     every element type that the reference writes, with odd names
small.safetensors   numbers that the Go test knows
verdicts.json       hand-made files (hexadecimal) and whether the reference opens them
"""
import json, struct, ctypes
import numpy as np
from safetensors import TensorSpec, deserialize, serialize

keep = []


def spec(dtype, shape, data):
    buf = ctypes.create_string_buffer(bytes(data), len(data))
    keep.append(buf)
    return TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(buf), data_len=len(data))


types = {"bool": 1, "uint8": 1, "int8": 1, "float8_e5m2": 1, "float8_e4m3fn": 1, "float8_e8m0fnu": 1, "float8_e4m3fnuz": 1,
         "float8_e5m2fnuz": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2, "int32": 4, "uint32": 4, "float32": 4,
         "complex64": 8, "float64": 8, "int64": 8, "uint64": 8}
tensors = {}
for i, (name, size) in enumerate(types.items()):
    for shape in ([], [3], [2, 1, 2], [0, 5]):
        n = int(np.prod(shape)) * size
        tensors[f"{name}.{len(shape)}"] = spec(name, shape, [(i * 31 + j) % 256 for j in range(n)])
tensors["packed.f4"] = spec("float4_e2m1fn_x2", [2, 3], range(6))
for odd in ['"quoted" \\ back', "tab\tnew\nline\x01\x7f", "<html> & \u2028 é 漢 😀", ""]:
    tensors[odd] = spec("float32", [1], struct.pack("<f", 1.5))
open("all.safetensors", "wb").write(serialize(tensors, {"format": "pt"}))

w = np.arange(6, dtype="<f4").reshape(2, 3)
small = {"w": spec("float32", [2, 3], w.tobytes()),
         "half": spec("float16", [5], np.array([1.5, -2, 6e-8, np.inf, 65504], "<f2").tobytes()),
         "brain": spec("bfloat16", [2], struct.pack("<HH", 0x3FC0, 0xC000)),
         "double": spec("float64", [2], np.array([0.1, -1e300]).astype("<f8").tobytes()),
         "steps": spec("int64", [1], struct.pack("<q", -7))}
open("small.safetensors", "wb").write(serialize(small, None))

verdicts = []


def case(name, header, data=b"", length=None):
    if not isinstance(header, (str, bytes)):
        header = json.dumps(header)
    if isinstance(header, str):
        header = header.encode("utf-8", "surrogatepass")
    blob = struct.pack("<Q", len(header) if length is None else length) + header + data
    try:
        deserialize(blob)
        ok = True
    except Exception:
        ok = False
    verdicts.append({"name": name, "file": blob.hex(), "reference": ok})


def t(dtype="F32", shape=(1,), begin=0, end=4, **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **more}


z4, z8 = b"\0" * 4, b"\0" * 8
case("one tensor", {"a": t()}, z4)
case("padded", json.dumps({"a": t()}) + "   \n\t ", z4)
case("no tensors", {})
case("only metadata", {"__metadata__": {"k": "v"}})
case("empty metadata", {"__metadata__": {}})
case("unordered", {"a": t(begin=4, end=8), "b": t()}, z8)
case("scalar", {"a": t(shape=())}, z4)
case("zero size", {"a": t(shape=(0, 3), end=0)})
case("zero size among others", {"a": t(), "b": t(shape=(0,), begin=4, end=4), "c": t(begin=4, end=8)}, z8)
case("gap", {"a": t(begin=4, end=8)}, z8)
case("gap between", {"a": t(), "b": t(begin=8, end=12)}, z4 * 3)
case("overlap", {"a": t(), "b": t()}, z4)
case("partial overlap", {"a": t(shape=(2,), end=8), "b": t(begin=4, end=8)}, z8)
case("identical ranges of nothing", {"a": t(shape=(0,), end=0), "b": t(shape=(0,), end=0)})
case("trailing data", {"a": t()}, z8)
case("truncated data", {"a": t()}, b"\0\0\0")
case("no data", {"a": t()})
case("reversed range", {"a": t(begin=4, end=0)}, z4)
case("size below shape", {"a": t(shape=(2,))}, z4)
case("size above shape", {"a": t(end=8)}, z8)
case("negative dimension", {"a": t(shape=(-1,))}, z4)
case("negative offset", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}', z4)
case("shape overflows", {"a": t(shape=(1 << 62, 4), end=0)})
case("shape overflows to the size", {"a": t(shape=(1 << 63, 2, 1), end=0)})
case("shape overflows before a zero", {"a": t(shape=(1 << 62, 1 << 62, 0), end=0)})
case("zero before a large shape", {"a": t(shape=(0, 1 << 62, 1 << 62), end=0)})
case("bytes overflow", {"a": t(shape=(1 << 62,), end=0)})
case("dimension of 2^63", '{"a":{"dtype":"F32","shape":[9223372036854775808,0],"data_offsets":[0,0]}}')
case("dimension of 2^64", '{"a":{"dtype":"F32","shape":[18446744073709551616,0],"data_offsets":[0,0]}}')
case("offset of 2^64-1", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551611,18446744073709551615]}}', z4)
case("float dimension", '{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', z4)
case("exponent dimension", '{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}', z4)
case("minus zero", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[-0,4]}}', z4)
case("leading zero", '{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}', z4)
case("string dimension", {"a": t(shape=("1",))}, z4)
case("null dimension", '{"a":{"dtype":"F32","shape":[null],"data_offsets":[0,4]}}', z4)
case("nested shape", '{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}', z4)
case("null shape", '{"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}', z4)
case("one offset", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}', z4)
case("three offsets", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}', z4)
case("unknown type", {"a": t(dtype="F12")}, z4)
case("lower-case type", {"a": t(dtype="f32")}, z4)
case("number for a type", {"a": t(dtype=3)}, z4)
case("no type", '{"a":{"shape":[1],"data_offsets":[0,4]}}', z4)
case("no shape", '{"a":{"dtype":"F32","data_offsets":[0,4]}}', z4)
case("no offsets", '{"a":{"dtype":"F32","shape":[1]}}', z4)
case("twice the same tensor", '{"a":%s,"a":%s}' % (json.dumps(t()), json.dumps(t())), z4)
case("twice the same field", '{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', z4)
case("twice the same tensor by escape", '{"a":%s,"\\u0061":%s}' % (json.dumps(t()), json.dumps(t())), z4)
case("twice the same metadata", '{"__metadata__":{"k":"1","k":"2"}}')
case("twice metadata", '{"__metadata__":{},"__metadata__":{}}')
case("unknown field", {"a": t(extra=1)}, z4)
case("metadata of numbers", {"__metadata__": {"k": 1}})
case("metadata null", '{"__metadata__":null}')
case("metadata of objects", {"__metadata__": {"k": {}}})
case("metadata list", '{"__metadata__":[]}')
case("tensor list", '{"a":[]}')
case("tensor null", '{"a":null}')
case("array at the top", "[]")
case("string at the top", '"abc"')
case("empty header", "")
case("spaces only", "   ")
case("space before the brace", " {}")
case("newline before the brace", "\n{}")
case("two objects", "{}{}")
case("text after", "{} x")
case("comma at the end", '{"a":%s,}' % json.dumps(t()), z4)
case("missing comma", '{"a":%s "b":%s}' % (json.dumps(t()), json.dumps(t(shape=(0,), begin=4))), z4)
case("missing colon", '{"a" %s}' % json.dumps(t()), z4)
case("comment", '{/**/"a":%s}' % json.dumps(t()), z4)
case("single quotes", "{'a':1}")
case("unclosed", '{"a":%s' % json.dumps(t()), z4)
case("unclosed string", '{"a')
case("invalid utf-8", b'{"\xff":' + json.dumps(t()).encode() + b"}", z4)
case("overlong utf-8", b'{"\xc0\x80":' + json.dumps(t()).encode() + b"}", z4)
case("lone surrogate escape", '{"\\ud800":%s}' % json.dumps(t()), z4)
case("raw control character", '{"\x01":%s}' % json.dumps(t()), z4)
case("escaped zero", '{"\\u0000":%s}' % json.dumps(t()), z4)
case("byte order mark", b"\xef\xbb\xbf{}")
case("zero bytes after", b"{}\0\0")
case("length beyond file", {"a": t()}, z4, length=4096)
case("length of 2^63", {"a": t()}, z4, length=1 << 63)
case("length of 2^64-1", {"a": t()}, z4, length=(1 << 64) - 1)
case("length above the cap", {"a": t()}, z4, length=100_000_001)
case("length zero", {"a": t()}, z4, length=0)
case("length short", {"a": t()}, z4, length=10)
case("deep nesting", '{"a":' + "[" * 2000 + "]" * 2000 + "}")
case("packed F4", {"a": t("F4", (2,), 0, 1)}, b"\0")
case("half a byte of F4", {"a": t("F4", (1,), 0, 1)}, b"\0")
case("packed F6", {"a": t("F6_E2M3", (4,), 0, 3)}, b"\0\0\0")
case("torn F6", {"a": t("F6_E3M2", (3,), 0, 3)}, b"\0\0\0")
for d in ("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"):
    case(d, {"a": t(d, (4,))}, z4)
for d in ("I16", "U16", "F16", "BF16"):
    case(d, {"a": t(d, (2,))}, z4)
for d in ("I32", "U32", "F32"):
    case(d, {"a": t(d)}, z4)
for d in ("C64", "F64", "I64", "U64"):
    case(d, {"a": t(d, end=8)}, z8)
for blob in (b"", b"\0", b"\0" * 7, b"\0" * 8, b"\x02" + b"\0" * 7 + b"{}", b"PK\x03\x04" + b"\0" * 30):
    try:
        deserialize(blob)
        ok = True
    except Exception:
        ok = False
    verdicts.append({"name": "raw " + blob[:10].hex(), "file": blob.hex(), "reference": ok})
with open("verdicts.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(v) for v in verdicts) + "\n]\n")
print(len(verdicts), "verdicts")
