"""Every item comes back once, whatever dies: real processes, killed for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from augflow.errors import AugflowError, PluginError, SurroundingsError
from augflow.executor import Lost, Work, load, open_executor
from augflow.executor.local import LocalExecutor, _Batches
from augflow.testing import ExecutorContract

MODULE = '''
import os
import signal
import time


class Work:
    """Does with an item what the item says."""

    def __init__(self, spec):
        self.spec = spec
        if spec.get("dies"):
            os._exit(1)
        if spec.get("fails"):
            raise ValueError("it cannot be built")

    def __call__(self, item):
        number, what = item
        if "log" in self.spec:
            with open(self.spec["log"], "a") as log:
                log.write(f"{number} {os.getpid()}\\n")
        if what == "exit":
            os._exit(1)
        if what == "later":
            time.sleep(self.spec["sleep"])
            os._exit(1)
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "once" and not os.path.exists(self.spec["mark"]):
            open(self.spec["mark"], "w").close()
            os._exit(1)
        if what == "spend":
            signal.setitimer(signal.ITIMER_PROF, 0.1)
            while True:
                pass
        if what == "raise":
            raise LookupError(f"item {number}")
        if what == "hang":
            time.sleep(600)
        if what == "sleep":
            time.sleep(self.spec.get("sleep", 0.05))
        if what == "much":
            return "x" * 3_000_000
        return number * self.spec.get("factor", 10)
'''

Build = Callable[..., Work]


class TestContract(ExecutorContract):
    def executor(self, **settings: Any) -> LocalExecutor:
        return LocalExecutor(2, **settings)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Work of a module that every process can import."""
    (tmp_path / "obedient.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda **spec: Work("obedient:Work", spec)


def does(count: int, **what: list[int]) -> list[tuple[int, str]]:
    """So many items, of which some do what is named."""
    return [(n, next((word for word, numbers in what.items() if n in numbers), "")) for n in range(count)]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 7, 400])
def test_every_item_comes_back_once(workers: int, count: int, work: Build) -> None:
    found = list(LocalExecutor(workers).run(work(), iter(does(count))))
    assert sorted(found) == [((n, ""), n * 10) for n in range(count)]


def test_the_callable_is_built_once_in_each_process_from_the_spec(work: Build, tmp_path: Path) -> None:
    log = tmp_path / "log"
    found = list(LocalExecutor(2).run(work(log=str(log), factor=3), does(60, sleep=[0, 1])))
    assert sorted(result for _, result in found) == [n * 3 for n in range(60)]
    pids = {line.split()[1] for line in log.read_text().splitlines()}
    assert 1 <= len(pids) <= 2
    assert str(os.getpid()) not in pids


def test_items_are_taken_as_they_are_needed(work: Build) -> None:
    taken = 0

    def items() -> Iterator[tuple[int, str]]:
        nonlocal taken
        for item in does(100_000):
            taken += 1
            yield item

    running = iter(LocalExecutor(2).run(work(), items()))
    for _ in range(500):
        next(running)
    assert taken < 2_000
    running.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["exit", "kill"])
@pytest.mark.parametrize("bad", [[7], [0], [19], [3, 4, 12]])
def test_only_what_kills_its_worker_is_lost(how: str, bad: list[int], work: Build) -> None:
    items = does(20, **{how: bad})
    found = dict(LocalExecutor(2).run(work(), items))
    assert set(found) == set(items)
    lost = {item[0]: result for item, result in found.items() if isinstance(result, Lost)}
    assert sorted(lost) == bad
    assert all("died" in result.why for result in lost.values())
    assert all(result == item[0] * 10 for item, result in found.items() if item[0] not in bad)


def test_no_batch_is_forgotten_when_a_worker_dies_while_results_are_taken(work: Build) -> None:
    """The pool may break between two results; what is handed out just then must not be lost."""
    items = does(40, later=[1])
    found = {}
    for item, result in LocalExecutor(2).run(work(sleep=0.3), items):
        found[item] = result
        if len(found) == 1:
            time.sleep(1)
    assert set(found) == set(items)
    assert [item[0] for item, result in found.items() if isinstance(result, Lost)] == [1]


