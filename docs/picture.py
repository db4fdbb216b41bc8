"""Draw `docs/balanced.jpg`: the demo source before and after a run, as the README shows it.

python docs/picture.py
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pyarrow.compute as pc
from PIL import Image, ImageDraw, ImageFont

from augflow import Registry, compose, open_source, read_recipe, run
from augflow.ledger import ledger

TILE, GAP, COLUMNS, BAR = 96, 6, 6, 300
INK, PAPER, BEFORE, AFTER = "#1f2430", "#ffffff", "#3b6ea8", "#e0a03a"


def tile(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((TILE, TILE), Image.Resampling.LANCZOS)


def main() -> None:
    settings = compose(["source=demo", "recipe=balance"])
    recipe = read_recipe(settings.recipe, Registry())
    source = open_source(settings.source)
    with tempfile.TemporaryDirectory() as folder:
        sink = Path(folder) / "balanced"
        outcome = run(recipe, settings.source, {"kind": "folder", "root": str(sink)})
        records = ledger.read(sink / "ledger.parquet")
        classes = sorted(outcome.plan.classes.values(), key=lambda done: -done.has)
        most = max(done.result for done in classes)
        head = 30
        width = 100 + COLUMNS * (TILE + GAP) + 24 + BAR
        sheet = Image.new("RGB", (width, head + len(classes) * (TILE + GAP)), PAPER)
        draw = ImageDraw.Draw(sheet)
        font, small = ImageFont.load_default(17), ImageFont.load_default(13)
        draw.text((100, 6), "a photograph", INK, small)
        draw.text((100 + TILE + GAP, 6), "copies", INK, small)
        draw.text((width - BAR, 6), "images before and after", INK, small)
        for line, done in enumerate(classes):
            top = head + line * (TILE + GAP)
            of_class = records.filter(pc.equal(records["label"], done.label)).to_pylist()
            key = max(
                (row["parents"][0]["key"] for row in of_class),
                key=lambda k: sum(r["parents"][0]["key"] == k for r in of_class),
            )
            copies = [row for row in of_class if row["parents"][0]["key"] == key and row["copy"] > 0]
            others = [row for row in of_class if row["copy"] > 0 and row not in copies]
            shown = (copies + others)[: COLUMNS - 1]
            draw.text((4, top + TILE // 2 - 10), done.label, INK, font)
            sheet.paste(tile(source.read(key)), (100, top))
            for column, row in enumerate(shown, 1):
                sheet.paste(tile((sink / row["path"]).read_bytes()), (100 + column * (TILE + GAP), top))
            left, middle = width - BAR, top + TILE // 2
            scale = (BAR - 90) / most
            draw.rectangle((left, middle - 17, left + done.has * scale, middle - 2), BEFORE)
            draw.rectangle((left, middle + 2, left + done.result * scale, middle + 17), AFTER)
            draw.text((left + done.has * scale + 6, middle - 19), str(done.has), INK, small)
            draw.text((left + done.result * scale + 6, middle + 1), str(done.result), INK, small)
        sheet.save(Path(__file__).with_name("balanced.jpg"), quality=88, optimize=True)


if __name__ == "__main__":
    main()
