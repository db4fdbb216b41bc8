"""From bytes to bytes: decode once, draw, one fused pass over the pixels, encode."""
