"""The recipes are found by their names, faultless, and make images."""

from __future__ import annotations

from pathlib import Path

from augflow.testing import RecipeContract


class TestRecipes(RecipeContract):
    project = Path(__file__).resolve().parent.parent
