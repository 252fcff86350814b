"""espeak-ng through its C library: speech with the sample at which every phone begins.

Needs the Debian package espeak-ng.  Source: speak_lib.h of espeak-ng 1.51.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LIBRARY = "libespeak-ng.so.1"
SYNCHRONOUS, PHONEME_EVENTS, IPA_NAMES, UTF8_TEXT, POSITION_IN_CHARACTERS = 2, 1, 2, 1, 1
RATE_PARAMETER, PITCH_PARAMETER = 1, 3
WORD_EVENT, PHONEME_EVENT = 1, 7


class EventName(ctypes.Union):
    """`id` of espeak_EVENT."""

    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    """espeak_EVENT; `sample` is exact, `audio_position` is the same in whole milliseconds."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", EventName),
    ]


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


@dataclass(frozen=True)
class Phone:
    """A phone and the word it belongs to (a number within the sentence, -1 in pauses), from sample `start`."""

    label: str
    start: int
    word: int


class Synthesizer:
    """espeak-ng, opened once; gives int16 samples at `rate_hz`, phones and words of a sentence."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        self.rate_hz: int = self._library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS | IPA_NAMES)
        self._callback = Callback(self._receive)  # kept: the library holds only a bare pointer to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._blocks: list[np.ndarray] = []
        self._phones: list[Phone] = []
        self._words: list[slice] = []

    def speak(
        self, text: str, *, voice: str, words_per_minute: int, pitch: int
    ) -> tuple[np.ndarray, list[Phone], list[str]]:
        """Samples `n` int16, phones in order, and words.  pitch: 0-99, 50 is the voice's own."""
        self._blocks, self._phones, self._words = [], [], []
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SystemExit(f"espeak-ng has no voice {voice}; install the Debian package espeak-ng")
        self._library.espeak_SetParameter(RATE_PARAMETER, words_per_minute, 0)
        self._library.espeak_SetParameter(PITCH_PARAMETER, pitch, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, POSITION_IN_CHARACTERS, 0, UTF8_TEXT, None, None)
        return np.concatenate(self._blocks), self._phones, [text[where] for where in self._words]

    def _receive(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: Sequence[Event]) -> int:
        if samples and count:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        place = 0
        while events[place].type:  # 0 ends the list
            event = events[place]
            if event.type == WORD_EVENT:
                self._words.append(slice(event.text_position - 1, event.text_position - 1 + event.length))
            elif event.type == PHONEME_EVENT:
                label = event.id.string.decode()
                self._phones.append(Phone(label, event.sample, len(self._words) - 1 if label else -1))
            place += 1
        return 0
