"""The speakers of a corpus, by name, as a codec hears them."""

from collections.abc import Sequence

import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.speakers import KnownSpeakers
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance, by_speaker


@torch.inference_mode()
def hear_speakers(codec: Codec, utterances: Sequence[Utterance], *, num_each: int = 20) -> KnownSpeakers:
    """Every speaker's embedding: the mean over the first num_each of their utterances, in the order of the names.

    Utterances whose speaker the corpus does not say are left out, and those that are silent.
    Raises VqaudioError if nobody is left, or for a codec without reference encoder.
    """
    means = {}
    for name, spoken in by_speaker(utterances).items():
        found = []
        for one in spoken[:num_each]:
            samples = read_audio(one.path, codec.grid.sample_rate_hz, one.start_s or 0.0, one.end_s)
            if samples.any():
                found.append(codec.embed(torch.from_numpy(samples)[None, None].to(codec.device))[0])
        if found:
            means[name] = torch.stack(found).mean(dim=0).cpu()
    if not means:
        raise VqaudioError(f"none of {len(utterances)} utterances has sound and a speaker's name")
    return KnownSpeakers(tuple(means), torch.stack(list(means.values())))
