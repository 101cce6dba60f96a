"""Golden numbers of package rng, in plain Python integers: python golden.py > golden.json

Written from the papers (Salmon et al. 2011; Steele, Lea and Flood 2014; Black and Rogaway 2002; Box and Muller 1958), not from the Go code.
64-bit integers are strings, since JSON readers round numbers.
"""
import json
import math

M32, M64 = 2**32 - 1, 2**64 - 1


def philox(c, k):
    c, k = list(c), list(k)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & M32, (p0 >> 32) ^ c[3] ^ k[1], p0 & M32]
        k = [(k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32]
    return c


# The known answers of the Random123 distribution (kat_vectors) hold this generator in place.
assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
assert philox([M32] * 4, [M32] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def block(seed, draw, index, i):
    return philox([i, draw, index & M32, index >> 32], [seed & M32, seed >> 32])


def words(seed, draw, index, n):
    return [w for i in range((n + 3) // 4) for w in block(seed, draw, index, i)][:n]


def mix64(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def splitmix64(z):
    return mix64((z + 0x9E3779B97F4A7C15) & M64)


def feistel(n, keys, function):
    half = 1
    while 4**half < n:
        half += 1
    out = []
    for x in range(n):
        while True:
            left, right = x >> half, x & (2**half - 1)
            for k in keys:
                left, right = right, left ^ (function(right ^ k) & (2**half - 1))
            x = left << half | right
            if x < n:
                break
        out.append(x)
    return out


def perm(n, seed, draw, epoch):
    w = words(seed, draw, epoch, 16)
    return feistel(n, [w[2 * i] << 32 | w[2 * i + 1] for i in range(8)], mix64)


def splitmix_perm(n, seed, epoch):
    base = splitmix64((splitmix64(seed) + epoch) & M64)
    return feistel(n, [splitmix64((base + i) & M64) for i in range(8)], splitmix64)


def normals(w):
    z = []
    for a, b in zip(w[::2], w[1::2]):
        r, angle = math.sqrt(-2 * math.log((a + 0.5) / 2**32)), 2 * math.pi * (b + 0.5) / 2**32
        z += [r * math.cos(angle), r * math.sin(angle)]
    return z


seed, index, draw = 0x0123456789ABCDEF, (7 << 32) + 5, 0xF0000003
w = words(seed, draw, index, 12)
u64 = [w[i] << 32 | w[i + 1] for i in range(0, 12, 2)]
sizes = [1, 2, 3, 4, 5, 16, 17, 100]
print(json.dumps(dict(
    words=w,
    open=[((x >> 12) + 0.5) / 2**52 for x in u64],
    normals=normals(w),
    floats=[(x >> 11) / 2**53 for x in u64],
    cosines=[math.sqrt(-2 * math.log(((u64[i] >> 11) + 1) / 2**53)) * math.cos(2 * math.pi * (u64[i + 1] >> 11) / 2**53) for i in (0, 2, 4)],
    mix=[str(mix64(x)) for x in u64],
    splitmix=[str(splitmix64(x)) for x in u64 + [M64]],
    perms=[perm(n, seed, 7, 2**33 + n) for n in sizes],
    splitmix_perms=[splitmix_perm(n, seed, 2**33 + n) for n in sizes],
)))
