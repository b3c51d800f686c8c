"""The table of settings in docs/operate/settings.md, made from the fields and docstrings of `deldokument.config`.

python -m tests.docs.settings_table     writes the table anew
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deldokument.config import groups, settings
from deldokument.config.settings import VARIABLES, Settings, load_settings
from tests.docs.documents import DOCS

PAGE: Final = DOCS / "operate" / "settings.md"
_BEGIN, _END = "<!-- generated: settings -->\n", "<!-- end: settings -->\n"
_DATA = Path("/data")
_ADDRESS = "http://127.0.0.1"
_REQUIRED_WITH: Final[Mapping[str, str]] = {
    "blobs_s3": "with a bucket",
    "keyring_database": "with `postgresql`",
    "openbao": "with `openbao` or `transit`",
    "pkcs11": "with `pkcs11`",
    "smtp": "with a mail server",
}
"""What makes the required settings of a group necessary; of a group without an entry, they always are."""
_STARTS: Final = frozenset({"blobs_s3_bucket", "smtp_host", "scanner_url"})
"""Settings with which an operator begins to use a group."""
_DEFAULT_VERDICTS = "see [scan policy](connect.md#scan-policy)"


def table_rows() -> Iterator[tuple[str, str, str]]:
    """Yield name, default and meaning of each setting."""
    for variable, (name, *parts) in VARIABLES.items():
        model = _model(name) if parts else Settings
        part = parts[0] if parts else name
        is_start = "_".join((name, *parts)) in _STARTS
        default = "none" if is_start else _default(name, model.model_fields[part])
        yield f"`{variable}`", default, docstrings(model)[part]


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring of each field of a class."""
    [body] = [
        node.body
        for module in (settings, groups)
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef) and node.name == model.__name__
    ]
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def up_to_date(page: str) -> str:
    """The page with its table written anew."""
    head = "| Setting | Default | Meaning |\n|---|---|---|\n"
    rows = "".join(f"| {' | '.join(row)} |\n" for row in table_rows())
    before, _, rest = page.partition(_BEGIN)
    return f"{before}{_BEGIN}{head}{rows}{_END}{rest.partition(_END)[2]}"


def _model(name: str) -> type[BaseModel]:
    [model] = [kind for kind in _kinds(Settings.model_fields[name]) if issubclass(kind, BaseModel)]
    return model


def _kinds(field: FieldInfo) -> list[type]:
    return [kind for kind in getattr(field.annotation, "__args__", ()) if isinstance(kind, type)]


def _default(group: str, field: FieldInfo) -> str:
    if field.is_required():
        return _REQUIRED_WITH.get(group, "required")
    if field.default_factory is None:
        return _written(field.default)
    loaded = load_settings(demo=True, public_url=_ADDRESS, data_dir=str(_DATA))
    return _computed(getattr(loaded, group))


def _computed(value: Any) -> str:
    """Return a default that depends on other settings; places are in the data folder."""
    match value:
        case Path():
            return f"`{value.relative_to(_DATA)}` in the data folder"
        case str() if str(_DATA) in value:
            return f"`{Path(value).name}` in the data folder"
        case str() if value == _ADDRESS:
            return "`DELDOKUMENT_PUBLIC_URL`"
    return f"`{value}`"


def _written(value: Any) -> str:
    """Return a default as an operator would write it."""
    if not value and not isinstance(value, bool | int):
        return "none"
    match value:
        case None | "" | frozenset(()):
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case Enum():
            return f"`{value.value}`"
        case Mapping():
            return _DEFAULT_VERDICTS
        case frozenset():
            return f"`{','.join(sorted(map(str, value)))}`"
    return f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(up_to_date(PAGE.read_text("utf-8")), "utf-8")
