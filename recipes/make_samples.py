"""Make data/samples: spoken sentences in several voices, with their exact phone alignments.

    apt-get install espeak-ng && python recipes/make_samples.py --out data/samples

espeak-ng tells its caller at which sample each phone begins, so the alignments are exact: no aligner is involved.
Each sentence becomes NAME.flac (16 kHz mono), NAME.TextGrid (tiers words and phones, in seconds), NAME.phn (first
sample, sample after the last, IPA label); `metadata.csv` lists them for the manifest reader.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from espeak_speech import Phone, Synthesizer

SAMPLE_RATE_HZ = 16_000
PEAK = 0.6
PAUSE = "sil"


@dataclass(frozen=True)
class Voice:
    """A speaker: an espeak-ng voice at a speed and a pitch (0-99, 50 is the voice's own), and its texts."""

    speaker: str
    split: str
    name: str
    words_per_minute: int
    pitch: int
    sentences: tuple[str, ...]


# The sentences were written for this file.
VOICES = (
    Voice("ada", "train", "en-us+f2", 165, 50, (
        "The small boat came home before the storm.",
        "Fresh bread and warm milk stood on the table.",
        "He asked for three tickets to the evening show.",
    )),
    Voice("bruno", "train", "en-us+m3", 160, 45, (
        "A thin layer of ice covered the garden path.",
        "Please write your name in the yellow book.",
        "The judge heard both sides, then left the room.",
    )),
    Voice("clara", "train", "en+f4", 180, 60, (
        "Which of these roads leads to the village?",
        "Her brother plays the violin every Thursday.",
        "We could hear the children laugh in the yard.",
    )),
    Voice("dirk", "train", "de+m2", 160, 50, (
        "Der Zug nach Köln fährt heute von Gleis sieben.",
        "Meine Schwester wohnt in einem kleinen Haus am See.",
        "Bitte schließen Sie das Fenster, es wird kühl.",
    )),
    Voice("emil", "eval", "en-gb-scotland+m5", 170, 55, (
        "Two brown horses stood under the old bridge.",
        "The answer was shorter than I had hoped.",
        "Bring a sharp knife, some rope and a good lamp.",
    )),
    Voice("frieda", "eval", "de+f3", 170, 55, (
        "Im Frühling blühen hinter der Schule die Kirschbäume.",
        "Er hat den ganzen Morgen auf den Bus gewartet.",
        "Zwölf junge Vögel sitzen auf dem Dach.",
    )),
)  # fmt: skip


def labelled_spans(
    labels: Sequence[str], starts: Sequence[int], groups: Sequence[int], end: int
) -> list[tuple[int, int, str]]:
    """Spans (start, stop, label) that cover 0 to `end`; neighbours of one group become one.

    What has no length is left out: espeak-ng swallows some sounds, such as the r of a Scottish "horses".
    """
    spans: list[tuple[int, int, str]] = []
    last_group: int | None = None
    for label, start, stop, group in zip(labels, starts, [*starts[1:], end], groups, strict=True):
        if stop == start:
            continue
        if spans and group == last_group:
            spans[-1] = (spans[-1][0], stop, spans[-1][2])
        else:
            spans.append((start, stop, label))
        last_group = group
    return spans


def textgrid(tiers: dict[str, list[tuple[int, int, str]]], end: int) -> str:
    """Praat's long text format; boundaries are whole samples, written in seconds."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end / SAMPLE_RATE_HZ}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, spans) in enumerate(tiers.items(), 1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += ["        xmin = 0", f"        xmax = {end / SAMPLE_RATE_HZ}"]
        lines.append(f"        intervals: size = {len(spans)}")
        for place, (start, stop, label) in enumerate(spans, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start / SAMPLE_RATE_HZ}"]
            lines += [f"            xmax = {stop / SAMPLE_RATE_HZ}", f'            text = "{label}"']
    return "\n".join(lines) + "\n"


def make_sample(synthesizer: Synthesizer, voice: Voice, text: str, target: Path) -> None:
    """Write target.flac, target.TextGrid and target.phn."""
    spoken, phones, words = synthesizer.speak(
        text, voice=voice.name, words_per_minute=voice.words_per_minute, pitch=voice.pitch
    )
    audio = soxr.resample(spoken.astype(np.float32), synthesizer.rate_hz, SAMPLE_RATE_HZ)
    audio *= PEAK / np.abs(audio).max()
    phones = [Phone("", 0, -1), *phones]
    starts = [min(len(audio), round(phone.start * SAMPLE_RATE_HZ / synthesizer.rate_hz)) for phone in phones]
    # Neighbouring pauses share a group and become one; every phone is a group of its own.
    alone = [-1 if phone.word < 0 else place for place, phone in enumerate(phones)]
    phone_spans = labelled_spans([phone.label or PAUSE for phone in phones], starts, alone, len(audio))
    word_labels = [PAUSE if phone.word < 0 else words[phone.word].lower() for phone in phones]
    word_spans = labelled_spans(word_labels, starts, [phone.word for phone in phones], len(audio))
    target.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(target.with_suffix(".flac"), audio, SAMPLE_RATE_HZ, subtype="PCM_16")
    target.with_suffix(".TextGrid").write_text(textgrid({"words": word_spans, "phones": phone_spans}, len(audio)))
    phn = "".join(f"{start} {stop} {label}\n" for start, stop, label in phone_spans)
    target.with_suffix(".phn").write_text(phn, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/samples"))
    out: Path = parser.parse_args().out
    synthesizer = Synthesizer()
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "metadata.csv", "w", newline="", encoding="utf-8") as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["path", "speaker", "split", "language", "text"])
        for voice in VOICES:
            for number, text in enumerate(voice.sentences, 1):
                target = out / voice.speaker / f"{voice.speaker}_{number}"
                make_sample(synthesizer, voice, text, target)
                language = voice.name.partition("+")[0]
                rows.writerow([f"{voice.speaker}/{target.name}.flac", voice.speaker, voice.split, language, text])


if __name__ == "__main__":
    main()
