"""Two nodes make what one machine makes, whichever of them dies, and none that would make it otherwise takes part."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from augflow_ray.executor import RayExecutor

from augflow import Registry, compose, read_recipe
from augflow.errors import SurroundingsError
from augflow.executor import Work
from augflow.runner import Outcome, run
from augflow.testing import obedient

SEED = 20_261_122


def make(source: Path, root: Path, *words: str) -> Outcome:
    """Run what somebody would type."""
    settings = compose(
        [f"source.root={source}", f"sink.root={root}", "recipe.target=400", "recipe.render.size=96", *words]
    )
    recipe = read_recipe(settings.recipe, Registry())
    return run(recipe, settings.source, settings.sink, settings.executor)


def tree(root: Path) -> dict[str, str]:
    """Digest every file but `run.json`, which tells the command."""
    return {
        path.relative_to(root).as_posix(): "" if path.is_dir() else hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.name != "run.json"
    }


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the local executor leaves."""
    root = tmp_path_factory.mktemp("whole") / "sink"
    outcome = make(source, root, "executor.workers=2")
    assert [aside.key for aside in outcome.aside] == ["few/torn.jpg"]
    found = tree(root)
    assert len([path for path in found if path.endswith(".jpg")]) == 800
    assert "ledger.parquet" in found
    return found


def test_two_nodes_leave_what_one_machine_leaves(
    machines: Any, source: Path, tmp_path: Path, whole: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.add()
    monkeypatch.chdir(tmp_path)  # Long after the nodes were started.
    outcome = make(source, Path("sink"), "executor=ray")
    assert [(aside.key, aside.kind) for aside in outcome.aside] == [("few/torn.jpg", "damaged")]
    assert tree(tmp_path / "sink") == whole
    assert "drift" not in json.loads((tmp_path / "sink" / "run.json").read_text())


def test_a_node_is_killed_at_a_random_moment(
    machines: Any, source: Path, tmp_path: Path, whole: dict[str, str], request: pytest.FixtureRequest
) -> None:
    rng = random.Random(SEED)
    rounds = 10 if request.config.getoption("--all-faults") else 2
    machines.add()
    began = time.monotonic()
    make(source, tmp_path / "undisturbed", "executor=ray")
    length = time.monotonic() - began
    for number in range(rounds):
        killer = threading.Timer(rng.uniform(0, length), machines.kill)
        killer.start()
        outcome = make(source, tmp_path / f"sink-{number}", "executor=ray")
        killer.join()
        assert [aside.key for aside in outcome.aside] == ["few/torn.jpg"]
        assert tree(tmp_path / f"sink-{number}") == whole
        machines.add()
    print(f"{rounds} runs of {length:.1f} s in each of which a node was killed: {rounds} equal trees")


def test_a_node_that_dies_costs_what_was_under_way_there(machines: Any, tmp_path: Path) -> None:
    machines.add()
    log, most = tmp_path / "log", 16
    log.touch()
    killed = threading.Event()

    def strike() -> None:
        """When both nodes have been at work for a while; an item takes long, so that each is at one."""
        while log.read_text().count("built") < 2:
            time.sleep(0.02)
        time.sleep(1.5)
        machines.kill()
        killed.set()

    items: list[Any] = []

    def until_killed() -> Iterator[Any]:
        more = 20
        while more and len(items) < 1000:
            more -= killed.is_set()
            items.append((len(items), "sleep", 0.1))
            yield items[-1]

    striker = threading.Thread(target=strike)
    striker.start()
    executor = RayExecutor(batch_size=most, in_flight=3)
    found = list(executor.run(Work(obedient.ENTRY, {"log": str(log)}), until_killed()))
    striker.join()
    assert Counter(item for item, _ in found) == Counter(items)
    begun = Counter(line.split()[0] for line in log.read_text().splitlines())
    again = sum(times - 1 for what, times in begun.items() if what != "built")
    assert 0 < again <= most


def shim(folder: Path, name: str, version: str) -> str:
    """A path of Python's on which another version of a library says that it is installed."""
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


def test_a_node_with_another_version_is_refused_by_name(machines: Any, source: Path, tmp_path: Path) -> None:
    node = machines.add(PYTHONPATH=shim(tmp_path / "shim", "simplejpeg", "0.0.1"))
    with pytest.raises(SurroundingsError, match=rf"node .*{node[:8]}.*: simplejpeg 0\.0\.1, here ") as refused:
        make(source, tmp_path / "sink", "executor=ray")
    assert refused.value.exit_code == 3
    assert "executor.allow_drift=true" in str(refused.value)
    assert not list((tmp_path / "sink").rglob("*.jpg"))


def test_drift_may_be_allowed_and_is_told(machines: Any, source: Path, tmp_path: Path, whole: dict[str, str]) -> None:
    node = machines.add(PYTHONPATH=shim(tmp_path / "shim", "simplejpeg", "0.0.1"))
    make(source, tmp_path / "sink", "executor=ray", "executor.allow_drift=true")
    (name,), (drift,) = zip(*json.loads((tmp_path / "sink" / "run.json").read_text())["drift"].items(), strict=True)
    assert node[:8] in name
    assert [difference.split(",")[0] for difference in drift] == ["simplejpeg 0.0.1"]
    assert tree(tmp_path / "sink") == whole, "it only says that it is another version"


def test_a_node_that_joins_later_is_looked_at_too(machines: Any, tmp_path: Path) -> None:
    items = ((number, "sleep", 0.02) for number in range(3000))
    running = RayExecutor(in_flight=8, batch_size=4).run(Work(obedient.ENTRY, {}), items)
    next(running)
    node = machines.add(PYTHONPATH=shim(tmp_path / "shim", "numpy", "0.0.1"))
    with pytest.raises(SurroundingsError, match=rf"{node[:8]}.*numpy 0\.0\.1"):
        for _ in running:
            pass
