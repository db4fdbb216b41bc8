"""What other tools read, made of what is here; what has no equal there is listed, not dropped."""
