"""Python's calls read as data: names, literals, what is called with them; only + - * / of numbers is worked out."""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from augflow.errors import RecipeError

_ENUM = re.compile(r"<(\w+(?:\.\w+)+)(?:: [^<>\n]*)?>")
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Name:
    """A name or a dotted name, whatever it stands for."""

    text: str

    @property
    def last(self) -> str:
        return self.text.rpartition(".")[2]


@dataclass(frozen=True)
class Call:
    """One call; a bare literal is a call without a name."""

    name: str
    positional: list[Any] = field(default_factory=list)
    keywords: dict[str, Any] = field(default_factory=dict)
    line: int = 1
    target: str = ""
    """The variable that it is assigned to."""
    repeated: bool = False
    """Whether it stands in a loop or a branch."""
    value: Any = None

    @property
    def last(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def owner(self) -> str:
        return self.name.rpartition(".")[0]

    def arguments(self, *names: str) -> dict[str, Any]:
        """Positional arguments by their names, and the keywords."""
        return dict(zip(names, self.positional, strict=False)) | self.keywords


def parse(text: str) -> list[Call]:
    """Every statement of a script that is a call or a literal, from the top; also what torchvision prints.

    Raises:
        RecipeError: it is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for attempt in (text, _as_source(text)):
            try:
                tree = ast.parse(attempt.strip())
            except (SyntaxError, ValueError):
                continue
            except (RecursionError, MemoryError):
                raise RecipeError("What is to be imported is nested too deeply.") from None
            try:
                return list(_statements(tree.body, False))
            except RecursionError:
                raise RecipeError("What is to be imported is nested too deeply.") from None
    raise RecipeError("What is to be imported is neither JSON, nor YAML of albumentations, nor Python.")


def _as_source(printed: str) -> str:
    """What a Compose prints, with the commas that make it an expression."""
    lines = [line.rstrip() for line in _ENUM.sub(r"\1", printed).strip().splitlines()]
    joined = "\n".join(line if line.endswith(("(", ",")) else f"{line}," for line in lines)
    return joined.rstrip(",")


def _statements(body: list[ast.stmt], repeated: bool) -> Iterator[Call]:
    for statement in body:
        value = getattr(statement, "value", None)
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        target = targets[0].id if isinstance(targets[0], ast.Name) else ""
        if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return) and value is not None:
            found = _value(value)
            if isinstance(found, Call):
                yield from _with_inner(found, target, repeated)
            elif isinstance(statement, ast.Expr) or target == "sampling_strategy":
                yield Call("", value=found, line=statement.lineno, target=target)
        again = repeated or isinstance(statement, ast.For | ast.While | ast.If | ast.Try)
        for block in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, block, []), again)


def _with_inner(call: Call, target: str, repeated: bool) -> Iterator[Call]:
    """A call, and those that its method is called on or that it takes first: `Generator(…).flow(…)`."""
    yield Call(call.name, call.positional, call.keywords, call.line, target, repeated)
    if isinstance(call.value, Call):
        yield from _with_inner(call.value, target, repeated)


def _value(node: ast.expr) -> Any:
    """What an expression says: a literal, a Name, a Call; a Name of its source where it is anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_key(key): _value(value) for key, value in pairs if key is not None}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _value(node.operand)
        return -operand if _is_number(operand) else Name(ast.unparse(node))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left), _value(node.right)
        if _is_number(left) and _is_number(right) and not (isinstance(node.op, ast.Div) and right == 0):
            return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.Call):
        keywords = {keyword.arg: _value(keyword.value) for keyword in node.keywords if keyword.arg}
        inner = _value(node.func.value) if isinstance(node.func, ast.Attribute) else None
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) and isinstance(inner, Call) else _dotted(node.func)
        )
        positional = [_value(argument) for argument in node.args]
        return Call(name, positional, keywords, node.lineno, value=inner if isinstance(inner, Call) else None)
    return Name(_dotted(node))


def _key(node: ast.expr) -> Any:
    key = _value(node)
    return key if isinstance(key, str | int | float | bool) else str(getattr(key, "text", key))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ast.unparse(node)[:80]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
