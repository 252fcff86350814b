"""A run over recordings that computes their vectors, and its counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

from vqaudio.jobs.features.task import VectorTask
from vqaudio.jobs.features.vectors import FeatureFacts, FrameVectors, Vectors
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.file_tokenizer import Counts
from vqaudio.jobs.tokenize.local import LocalRun, num_available_cpus
from vqaudio.jobs.tokenize.readers import AudioFileReader

IN_FLIGHT = 32  # files


def vector_run(
    sources: Sequence[Source],
    vectors: FrameVectors,
    keep: Callable[[Source, Vectors], None],
    *,
    readers: Sequence[AudioFileReader],
    device: str,
    stop: Event,
) -> LocalRun:
    """Set up a run: recordings in threads, one for each core of a CPU, each recording by itself.

    keep: called from these threads.
    """
    num_threads = num_available_cpus() if device == "cpu" else 1
    task = VectorTask(vectors, keep)
    return LocalRun(sources, task, readers, num_threads=num_threads, num_in_flight=IN_FLIGHT, stop=stop)


@dataclass
class VectorSummary(Counts):
    """The counts of one run that computes vectors."""

    facts: FeatureFacts = field(kw_only=True)

    def lines(self, wall_s: float) -> list[str]:
        """Format the summary.  wall_s: how long the run took, in seconds."""
        before = f", {self.num_before:,} were there already" if self.num_before else ""
        audio_s = self.num_samples / self.facts.sample_rate_hz
        lines = [
            f"files     {self.num_files:,} read, {self.num_failures:,} failed{before}",
            f"audio     {audio_s / 3600:.2f} h in {wall_s:.0f} s, {audio_s / max(wall_s, 1e-9):.0f} x real time",
            f"vectors   {self.num_frames:,} at {self.facts.frame_rate_hz:g} Hz, {self.facts.made_by['kind']} of "
            f"{self.facts.made_by['name']}",
        ]
        return lines + self.failures.lines("failed") + self.warnings.lines("warnings")
