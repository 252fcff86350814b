"""Speaker embeddings of the speakers of a corpus, by name."""

from collections.abc import Sequence

import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.speakers import KnownSpeakers
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance, by_speaker


@torch.inference_mode()
def hear_speakers(codec: Codec, utterances: Sequence[Utterance], *, num_each: int = 20) -> KnownSpeakers:
    """Compute every speaker's embedding: the mean over the first num_each utterances, in the order of the names.

    Utterances whose speaker the corpus does not say are left out, and those that are silent.
    Raises VqaudioError if nobody is left, or for a codec without reference encoder.
    """
    means = {}
    for name, spoken in by_speaker(utterances).items():
        embeddings = []
        for utterance in spoken[:num_each]:
            samples = read_audio(utterance.path, codec.grid.sample_rate_hz, utterance.start_s or 0.0, utterance.end_s)
            if samples.any():
                embeddings.append(codec.embed(torch.from_numpy(samples)[None, None].to(codec.device))[0])
        if embeddings:
            means[name] = torch.stack(embeddings).mean(dim=0).cpu()
    if not means:
        raise VqaudioError(f"none of {len(utterances)} utterances has sound and a speaker's name")
    return KnownSpeakers(tuple(means), torch.stack(list(means.values())))
