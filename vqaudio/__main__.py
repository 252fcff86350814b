"""`python -m vqaudio` is the `vqaudio` command."""

import sys

from vqaudio.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
