"""What Hydra composes, as augflow goes on with it: `Settings`, in plain containers, each value with its place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from augflow.config import catalogue, lineage, strict
from augflow.config.door import BY_PATH, VERSION_BASE, opened, origin, primary, shelves
from augflow.config.explain import explain, no_setting
from augflow.errors import RecipeError

PRIMARY = "config"
REFUSALS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, AssertionError, OSError)
"""What composing raises where what was asked is wrong."""

_SECTIONS = ("recipe", "source", "sink", "executor")
_CHAIN = re.compile(r"chain@recipe\.chains\.(.+)")
_NULLED = re.compile(r"recipe\.chains\.([^.=]+)\.([^.=]+)=null")
_UNFIT = re.compile(r"[^\w.,=+~-]")


@dataclass(frozen=True)
class Settings:
    """One composed job in plain containers: interpolations resolved, the recipe not yet validated."""

    recipe: dict[str, Any]
    source: dict[str, Any]
    sink: dict[str, Any]
    executor: dict[str, Any]
    plugins: list[str]
    overrides: list[str]
    """As they were typed; in a sweep, those of this job."""
    multirun: bool
    job: str
    """What tells this job of a sweep from the others, fit for a folder's name; empty outside a sweep."""
    as_said: dict[str, Any]
    """`source` and `plugins`, what came out of the environment left as it was written: no ledger tells secrets."""
    origin: dict[str, Any]
    """`recipe`: its name or path; `file`; `chains`: name → `chain` and `file` of each chain that was pulled in;
    `layers`: the files that the recipe comes from with the keys that each is put at, the strongest first;
    `files`: the same files by the names that they were reached by, each with its sha256; `roots`: where recipes and
    chains were looked for."""

    def where(self, keypath: Sequence[str]) -> str:
        """Say where a value of the recipe was set: an override, or `file:line:column` of it or of what holds it."""
        for depth in range(len(keypath), 0, -1):
            key = tuple(keypath[:depth])
            for override in reversed(self.overrides):
                if override.partition("=")[0].lstrip("+~") == ".".join(("recipe", *key)):
                    return f"the override {override}"
            for place, kind, file in self.origin["layers"]:
                if key[: len(place)] == tuple(place) and Path(file).is_file():
                    status = Path(file).stat()
                    found = _document(file, kind, (status.st_mtime_ns, status.st_size)).where(key[len(place) :])
                    if found:
                        return found
            inner = ".".join(("recipe", *key, ""))
            for override in reversed(self.overrides):
                if override.lstrip("+").startswith(inner):
                    return f"the override {override}"
        return str(self.origin["file"])


@lru_cache(maxsize=16)
def _document(file: str, kind: strict.Kind, _stamp: tuple[int, int]) -> strict.Document:
    """A file as it is now; many faults have their places in few files."""
    return strict.load(file, kind)


def compose(overrides: Sequence[str] = (), config_dir: str | Path | Sequence[str | Path] | None = None) -> Settings:
    """Compose from Python what `augflow VERB [--config-dir DIR] overrides` would; `config_dir` is one or several.

    Raises:
        RecipeError: an override, a name or a file is wrong.
    """
    roots = [config_dir] if isinstance(config_dir, str | Path) else config_dir or []
    with opened(overrides, roots) as words:
        try:
            with hydra.initialize_config_dir(str(catalogue.conf_dir()), version_base=VERSION_BASE):
                config = hydra.compose(PRIMARY, words, return_hydra_config=True)
        except REFUSALS as error:
            raise RecipeError(explain(error, lambda: tree(words))) from None
        return settle(config, config.hydra)


def tree(words: Sequence[str], primary: str = PRIMARY) -> Mapping[str, Any]:
    """Compose the choices alone (`recipe=strong`), for hints; an empty mapping where even that cannot be."""
    choices = [word for word in words if re.match(r"\+*[\w/]+(@[\w.]+)?=|hydra\.searchpath=", word)]
    for attempt in (choices, []):
        try:
            with hydra.initialize_config_dir(str(catalogue.conf_dir()), version_base=VERSION_BASE):
                found = OmegaConf.to_container(hydra.compose(primary, attempt), resolve=False)
                return found if isinstance(found, dict) else {}  # type: ignore[return-value]
        except (*REFUSALS, RecipeError):
            continue
    return {}


