"""The record `export.json`: what was done to the codes, so that anyone can undo it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqaudio.core.config import from_mapping, to_mapping
from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.export.merging import MERGES_FILE, merges_in
from vqaudio.export.options import ExportOptions
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.vocabulary import SPECIALS, Vocabulary

RECORD = "export.json"
FORMAT = "vqaudio export"
FORMAT_VERSION = 1
PAD_KEY = "has_hole"  # the key of Vocabulary.has_pad in the file: older exports are read too


@dataclass(frozen=True)
class ExportRecord:
    """The record of one finished export.

    counts: of each split, documents, sequences, tokens and seconds.
    digest: of all that the export depends on, the store included; empty in older ones.
    """

    options: ExportOptions
    stamp: CodecStamp
    vocabulary: Vocabulary
    counts: dict[str, dict[str, Any]]
    digest: str = ""

    def write(self, folder: Path) -> None:
        """Write export.json."""
        vocabulary = self.vocabulary
        ranges = {
            "size": vocabulary.size,
            "offset": vocabulary.offset,
            "num_codes": vocabulary.num_codes,
            PAD_KEY: vocabulary.has_pad,
            "num_merges": len(vocabulary.merges),
            "has_bytes": vocabulary.has_bytes,
            "specials": {name: vocabulary.special(name) for name in SPECIALS},
            "speakers": list(vocabulary.speakers),
        }
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "options": to_mapping(self.options),
            "codec": self.stamp.to_json(),
            "vocabulary": ranges,
            "splits": self.counts,
            "digest": self.digest,
        }
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        replace_durably(folder / RECORD, lambda path: path.write_text(text, encoding="utf-8"))

    @classmethod
    def read(cls, folder: Path) -> "ExportRecord":
        """Read the record of a finished export.  Raises VqaudioError if there is none, or one of a later version."""
        path = folder / RECORD
        try:
            content = parse_json(path.read_text(encoding="utf-8"))
            version, ranges = content["format_version"], content["vocabulary"]
            if version > FORMAT_VERSION:
                raise VqaudioError(f"{path} is of format {version}, this vqaudio reads up to {FORMAT_VERSION}")
            num_units = ranges["num_codes"] + ranges[PAD_KEY]
            vocabulary = Vocabulary(
                num_codes=ranges["num_codes"],
                has_pad=ranges[PAD_KEY],
                merges=_merges(folder, num_units) if ranges["num_merges"] else (),
                has_bytes=ranges["has_bytes"],
                speakers=tuple(ranges["speakers"]),
                offset=ranges["offset"],
            )
            options = from_mapping(ExportOptions, content["options"])
            stamp, digest = CodecStamp.from_json(content["codec"]), content.get("digest", "")
            return cls(options, stamp, vocabulary, content["splits"], digest)
        except FileNotFoundError:
            raise VqaudioError(f"{folder} holds no {RECORD}: it is no finished export") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise VqaudioError(f"{path} cannot be read: {error!r}") from None


def _merges(folder: Path, num_units: int) -> tuple[tuple[int, ...], ...]:
    return merges_in(parse_json((folder / MERGES_FILE).read_text(encoding="utf-8")), num_units)
