"""Save EncodecModel, DacModel and MimiModel of transformers at their default sizes with random weights.

    python recipes/benchmarks/random_peers.py peers/
    vqaudio compare speech-16k units-16k --peers hf:peers/encodec hf:peers/mimi hf:peers/dac --audio DIR

For speed, lengths and batches any weights will do; for quality they say nothing.  Codebooks, which transformers leaves
at zero, are random too.
"""

import sys
from pathlib import Path

import torch

KINDS = {
    "encodec": ("EncodecConfig", "EncodecModel"),
    "mimi": ("MimiConfig", "MimiModel"),
    "dac": ("DacConfig", "DacModel"),
}


def main() -> None:
    """Write a folder for each kind."""
    import transformers

    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    for kind, (config_class, model_class) in KINDS.items():
        torch.manual_seed(0)
        made = getattr(transformers, model_class)(getattr(transformers, config_class)()).eval()
        for name, buffer in made.named_buffers():
            if "embed" in name.split(".")[-1]:
                buffer.normal_()
        made.save_pretrained(Path(sys.argv[1]) / kind)


if __name__ == "__main__":
    main()
