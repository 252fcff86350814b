"""`vqaudio info CODEC|TOKENS`: what a codec, a token store or a .codes file holds, without loading any weights.

For example:

    vqaudio info speech-16k
    vqaudio info tokens/
    vqaudio info out.codes
"""

import argparse
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from vqaudio.tokens.schema import CodecStamp

MAX_SPEAKERS = 6  # ids that are printed; --json has all
MAX_FAILURES = 10  # lines of them that are printed; --json has all
HIDDEN = ("card",)  # long: printed as it is, after the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "what", metavar="CODEC|TOKENS", help="a shipped codec's name, a codec's folder, a token store or a .codes file"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--verify", action="store_true", help="read all shards of a store and compare their SHA-256")
    parser.add_argument("--usage", action="store_true", help="read all codes of a store: usage, perplexity, entropy")


def run(args: argparse.Namespace) -> int:
    """Print what is known.  Raises VqaudioError if it is neither a codec nor a store, or if --verify finds damage."""
    facts = describe(args.what, is_verified=args.verify, has_usage=args.usage)
    if args.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return 0
    from vqaudio.core.printable import printable

    rows = [(name, value) for name, value in _flat(facts) if name not in HIDDEN]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(printable(f"{name:<{width}}  {value}"))
    if facts.get("card"):
        print("\n" + "\n".join(map(printable, facts["card"].expandtabs().strip().splitlines())))
    return 0


def describe(what: str | Path, *, is_verified: bool = False, has_usage: bool = False) -> dict[str, Any]:
    """Collect the facts of a token store or a codec, as plain JSON values.  Raises VqaudioError if it is neither."""
    from vqaudio.codec.locate import find_codec
    from vqaudio.codec.units.naming import is_units_folder
    from vqaudio.core.errors import VqaudioError
    from vqaudio.tokens.wire.file import is_codes_file

    if is_codes_file(Path(what)):
        return describe_codes(Path(what), has_usage=has_usage)
    if (Path(what) / "vqaudio.json").is_file():
        return describe_tokens(Path(what), is_verified=is_verified, has_usage=has_usage)
    try:
        folder = find_codec(what)
    except VqaudioError as error:
        raise VqaudioError(f"{what} is neither a token store (it has no vqaudio.json) nor a codec: {error}") from None
    if is_verified or has_usage:
        raise VqaudioError(f"{what} is a codec; --verify and --usage read the shards of a token store")
    if is_units_folder(folder):
        return describe_units(folder)
    return describe_codec(folder)


def describe_tokens(folder: Path, *, is_verified: bool = False, has_usage: bool = False) -> dict[str, Any]:
    """Collect stamp, counts, bitrate, shards and failures of a token store."""
    from vqaudio.tokens.store import TokenStore

    store = TokenStore.open(folder)
    if is_verified:
        store.verify()
    stamp, failures = store.stamp, store.failures()
    counts = store.manifest.counts()
    return {
        "kind": "token store",
        "folder": str(folder),
        "codec": {**stamp.to_json(), **_rates(stamp.frame_rate_hz, stamp.num_codebooks, stamp.codebook_size)},
        **({"run_shard": store.manifest.run_shard.to_json()} if store.manifest.run_shard else {}),
        "counts": {**counts, "hours": round(counts["seconds"] / 3600, 4), "failures": len(failures)},
        "shards": len(store.manifest.shards),
        **({"usage": describe_usage((row.codes for row in store), stamp)} if has_usage else {}),
        **({"verified": "every shard has its SHA-256"} if is_verified else {}),
        "failures": failures,
    }


def describe_codes(path: Path, *, has_usage: bool = False) -> dict[str, Any]:
    """Collect stamp, length and bitrate of a .codes file.  Raises VqaudioError if it is damaged or not whole."""
    from vqaudio.tokens.wire.file import read_codes

    content = read_codes(path)
    stamp = content.stamp
    return {
        "kind": "codes of one recording",
        "file": str(path),
        "codec": {**stamp.to_json(), **_rates(stamp.frame_rate_hz, stamp.num_codebooks, stamp.codebook_size)},
        "frames": content.codes.shape[1],
        "samples": content.num_samples,
        "seconds": round(content.num_samples / stamp.sample_rate_hz, 4),
        "bytes": path.stat().st_size,
        **({"usage": describe_usage([content.codes], stamp)} if has_usage else {}),
        "verified": "every block has its CRC-32",
    }


