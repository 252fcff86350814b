"""Damaged alignments, tables of a corpus and recipes are read, or refused in words."""

import gzip
import importlib
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqaudio.codec.build import build_codec
from vqaudio.core.config import load_config
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.alignments import read_ctm
from vqaudio.corpora.alignment.formats import read_alignment
from vqaudio.corpora.alignment.frame_label_files import read_frame_labels
from vqaudio.corpora.alignment.htk_labels import read_mlf
from vqaudio.corpora.alignment.textgrid import write_tiers
from vqaudio.corpora.reading import read_corpus
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.manifest import sources_of_manifest
from vqaudio.jobs.tokenize.metadata import with_metadata

INTERVALS = [Interval(label, n / 8, (n + 1) / 8) for n, label in enumerate(["h", "ə", "SIL", "l"] * 5)]


def alignment(suffix: str) -> str:
    """The intervals in a format of one recording."""
    lines = {
        "phn": [f"{round(i.start_s * 16_000)} {round(i.end_s * 16_000)} {i.label}" for i in INTERVALS],
        "lab": [f"{round(i.start_s * 1e7)} {round(i.end_s * 1e7)} {i.label}" for i in INTERVALS],
        "txt": [f"{i.start_s}\t{i.end_s}\t{i.label}" for i in INTERVALS],
        "csv": ["Begin,End,Label,Type,Speaker", *(f"{i.start_s},{i.end_s},{i.label},phones,ada" for i in INTERVALS)],
        "ctm": [f"a 1 {i.start_s} {i.end_s - i.start_s} {i.label}" for i in INTERVALS],
        "mlf": ["#!MLF!#", '"*/a.lab"', *alignment("lab").splitlines(), "."] if suffix == "mlf" else [],
        "km": ["a\t" + ",".join(str(number) for number in range(40))],
    }  # fmt: skip
    return "\n".join(lines[suffix]) + "\n"


@pytest.mark.parametrize("suffix", ["TextGrid", "phn", "lab", "txt", "csv", "json"])
def test_a_damaged_alignment_of_a_recording_is_read_or_refused_in_words(suffix, tmp_path: Path, mutations) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "TextGrid":
        write_tiers(path, {"phones": INTERVALS}, INTERVALS[-1].end_s)
    elif suffix == "json":
        entries = [[i.start_s, i.end_s, i.label] for i in INTERVALS]
        path.write_text(json.dumps({"tiers": {"phones": {"type": "interval", "entries": entries}}}))
    else:
        path.write_text(alignment(suffix), encoding="utf-8")
    assert len(read_alignment(path)) == len(INTERVALS)
    for name, content in mutations(path.read_bytes(), share=6):
        path.write_bytes(content)
        try:
            found = read_alignment(path)
        except VqaudioError:
            continue
        assert all(0 <= i.start_s <= i.end_s < 1e9 for i in found), name


@pytest.mark.parametrize(("suffix", "read"), [("ctm", read_ctm), ("mlf", read_mlf), ("km", read_frame_labels)])
def test_a_damaged_alignment_of_many_recordings_is_read_or_refused_in_words(suffix, read, tmp_path, mutations) -> None:
    path = tmp_path / f"all.{suffix}"
    path.write_text(alignment(suffix), encoding="utf-8")
    arguments = (50.0,) if suffix == "km" else ()
    assert read(path, *arguments)
    for name, content in mutations(path.read_bytes(), share=3):
        path.write_bytes(content)
        try:
            found = read(path, *arguments)
        except VqaudioError:
            continue
        assert all(i.start_s <= i.end_s for intervals in found.values() for i in intervals), name


def test_a_damaged_table_of_a_corpus_is_read_or_refused_in_words(tmp_path: Path, mutations) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text("path,speaker,split,text\n" + "".join(f"{n}.wav,s{n % 3},train,said {n}\n" for n in range(20)))
    sources = [Source(f"{number}.wav", f"{tmp_path}/{number}.wav") for number in range(20)]
    for name, content in mutations(path.read_bytes(), share=2):
        path.write_bytes(content)
        for read in (lambda: with_metadata(sources, path), lambda: read_corpus("manifest", tmp_path)):
            try:
                assert read() is not None, name
            except VqaudioError:
                continue


def manifest_rows() -> list[dict[str, object]]:
    """Plain rows, and cuts of lhotse."""
    source = {"type": "file", "channels": [0], "source": "a.wav"}
    cut = {"start": 1.5, "duration": 2.0, "channel": 0, "recording": {"id": "r", "sources": [source]}}
    plain = [
        {"path": f"{n}.wav", "start": n / 4, "duration": 1.5, "speaker": f"s{n}", "text": "yes"} for n in range(10)
    ]
    return [*plain, *({"id": f"cut-{n}", **cut, "supervisions": [{"speaker": "ada", "text": "no"}]} for n in range(5))]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "jsonl.gz", "parquet"])
def test_a_damaged_manifest_is_read_or_refused_in_words(suffix: str, tmp_path: Path, mutations) -> None:
    path, rows = tmp_path / f"m.{suffix}", manifest_rows()
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows[:10]), path)
    elif suffix in ("csv", "tsv"):
        table = [list(rows[0]), *(list(map(str, row.values())) for row in rows[:10])]
        path.write_text("\n".join(("," if suffix == "csv" else "\t").join(cells) for cells in table))
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(content) if suffix == "jsonl.gz" else content)
    assert len(sources_of_manifest(path)) >= 10
    for name, content in mutations(path.read_bytes(), share=2):
        path.write_bytes(content)
        try:
            found = sources_of_manifest(path)
        except VqaudioError:
            continue
        assert len({source.id for source in found}) == len(found), name
        assert all(source.start_s >= 0 and (source.end_s is None or source.end_s > 0) for source in found), name


@pytest.mark.parametrize("recipe", ["tiny.yaml", "vctk_speakers.yaml", "ljspeech_fsq.yaml"])
def test_a_damaged_recipe_is_loaded_and_built_or_refused_in_words(
    recipe, project_root, tmp_path, mutations, monkeypatch
):
    monkeypatch.syspath_prepend(project_root / "recipes")
    recipe_config = importlib.import_module("train_codec").RecipeConfig
    shutil.copytree(project_root / "recipes", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "damaged.yaml"
    for name, content in mutations((tmp_path / recipe).read_bytes(), share=3):
        path.write_bytes(content)
        try:
            config = load_config(path, recipe_config)
            assert build_codec(config.codec).grid.hop_samples > 0, name
        except VqaudioError:
            continue
