"""The modules that programs find loaded."""

WARM = frozenset(
    " ".join(
        (
            "abc array ast base64 bisect builtins calendar cmath collections collections.abc contextlib copy",
            "csv dataclasses datetime decimal difflib enum fractions functools hashlib heapq html io",
            "itertools json keyword locale math numbers operator queue random re secrets statistics string",
            "struct sys textwrap time timeit traceback types typing unicodedata uuid warnings zlib",
        )
    ).split()
)
