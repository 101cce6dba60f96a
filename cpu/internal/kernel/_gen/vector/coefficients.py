"""Prints the polynomials of formulas.go with their errors (needs mpmath and numpy; a few seconds).

Each is the minimax fit by Remez' exchange of the weighted error, in 40 digits, rounded to float32 at the end.
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 40
SMALL = mp.mpf("1e-12")


def remez(f, weight, a, b, degree, rounds=12, points=1500):
    """Coefficients, from the constant up, of the polynomial p that minimises max |(p-f)*weight| on [a, b], and that maximum."""
    n = degree + 2
    xs = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * i / (n - 1)) for i in range(n)]
    grid = [a + (b - a) * mp.mpf(i) / points for i in range(points + 1)]
    for _ in range(rounds):
        A, rhs = mp.matrix(n, n), mp.matrix(n, 1)
        for i, x in enumerate(xs):
            for j in range(degree + 1):
                A[i, j] = x ** j
            A[i, degree + 1] = (-1) ** i / weight(x)
            rhs[i] = f(x)
        c = list(mp.lu_solve(A, rhs))[: degree + 1]
        error = [(mp.polyval(c[::-1], x) - f(x)) * weight(x) for x in grid]
        extrema = []
        for i, e in enumerate(error):
            if not extrema or mp.sign(e) != mp.sign(error[extrema[-1]]):
                extrema.append(i)
            elif abs(e) > abs(error[extrema[-1]]):
                extrema[-1] = i
        if len(extrema) < n:
            break
        while len(extrema) > n:
            extrema.pop(0 if abs(error[extrema[0]]) < abs(error[extrema[-1]]) else -1)
        xs = [grid[i] for i in extrema]
    return c, max(map(abs, error))


def show(name, f, weight, a, b, degree):
    c, e = remez(f, weight, mp.mpf(a), mp.mpf(b), degree)
    print(f"{name}: error 2^{float(mp.log(e, 2)):.1f}", [float(np.float32(float(x))) for x in reversed(c)])


def at_zero(f, value):
    """f, whose formula is 0/0 at 0, completed by its limit."""
    return lambda x: f(x) if abs(x) > SMALL else mp.mpf(value)


r = mp.log(2) / 2 * mp.mpf("1.001")
show("e^r = 1+r+r^2 P(r), error relative to r", at_zero(lambda x: (mp.expm1(x) - x) / x**2, 0.5),
     lambda x: abs(x) + mp.mpf("1e-4"), -r, r, 4)
show("ln(1+f) = f-f^2/2+f^3 P(f), error relative to f", at_zero(lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, mp.mpf(1) / 3),
     lambda f: f * f + mp.mpf("1e-4"), mp.sqrt(0.5) - 1, mp.sqrt(2) - 1, 7)
y = (mp.pi / 4 * mp.mpf("1.001")) ** 2
show("sin x = x+x^3 P(x^2), error relative to x", at_zero(lambda q: (mp.sin(mp.sqrt(q)) - mp.sqrt(q)) / mp.sqrt(q) ** 3, -mp.mpf(1) / 6),
     lambda q: q + mp.mpf("1e-4"), 0, y, 2)
show("cos x = 1-x^2/2+x^4 P(x^2), absolute error", at_zero(lambda q: (mp.cos(mp.sqrt(q)) - 1 + q / 2) / q**2, mp.mpf(1) / 24),
     lambda q: q * q + mp.mpf("1e-4"), 0, y, 2)
near = at_zero(lambda q: mp.erf(mp.sqrt(q)) / mp.sqrt(q) - 1, 2 / mp.sqrt(mp.pi) - 1)
show("erf x = x+x P(x^2) up to 0.85, relative error", near, lambda q: 1 / (near(q) + 1), 0, mp.mpf(0.85) ** 2, 5)
show("erf a = 1-e^(a Q(a)) from 0.85 on, relative error", lambda a: mp.log(mp.erfc(a)) / a, lambda a: mp.erfc(a) * a / mp.erf(a), 0.85, 4, 5)
