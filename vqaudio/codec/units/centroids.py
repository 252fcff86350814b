"""Files of means `v d`: safetensors as `vqaudio kmeans` writes them, or .npy.

scikit-learn's own files are pickles, which could run anything, and are never read.  Who trusts one turns it into .npy:

    import joblib, numpy
    model = joblib.load("km.bin")
    numpy.save("km.npy", model.cluster_centers_.astype("float32"))
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.core.npy import read_npy
from vqaudio.tokens.schema import MAX_CODEBOOK_SIZE

TENSOR = "centroids"
Centroids = NDArray[np.float32]


def write_centroids(path: Path, centroids: Centroids) -> None:
    """Write means `v d` as safetensors, whole or not at all."""
    replace_durably(path, lambda file: file.write_bytes(save({TENSOR: np.ascontiguousarray(centroids, np.float32)})))


def read_centroids(path: str | Path) -> Centroids:
    """Read means `v d` from .safetensors (the tensor `centroids`, or the only one) or .npy, as float32.

    Raises VqaudioError for a pickle, and for a file that cannot be read or holds anything else.
    """
    path = Path(path)
    try:
        centroids = _read(path)
    except (OSError, EOFError, ValueError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise VqaudioError(f"{path} cannot be read as means: {reason}") from None
    is_sound = centroids.ndim == 2 and centroids.size and np.issubdtype(centroids.dtype, np.floating)
    if not is_sound or not np.isfinite(centroids).all():
        raise VqaudioError(
            f"{path} holds {centroids.dtype} of shape {centroids.shape}; wanted finite floats, means x width"
        )
    if len(centroids) > MAX_CODEBOOK_SIZE:
        raise VqaudioError(
            f"{path} holds {len(centroids):,} means; a token store keeps codes below {MAX_CODEBOOK_SIZE}"
        )
    return np.array(centroids, dtype=np.float32, order="C")


def centroids_sha256(centroids: Centroids) -> str:
    """Compute the SHA-256 of the shape and the float32 bytes of means: the same from .npy and from safetensors."""
    return hashlib.sha256(f"{centroids.shape}\n".encode() + centroids.astype("<f4").tobytes()).hexdigest()


def _read(path: Path) -> NDArray:
    with open(path, "rb") as file:
        start = file.read(8)
    if path.suffix == ".npy" or start.startswith(b"\x93NUMPY"):
        return read_npy(path)
    if path.suffix != ".safetensors":
        raise VqaudioError(
            f"{path} is no .npy and no .safetensors, and pickles (joblib's .bin, .pkl, .pt) are never read; whoever "
            'trusts it turns it into one: numpy.save("km.npy", joblib.load("km.bin").cluster_centers_)'
        )
    tensors = load_file(path)
    if TENSOR not in tensors and len(tensors) != 1:
        raise VqaudioError(f"{path} holds {', '.join(sorted(tensors)) or 'nothing'}; wanted one tensor, {TENSOR}")
    return tensors.get(TENSOR, next(iter(tensors.values())))
