"""From a census of the source to the list of what is made."""
