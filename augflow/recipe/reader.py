"""Read a recipe from plain data: check it as a whole and tell every fault, with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from augflow.engine.output import Output
from augflow.engine.render import Render
from augflow.errors import RecipeError, nearest
from augflow.plan import target
from augflow.plan.target import Target
from augflow.recipe.preserve import check_preserved
from augflow.recipe.recipe import ORIGINALS, SURPLUS, VERSION, Description, Recipe, Rule
from augflow.registry import ALBUMENTATIONS, Registry
from augflow.schema import Fault, Path, arguments_of, check, construct, show

_CLASS_KEYS = ("target", "chain", "weights", "surplus", "max_copies", "preserve")
KEYS = ("version", "seed", *_CLASS_KEYS[:3], "originals", *_CLASS_KEYS[3:], "classes", "chains", "render", "output")
_MOST_TOLD = 50
_MOST_NAMED = 30
_MOST_STEPS = 10_000
_DEEPEST = 32
MOST_PIXELS = 100_000_000
_STEP_KEYS = ("use", "p", "one_of", "weight")


class FaultyRecipeError(RecipeError):
    """A recipe with everything that is wrong with it, in `faults`."""

    def __init__(self, faults: Sequence[Fault], where: Callable[[Path], str] | None = None) -> None:
        super().__init__(_report(faults, where))
        self.faults = tuple(faults)


def read_recipe(data: Mapping[str, Any], registry: Registry, where: Callable[[Path], str] | None = None) -> Recipe:
    """Check a recipe and make it typed and frozen.

    Args:
        data: plain values, as composed; class names and step names are the keys of maps.
        registry: the transforms that chains may use.
        where: tells the place of a key path in a file ("file:line"), or an empty string.

    Raises:
        FaultyRecipeError: anything is wrong; the message has a line for each fault.
    """
    reader = _Reader(data, registry)
    recipe = reader.read()
    if recipe is None:
        raise FaultyRecipeError(reader.faults, where)
    return recipe


def _report(faults: Sequence[Fault], where: Callable[[Path], str] | None) -> str:
    lines = []
    for fault in faults[:_MOST_TOLD]:
        place = where(fault.path) if where else ""
        key = ".".join(("recipe", *fault.path))
        lines.append(f"{key}{f' ({place})' if place else ''}: {fault.message}")
    if len(faults) > _MOST_TOLD:
        lines.append(f"and {len(faults) - _MOST_TOLD} more.")
    return "\n".join(lines)


class _Reader:
    def __init__(self, data: Mapping[str, Any], registry: Registry) -> None:
        self.data = data
        self.registry = registry
        self.faults: list[Fault] = []
        self.steps = 0
        self.depth = 0
        self.cycles: dict[Path, Fault] = {}
        self.overflow: Fault | None = None
        chains = data.get("chains")
        self.chain_data: Mapping[Any, Any] = chains if isinstance(chains, Mapping) else {}

    def read(self) -> Recipe | None:
        data = self.data
        self._only(data, KEYS, ())
        self._map("chains")
        self._map("classes")
        version = data.get("version", VERSION)
        if version != VERSION or isinstance(version, bool):
            self._fault(("version",), f"{show(version)} is not {VERSION}, the only version of recipes there is.")
        chains = {name: self._chain(name, ()) for name in self.chain_data if isinstance(name, str)}
        rule = self._rule(data, (), None)
        classes = data.get("classes")
        classes = classes if isinstance(classes, Mapping) else {}
        rules = {label: self._class(label, rules_data, rule) for label, rules_data in classes.items()}
        render_data = {} if data.get("render") is None else data["render"]
        self.faults += check(Render, render_data, ("render",)) or _size(render_data)
        output_data = {} if data.get("output") is None else data["output"]
        self.faults += check(Output, output_data, ("output",))
        seed = self._whole(data, "seed", 2**63 - 1, 0, ())
        originals = self._word(data, "originals", ORIGINALS, "augment", ())
        self.faults += [*self.cycles.values(), *([self.overflow] if self.overflow else [])]
        if not self.cycles and not self.overflow:
            sound = {label: found for label, found in rules.items() if found}
            self.faults += check_preserved(data, rule, sound, chains, self.registry)
        if self.faults:
            return None
        return Recipe(
            seed=seed,
            originals=originals,
            rule=rule,
            classes={label: found for label, found in rules.items() if found is not None},
            chains=chains,
            render=construct(Render, render_data),
            plain=dict(data),
            output=construct(Output, output_data),
        )

    def _fault(self, path: Path, message: str) -> None:
        self.faults.append(Fault(path, message))

    def _only(self, data: Mapping[Any, Any], known: tuple[str, ...], path: Path) -> None:
        for key in data:
            if key not in known:
                self._fault(
                    (*path, str(key)),
                    f"there is no such key.{nearest(str(key), known)} Allowed: {', '.join(known)}.",
                )

    def _map(self, key: str) -> None:
        found = self.data.get(key)
        if found is None:
            return
        if not isinstance(found, Mapping):
            self._fault((key,), f"{show(found)} is not a map of names.")
            return
        for name in found:
            if not isinstance(name, str):
                self._fault((key, str(name)), f"the name {name!r} is not a text; put it in quotes.")

    def _whole(self, data: Mapping[str, Any], key: str, high: int, default: int, path: Path) -> int:
        value = data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
            self._fault((*path, key), f"{show(value)} is not a whole number from 0 to {high}.")
            return default
        return value

    def _word(self, data: Mapping[str, Any], key: str, words: tuple[str, ...], default: str, path: Path) -> Any:
        value = data.get(key, default)
        if value not in words:
            self._fault((*path, key), f"{show(value)} is not one of {', '.join(words)}.{nearest(str(value), words)}")
            return default
        return value

    def _class(self, label: str, data: Any, rule: Rule) -> Rule | None:
        path = ("classes", str(label))
        if not isinstance(data, Mapping):
            self._fault(path, f"{show(data)} is not a map; write {{target: {show(data)}}}.")
            return None
        self._only(data, _CLASS_KEYS, path)
        return self._rule(data, path, rule)

    def _rule(self, data: Mapping[str, Any], path: Path, general: Rule | None) -> Rule:
        aim = general.target if general else Target("max")
        if "target" in data:
            try:
                aim = target.parse(data["target"])
            except RecipeError as error:
                self._fault((*path, "target"), str(error))
        return Rule(
            target=aim,
            chains=self._choice(data, path, general),
            surplus=self._word(data, "surplus", SURPLUS, general.surplus if general else "keep", path),
            max_copies=self._whole(data, "max_copies", 1_000_000, general.max_copies if general else 20, path),
        )

    def _choice(self, data: Mapping[str, Any], path: Path, general: Rule | None) -> tuple[tuple[str, float], ...]:
        if data.get("chain") is not None and data.get("weights") is not None:
            self._fault((*path, "weights"), "say either chain or weights, not both.")
            return ()
        if (weights := data.get("weights")) is not None:
            return self._weights(weights, (*path, "weights"))
        if (name := data.get("chain")) is not None:
            self._known(name, (*path, "chain"))
            return ((str(name), 1.0),)
        if general:
            return general.chains
        if len(self.chain_data) == 1:
            return ((str(next(iter(self.chain_data))), 1.0),)
        self._fault(
            (*path, "chain"), f"say which chain makes copies: {', '.join(map(str, self.chain_data)) or 'none'}."
        )
        return ()

    def _weights(self, weights: Any, path: Path) -> tuple[tuple[str, float], ...]:
        if not isinstance(weights, Mapping) or not weights:
            self._fault(path, f"{show(weights)} is not a map of chains with their weights, such as {{gentle: 3}}.")
            return ()
        for name, weight in weights.items():
            self._known(name, (*path, str(name)))
            if not _is_number(weight) or not 0 < weight <= 1e6:
                self._fault((*path, str(name)), f"{show(weight)} is not a number above 0 to 1000000.")
        return tuple((str(name), weight) for name, weight in weights.items())

    def _known(self, name: Any, path: Path) -> None:
        if not isinstance(name, str) or name not in self.chain_data:
            known = [str(chain) for chain in self.chain_data]
            some = ", ".join(known[:_MOST_NAMED]) + (", …" if len(known) > _MOST_NAMED else "")
            self._fault(path, f"there is no chain {show(name)}.{nearest(str(name), known)} Chains: {some}.")

    def _chain(self, name: str, within: tuple[str, ...]) -> list[Description]:
        path = ("chains", name)
        if not within and name in self.registry:
            self._fault(path, f"a transform is called '{name}' as well; give the chain another name.")
        steps = self.chain_data[name]
        if not isinstance(steps, Mapping):
            self._fault(path, f"{show(steps)} is not a map of steps, such as {{flip: {{}}}}.")
            return []
        return [self._step(step, data, path, (*within, name)) for step, data in steps.items()]

    def _step(self, name: Any, data: Any, path: Path, within: tuple[str, ...], option: bool = False) -> Description:
        path = (*path, str(name))
        self.steps += 1
        if self.steps > _MOST_STEPS or self.depth > _DEEPEST:
            bound = f"{_DEEPEST} levels" if self.depth > _DEEPEST else f"{_MOST_STEPS} steps"
            self.overflow = self.overflow or Fault(path, f"with chains in chains written out there are over {bound}.")
            return {}
        data = {} if data is None else data
        if not isinstance(data, Mapping):
            self._fault(path, f"{show(data)} is not a map of arguments; write {{}} for none.")
            return {}
        if not isinstance(name, str) or "/" in name or not name:
            self._fault(path, "a step's name is a text without '/'.")
        step: Description = {"name": str(name), "p": self._share(data, path)}
        if option:
            step["weight"] = self._weight(data, path)
        elif "weight" in data:
            self._fault((*path, "weight"), "only the steps of a one_of have weights.")
        arguments = {key: value for key, value in data.items() if key not in _STEP_KEYS}
        if "one_of" in data:
            if "use" in data:
                self._fault((*path, "use"), "say either use or one_of, not both.")
            return step | self._one_of(data, arguments, path, within)
        use = data.get("use", name)
        if not isinstance(use, str):
            if "use" in data:
                self._fault((*path, "use"), f"{show(use)} is not the name of a transform or chain.")
            return step
        if use in self.chain_data:
            self._none(arguments, path, f"'{use}' is a chain, which takes no arguments")
            return step | {"chain": use, "steps": self._nested(use, path, within)}
        if "p" not in data and not option:
            step["p"] = None
        return self._transform(step, use, arguments, path, named="use" in data)

    def _nested(self, name: str, path: Path, within: tuple[str, ...]) -> list[Description]:
        if name in within:
            fault = Fault(path, f"the chain contains itself: {' → '.join((*within, name))}.")
            self.cycles.setdefault(path, fault)
            return []
        told = len(self.faults)
        self.depth += 1
        steps = self._chain(name, within)
        self.depth -= 1
        del self.faults[told:]  # they are told at the chain itself
        return steps

    def _one_of(
        self, data: Mapping[str, Any], arguments: Description, path: Path, within: tuple[str, ...]
    ) -> Description:
        self._none(arguments, path, "a one_of takes only p besides")
        options = data["one_of"]
        if not isinstance(options, Mapping) or not options:
            self._fault((*path, "one_of"), f"{show(options)} is not a map of steps.")
            return {"one_of": []}
        inner = (*path, "one_of")
        self.depth += 1
        steps = [self._step(name, option, inner, within, option=True) for name, option in options.items()]
        self.depth -= 1
        return {"one_of": steps}

    def _none(self, arguments: Mapping[str, Any], path: Path, why: str) -> None:
        for key in arguments:
            self._fault((*path, str(key)), f"there is no such key: {why}.{nearest(str(key), _STEP_KEYS)}")

    def _transform(self, step: Description, use: str, arguments: Description, path: Path, named: bool) -> Description:
        try:
            cls = self.registry.find(use)
        except RecipeError:
            for key, meant in () if named else _mistyped(arguments):
                self._fault((*path, key), f"there is no such key. Did you mean '{meant}'?")
                return step
            hint = self.registry.near(use, map(str, self.chain_data)) or (
                "" if named else " Without `use`, a step's name is its transform's; add use: to name one."
            )
            if use == ALBUMENTATIONS.rstrip("."):
                hint = " A dot divides keys: call the step otherwise and say use: albumentations.NAME."
            self._fault(
                (*path, "use") if named else path,
                f"no transform or chain is called '{_short(use)}'.{hint} `augflow transforms` lists them.",
            )
            return step
        faults = check(cls, arguments, path, also=_STEP_KEYS)
        self.faults += faults
        if faults:
            return step
        instance = construct(cls, arguments)
        if step["p"] is None:
            step["p"] = float(getattr(cls, "p", 1.0))
        return step | {"use": use, "arguments": arguments_of(instance)}

    def _share(self, data: Mapping[str, Any], path: Path) -> float:
        p = data.get("p", 1.0)
        if not _is_number(p) or not 0 <= p <= 1:
            self._fault((*path, "p"), f"{show(p)} is not a probability from 0 to 1.")
            return 1.0
        return float(p)

    def _weight(self, data: Mapping[str, Any], path: Path) -> float:
        weight = data.get("weight", 1.0)
        if not _is_number(weight) or not 0 < weight <= 1e6:
            self._fault((*path, "weight"), f"{show(weight)} is not a number above 0 to 1000000.")
            return 1.0
        return float(weight)


def _mistyped(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys of a step of unknown name that may be meant to be `use` or `one_of`, by what they hold."""
    kinds = {key: "use" if isinstance(value, str) else "one_of" for key, value in arguments.items()}
    return [
        (str(key), meant)
        for key, meant in kinds.items()
        if nearest(str(key), [meant]) and isinstance(arguments[key], str | Mapping)
    ]


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _size(render: Mapping[str, Any]) -> list[Fault]:
    """An output is no larger than an image that is let in."""
    size = render.get("size")
    height, width = size if isinstance(size, list | tuple) else (size, size)
    if size is None or height * width <= MOST_PIXELS:
        return []
    return [Fault(("render", "size"), f"{height} × {width} is more than {MOST_PIXELS:,} pixels.")]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
