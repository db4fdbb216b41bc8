"""A recipe is checked as a whole: every fault is told at once, with its place, and what is right becomes typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from augflow.engine.render import Render
from augflow.errors import RecipeError
from augflow.plan.target import Target
from augflow.recipe.reader import KEYS, read_recipe
from augflow.recipe.recipe import Recipe, Rule
from augflow.registry import Registry

REGISTRY = Registry()
Data = dict[str, Any]


def read(data: Data) -> Recipe:
    return read_recipe(data, REGISTRY)


def with_steps(**steps: Any) -> Data:
    return {"chains": {"gentle": steps}}


def told(data: Data) -> dict[str, str]:
    """What is wrong by its place; a place is told once."""
    with pytest.raises(RecipeError) as refused:
        read(data)
    lines = [line.partition(": ") for line in str(refused.value).splitlines()]
    places = [place for place, _, _ in lines]
    assert len(set(places)) == len(places), str(refused.value)
    return {place.removeprefix("recipe."): message for place, _, message in lines}


def the_step(**data: Any) -> Data:
    found: Data = read(with_steps(step=data)).chains["gentle"][0]
    return found


def test_the_least_recipe() -> None:
    recipe = read(with_steps(flip={}))
    assert recipe.seed == 0
    assert recipe.originals == "augment"
    assert recipe.rule == Rule(Target("max"), (("gentle", 1.0),), "keep", 20)
    assert recipe.render == Render()
    assert recipe.rule_for("any class") == recipe.rule
    assert recipe.chains == {"gentle": [{"name": "flip", "p": 0.5, "use": "flip", "arguments": {"axis": "horizontal"}}]}


FULL: Data = {
    "version": 1,
    "preserve": ["orientation"],
    "seed": 7,
    "target": "0.8max",
    "weights": {"gentle": 3, "strong": 0.5},
    "originals": "keep",
    "surplus": "drop",
    "max_copies": 5,
    "output": {"dtype": "float32", "layout": "chw", "normalise": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}},
    "classes": {
        "hat": {"target": 800, "chain": "strong"},
        "no": {"max_copies": 0},
        "0012": {"surplus": "keep", "weights": {"gentle": 1}},
    },
    "chains": {
        "gentle": {"flip": {}, "turn": {"use": "rotate", "limit": 25, "border": "nearest", "p": 0.3}},
        "strong": {
            "gentle": {"p": 0.9},
            "light": {"p": 0.5, "one_of": {"gamma": {}, "flip": {"weight": 3}, "more": {"use": "gentle"}}},
        },
    },
    "render": {"size": [224, 200], "format": "png"},
}


def test_a_full_recipe() -> None:
    recipe = read(FULL)
    assert recipe.rule == Rule(Target("max", 0.8), (("gentle", 3), ("strong", 0.5)), "drop", 5)
    assert recipe.rule_for("hat") == Rule(Target("count", 800), (("strong", 1.0),), "drop", 5)
    assert recipe.rule_for("no") == Rule(Target("max", 0.8), recipe.rule.chains, "drop", 0)
    assert recipe.rule_for("0012") == Rule(Target("max", 0.8), (("gentle", 1),), "keep", 5)
    assert recipe.render == Render(size=(224, 200), format="png")
    nested, light = recipe.chains["strong"]
    assert nested == {"name": "gentle", "p": 0.9, "chain": "gentle", "steps": recipe.chains["gentle"]}
    assert [(option["name"], option["weight"], option["p"]) for option in light["one_of"]] == [
        ("gamma", 1.0, 1.0),
        ("flip", 3.0, 1.0),
        ("more", 1.0, 1.0),
    ]
    assert light["one_of"][2]["steps"] == recipe.chains["gentle"]


@pytest.mark.parametrize("data", [FULL, with_steps(flip={}), with_steps()])
def test_a_resolved_recipe_reads_back_equal(data: Data) -> None:
    recipe = read(data)
    resolved = recipe.as_json()
    assert resolved["version"] == 1
    back = Recipe.from_json(json.loads(json.dumps(resolved)))
    assert back.as_json() == resolved
    assert back.digest == recipe.digest
    assert back.render == recipe.render
    assert back.rule == recipe.rule
    assert dict(back.classes) == dict(recipe.classes)


def test_reading_leaves_the_data_as_it_was() -> None:
    before = json.dumps(FULL)
    read(FULL).as_json()["chains"].clear()
    assert json.dumps(FULL) == before


def test_the_digest_tells_recipes_apart_and_sees_through_their_spelling() -> None:
    base = with_steps(rotate={"limit": 25})
    first = read(base).digest
    same: list[Data] = [
        {**base, "seed": 0, "version": 1, "target": "MAX", "chain": "gentle", "render": None, "classes": {}},
        dict(reversed({"target": "max", **base}.items())),
        with_steps(rotate={"limit": 25.0, "border": "reflect", "p": 1}),
        with_steps(rotate={"use": "rotate", "limit": 25}),
    ]
    assert {read(data).digest for data in same} == {first}
    other: list[Data] = [
        {**base, "seed": 1},
        {**base, "target": 500},
        {**base, "classes": {"hat": {"target": 500}}},
        {**base, "originals": "omit"},
        {**base, "surplus": "drop"},
        {**base, "max_copies": 3},
        {**base, "render": {"quality": 91}},
        with_steps(rotate={"limit": 26}),
        with_steps(rotate={"limit": 25, "p": 0.5}),
        with_steps(turn={"use": "rotate", "limit": 25}),
        with_steps(rotate={"limit": 25}, flip={}),
        with_steps(flip={}, rotate={"limit": 25}),
    ]
    digests = [read(data).digest for data in other]
    assert len({first, *digests}) == len(other) + 1


@pytest.mark.parametrize(("use", "p"), [("flip", 0.5), ("gray", 0.5), ("rotate", 1.0), ("poisson_noise", 1.0)])
def test_a_step_without_p_has_its_transform_s(use: str, p: float) -> None:
    assert the_step(use=use)["p"] == p
    assert the_step(use=use, p=0.25)["p"] == 0.25
    assert the_step(use=use, p=0)["p"] == 0.0


def test_an_option_without_p_is_performed_when_it_is_drawn() -> None:
    (option,) = the_step(one_of={"flip": {}})["one_of"]
    assert option["p"] == 1.0
    assert the_step(one_of={"flip": {"p": 0.2}})["one_of"][0]["p"] == 0.2
    assert the_step(one_of={"flip": {}})["p"] == 1.0


def test_arguments_are_kept_with_every_default() -> None:
    assert the_step(use="rotate", limit=25)["arguments"] == {"limit": 25.0, "border": "reflect", "fill": 0}
    assert the_step(use="crop", size=[10, 20])["arguments"] == {
        "scale": [0.8, 1.0],
        "size": [10, 20],
        "position": "random",
    }


def test_a_step_may_be_empty_and_named_as_one_likes() -> None:
    steps = read(with_steps(flip=None, **{"my light": {"use": "gamma"}, "1": {"use": "gamma"}})).chains["gentle"]
    assert [step["name"] for step in steps] == ["flip", "my light", "1"]


def test_the_only_chain_needs_no_mention() -> None:
    assert read(with_steps(flip={})).rule.chains == (("gentle", 1.0),)
    two: Data = {"chains": {"a": {"flip": {}}, "b": {}}}
    assert told(two) == {"chain": "say which chain makes copies: a, b."}
    assert read({**two, "chain": "b"}).rule.chains == (("b", 1.0),)
    assert read({**two, "weights": {"b": 1}}).rule.chains == (("b", 1),)


ONE_FAULT: list[tuple[Data, str, str]] = [
    ({"sed": 1}, "sed", "Did you mean 'seed'?"),
    ({"hydra": {}}, "hydra", "there is no such key. Allowed: version, seed"),
    ({"version": 2}, "version", "2 is not 1"),
    ({"version": True}, "version", "true is not 1"),
    ({"version": "1"}, "version", '"1" is not 1'),
    ({"seed": -1}, "seed", "-1 is not a whole number from 0 to 9223372036854775807."),
    ({"seed": 2**63}, "seed", "whole number"),
    ({"seed": 1.5}, "seed", "whole number"),
    ({"seed": True}, "seed", "whole number"),
    ({"seed": "1"}, "seed", "whole number"),
    ({"seed": None}, "seed", "whole number"),
    ({"target": "maxx"}, "target", "Did you mean 'max'?"),
    ({"target": -1}, "target", "a count such as 500"),
    ({"target": None}, "target", "a count such as 500"),
    ({"originals": "augmented"}, "originals", "Did you mean 'augment'?"),
    ({"originals": ["keep"]}, "originals", "keep, render, augment, omit"),
    ({"surplus": "Keep"}, "surplus", "keep, drop"),
    ({"surplus": None}, "surplus", "keep, drop"),
    ({"max_copies": -1}, "max_copies", "from 0 to 1000000"),
    ({"max_copies": 1.0}, "max_copies", "whole number"),
    ({"max_copies": 1_000_001}, "max_copies", "from 0 to 1000000"),
    ({"chain": "gentel"}, "chain", "Did you mean 'gentle'? Chains: gentle."),
    ({"chain": ["gentle"]}, "chain", 'there is no chain ["gentle"]'),
    ({"chain": {"gentle": 1}}, "chain", "there is no chain"),
    ({"chain": 1}, "chain", "there is no chain 1."),
    ({"weights": {"gentel": 1}}, "weights.gentel", "Did you mean 'gentle'?"),
    ({"weights": {"gentle": 0}}, "weights.gentle", "0 is not a number above 0 to 1000000."),
    ({"weights": {"gentle": -1}}, "weights.gentle", "above 0"),
    ({"weights": {"gentle": float("nan")}}, "weights.gentle", "above 0"),
    ({"weights": {"gentle": "3"}}, "weights.gentle", "above 0"),
    ({"weights": {"gentle": True}}, "weights.gentle", "above 0"),
    ({"weights": {"gentle": 1e7}}, "weights.gentle", "above 0"),
    ({"weights": {}}, "weights", "such as {gentle: 3}"),
    ({"weights": ["gentle"]}, "weights", "such as {gentle: 3}"),
    ({"weights": "gentle"}, "weights", "such as {gentle: 3}"),
    ({"weights": {"gentle": 1}, "chain": "gentle"}, "weights", "either chain or weights"),
    ({"classes": ["hat"]}, "classes", "not a map of names"),
    ({"classes": {"hat": 500}}, "classes.hat", "write {target: 500}."),
    ({"classes": {"hat": None}}, "classes.hat", "not a map"),
    ({"classes": {"hat": {"taget": 5}}}, "classes.hat.taget", "Did you mean 'target'?"),
    (
        {"classes": {"hat": {"seed": 5}}},
        "classes.hat.seed",
        "Allowed: target, chain, weights, surplus, max_copies, preserve.",
    ),
    ({"classes": {"hat": {"target": "x"}}}, "classes.hat.target", "a count such as 500"),
    ({"classes": {"hat": {"chain": "strong"}}}, "classes.hat.chain", 'no chain "strong"'),
    ({"classes": {"hat": {"chain": ["gentle"]}}}, "classes.hat.chain", "no chain"),
    ({"classes": {"hat": {"weights": {"gentle": 0}}}}, "classes.hat.weights.gentle", "above 0"),
    ({"classes": {"hat": {"weights": {"gentle": 1}, "chain": "gentle"}}}, "classes.hat.weights", "either"),
    ({"classes": {False: {"target": 5}}}, "classes.False", "the name False is not a text; put it in quotes."),
    ({"classes": {1000.0: {"target": 5}}}, "classes.1000.0", "put it in quotes"),
    ({"render": {"sizes": 5}}, "render.sizes", "Did you mean 'size'?"),
    ({"render": {"size": 0}}, "render.size", "from 1 to 65500"),
    ({"render": {"size": [1, 2, 3]}}, "render.size", "a pair"),
    ({"render": {"format": "jpg"}}, "render.format", '"jpeg"'),
    ({"render": {"quality": 101}}, "render.quality", "from 1 to 100"),
    ({"render": []}, "render", "[] is not a map"),
    ({"render": False}, "render", "false is not a map"),
    ({"render": "png"}, "render", "not a map"),
]


@pytest.mark.parametrize(("data", "place", "said"), ONE_FAULT, ids=lambda value: json.dumps(value)[:50])
def test_what_is_wrong_with_a_recipe(data: Data, place: str, said: str) -> None:
    found = told(with_steps(flip={}) | data)
    assert list(found) == [place]
    assert said in found[place]


STEP_FAULTS: list[tuple[Any, str, str]] = [
    ({"use": "rotat"}, ".use", "no transform or chain is called 'rotat'. Did you mean 'rotate'?"),
    ({"use": "gentl"}, ".use", "Did you mean 'gentle'?"),
    ({"use": ["flip"]}, ".use", '["flip"] is not the name of a transform or chain.'),
    ({"use": None}, ".use", "null is not the name"),
    ({"use": 3}, ".use", "3 is not the name"),
    ({}, "", "Without `use`, a step's name is its transform's"),
    ({"use": "rotate", "limits": 25}, ".limits", "Did you mean 'limit'? Allowed: limit, border, fill."),
    ({"use": "rotate", "pp": 0.5}, ".pp", "there is no such key. Did you mean 'p'?"),
    ({"use": "rotate", "limit": 181}, ".limit", "181 is not a number from 0 to 180"),
    ({"use": "rotate", "limit": [-200, 0]}, ".limit", "from -180 to 180"),
    ({"use": "rotate", "limit": [10]}, ".limit", "[10] is not a number from 0 to 180, or a pair"),
    ({"use": "rotate", "limit": [10, -10]}, ".limit", "low end first"),
    ({"use": "rotate", "limit": "25"}, ".limit", '"25" is not a number'),
    ({"use": "rotate", "limit": None}, ".limit", "null is not a number"),
    ({"use": "rotate", "limit": float("inf")}, "", "not finite"),
    ({"use": "rotate", "border": "mirror"}, ".border", '"reflect", "nearest", "wrap", "constant"'),
    ({"use": "rotate", "fill": 256}, ".fill", "from 0 to 255"),
    ({"use": "rotate", "fill": [1, 2]}, ".fill", "three values"),
    ({"use": "transpose", "x": 1}, ".x", "It takes no arguments."),
    ({"use": "flip", "p": 1.01}, ".p", "1.01 is not a probability from 0 to 1."),
    ({"use": "flip", "p": -0.1}, ".p", "not a probability"),
    ({"use": "flip", "p": float("nan")}, ".p", "not a probability"),
    ({"use": "flip", "p": "0.5"}, ".p", "not a probability"),
    ({"use": "flip", "p": True}, ".p", "not a probability"),
    ({"use": "flip", "p": None}, ".p", "not a probability"),
    ({"use": "flip", "weight": 2}, ".weight", "only the steps of a one_of have weights."),
    ({"one_of": {}}, ".one_of", "{} is not a map of steps."),
    ({"one_of": ["flip"]}, ".one_of", "not a map of steps"),
    ({"one_of": None}, ".one_of", "not a map of steps"),
    ({"one_of": {"flip": {}}, "limit": 3}, ".limit", "a one_of takes only p besides"),
    ({"one_of": {"flip": {}}, "use": "flip"}, ".use", "either use or one_of"),
    ({"one_of": {"flip": {"weight": 0}}}, ".one_of.flip.weight", "0 is not a number above 0 to 1000000."),
    ({"one_of": {"flip": {"weight": "1"}}}, ".one_of.flip.weight", "above 0"),
    ({"one_of": {"flip": {"wieght": 1}}}, ".one_of.flip.wieght", "Did you mean 'weight'?"),
    ({"one_of": {"flp": {}}}, ".one_of.flp", "Did you mean 'flip'?"),
    ({"one_of": {"rotate": {"limit": 200}}}, ".one_of.rotate.limit", "from 0 to 180"),
    ({"one_of": {"x": {"one_of": {"flip": {"p": 2}}}}}, ".one_of.x.one_of.flip.p", "not a probability"),
    ({"use": "gentle", "limit": 5}, ".limit", "'gentle' is a chain, which takes no arguments."),
    ({"use": "gentle", "p": 2}, ".p", "not a probability"),
    ("rotate", "", '"rotate" is not a map of arguments; write {} for none.'),
    ([], "", "[] is not a map of arguments"),
    (0.5, "", "not a map of arguments"),
    ({"use": "albumentations.Nonsense"}, ".use", "no transform or chain is called 'albumentations.Nonsense'."),
    ({"use": "albumentations.Blur", "blurlimit": 3}, ".blurlimit", "Did you mean 'blur_limit'?"),
    ({"use": "albumentations.Blur", "blur_limit": "x"}, ".blur_limit", '"x" does not fit'),
]


@pytest.mark.parametrize(("step", "place", "said"), STEP_FAULTS, ids=lambda value: str(value)[:50])
def test_what_is_wrong_with_a_step(step: Any, place: str, said: str) -> None:
    found = told({"chain": "gentle", "chains": {"gentle": {"flip": {}}, "other": {"a step": step}}})
    assert list(found) == [f"chains.other.a step{place}"]
    assert said in found[f"chains.other.a step{place}"]


def test_what_is_wrong_with_a_chain() -> None:
    found = told({"chain": "a", "chains": {"a": ["flip"], "b": None, "flip": {"gamma": {}}, 3: {}}})
    assert found == {
        "chains.3": "the name 3 is not a text; put it in quotes.",
        "chains.a": '["flip"] is not a map of steps, such as {flip: {}}.',
        "chains.b": "null is not a map of steps, such as {flip: {}}.",
        "chains.flip": "a transform is called 'flip' as well; give the chain another name.",
    }
    assert told({"chains": "gentle", "chain": "gentle"}).keys() == {"chains", "chain"}


@pytest.mark.parametrize("name", ["a/b", "", "/"])
def test_a_step_s_name_is_part_of_a_path(name: str) -> None:
    assert told(with_steps(**{name: {"use": "flip"}})) == {
        f"chains.gentle.{name}": "a step's name is a text without '/'."
    }


def test_a_step_s_name_is_a_text() -> None:
    chains: Data = {"gentle": {1: {"use": "flip"}}}
    assert told({"chains": chains}) == {"chains.gentle.1": "a step's name is a text without '/'."}


def test_everything_wrong_is_told_at_once_with_its_place() -> None:
    data: Data = {
        "sede": 1,
        "version": 3,
        "seed": "x",
        "target": "lots",
        "weights": {"gone": 1, "a": -1},
        "originals": "no",
        "surplus": "no",
        "max_copies": None,
        "classes": {"hat": {"target": [], "chain": "nowhere"}, "shoe": 5, True: {}},
        "chains": {
            "a": {"flip": {"p": 7}, "rotate": {"limit": 999, "border": 1}, "b": {}},
            "b": {"a": {}, "nothing": {}, "x": {"one_of": {"gamma": {"weight": 0, "gama": 1}}}},
        },
        "render": {"size": "big"},
    }
    found = told(data)
    assert set(found) == {
        "sede",
        "version",
        "seed",
        "target",
        "weights.gone",
        "weights.a",
        "originals",
        "surplus",
        "max_copies",
        "classes.True",
        "classes.hat.target",
        "classes.hat.chain",
        "classes.shoe",
        "chains.a.flip.p",
        "chains.a.rotate.limit",
        "chains.a.rotate.border",
        "chains.a.b",
        "chains.b.a",
        "chains.b.nothing",
        "chains.b.x.one_of.gamma.weight",
        "chains.b.x.one_of.gamma.gama",
        "render.size",
    }


def test_the_place_in_the_file_is_told_where_it_is_known() -> None:
    data = with_steps(flip={"p": 2}) | {"seed": -1}
    with pytest.raises(RecipeError) as refused:
        read_recipe(data, REGISTRY, lambda path: "mine.yaml:9" if path[-1] == "p" else "")
    lines = str(refused.value).splitlines()
    assert sorted(line.partition(": ")[0] for line in lines) == [
        "recipe.chains.gentle.flip.p (mine.yaml:9)",
        "recipe.seed",
    ]


@pytest.mark.parametrize(
    ("chains", "cycle"),
    [
        ({"a": {"again": {"use": "a"}}}, "a → a"),
        ({"a": {"b": {}}, "b": {"a": {}}}, "a → b → a"),
        ({"a": {"b": {}}, "b": {"c": {}}, "c": {"x": {"one_of": {"b": {}, "flip": {}}}}}, "a → b → c → b"),
        ({"a": {"x": {"one_of": {"a": {}}}}}, "a → a"),
    ],
)
def test_a_chain_that_contains_itself(chains: Data, cycle: str) -> None:
    found = told({"chain": "a", "chains": chains})
    assert f"the chain contains itself: {cycle}." in found.values()
    assert all("the chain contains itself" in message for message in found.values())


def test_many_cycles_are_told_once_for_each_place() -> None:
    names = [f"c{n}" for n in range(5)]
    found = told({"chain": "c0", "chains": {name: {other: {} for other in names} for name in names}})
    assert set(found) <= {f"chains.{name}.{other}" for name in names for other in names}


def test_the_same_chain_twice_is_no_cycle() -> None:
    chains = {"a": {"flip": {}}, "b": {"first": {"use": "a"}, "second": {"use": "a"}}, "c": {"a": {}, "b": {}}}
    recipe = read({"chain": "c", "chains": chains})
    assert [step["chain"] for step in recipe.chains["c"]] == ["a", "b"]


def test_a_fault_in_a_chain_is_told_where_it_is_and_not_where_it_is_used() -> None:
    chains: Data = {"a": {"flip": {"p": 2}}, "b": {"a": {}}, "c": {"b": {}, "a": {}}}
    assert set(told({"chain": "c", "chains": chains})) == {"chains.a.flip.p"}


def doubling(levels: int) -> Data:
    chains: Data = {f"c{n}": {"x": {"use": f"c{n + 1}"}, "y": {"use": f"c{n + 1}"}} for n in range(levels)}
    return {"chain": "c0", "chains": {**chains, f"c{levels}": {"flip": {}}}}


def test_chains_that_grow_beyond_measure_are_refused_with_whatever_else_is_wrong() -> None:
    assert len(read(doubling(8)).chains["c0"]) == 2
    for levels in (14, 28):
        found = told(doubling(levels) | {"seed": -1})
        assert found.pop("seed")
        (message,) = found.values()
        assert message == "with chains in chains written out there are over 10000 steps."


def test_one_wide_chain_is_refused_as_well() -> None:
    wide: Data = {f"s{n}": {"use": "wide" if n else "flip"} for n in range(10)}
    chains: Data = {"wide": {f"f{n}": {"use": "flip"} for n in range(2000)}, "wider": wide}
    (message,) = told({"chain": "wider", "chains": chains}).values()
    assert "over 10000 steps" in message


def test_chains_too_deep_are_refused() -> None:
    chains: Data = {f"c{n}": {f"c{n + 1}": {}} for n in range(300)} | {"c300": {"flip": {}}}
    (message,) = told({"chain": "c0", "chains": chains}).values()
    assert message == "with chains in chains written out there are over 32 levels."
    few = {name: steps for name, steps in chains.items() if int(name[1:]) >= 280}
    assert read({"chain": "c280", "chains": few}).as_json()

    step: Data = {"use": "flip"}
    for _ in range(200):
        step = {"one_of": {"inner": step}}
    (message,) = told(with_steps(outer=step)).values()
    assert "over 32 levels" in message


def test_nothing_is_right_about_nothing() -> None:
    assert told({}) == {"chain": "say which chain makes copies: none."}


def test_every_key_there_is_can_be_said() -> None:
    assert set(KEYS) == set(FULL) | {"chain"}


@pytest.mark.parametrize("name", ["article", "gentle", "keras", "strong"])
def test_shipped_chains_are_right(name: str, checkout: Path) -> None:
    steps = yaml.safe_load((checkout / "conf" / "chain" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert [step["name"] for step in read({"chains": {name: steps}}).chains[name]] == list(steps)