def settle(
    config: DictConfig, about: DictConfig, fixed: frozenset[str] = frozenset(), needs_source: bool = True
) -> Settings:
    """Turn what Hydra composed into Settings; `about` is its own node, `fixed` the keys that a sweep leaves alone.

    Raises:
        RecipeError: a setting is unknown, missing, or has a name that is not text.
    """
    # As typed: Hydra's own node would fill in what they take from the environment.
    typed: Any = OmegaConf.to_container(about.overrides.task, resolve=False)
    words = [str(word) for word in typed]
    bare = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        plain: Any = OmegaConf.to_container(bare, resolve=True)
    except OmegaConfBaseException as error:
        raise RecipeError(explain(error, dict)) from None
    for key in plain:
        if key not in (*_SECTIONS, "plugins"):
            raise RecipeError(no_setting(str(key), {name: plain[name] for name in plain if name != key}))
    for section in _SECTIONS:
        if not isinstance(plain.get(section), dict):
            raise RecipeError(f"There is no {section}: say {section}=NAME.")
        if section == "source" and not needs_source and not _names_source(plain["source"], words):
            plain["source"] = {}
        _check(plain[section], section)
    plugins = plain.get("plugins") or []
    if not isinstance(plugins, list) or not all(isinstance(plugin, str) for plugin in plugins):
        raise RecipeError("plugins is a list of Python files: plugins=[mine.py]")
    found = _origin(about)
    _drop(plain["recipe"], found, words)
    sweep = about.mode == RunMode.MULTIRUN
    return Settings(
        recipe={key: plain["recipe"][key] for key in sorted(plain["recipe"], key=_rank)},
        source=plain["source"],
        sink=plain["sink"],
        executor=plain["executor"],
        plugins=plugins,
        overrides=[found["recipe"] if word.startswith(f"recipe={BY_PATH}") else word for word in words],
        multirun=sweep,
        as_said=_as_said(bare, plain["source"], plugins),
        job=_job(words, fixed) or str(about.job.num) if sweep else "",
        origin=found,
    )


