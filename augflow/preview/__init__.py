"""What a recipe makes of a few samples, to look at before anything is made."""
