"""Vector quantizers for latents of any rank: vectors `... d` in, codes `... k` out."""
