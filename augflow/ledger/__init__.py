"""Records of what was made, and what a sink holds by them."""
