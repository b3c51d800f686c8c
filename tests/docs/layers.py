"""Layers and packages as the architecture page shows them, from import contracts, imports and docstrings.

Run as a program, it writes the generated blocks of docs/architecture.md.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.architecture.packages import contents, docstring, imports_of, packages
from tests.architecture.rules import PACKAGE, ROOT
from tests.docs.documents import DOCS

PAGE = DOCS / "architecture.md"
Layers = list[list[str]]


def layers(container: str | None = None) -> Layers:
    """Names of each layer, top first: of the product, or of a package with a layers contract of its own."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = [one for one in configuration["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    wanted = [f"deldokument.{container}"] if container else None
    [contract] = [one for one in contracts if one.get("containers") == wanted]
    return [[name.strip().removeprefix("deldokument.") for name in layer.split("|")] for layer in contract["layers"]]


def outside(known: Layers) -> list[str]:
    """Packages and modules of the product that are in none of these layers."""
    return [name for name in contents("", PACKAGE) if name not in {one for layer in known for one in layer}]


def imports(names: Iterable[str], prefix: str = "") -> dict[str, set[str]]:
    """Which of these each of them imports. ``prefix`` is the package that holds them, with a dot at its end."""
    chosen = set(names)
    return {
        name: {
            target.removeprefix(prefix).partition(".")[0]
            for target in imports_of(f"{prefix}{name}")
            if target.startswith(prefix)
        }
        & chosen
        for name in chosen
    }


def drawing(known: Layers, beside: Sequence[str], imported: Mapping[str, set[str]]) -> str:
    """Diagram as text: a number per layer, a line per package, an arrow to the packages that it imports."""
    order = [name for layer in known for name in layer] + list(beside)
    width = max(map(len, order))
    lines = []
    for label, names in [*((str(number), names) for number, names in enumerate(known, start=1)), ("-", beside)]:
        for index, name in enumerate(names):
            targets = " ".join(one for one in order if one in imported[name])
            arrow = f" -> {targets}" if targets else ""
            lines.append(f"{label if index == 0 or label == '-' else '':>2}  {name:<{width}}{arrow}".rstrip())
    return "\n".join(["```text", *lines, "```"])


def product_layers() -> str:
    """Diagram of the product's layers."""
    known = layers()
    beside = outside(known)
    return drawing(known, beside, imports([*(name for layer in known for name in layer), *beside]))


def layers_within(package: str) -> str:
    """Diagram of the layers of a package."""
    known = layers(package)
    return drawing(known, [], imports((name for layer in known for name in layer), f"{package}."))


def package_table() -> str:
    """Table of the packages, each with the first line of its docstring."""
    rows = [
        f"| [`{name}`](../{folder.relative_to(ROOT)}/__init__.py) | {docstring(folder).splitlines()[0]} |"
        for name, folder in packages().items()
        if name
    ]
    return "\n".join(["| Package | Content |", "|---|---|", *rows])


BLOCKS: dict[str, Callable[[], str]] = {
    "layers": product_layers,
    "services": lambda: layers_within("services"),
    "store": lambda: layers_within("store"),
    "packages": package_table,
}


def up_to_date(text: str) -> str:
    """The page with its generated blocks written anew. Raises ValueError for a block that the page lacks."""
    for name, write in BLOCKS.items():
        begin, end = f"<!-- generated: {name} -->\n", f"\n<!-- end: {name} -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the page has no block {name}")
        text = f"{head}{begin}{write()}{end}{tail}"
    return text


def prose(text: str) -> str:
    """The page without its generated blocks."""
    return re.sub(r"<!-- generated: (\w+) -->.*?<!-- end: \1 -->", "", text, flags=re.S)


if __name__ == "__main__":
    PAGE.write_text(up_to_date(PAGE.read_text("utf-8")), "utf-8")
