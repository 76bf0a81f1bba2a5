"""Writes numbers as text for the pages."""


def interval(low: float, high: float, sign: str = "") -> str:
    """Return an interval with one decimal, or with more if its ends would look equal; sign "+" signs both ends."""
    for digits in range(1, 5):
        ends = [f"{end:{sign}.{digits}f}" for end in (low, high)]
        if float(ends[0]) != float(ends[1]):
            break
    return " to ".join(ends)


def p_value(p: float) -> str:
    """Return a p value with three decimals, or "< 0.001", since a p value is never 0; a dash if it is unknown."""
    if p != p:  # NaN
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_equation(p: float) -> str:
    """Return a p value for a sentence: p = 0.123, or p < 0.001."""
    found = p_value(p)
    return f"p {found}" if found.startswith("<") else f"p = {found}"


def megabytes(size: float) -> str:
    """Return bytes as MB, with three decimals."""
    return f"{size / 1e6:.3f} MB"


def kilobytes(size: float) -> str:
    """Return bytes as kB, with one decimal."""
    return f"{size / 1e3:.1f} kB"
