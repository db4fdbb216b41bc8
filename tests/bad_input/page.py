"""The page of the docs on bad input: `python -m tests.bad_input.page > docs/bad-input.md` writes it anew."""

from __future__ import annotations

from tests.bad_input.table import cases

HEAD = """\
# What becomes of bad input

Every file that lies in a class folder is told by its content, never by its name, and decoded to its end before
anything is made of it. What cannot be used is set aside: named in `scan`, in `run` and in `run.json` with one of the
words below, and the class is filled from its other samples. What is converted on reading is noted in the record of
every output.

An image is *sound* where a strict decoder reads it to its end and its check sums hold. Bytes behind the end of a
picture do no harm, nor does EXIF that makes no sense. Of an MPO (several pictures in one JPEG) the first alone is
looked at.

| word | meaning |
|---|---|
| `empty` | the file has no bytes |
| `not an image` | it does not begin as JPEG, PNG, WebP, BMP, TIFF or GIF do; or its ending is none of an image's |
| `damaged` | cut short, or its data make no sense |
| `too large` | more pixels than `source.max_pixels` (100 million unless said), or more bytes than these could take |
| `too many scans` | a JPEG of more than a hundred, which would take minutes; encoders write a dozen |
| `too slow` | decoding takes more processor time than `source.decode_timeout` (30 seconds unless said) |
| `too little memory` | reading or decoding it takes more memory than there is |
| `unsupported` | pixels that have no agreed range: floating-point, 32 bits |
| `not a file`, `dangling link`, `loop`, `linked twice` | a pipe, a device, a link that leads nowhere or in a circle |
| `unreadable` | the system does not let it be read |
| `changed` | it was written to while it was read |
| `outside a class` | it lies beside the class folders |
| `worker died` | its decoder, or a chain, ended the process, twice |

Hidden files (`.name`), `.DS_Store`, `Thumbs.db` and `desktop.ini` are passed over and counted. Folders below a class
belong to it. A class without a usable image falls short, and says so; class names that differ only in case, and the
same content in two classes, are told by `scan`.

The largest picture that is let in, 100 million pixels, takes up to 0.9 GB while it is decoded, and a WebP 1.6 GB; where
less is at hand, lower `source.max_pixels`.

## Files, one by one

Each is built by `tests/bad_input`, which holds this table: no crash, nothing above 1.5 GiB, nothing over 5 seconds,
and strict readers agree.

| file | what it is | outcome |
|---|---|---|
"""


def page() -> str:
    """The page in the docs."""
    rows = [
        f"| `{case.name}` | {case.what} | {', '.join((case.outcome, *case.notes))} |"
        for case in sorted(cases(), key=lambda case: case.outcome != "sound")
    ]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
