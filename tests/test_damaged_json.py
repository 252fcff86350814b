"""JSON that goes on opening brackets, wherever the package reads JSON: a sentence with the file's name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vqaudio.codec.locate import read_header, speaker_names
from vqaudio.codec.speakers import read_speakers
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.alignment.aligner_tables import read_mfa_json
from vqaudio.export.record import ExportRecord
from vqaudio.jobs.evaluate.reference_codecs import FolderCodec
from vqaudio.jobs.evaluate.report import read_report
from vqaudio.jobs.probe.report import read_probe_report
from vqaudio.prior.saving import read_section
from vqaudio.tokens.failures import read_failures
from vqaudio.tokens.manifest import read_manifest

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a codec": ("config.json", read_header),
    "names of speakers": ("speakers.json", speaker_names),
    "speakers": ("speakers.json", lambda folder: read_speakers(folder, "0" * 64)),
    "an alignment": ("a.json", lambda folder: read_mfa_json(folder / "a.json")),
    "an export": ("export.json", ExportRecord.read),
    "decodings": ("decodings.json", lambda folder: FolderCodec(folder, 16_000)),
    "an evaluation": ("found.json", lambda folder: read_report(folder / "found.json")),
    "a probe": ("probe.json", lambda folder: read_probe_report(folder / "probe.json")),
    "a prior": ("config.json", read_section),
    "failures": ("failures.jsonl", read_failures),
    "a token store": ("vqaudio.json", read_manifest),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_json_without_end_is_answered_with_the_name_of_its_file(name: str, text: str, tmp_path: Path) -> None:
    file_name, read = READERS[name]
    (tmp_path / file_name).write_text(text + "\n")
    with pytest.raises(VqaudioError, match=file_name.replace(".", "[.]")):
        read(tmp_path)


def test_a_line_of_a_log_without_end_is_counted_as_broken(tmp_path: Path) -> None:
    from vqaudio.jobs.page.training_log import read_training_log

    (tmp_path / "log.jsonl").write_text('{"step": 1, "event": "train", "loss": 1.0}\n' + "[" * 100_000 + "\n")
    assert read_training_log(tmp_path / "log.jsonl").num_broken == 1
