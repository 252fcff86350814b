"""Batches of crops of about one length: little of a batch is padding where utterances are shorter than a crop."""

import numpy as np


def bucketed_order(order: np.ndarray, buckets: np.ndarray, draws: np.ndarray, head: int, batch_size: int) -> np.ndarray:
    """Reorder the visits of an epoch so that each batch holds crops of one bucket, as far as the numbers go up.

    order: `i` int64, the visits of an epoch, shuffled.  buckets: `i` int64, the bucket of each entry of `order`.
    draws: `j` in [0, 1), one for each whole batch, which shuffle the batches.
    head: visits that end a batch which began in the epoch before.

    Batches that reach over the border of two epochs hold crops of the longest bucket on both sides:

        | head: longest | whole batches, each of neighbours by length, in random order | tail: longest |
    """
    num_visits = len(order)
    head = min(head, num_visits)
    num_batches = (num_visits - head) // batch_size
    by_length = order[np.argsort(buckets, kind="stable")]  # stable: within a bucket as shuffled before
    inner, longest = by_length[: num_batches * batch_size], by_length[num_batches * batch_size :]
    batches = inner.reshape(num_batches, batch_size)[np.argsort(draws[:num_batches], kind="stable")]
    return np.concatenate([longest[:head], batches.reshape(-1), longest[head:]])
