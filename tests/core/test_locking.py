"""Two runs never write one thing."""

import subprocess
import sys
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.locking import locked

HOLD = (
    "import sys, fcntl, os; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); print(flush=True); input()"
)


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_one_run_holds_another_is_refused_until_it_ends(is_folder: bool, tmp_path: Path) -> None:
    path = tmp_path if is_folder else tmp_path / "lock"
    with locked(path, "held"), pytest.raises(VqaudioError, match="held"), locked(path, "held"):
        pass
    with locked(path, "held"):
        pass


def test_the_lock_of_a_run_that_was_killed_is_gone(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(VqaudioError, match="held"), locked(tmp_path, "held"):
            pass
        other.kill()
        other.wait()
    with locked(tmp_path, "held"):
        pass


def test_a_place_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="lock cannot be opened"), locked(tmp_path / "none" / "lock", "held"):
        pass
