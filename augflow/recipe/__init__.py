"""What a recipe says: read, checked, explained, compared."""
