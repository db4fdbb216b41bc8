"""Turn what another tool was told into a recipe, and list what has no equal here.

augflow import transform.json > mine.yaml
augflow import train.py
python -c "import train; print(train.transform)" | augflow import -

It reads albumentations' to_dict (JSON or YAML), a Keras ImageDataGenerator(...) call or its arguments as JSON, a
torchvision Compose as it prints itself, the script of an Augmentor pipeline, imbalanced-learn's sampling_strategy.
What is read is never executed. Exit code 1 where something has no equal.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from augflow.errors import RecipeError
from augflow.importing.reader import MOST_BYTES, read
from augflow.registry import Registry
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.telling import printable
from augflow.verbs.words import take_plugins

FLAGS = {"--format": ("text", "text (a recipe's file) or json")}
COMPOSES = False


def main(arguments: Sequence[str], flags: Mapping[str, Any]) -> int:
    as_json = wants_json(flags)
    words, plugins = take_plugins(arguments)
    if len(words) != 1:
        raise RecipeError("Name one file, or - for what is piped in: augflow import FILE")
    found = read(_text(words[0]))
    found.settle(Registry(plugins))
    if as_json:
        tell_json({"from": found.origin, "recipe": found.whole(), "left": found.left, "close": found.close})
    else:
        print(found.written(), end="")
        for item in found.left:
            print(f"augflow: no equal here: {printable(item)}", file=sys.stderr)
    return 1 if found.left else 0


def _text(word: str) -> str:
    try:
        if word == "-":
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(word).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        return content.decode("utf-8-sig")
    except OSError as error:
        raise RecipeError(f"{word}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{word}: it is not UTF-8.") from None
