"""Runs augflow on a Ray cluster."""
