"""Exact one-sided bounds for shares and quantiles, on `math` alone.

All of them rest on one tail of the binomial distribution,

    P(Bin(n, p) >= k) = I_p(k, n - k + 1),

where I is the regularised incomplete beta function. A share of k in n *shows* at least p at confidence c
when that tail is at most 1 - c: had the true share been p or less, so many successes would have been that
unlikely. Bounds hold for independent samples.
"""

from __future__ import annotations

import math

_TINY = 1e-300
_PRECISION = 1e-15


def lower_bound(successes: float, n: float, confidence: float) -> float:
    """The largest share that `successes` of `n` show to be reached, at one-sided `confidence`.

    50 of 50 gives 0.942, 96 of 100 gives 0.911 at 0.95; 0 without a success.
    Errors: ValueError unless 0 <= successes <= n, n > 0 and 0 < confidence < 1.
    Source: Clopper and Pearson 1934, Biometrika 26.
    """
    _require(successes, n, confidence)
    alpha = 1 - confidence
    if successes == 0:
        return 0.0
    if successes == n:
        return math.exp(math.log(alpha) / n)
    return _root(successes, n, alpha)


def shows_at_least(share: float, successes: float, n: float, confidence: float) -> bool:
    """Whether the lower bound of `successes` in `n` reaches `share`; one tail, so no rounding of a bound."""
    _require(successes, n, confidence)
    return tail(n, share, successes) <= 1 - confidence


def samples_needed(share: float, confidence: float, failures: float = 0) -> int | None:
    """The fewest samples that show at least `share` with `failures` of them failed.

    0.95 needs 59, 0.99 needs 299, 0.999 needs 2995 at 0.95 without a failure. None: no number is enough.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    if share >= 1:
        return None

    def enough(n: int) -> bool:
        return shows_at_least(share, n - failures, n, confidence)

    few = math.ceil(failures)
    many = few + 1
    while not enough(many):
        few, many = many, many * 2
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def of_each_side(confidence: float) -> float:
    """The confidence of each of two bounds that are to hold together at `confidence`: half the error each.

    0.95 gives 0.975 (Bonferroni).
    """
    return 1 - (1 - confidence) / 2


def tail(n: float, p: float, k: float) -> float:
    """P(Bin(n, p) >= k), to about 9 digits for n up to 10**7.

    Between whole numbers it is the incomplete beta function, as effective counts need it (Korn and Graubard
    1998, Survey Methodology 24).
    """
    if k <= 0 or p >= 1:
        return 1.0 if k <= n else 0.0
    if k > n or p <= 0:
        return 0.0
    if k == n:
        return float(p**n)
    return incomplete_beta(float(k), float(n - k + 1), p)


def _require(successes: float, n: float, confidence: float) -> None:
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"{successes} of {n} is not a share")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")


def _root(successes: float, n: float, alpha: float) -> float:
    """The p at which the tail equals alpha: the tail grows with p, so the root stays bracketed.

    Newton's steps (the tail's derivative is the beta density); halving where a step leaves the bracket.
    """
    a, b = float(successes), float(n - successes + 1)
    low, high = 0.0, 1.0
    observed = successes / n
    p = max(observed - 1.645 * math.sqrt(observed * (1 - observed) / n), observed / 2)
    for _ in range(200):
        excess = incomplete_beta(a, b, p) - alpha
        low, high = (low, p) if excess > 0 else (p, high)
        density = math.exp(_log_front(a, b, p)) / (p * (1 - p))
        newton = p - excess / density if density > 0 else low
        following = newton if low < newton < high else (low + high) / 2
        if abs(following - p) <= _PRECISION * p or following in (low, high):
            return following
        p = following
    return low


def student_quantile(confidence: float, freedom: int) -> float:
    """The t that a variable of Student's distribution exceeds with probability 1 - confidence (above 0.5).

    Source: P(T > t) = I_x(freedom / 2, 1 / 2) / 2 at x = freedom / (freedom + t**2).
    """
    low, high = 0.0, 1e6
    for _ in range(100):
        middle = (low + high) / 2
        above = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + middle * middle)) / 2
        low, high = (middle, high) if above > 1 - confidence else (low, middle)
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b) for 0 < x < 1.

    Source: continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions, with the
    symmetry 8.17.4 where the fraction would converge slowly.
    """
    if x < (a + 1) / (a + b + 2):
        return min(1.0, math.exp(_log_front(a, b, x)) * _fraction(a, b, x) / a)
    return max(0.0, 1 - math.exp(_log_front(a, b, x)) * _fraction(b, a, 1 - x) / b)


def _log_front(a: float, b: float, x: float) -> float:
    """log(x**a * (1-x)**b / B(a, b))."""
    beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return a * math.log(x) + b * math.log1p(-x) - beta


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction by Lentz's method; about sqrt(max(a, b)) terms at worst."""
    c = 1.0
    d = 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 1000 + 20 * math.isqrt(int(max(a, b)) + 1)):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _not_zero(1 + even * d)
        c = _not_zero(1 + even / c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _not_zero(1 + odd * d)
        c = _not_zero(1 + odd / c)
        value *= d * c
        if abs(d * c - 1) < _PRECISION:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