def test_neighbours_of_the_one_that_kills_come_back_soon(work: Build) -> None:
    """A batch under way may hold hundreds; trying each again must not take a new process for each."""
    began = time.monotonic()
    found = list(LocalExecutor(2).run(work(), does(900, exit=[850])))
    assert len(found) == 900
    assert sum(isinstance(result, Lost) for _, result in found) == 1
    assert time.monotonic() - began < 20


def test_one_that_kills_its_worker_but_once_is_done(work: Build, tmp_path: Path) -> None:
    found = dict(LocalExecutor(2).run(work(mark=str(tmp_path / "mark")), does(20, once=[7])))
    assert found[7, "once"] == 70
    assert len(found) == 20


def test_one_that_never_ends_is_given_up(work: Build) -> None:
    found = dict(LocalExecutor(2, task_timeout=0.5).run(work(), does(6, hang=[2])))
    assert len(found) == 6
    assert [item[0] for item, result in found.items() if isinstance(result, Lost)] == [2]


def test_one_that_uses_up_its_time_is_tried_alone_and_given_up(work: Build, tmp_path: Path) -> None:
    log = tmp_path / "log"
    found = dict(LocalExecutor(2).run(work(log=str(log)), does(20, spend=[7])))
    assert {item[0]: result for item, result in found.items() if isinstance(result, Lost)} == {
        7: Lost("the worker died of SIGPROF", signal.SIGPROF)
    }
    assert sum(line.startswith("7 ") for line in log.read_text().splitlines()) == 2


def test_what_the_callable_raises_stops_the_run(work: Build) -> None:
    with pytest.raises(LookupError, match="item 5"):
        list(LocalExecutor(2).run(work(), does(200, **{"raise": [5]})))


def test_what_cannot_be_built_stops_the_run_at_once_and_says_why(work: Build) -> None:
    """It is no item's fault: not one may be lost for it."""
    found: list[Any] = []
    began = time.monotonic()
    with pytest.raises((AugflowError, ValueError), match="it cannot be built"):
        found += LocalExecutor(2).run(work(fails=True), does(12))
    assert not found
    assert time.monotonic() - began < 20


def test_where_no_worker_lives_no_item_is_blamed(work: Build) -> None:
    found: list[Any] = []
    with pytest.raises(SurroundingsError, match="Workers die as soon as they begin"):
        found += LocalExecutor(2).run(work(dies=True), does(3))
    assert not found


def test_the_script_that_runs_it_runs_once(work: Build, tmp_path: Path, checkout: Path) -> None:
    """Workers do not run it again, as processes of Python's do: it needs no `if __name__ == "__main__":`."""
    script = (
        "print('here')\n"
        "from augflow.executor import Work\n"
        "from augflow.executor.local import LocalExecutor\n"
        "print(sorted(item for item, _ in LocalExecutor(2).run(Work('obedient:Work', {}), [(1, 'x'), (2, 'x')])))\n"
    )
    (tmp_path / "script.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": f"{checkout}{os.pathsep}{tmp_path}"}
    for words, given in ([str(tmp_path / "script.py")], ""), (["-"], script):
        said = subprocess.run(
            [sys.executable, *words], input=given, env=environment, capture_output=True, text=True, timeout=100
        )
        assert (said.stdout, said.stderr) == ("here\n[(1, 'x'), (2, 'x')]\n", "")


def test_work_that_takes_several_items_is_given_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gathering.py").write_text(
        "class Work:\n"
        "    def __init__(self, spec): pass\n"
        "    def __call__(self, item): raise AssertionError\n"
        "    def several(self, items): return [(item, len(items)) for item in items]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = list(LocalExecutor(2).run(Work("gathering:Work", {}), range(400)))
    assert sorted(item for item, _ in found) == [*range(400)]
    assert all(item == result[0] for item, result in found)
    assert max(result[1] for _, result in found) > 1


