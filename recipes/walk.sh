#!/usr/bin/env bash
# The whole way, with the samples of the repository and settings so small that nothing is learned well:
# recordings -> codes -> an export for language models -> a prior of them -> new speech to listen to.
#   recipes/walk.sh [DIR]        # everything it makes lies in DIR (default: runs/walk); about two minutes on two cores
# It needs `pip install '.[lm,plots]'`.  The second round begins with the steps that are not done yet.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-runs/walk}
audio=$here/data/samples
step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

step "recordings to codes: the first codebook of speech-16k, with the names of the speakers"
vqaudio tokenize "$audio" --metadata "$audio/metadata.csv" --codebooks 1 --resume --out "$out/tokens"

step "codes for transformers, read back and compared"
vqaudio export "$out/tokens" --format hf --validation 0.15 --overwrite --out "$out/lm" --check

step "a prior of the codes, beside n-grams on speakers held out"
python "$here/recipes/train_prior.py" "$here/recipes/prior_tiny.yaml" data.tokens="$out/tokens" out="$out/training"
cat "$out/training/held_out.json"

step "new speech, from nothing and after a spoken prompt"
prior=$out/training/prior
vqaudio sample --prior "$prior" --num 2 --seconds 3 --overwrite --out "$out/from-nothing"
vqaudio sample --prior "$prior" --num 2 --seconds 3 --prompt "$audio/ada/ada_1.flac" --overwrite --out "$out/continued"

step "listen"
ls "$out"/from-nothing/*.wav "$out"/continued/*.wav