def describe_usage(codes: Iterable["np.ndarray"], stamp: "CodecStamp") -> dict[str, Any]:
    """Compute the usage of each codebook over all frames of codes `k t`, and the bitrate of its entropy."""
    from vqaudio.metrics.usage import count_codes, entropy_bitrate_bps, entropy_bits, perplexity, top_share, usage

    counts = count_codes(codes, stamp.codebook_size)
    return {
        "frames": int(counts[0].sum()),
        "used_share": usage(counts).round(4).tolist(),
        "perplexity": perplexity(counts).round(1).tolist(),
        "top_code_share": top_share(counts).round(4).tolist(),
        "entropy_bits_per_code": entropy_bits(counts).round(3).tolist(),
        "entropy_kbit_per_second": round(entropy_bitrate_bps(counts, stamp.frame_rate_hz) / 1000, 4),
    }


def describe_codec(folder: Path) -> dict[str, Any]:
    """Collect the config.json of a codec, its rates and its model card.

    Raises VqaudioError if config.json is no codec's.
    """
    from vqaudio.codec.locate import read_facts, read_header, speaker_names

    header, facts = read_header(folder), read_facts(folder)
    weights, card = folder / "model.safetensors", folder / "README.md"
    return {
        "kind": "codec",
        "folder": str(folder),
        "name": facts.name,
        "weights_sha256": header["weights_sha256"],
        "megabytes": round(weights.stat().st_size / 1e6, 2) if weights.is_file() else "model.safetensors is missing",
        "sample_rate_hz": facts.sample_rate_hz,
        "hop_samples": facts.hop_samples,
        "num_codebooks": facts.num_codebooks,
        "codebook_size": facts.codebook_size,
        **_rates(facts.sample_rate_hz / facts.hop_samples, facts.num_codebooks, facts.codebook_size),
        **({"speakers": list(names)} if (names := speaker_names(folder)) else {}),
        "config": header["codec"],
        "card": card.read_text(encoding="utf-8") if card.is_file() else None,
    }


def describe_units(folder: Path) -> dict[str, Any]:
    """Collect what `vqaudio kmeans` wrote of units.  Raises VqaudioError if config.json is damaged."""
    from dataclasses import asdict

    from vqaudio.codec.units.naming import read_units_folder

    facts = read_units_folder(folder)
    rates = _rates(facts.sample_rate_hz / facts.hop_samples, 1, facts.num_units)
    return {"kind": "units", "folder": str(folder), **asdict(facts), **rates}


def _rates(frame_rate_hz: float, num_codebooks: int, codebook_size: int) -> dict[str, Any]:
    kbit_s = frame_rate_hz * math.log2(codebook_size) / 1000
    return {
        "frame_rate_hz": frame_rate_hz,
        "kbit_per_second_per_codebook": round(kbit_s, 4),
        "kbit_per_second": round(kbit_s * num_codebooks, 4),
    }


def _flat(facts: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Format one line for each fact; the failures one line each, up to MAX_FAILURES."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif name == "speakers" and isinstance(value, list):
            more = " ... (--json lists them all)" if len(value) > MAX_SPEAKERS else ""
            yield "speakers", f"{len(value)}, known by name: {', '.join(value[:MAX_SPEAKERS])}{more}"
        elif name == "failures" and isinstance(value, list):
            for record in value[:MAX_FAILURES]:
                yield "failed", f"{record['id']}: {record.get('reason', '')}"
            if len(value) > MAX_FAILURES:
                yield "failed", f"... and {len(value) - MAX_FAILURES} more: --json lists them all"
        else:
            yield f"{prefix}{name}", value