def test_workers_are_fewer_where_few_files_are_allowed(work: Build) -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "from augflow.executor.local import LocalExecutor\n"
        "from augflow.executor.pool import most_workers\n"
        "print(most_workers(), LocalExecutor('auto').workers)\n"
        "LocalExecutor(30)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    most, auto = map(int, said.stdout.split())
    assert 1 <= auto <= most < 30
    assert "SurroundingsError: executor.workers: 30 workers need" in said.stderr


def children() -> set[int]:
    """Every living process below this one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        if rest.split()[0] != "Z":
            parents[int(head.split()[0])] = int(rest.split()[1])
    found: set[int] = set()
    more = {os.getpid()}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more} - found
        found |= more
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@needs_proc
def test_a_run_that_is_given_up_leaves_no_workers(work: Build) -> None:
    list(LocalExecutor(1).run(work(), does(1)))
    before = children()
    running = iter(LocalExecutor(2).run(work(), does(10_000)))
    next(running)
    assert children() - before
    running.close()  # type: ignore[attr-defined]
    assert wait_for(lambda: not children() - before)


def test_workers_that_are_just_telling_their_results_can_be_given_up(
    work: Build, tmp_path: Path, checkout: Path
) -> None:
    """Of a worker killed while it writes to its pipe half a message is left, for which nobody may wait."""
    (tmp_path / "drive.py").write_text(
        "from augflow.executor import Work\n"
        "from augflow.executor.local import LocalExecutor\n"
        "if __name__ == '__main__':\n"
        "    for _ in range(6):\n"
        "        running = LocalExecutor(3).run(Work('obedient:Work', {}), [(n, 'much') for n in range(60)])\n"
        "        next(running)\n"
        "        running.close()\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{checkout}{os.pathsep}{tmp_path}"}
    driver = subprocess.Popen([sys.executable, str(tmp_path / "drive.py")], env=environment, start_new_session=True)
    try:
        assert driver.wait(60) == 0
    finally:
        if driver.poll() is None:
            os.killpg(driver.pid, signal.SIGKILL)


def test_an_interrupt_while_workers_are_being_readied_is_the_drivers_alone(
    work: Build, tmp_path: Path, checkout: Path
) -> None:
    """A terminal sends it to every process; nobody else may complain."""
    (tmp_path / "slow.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()\nimport time\ntime.sleep(1)\n")
    (tmp_path / "drive.py").write_text(
        "import time\n"
        "from augflow.executor import forkserver\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        forkserver.start(['slow'])\n"
        "        time.sleep(300)\n"
        "    except KeyboardInterrupt:\n"
        "        time.sleep(2)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{checkout}{os.pathsep}{tmp_path}"}
    command = [sys.executable, str(tmp_path / "drive.py")]
    driver = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True)
    assert wait_for((tmp_path / "mark").exists)
    os.killpg(driver.pid, signal.SIGINT)
    assert driver.communicate(timeout=100)[1] == ""
    assert driver.returncode == 0


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_go_soon_after_a_driver_that_was_killed(
    number: signal.Signals, work: Build, tmp_path: Path, checkout: Path
) -> None:
    log = tmp_path / "log"
    (tmp_path / "drive.py").write_text(
        "import sys\n"
        "from augflow.executor import Work\n"
        "from augflow.executor.local import LocalExecutor\n"
        "if __name__ == '__main__':\n"
        f"    work = Work('obedient:Work', {{'log': {str(log)!r}, 'sleep': 0.1}})\n"
        "    for _ in LocalExecutor(3).run(work, ((n, 'sleep') for n in range(100_000))):\n"
        "        pass\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{checkout}{os.pathsep}{tmp_path}"}
    driver = subprocess.Popen([sys.executable, str(tmp_path / "drive.py")], env=environment)
    try:
        assert wait_for(lambda: log.exists() and len({line.split()[1] for line in read(log)}) == 3, 30)
        pids = {int(line.split()[1]) for line in read(log)}
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    finally:
        driver.send_signal(number)
        driver.wait()
    assert wait_for(lambda: not any(alive(pid) for pid in pids))


def read(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("workers", [0, -1, 1025, "two", "", True, 2.5, None, [2]])
def test_workers_are_auto_or_a_number(workers: Any) -> None:
    with pytest.raises(PluginError, match=r"executor\.workers"):
        LocalExecutor(workers)


def test_auto_is_a_worker_for_each_core() -> None:
    assert LocalExecutor().workers == len(os.sched_getaffinity(0))
    assert LocalExecutor(5).workers == 5


def test_an_executor_is_opened_by_its_kind() -> None:
    opened = open_executor({"kind": "local", "workers": 3})
    assert isinstance(opened, LocalExecutor)
    assert opened.workers == 3
    with pytest.raises(PluginError, match=r"there is no executor 'locla'. Did you mean 'local'\?"):
        open_executor({"kind": "locla"})
    with pytest.raises(PluginError, match=r"executor\.worker.*workers"):
        open_executor({"kind": "local", "worker": 3})


def test_an_entry_is_imported_by_its_name() -> None:
    assert load("os.path:join") is os.path.join


@pytest.mark.parametrize(("begun", "traced"), [(False, False), (True, True)])
def test_a_worker_whose_driver_was_killed_before_it_began_says_nothing(begun: bool, traced: bool) -> None:
    code = (
        "import os, sys\n"
        "from multiprocessing import spawn\n"
        "import augflow.executor.orphans\n"
        "read, write = os.pipe()\n"
        "os.close(write)\n"
        "if sys.argv[1] == 'True':\n"
        "    raise EOFError\n"
        "spawn._main(read, os.dup(read))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(begun)], capture_output=True, text=True)
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) is traced
    assert traced or not done.stderr


def test_a_fork_server_whose_driver_was_killed_in_mid_word_says_nothing(tmp_path: Path, checkout: Path) -> None:
    (tmp_path / "drive.py").write_text(
        "import os, signal, socket, time\n"
        "from multiprocessing import forkserver as library\n"
        "from augflow.executor import forkserver\n"
        "if __name__ == '__main__':\n"
        "    forkserver.start([])\n"
        "    line = socket.socket(socket.AF_UNIX)\n"
        "    line.connect(library._forkserver._forkserver_address)\n"
        "    print(library._forkserver._forkserver_pid, flush=True)\n"
        "    time.sleep(1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{checkout}{os.pathsep}{tmp_path}"}
    with open(tmp_path / "said", "w+") as said:
        command = [sys.executable, str(tmp_path / "drive.py")]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True, timeout=100)
        assert done.returncode == -signal.SIGKILL
        server = Path("/proc", done.stdout.strip())
        assert wait_for(lambda: not server.exists() or server.joinpath("stat").read_text().split()[2] == "Z")
        assert "Traceback" not in Path(said.name).read_text()


def test_one_worker_of_a_few_that_lives_is_enough(work: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may kill workers at random, the one too that is to show that workers live."""
    lives = iter([False, False, True])
    monkeypatch.setattr(LocalExecutor, "_lives", lambda *_: next(lives))
    found = dict(LocalExecutor(2).run(work(), does(5, kill=[2])))
    assert len(found) == 5
    assert isinstance(found[2, "kill"], Lost)
    assert not [*lives]


@pytest.mark.parametrize(("seconds", "largest"), [(0.01, 64), (1.0, 1)])
def test_batches_grow_where_they_come_back_soon(seconds: float, largest: int) -> None:
    batches, sizes, items = _Batches(range(2000)), [], []
    for batch in batches:
        sizes.append(len(batch))
        items += batch
        batches.came_back(seconds)
    assert items == [*range(2000)]
    assert sizes[:8] == [1] * 8
    assert sizes[:-1] == sorted(sizes[:-1])
    assert max(sizes) == largest


def test_a_batch_that_takes_long_puts_off_growth() -> None:
    batches = _Batches(range(10_000))
    for _ in range(7):
        batches.came_back(0.01)
    batches.came_back(1.0)
    batches.came_back(0.01)
    assert len(next(batches)) == 1
    for _ in range(7):
        batches.came_back(0.01)
    assert len(next(batches)) == 2
