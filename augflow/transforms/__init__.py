"""The transforms that ship, a module per family; each is imported when a chain first names it."""
