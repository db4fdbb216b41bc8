"""What other tools are told, read as data and never executed; what has no equal here is listed, not dropped."""
