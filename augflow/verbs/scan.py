"""Look at every image of a source: classes, counts, sizes, formats, what would be set aside.

Reads and decodes every file, writes nothing. Exit code 1 where something would be set aside.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from augflow.plan.census import take_census
from augflow.plan.survey import ClassSurvey, Survey, decode_all
from augflow.source import Sample, open_source
from augflow.verbs.format import tell_json, wants_json
from augflow.verbs.progress import counting
from augflow.verbs.telling import console, printable, row, size, table, tell_aside, tell_notes, tell_splits

if TYPE_CHECKING:
    from augflow.config.compose import Settings

FLAGS = {"--format": ("text", "text or json")}
_SHOWN = 10


def main(settings: Settings, flags: Mapping[str, Any]) -> int:
    as_json = wants_json(flags)
    found = take_census(open_source(settings.source))
    with counting("Decoding", found.total) as advance:
        survey = decode_all(found, settings.source, settings.executor, lambda label, look: advance(1))
    if as_json:
        tell_json({**_as_json(survey), "left_out": found.left_out, "notes": found.notes})
    else:
        _show(survey)
        passed = {split: other.counts for split, other in sorted(found.others.items())}
        tell_splits(console(), found.split, passed, found.left_out)
        _tell_same(survey.same)
        tell_notes(console(), found.notes)
    return 1 if survey.aside else 0


def _show(survey: Survey) -> None:
    out = console()
    made = table("class", "samples", "share", "smallest", "median", "largest", "bytes", "formats")
    total = sum(found.samples for found in survey.classes.values())
    for label, found in survey.classes.items():
        share = f"{found.samples / total:.1%}" if total else ""
        row(made, label, found.samples, share, *_sizes(found), size(found.bytes), _counted(found.formats))
    out.print(made)
    counts = [found.samples for found in survey.classes.values() if found.samples]
    if counts:
        ratio = max(counts) / min(counts)
        out.print(f"{total} samples in {len(survey.classes)} classes; the largest is {ratio:.1f} × the smallest.")
    converted = sum((found.converted for found in survey.classes.values()), Counter[str]())
    if converted:
        out.print(f"Converted on reading: {_counted(converted)}")
    tell_aside(out, survey.aside, all_of_them=True)


def _tell_same(same: list[list[Sample]]) -> None:
    out = console()
    if same:
        out.print(f"Note: {len(same)} images stand in several classes or splits with the same content, byte for byte:")
    for samples in same[:_SHOWN]:
        out.print(Text(f"  {' = '.join(printable(sample.key) for sample in samples)}"))
    if len(same) > _SHOWN:
        out.print(f"  … and {len(same) - _SHOWN} more; `--format json` names them all.")


def _sizes(found: ClassSurvey) -> tuple[str, str, str]:
    by_area = sorted(found.sizes.elements(), key=lambda size: size[0] * size[1])
    if not by_area:
        return "", "", ""
    middle = by_area[len(by_area) // 2]
    return tuple(f"{width}×{height}" for height, width in (by_area[0], middle, by_area[-1]))  # type: ignore[return-value]


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())


def _as_json(survey: Survey) -> dict[str, object]:
    return {
        "classes": {
            label: {
                "samples": found.samples,
                "bytes": found.bytes,
                "formats": dict(found.formats),
                "median_pixels": statistics.median(h * w for h, w in found.sizes.elements()) if found.samples else None,
                "sizes": [
                    {"height": height, "width": width, "samples": samples}
                    for (height, width), samples in sorted(found.sizes.items())
                ],
                "converted": dict(found.converted),
            }
            for label, found in survey.classes.items()
        },
        "split": survey.split,
        "passed": {split: found.samples for split, found in sorted(survey.others.items())},
        "same_content": [
            [{"key": sample.key, "label": sample.label, "split": sample.split} for sample in samples]
            for samples in survey.same
        ],
        "aside": [item._asdict() for item in survey.aside],
    }