def fixed(words: Sequence[str]) -> frozenset[str]:
    """The keys of those overrides that a sweep does not vary."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(words))
    except HydraException:
        return frozenset()
    return frozenset(override.get_key_element() for override in parsed if not override.is_sweep_override())


def _as_said(config: DictConfig, source: Mapping[str, Any], plugins: Sequence[str]) -> dict[str, Any]:
    """`source` and `plugins`, which were read from `config`, for `run.json`."""
    raw: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, ["source", "plugins"]), resolve=False)
    files = [str(Path(file).absolute()) for file in plugins]
    if "${" not in str(raw):
        return {"source": source, "plugins": files}
    asked: list[str] = []

    def env(*arguments: Any) -> Any:
        asked.append(str(arguments[0]))
        return oc.env(*arguments)

    def unfilled(value: Any, at: Any, key: Any) -> Any:
        if isinstance(value, dict):
            return {inner: unfilled(item, at[key], inner) for inner, item in value.items()}
        if isinstance(value, list):
            return [unfilled(item, at[key], place) for place, item in enumerate(value)]
        asked.clear()
        found = at[key]
        found = OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
        return value if asked else found

    OmegaConf.register_new_resolver("oc.env", env, replace=True)
    try:
        named = unfilled(raw.get("plugins") or [], config, "plugins")
        if isinstance(named, list):
            named = [item if "${" in str(item) else file for item, file in zip(named, files, strict=True)]
        return {"source": unfilled(raw["source"], config, "source") if source else {}, "plugins": named}
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)


def _rank(key: str) -> int:
    return strict.RECIPE_KEYS.index(key) if key in strict.RECIPE_KEYS else len(strict.RECIPE_KEYS)


def _names_source(source: Mapping[str, Any], words: Sequence[str]) -> bool:
    return "???" not in source.values() or any(word.lstrip("+~").startswith("source.") for word in words)


def _check(value: Any, at: str) -> None:
    if value == "???":
        example = ": the folder that holds the class folders, source.root=photos/train" if at == "source.root" else ""
        raise RecipeError(f"{at} is needed{example}")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise RecipeError(
                    f"{at}: a name was read as the {type(key).__name__} {key!r}. In a recipe's file it stays a word."
                )
            _check(item, f"{at}.{key}")
    elif isinstance(value, list):
        for item in value:
            _check(item, at)


def _origin(about: DictConfig) -> dict[str, Any]:
    chosen = {str(key): str(value) for key, value in about.runtime.choices.items()}
    for group in ("source", "sink", "executor"):
        origin(f"{group}/{chosen.get(group, '')}", about)
    recipe = chosen.get("recipe", "")
    file = origin(f"recipe/{recipe}", about)
    chains = {
        match[1]: {"chain": chain, "file": origin(f"chain/{chain}", about)}
        for key, chain in sorted(chosen.items())
        if (match := _CHAIN.fullmatch(key))
    }
    name = file if recipe.startswith(BY_PATH) else recipe
    layers: list[tuple[strict.KeyPath, strict.Kind, str]] = [((), "recipe", file)]
    document = strict.load(file, "recipe") if Path(file).is_file() else None
    files = [{"recipe": name, "sha256": document.sha256}] if document else []
    if document and "extends" in document.data:
        gathered = lineage.gather(document, shelves(about)).layers[::-1]
        layers = [(layer.at, layer.kind, layer.document.path) for layer in gathered]
        files = [{layer.kind: layer.name or name, "sha256": layer.document.sha256} for layer in gathered]
    layers += [(("chains", chain), "chain", str(pulled["file"])) for chain, pulled in chains.items()]
    files += [
        {"chain": pulled["chain"], "sha256": strict.load(pulled["file"], "chain").sha256}
        for pulled in chains.values()
        if Path(pulled["file"]).is_file()
    ]
    own = primary(about)
    files += (
        [{"config": str(about.job.config_name), "sha256": hashlib.sha256(own.read_bytes()).hexdigest()}] if own else []
    )
    files = [file for number, file in enumerate(files) if file not in files[:number]]
    roots = [str(root) for root in shelves(about).roots]
    return {"recipe": name, "file": file, "chains": chains, "layers": layers, "files": files, "roots": roots}


def _drop(recipe: dict[str, Any], origin: Mapping[str, Any], words: Sequence[str]) -> None:
    """Leave out the steps that were there and for which the recipe or an override says null."""
    for name, step in (match.groups() for match in map(_NULLED.fullmatch, words) if match):
        steps = (recipe.get("chains") or {}).get(name) or {}
        if step in steps and steps[step] is None:
            del steps[step]
    for name, chain in origin["chains"].items():
        steps = (recipe.get("chains") or {}).get(name) or {}
        for step in [step for step, said in steps.items() if said is None]:
            if strict.load(chain["file"], "chain").data.get(step) is not None:
                del steps[step]


def _job(overrides: Sequence[str], fixed: frozenset[str]) -> str:
    """What a sweep's job is asked to make; where from and on what, only as far as the sweep varies it."""
    told = []
    for override in overrides:
        key = override.partition("=")[0]
        section = re.split(r"[.@/]", key.lstrip("+~"))[0]
        if section != "sink" and (section not in ("source", "executor") or key not in fixed):
            told.append(override.replace(f"recipe={BY_PATH}", "recipe=", 1))
    name = ",".join(sorted(told))
    fit = _UNFIT.sub("_", name).lstrip(".")
    if fit == name and len(fit.encode()) <= 150:
        return fit
    digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{fit.encode()[:120].decode(errors='ignore')}~{digest}"
