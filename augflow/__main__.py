"""`python -m augflow` is `augflow`."""

from augflow.cli import command

command()
