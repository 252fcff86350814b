import pickle

from vqaudio.core.errors import VqaudioError


def test_an_error_crosses_a_process_with_its_message():
    error = pickle.loads(pickle.dumps(VqaudioError("a.wav is empty; record it again")))
    assert isinstance(error, VqaudioError)
    assert str(error) == "a.wav is empty; record it again"


def test_it_is_no_error_of_another_kind():
    assert VqaudioError.__bases__ == (Exception,)  # an `except ValueError` or `except OSError` must not swallow it
