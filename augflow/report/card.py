"""A data card: README.md beside the ledger, which says to people and to `datasets.load_dataset` what lies there.

Its front matter is Hugging Face's (https://huggingface.co/docs/hub/datasets-cards). Nothing in it tells when or where:
equal runs write equal cards.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from augflow import __version__
from augflow.ledger import ledger
from augflow.plan.names import Namer
from augflow.plan.plan import Plan
from augflow.report.page import text_of
from augflow.sink.folder import CARD
from augflow.source import Aside, told

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_LISTED = 20
_MARK = re.compile(rb"<!-- augflow ([0-9a-f]{32}) -->\n\Z")


def card(plan: Plan, namer: Namer, aside: Sequence[Aside], sealed: Path) -> str:
    """Write the card of what a plan made, whose ledger is `sealed`; its last line holds a digest of the others."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text_of),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    text = environment.get_template("card.md.j2").render(
        front=_front(plan, namer, _bytes(sealed)),
        version=__version__,
        split=_split(plan.split),
        plan=plan,
        classes=[(_cell(label), done) for label, done in plan.classes.items()],
        copies=sum(done.copies for done in plan.classes.values()),
        originals=sum(done.originals for done in plan.classes.values()),
        passed={_cell(split): sum(counts.values()) for split, counts in plan.passed.items()},
        aside=[(_cell(item.key), item.kind) for item in aside[:_LISTED]],
        reasons=Counter(item.kind for item in aside).most_common(),
        more=max(0, len(aside) - _LISTED),
    )
    return f"{text}<!-- augflow {_digest(text.encode())} -->\n"


def renew(root: Path, workshop: Path, text: str, force: bool = False) -> list[Aside]:
    """Put a card into a data set, unless another README.md lies there; return that.

    A card that somebody edited is left as it is, and returned where the data set is no longer the one that it tells of.
    """
    file = root / CARD
    new = text.encode()
    before = file.read_bytes() if file.exists() else None
    if before == new:
        return []
    mark = _MARK.search(before) if before is not None else None
    if before is None or force or (mark and _digest(before[: mark.start()]) == mark[1].decode()):
        ledger.write_text(file, text, workshop)
        return []
    if mark is None:
        return [Aside(CARD, "foreign file", "sink.card: augflow did not make it, and writes no card over it")]
    if mark[0] == new[-len(mark[0]) :]:
        return []
    return [Aside(CARD, "edited card", "it was edited, and tells of the data set as it was before")]


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _bytes(sealed: Path) -> Counter[str]:
    """Bytes of the images of each split."""
    import pyarrow.parquet as pq

    found: Counter[str] = Counter()
    for batch in pq.ParquetFile(sealed).iter_batches(columns=["split", "size"]):
        for split, size in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            found[_split(split)] += size
    return found


def _front(plan: Plan, namer: Namer, size: Mapping[str, int]) -> str:
    """The front matter: how many, which classes, and which files to read as what."""
    labels = {*plan.classes, *(label for counts in plan.passed.values() for label in counts)}
    # What `imagefolder` calls a class is its folder's name, which is a digest where the class's own is too long.
    names = sorted({namer.folder(label, None).rpartition("/")[2] for label in labels})
    chosen = _split(plan.split)
    counts = Counter({chosen: sum(done.result for done in plan.classes.values())})
    folders = {chosen: [namer.folder(label, plan.split) for label in plan.classes]}
    for split, classes in plan.passed.items():
        counts[_split(split)] += sum(classes.values())
        folders.setdefault(_split(split), []).extend(namer.folder(label, split) for label in classes)
    image: dict[str, Any] = {"name": "image", "dtype": "image"}
    label = {"name": "label", "dtype": {"class_label": {"names": {str(at): name for at, name in enumerate(names)}}}}
    files = [{"split": split, "path": _patterns(below)} for split, below in folders.items()]
    front: Mapping[str, Any] = {
        "task_categories": ["image-classification"],
        "size_categories": [next((size for most, size in _SIZES if plan.outputs < most), "n>10M")],
        "tags": ["augflow"],
        "configs": [{"config_name": "default", "data_files": files, "drop_labels": False}],
        "dataset_info": {
            "features": [image, label],
            "splits": [
                {"name": split, "num_bytes": size[split], "num_examples": count} for split, count in counts.items()
            ],
            "download_size": sum(size.values()),
            "dataset_size": sum(size.values()),
        },
    }
    return yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)


def _patterns(folders: Sequence[str]) -> list[str]:
    """What matches the files of class folders and no others; names that a bare `*` passes over are spelt out."""
    names = [folder.rpartition("/") for folder in folders]
    if any(name.startswith(("_", ".")) for _, _, name in names):
        return [f"{_literally(folder)}/*" for folder in sorted(folders)]
    return sorted({f"{_literally(above)}{'/' if above else ''}*/*" for above, _, _ in names})


def _literally(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _split(name: str | None) -> str:
    """A split's name as `datasets` takes it; a data set without splits is one for training."""
    return re.sub(r"[^\w.]|^\.|\.$|\.(?=\.)", "_", told(name), flags=re.ASCII) if name is not None else "train"


def _cell(name: str) -> str:
    """A name in a table, as it is and never as markup."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in told(name))
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&])", r"\\\1", shown)
