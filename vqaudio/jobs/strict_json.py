"""Conversion of results to strict JSON, which has neither dataclasses nor NaN."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any


def plain(value: Any) -> Any:
    """Convert dataclasses, mappings, sequences and numbers for `json.dumps(..., allow_nan=False)`, NaN to null."""
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
