from vqaudio.export.check import read_export
from vqaudio.export.options import ExportOptions
from vqaudio.export.run import export_store
from vqaudio.tokens.splits import SPLITS


def test_added_files_move_no_old_one(make_store, make_rows, tmp_path):
    def split_by_id(num_rows):
        out = tmp_path / str(num_rows)
        export_store(make_store(make_rows(num_rows)), out, ExportOptions("nanogpt", validation=0.4))
        return {entry.id: split for split in SPLITS for entry, _ in read_export(out, split)}

    before, after = split_by_id(15), split_by_id(40)
    assert len(after) == 40
    assert before.items() <= after.items()
    assert set(before.values()) == set(SPLITS)
