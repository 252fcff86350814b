"""The output folder of an alignment run: one TextGrid for each recording, and what is missing and why."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.alignment.textgrid import write_tiers
from vqaudio.jobs.align.run import AlignOutcome
from vqaudio.jobs.naming import output_names
from vqaudio.jobs.sources import Source
from vqaudio.tokens.failures import FailureLog

SUFFIX = ".TextGrid"
UNKNOWN_WORDS = "unknown_words.txt"


class AlignedFolder:
    """The output folder of an alignment run.

    mode: "new" refuses TextGrids that are there, "resume" leaves their recordings out, "overwrite" replaces them.
    Raises VqaudioError if the folder cannot be written, another run writes it, or by the mode.
    """

    def __init__(self, folder: Path, sources: Sequence[Source], mode: str) -> None:
        self.folder = folder
        self._paths = {
            name: folder / path for name, path in output_names([source.id for source in sources], SUFFIX).items()
        }
        there = {name for name, path in self._paths.items() if path.exists()}
        if there and mode == "new":
            raise VqaudioError(
                f"{self._paths[min(there)]} is there already, and {len(there) - 1} others; choose another --out, "
                "--resume to keep them, or --overwrite"
            )
        make_folder(folder)
        self._failures = FailureLog(folder, is_fresh=mode != "resume")
        done = there if mode == "resume" else set()
        for name in done:
            self._failures.discard(name)
        self.num_before = len(done)
        self.todo = [source for source in sources if source.id not in done]

    def keep(self, outcome: AlignOutcome) -> None:
        """Write the TextGrid, whole or not at all, or note the failure, at once."""
        name = outcome.source.id
        if outcome.tiers is None:
            unknown = {"unknown_words": list(outcome.unknown_words)} if outcome.unknown_words else {}
            self._failures.add({"id": name, "reason": outcome.reason or "", **unknown})
            return
        make_folder(self._paths[name].parent)
        write_tiers(self._paths[name], outcome.tiers, outcome.duration_s)
        self._failures.discard(name)

    def close(self) -> None:
        """Sort the failures, and list the words that need a pronunciation, the most frequent first."""
        self._failures.close()
        records = self._failures.records.values()
        counts = Counter(word for record in records for word in record.get("unknown_words", ()))
        path = self.folder / UNKNOWN_WORDS
        if not counts:
            path.unlink(missing_ok=True)
            return
        lines = "".join(
            f"{word}\t{count}\n" for word, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        )
        replace_durably(path, lambda temporary: temporary.write_text(lines, encoding="utf-8"))

    def __enter__(self) -> "AlignedFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
