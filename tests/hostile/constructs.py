"""Hostile recipes and chains, each with what it is after; beside those that `tests/config` holds for the door alone."""

from __future__ import annotations

from typing import NamedTuple


class Construct(NamedTuple):
    """One hostile file, what it is after, and what the refusal says."""

    name: str
    why: str
    text: str
    says: str


SECRET = "CANARY_SECRET"
"""A variable of the environment that nobody may read."""


def _laughs(levels: int) -> str:
    return "\n".join(
        ["  a0: &a0 {p: 1}", *[f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]]
    )


def _doubling(levels: int) -> str:
    chains = [f"  c{n}: {{x: {{use: c{n + 1}}}, y: {{use: c{n + 1}}}}}" for n in range(levels)]
    return "chain: c0\nchains:\n" + "\n".join([*chains, f"  c{levels}: {{flip: {{}}}}"]) + "\n"


def _chain(step: str) -> str:
    return f"chains:\n  a:\n    {step}\n"


RECIPES = [
    # What FACTS of Hydra 1.3 show to work on an application that lets it.
    Construct(
        "target numpy.save", "write a file", _chain("x: {_target_: numpy.save, file: stolen, arr: [1]}"), "'_target_'"
    ),
    Construct(
        "target shutil.copy",
        "copy a file",
        _chain("x: {_target_: shutil.copy, src: secret.yaml, dst: stolen}"),
        "'_target_'",
    ),
    Construct("callbacks", "run code", "hydra:\n  callbacks: {a: {_target_: canary.touch}}\n", "'hydra'"),
    Construct(
        "job logging", "run code", "hydra:\n  job_logging: {version: 1, handlers: {a: {(): canary.touch}}}\n", "'hydra'"
    ),
    Construct("search path", "import a module", "hydra: {searchpath: ['pkg://canary']}\n", "'hydra'"),
    Construct(
        "package header",
        "leave the recipe",
        "# @package _global_\nhydra: {callbacks: {a: {_target_: canary.touch}}}\n",
        "@package",
    ),
    Construct("defaults outside", "read a file", "defaults: [../secret]\n", "in defaults"),
    Construct("alias bomb", "take all memory", f"chains:\n{_laughs(8)}\n", "the anchor"),
    Construct("environment", "read a variable", f"seed: ${{oc.env:{SECRET}}}\n", "Nothing is filled in"),
    Construct(
        "environment as a number",
        "see it in the conversion's error",
        f"seed: ${{oc.decode:${{oc.env:{SECRET}}}}}\n",
        "Nothing is filled in",
    ),
    # Forty more and some, that nothing else in the tests has. Code:
    Construct("target in an option", "run code", _chain("x: {one_of: {y: {_target_: canary.touch}}}"), "'_target_'"),
    Construct("target of a class in a list", "run code", "preserve: [{_target_: canary.touch}]\n", "'_target_'"),
    Construct("target with a space", "look like another key", _chain('x: {"_target_ ": canary.touch}'), "'_target_ '"),
    Construct(
        "target in wide letters",
        "be folded to ASCII",
        _chain('x: {"＿target＿": canary.touch}'),
        "no transform or chain is called 'x'",
    ),
    Construct(
        "recursive", "switch instantiation on", _chain("x: {_recursive_: true, _convert_: all}"), "'_recursive_'"
    ),
    Construct("use a function", "run code", _chain("x: {use: 'os:system'}"), "called 'os:system'"),
    Construct("use our own code", "run code", _chain("x: {use: 'augflow.cli:main'}"), "called 'augflow.cli:main'"),
    Construct("use a module", "import it", _chain("x: {use: canary.touch}"), "called 'canary.touch'"),
    Construct("use a dunder", "run code", _chain("x: {use: __import__}"), "called '__import__'"),
    Construct("use a plugin file", "run code", _chain("x: {use: ./canary.py}"), "called './canary.py'"),
    Construct(
        "a module of albumentations", "run code", _chain("x: {use: albumentations.os}"), "called 'albumentations.os'"
    ),
    Construct(
        "an attribute of albumentations",
        "run code",
        _chain("x: {use: albumentations.core.serialization.from_dict}"),
        "albumentations.core",
    ),
    Construct(
        "a Compose of albumentations",
        "hold anything",
        _chain("x: {use: albumentations.Compose, transforms: []}"),
        "called 'albumentations.Compose'",
    ),
    Construct(
        "a function for Lambda",
        "run code",
        _chain("x: {use: albumentations.Lambda, image: 'canary.touch'}"),
        "takes functions",
    ),
    Construct(
        "a base class of albumentations",
        "break the adapter",
        _chain("x: {use: albumentations.ImageOnlyTransform}"),
        "called 'albumentations.ImageOnlyTransform'",
    ),
    # Files:
    Construct(
        "a font", "read a file", _chain("x: {use: albumentations.TextImage, font_path: /etc/passwd}"), "font file"
    ),
    Construct(
        "reference images",
        "read a file",
        _chain("x: {use: albumentations.FDA, reference_images: [/etc/passwd]}"),
        "needs other images",
    ),
    Construct(
        "a histogram's reference",
        "read a file",
        _chain("x: {use: albumentations.HistogramMatching, reference_images: [secret.yaml], read_fn: open}"),
        "needs other images",
    ),
    Construct("extends outside", "read a file", "extends: ../secret\n", "no name of a recipe"),
    Construct("extends a system file", "read a file", "extends: /etc/passwd\n", "no name of a recipe"),
    Construct("extends by ending", "read a file", "extends: secret.yaml\n", "no name of a recipe"),
    Construct("extends an address", "reach the network", "extends: http://127.0.0.1:9/evil\n", "no name of a recipe"),
    Construct("extends a package", "import it", "extends: pkg://canary/recipe\n", "no name of a recipe"),
    Construct("extends several", "confuse", "extends: [balance, strong]\n", "no name of a recipe"),
    Construct("extends the environment", "read a variable", f"extends: ${{oc.env:{SECRET}}}\n", "Nothing is filled in"),
    Construct("a chain from a package", "import it", "defaults: [{/chain@chains.a: 'pkg://canary'}]\n", "in defaults"),
    Construct(
        "a chain from a system file", "read a file", "defaults: [{/chain@chains.a: /etc/passwd}]\n", "in defaults"
    ),
    Construct("include", "read a file", "seed: !include /etc/passwd\n", "the tag"),
    Construct(
        "a format with a path",
        "write elsewhere",
        "chains: {a: {flip: {}}}\nrender: {format: ../../stolen}\n",
        "render.format",
    ),
    Construct("a step with a path", "write elsewhere", _chain("../../x: {use: flip}"), "a step's name"),
    # Hydra and OmegaConf:
    Construct("hydra in capitals", "be folded", "HYDRA: {callbacks: {}}\n", "'HYDRA' is no key"),
    Construct(
        "hydra dotted", "be split", "hydra.callbacks: {a: {_target_: canary.touch}}\n", "'hydra.callbacks' is no key"
    ),
    Construct("a group as a key", "choose a launcher", "hydra/launcher: basic\n", "'hydra/launcher' is no key"),
    Construct("a group with a package", "leave the recipe", "chain@hydra: gentle\n", "'chain@hydra' is no key"),
    Construct("a chain into hydra", "set hydra", "defaults: [{/chain@hydra.callbacks: gentle}]\n", "in defaults"),
    Construct(
        "a chain into everything", "set the source", "defaults: [{/chain@chains.a: gentle@_global_}]\n", "in defaults"
    ),
    Construct(
        "a recipe into the recipe", "nest without end", "defaults: [{/recipe@chains.a: balance}]\n", "in defaults"
    ),
    Construct("a relative chain", "be looked up elsewhere", "defaults: [{chain: gentle}]\n", "in defaults"),
    Construct("itself twice", "confuse the order", "defaults: [_self_, _self_]\n", "twice"),
    Construct("defaults of defaults", "nest", "defaults: [{defaults: [../secret]}]\n", "in defaults"),
    Construct("plugins in a chain of keys", "load a file", "plugins.0: canary.py\n", "is no key"),
    Construct("an executor", "run elsewhere", "executor: {kind: ray, address: 'ray://127.0.0.1:1'}\n", "is no key"),
    Construct(
        "relative interpolation",
        "read another value",
        "chains: {a: {rotate: {limit: '${..x}'}}}\n",
        "Nothing is filled in",
    ),
    Construct(
        "created interpolation",
        "build containers",
        "classes: {a: {target: '${oc.create:{x: 1}}'}}\n",
        "Nothing is filled in",
    ),
    Construct("time", "differ from run to run", "seed: ${now:%s}\n", "Nothing is filled in"),
    Construct("resolver of others", "run code", "seed: ${eval:'__import__(\"canary\")'}\n", "Nothing is filled in"),
    Construct(
        "interpolation over two lines",
        "be put together",
        f'seed: "$\\\n  {{oc.env:{SECRET}}}"\n',
        "Nothing is filled in",
    ),
    Construct(
        "interpolation by escapes",
        "be put together",
        f'seed: "\\u0024\\u007boc.env:{SECRET}}}"\n',
        "Nothing is filled in",
    ),
    Construct(
        "interpolation in a step's name",
        "read a variable",
        f"chains: {{a: {{'${{oc.env:{SECRET}}}': {{}}}}}}\n",
        "Nothing is filled in",
    ),
    # YAML:
    Construct("object new", "run code", "seed: !!python/object/new:canary.touch []\n", "the tag"),
    Construct("module", "import it", "seed: !!python/module:canary\n", "the tag"),
    Construct("verbatim tag", "run code", "seed: !<tag:yaml.org,2002:python/object/apply:os.system> [id]\n", "the tag"),
    Construct(
        "renamed tag", "run code", "%TAG !e! tag:yaml.org,2002:python/\n---\nseed: !e!name:os.system\n", "directive"
    ),
    Construct("binary", "hide what it is", "classes: !!binary aGk=\n", "the tag"),
    Construct("set", "build another type", "classes: !!set {a, b}\n", "the tag"),
    Construct("timestamp", "build another type", "seed: !!timestamp 2026-01-01\n", "the tag"),
    Construct("endless list", "never end", "classes: &a [*a]\n", "the anchor"),
    Construct(
        "quadratic",
        "take all memory",
        "chains:\n  a: &a {x: " + "a" * 50_000 + "}\n" + "".join(f"  b{n}: *a\n" for n in range(2_000)),
        "the anchor",
    ),
    Construct("merge of several", "take all memory", "classes:\n  a: &a {}\n  b: {<<: [*a, *a]}\n", "the anchor"),
    Construct("merge in quotes", "be merged nevertheless", "classes: {'<<': {target: 5}}\n", "'<<'"),
    Construct("default key", "be a value", "=: 5\n", "'=' is no key"),
    Construct("dunder of Python", "reach attributes", "chains: {a: {flip: {__class__: x}}}\n", "'__class__'"),
    Construct("zero-width", "look like another word", 'classes: {"c\\u200bat": {target: 5}}\n', "U+200B"),
    Construct("mark of direction", "look like another word", "classes: {a\u200fb: {target: 5}}\n", "U+200F"),
    Construct("colours of the terminal", "hide the message", 'classes: {"\\e[2Jx": {target: 5}}\n', "U+001B"),
    # Memory and time:
    Construct("chains doubling", "take all time", _doubling(40), "written out there are over"),
    Construct("chains in a circle", "never end", "chain: a\nchains: {a: {b: {}}, b: {a: {}}}\n", "contains itself"),
    Construct("a recipe extending itself", "never end", "extends: SELF\n", "No recipe is called"),
    Construct(
        "options in options",
        "overflow the stack",
        _chain("x: " + "{one_of: {y: " * 14 + "{use: flip}" + "}}" * 14 + "\n    z: {p: 9}"),
        "z.p",
    ),
    Construct(
        "wrong names without end",
        "take all time in hints",
        "chain: c0\nchains:\n"
        + "".join(f"  c{n}: {{flip: {{}}}}\n" for n in range(600))
        + "classes:\n"
        + "".join(f"  k{n}: {{chain: d{n}}}\n" for n in range(600)),
        "there is no chain",
    ),
    Construct(
        "wrong keys without end",
        "take all time in hints",
        _chain("flip: {" + ", ".join(f"kye{n}: 1" for n in range(3_000)) + "}"),
        "there is no such key",
    ),
    Construct(
        "a long word",
        "take all time in hints",
        f"chain: {'a' * 900_000}\nchains: {{a: {{flip: {{}}}}}}\n",
        "there is no chain",
    ),
    Construct(
        "a long name of a transform",
        "take all time in hints",
        _chain(f"x: {{use: {'rotat' * 100_000}}}"),
        "no transform or chain",
    ),
    Construct(
        "an output of a whole disk",
        "take all memory",
        "chains: {a: {flip: {}}}\nrender: {size: [65500, 65500]}\n",
        "render.size",
    ),
    Construct(
        "a resize to a whole disk",
        "take all memory",
        _chain("x: {use: albumentations.Resize, height: 100000, width: 100000}"),
        "100000",
    ),
    Construct(
        "a kernel of a whole disk",
        "take all memory",
        _chain("x: {use: albumentations.MotionBlur, blur_limit: [99999, 99999]}"),
        "99999",
    ),
    Construct(
        "a billion iterations",
        "take all time",
        _chain("x: {use: albumentations.GlassBlur, iterations: 1000000000}"),
        "1000000000",
    ),
    Construct("a pad without end", "take all memory", _chain("pad: {height: 1000000000, width: 1}"), "pad"),
    Construct(
        "a target without end",
        "take all time",
        "target: 1000000000000\nmax_copies: 1000000\nchains: {a: {flip: {}}}\n",
        "target",
    ),
    Construct("a share without end", "take all time", "target: 1e300x\nchains: {a: {flip: {}}}\n", "target"),
    Construct(
        "weights that overflow",
        "divide by nothing",
        "weights: {a: 1e308, b: 1e308}\nchains: {a: {flip: {}}, b: {flip: {}}}\n",
        "weights",
    ),
    Construct("a seed out of bounds", "overflow", "seed: -1\nchains: {a: {flip: {}}}\n", "seed"),
    # The lock:
    Construct("a lock of code", "run code", "lock: {_target_: canary.touch}\n", "'_target_'"),
    Construct(
        "a lock of the environment",
        "read a variable",
        f"lock: {{processor: '${{oc.env:{SECRET}}}'}}\n",
        "Nothing is filled in",
    ),
    Construct("a lock without end", "take all time", "lock: {files: [" + "{recipe: a}, " * 6_000 + "]}\n", "entries"),
]

CHAINS = [
    Construct("target", "run code", "x: {_target_: canary.touch}\n", "'_target_'"),
    Construct("callbacks", "run code", "hydra: {callbacks: {a: {_target_: canary.touch}}}\n", "'hydra'"),
    Construct("package header", "leave the recipe", "# @package _global_\nx: {use: flip}\n", "@package"),
    Construct("defaults", "read a file", "defaults: [../secret]\nflip: {}\n", "'defaults' in a chain"),
    Construct("environment", "read a variable", f"rotate: {{limit: '${{oc.env:{SECRET}}}'}}\n", "Nothing is filled in"),
    Construct("alias bomb", "take all memory", "x:\n" + _laughs(8), "the anchor"),
    Construct("object", "run code", "x: !!python/object/apply:canary.touch []\n", "the tag"),
    Construct("deep", "overflow the stack", "x: " + "{a: " * 50_000, "32 levels"),
    Construct("wide", "take all memory", "x: {fill: [" + "1," * 200_000 + "]}", "entries"),
]
