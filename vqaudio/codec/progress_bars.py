"""Progress bars of `transformers`, which are drawn on standard error whatever a verb was told."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Draw no bars while a model of transformers is opened; afterwards its bars and the hub's are as they were.

    Nothing changes where the environment has HF_HUB_DISABLE_PROGRESS_BARS=0.  Raises ImportError without transformers.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging

    if constants.HF_HUB_DISABLE_PROGRESS_BARS is False:
        yield
        return
    is_active, is_hub_active = logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
    logging.disable_progress_bar()  # the hub's too
    try:
        yield
    finally:
        if is_active:
            logging.enable_progress_bar()
        if is_hub_active:
            enable_progress_bars()
        else:
            disable_progress_bars()
