"""A recipe that feeds training directly: the views that `run` would write, and new ones in every epoch."""
