"""Is the codebook alive?"""

from vqaudio.quantizers.interface import Quantizer

MIN_USAGE = 0.5  # below this a codebook wastes at least one of its bits
MAX_TOP_SHARE = 0.25  # one code for a quarter of all frames: it stands for silence, or for everything


def health_report(quantizer: Quantizer) -> tuple[dict[str, list[float]], list[str]]:
    """Usage, perplexity, dead codes and top-code share per codebook since the last call, and warnings in words."""
    books = quantizer.statistics()
    quantizer.reset_statistics()
    figures = {
        "usage": [round(book.usage, 4) for book in books],
        "perplexity": [round(book.perplexity, 1) for book in books],
        "dead_codes": [book.num_dead for book in books],
        "top_share": [round(book.top_share, 4) for book in books],
    }
    warnings = []
    for number, book in enumerate(books):
        if book.usage < MIN_USAGE:
            warnings.append(f"codebook {number} uses {book.usage:.0%} of its codes; {book.num_dead} are dead")
        if book.top_share > MAX_TOP_SHARE:
            warnings.append(f"codebook {number} gives one code to {book.top_share:.0%} of the frames")
    return figures, warnings
