"""One self-contained HTML page of a template: style, script and data inside, and a policy that lets nothing out."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any


def page(template: str, script: str | None = None, **values: Any) -> str:
    """Fill in a template; whatever is not markup of its own is escaped.

    The page's Content-Security-Policy allows its own style and script, told by their digests, and pictures that lie in
    it: no request can leave it, whatever its data hold.

    Args:
        script: name of the page's script, where it has one.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text_of),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    style, code = text_of("page.css"), text_of(script) if script else ""
    policy = [
        "default-src 'none'",
        "img-src data:",
        f"style-src {_digest(style)}",
        f"script-src {_digest(code)}" if code else "script-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return environment.get_template(template).render(
        values, policy="; ".join(policy), style=Markup(style), script=Markup(code)
    )


def text_of(name: str) -> str:
    """A template, style or script."""
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
