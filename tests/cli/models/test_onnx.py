import sys

from vqaudio.cli.main import main


def test_a_folder_that_holds_something_is_not_written_into_unasked(tiny_codec, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "mine.txt"):
        assert main(["onnx", str(tiny_codec), "--out", str(out)]) == 1
        assert "is there already; choose another --out, or --overwrite" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_cannot_be_exported_is_answered_in_a_sentence(tiny_codec, tmp_path, monkeypatch, capsys):
    out = str(tmp_path / "out")
    assert main(["onnx", "hf:any/thing", "--out", out]) == 1
    assert "hf:any/thing is one of transformers" in capsys.readouterr().err
    assert main(["onnx", str(tiny_codec), "--codebooks", "9", "--out", out]) == 1
    assert "has 3 codebooks, got --codebooks 9" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["onnx", str(tiny_codec), "--out", out]) == 1
    assert "pip install 'vqaudio[onnx]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_verb_writes_what_the_module_writes(tiny_codec, tmp_path, monkeypatch, capsys):
    """The export itself is tests/export/onnx's."""
    given = []

    def write(codec, out, num_codebooks, *, stamp):
        out.mkdir()
        (out / "codec.json").write_text(stamp.name)
        given.append((codec.name, num_codebooks, stamp.num_codebooks))

    monkeypatch.setattr("vqaudio.export.onnx.folder.export_codec", write)
    assert main(["onnx", str(tiny_codec), "--codebooks", "2", "--out", str(tmp_path / "out")]) == 0
    assert given == [("tiny", 2, 2)]
    assert "codec.json: 0.0 MB" in capsys.readouterr().out
