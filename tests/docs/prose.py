"""The project's prose: docstrings, comments, names of tests, pages. Run as a program to list its faults.

python -m tests.docs.prose src/deldokument/domain docs/faults.md     the faults, one line each
python -m tests.docs.prose --count                                   the number of each kind in the whole project
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_WORDS = 25

PHRASES = {
    phrase: re.compile(rf"\b{pattern}\b", re.I)
    for phrase, pattern in {
        "is told": r"(?:is|are|was|were|be|been|being) told",
        "whoever": r"who(?:so)?ever",
        "whatever": r"whatever",
        "Promises that": r"promises? (?:that|of|which|every|no|all|one|a|an|the)",
        "gives way": r"(?:gives?|gave|giving) way",
        "steps back": r"steps? back",
        "hangs on": r"(?:hangs?|hung) on",
        "keeps within": r"(?:keeps?|kept) within",
        "is let go": r"(?:is|are) let go",
        "what came of it": r"what (?:came|comes|became|becomes) of",
        "what is … is": r"what (?:is|was|has|are|were) [^.;:,]{1,60} (?:is|are|was|has|stands|stays)",
        "who has … may": r"(?:^|[.;:] )who (?:has|is|may|can|holds) [^.;:]{1,60} (?:may|can|must|is|has)",
        "the way into": r"the way (?:in|into|out|out of) (?:use|it)",
        "nobody's trouble": r"\w+'s trouble",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the prose breaks a rule of the language guide."""

    path: Path
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.rule}: {self.text}"


def sources() -> list[Path]:
    """Every file whose prose is checked: the modules of product, bench and tests, the pages and the decisions."""
    pages = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
    return sorted(
        [
            *(ROOT / "src").rglob("*.py"),
            *(ROOT / "bench").rglob("*.py"),
            *(path for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts),
            *pages,
            *(ROOT / "docs").rglob("*.md"),
        ]
    )


def faults_of(path: Path) -> list[Fault]:
    """Return unwanted phrases and long sentences of one file, in the order of its lines."""
    text = path.read_text("utf-8")
    passages = _page_passages(text) if path.suffix == ".md" else _module_passages(text)
    found = [fault for line, passage in passages for fault in _faults_in(path, line, passage)]
    return sorted(found, key=lambda fault: fault.line)


def _faults_in(path: Path, line: int, passage: str) -> Iterator[Fault]:
    for sentence in sentences_of(passage):
        for phrase, pattern in PHRASES.items():
            if pattern.search(re.sub(r"`+[^`]*`+", "code", sentence)):
                yield Fault(path, line, f"says «{phrase}»", sentence)
        words = count_words(sentence)
        if words > MAX_WORDS:
            yield Fault(path, line, f"{words} words", sentence)


def sentences_of(passage: str) -> list[str]:
    """Split a passage at sentence ends, blank lines and list items."""
    blocks = re.split(r"\n\s*\n|\n\s*(?=[-*] |\d+\. )", passage)
    found: list[str] = []
    for block in blocks:
        flat = re.sub(r"^([-*]|\d+\.) ", "", " ".join(block.split()))
        found += re.split(r"(?<=[.?!])(?:[)*»\"]*)\s+(?=[A-Z`«\"*(\[ÆØÅ0-9])", flat)
    return [sentence for sentence in found if sentence]


def count_words(sentence: str) -> int:
    """Count the words; code in backticks is one word, punctuation alone is none."""
    flat = re.sub(r"`+[^`]*`+", "code", sentence)
    return sum(1 for word in flat.split() if re.search(r"\w", word))


def _module_passages(source: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    yield from _docstrings(tree)
    yield from _test_names(tree)
    yield from _comments(source)


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Docstrings of modules, classes and functions, and strings that follow an assignment."""
    for node in ast.walk(tree):
        for one in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            value = one.value if isinstance(one, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.lineno, _without_code(value.value, value.col_offset)


def _test_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names of test functions, as sentences."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.removeprefix("test_").replace("_", " ")


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Comments; neighbouring lines are one passage."""
    start, lines, previous = 0, list[str](), -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or token.string.startswith(("#!", "# noqa", "# type:")):
            continue
        if token.start[0] != previous + 1 and lines:
            yield start, " ".join(lines)
            lines = []
        start = start if lines else token.start[0]
        previous = token.start[0]
        lines.append(token.string.lstrip("#: "))
    if lines:
        yield start, " ".join(lines)


def _page_passages(page: str) -> Iterator[tuple[int, str]]:
    """Paragraphs and list items of a page, without code, tables and link targets."""
    page = re.sub(r"^```.*?^```", lambda fence: "\n" * fence.group().count("\n"), page, flags=re.M | re.S)
    page = re.sub(r"<!--.*?-->", lambda note: "\n" * note.group().count("\n"), page, flags=re.S)
    line = 1
    for block in re.split(r"(\n\s*\n)", page):
        kept = [one for one in block.split("\n") if not re.match(r"\s*\||    \S|#", one)]
        if any(one.strip() for one in kept):
            prose = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", "\n".join(kept))
            yield line, re.sub(r"^> ?", "", prose, flags=re.M)
        line += block.count("\n")


def _without_code(docstring: str, margin: int) -> str:
    """A docstring without the lines indented further than itself: diagrams, tables, examples. List items stay."""
    first, *others = docstring.expandtabs().split("\n")
    kept = [one[margin:] for one in others]
    return "\n".join([first, *("" if re.match(r"\||    (?!\s*[-*] )", one) else one for one in kept)])


def _named(arguments: list[str]) -> list[Path]:
    """Files and folders named on the command line, or all."""
    chosen = [(ROOT / name).resolve() for name in arguments]
    return [path for path in sources() if not chosen or any(path.is_relative_to(one) for one in chosen)]


def main(arguments: list[str]) -> int:
    """Return the exit status: 1 if a named file has faults."""
    faults = [fault for path in _named([one for one in arguments if one != "--count"]) for fault in faults_of(path)]
    if "--count" in arguments:
        rules = Counter("long sentence" if fault.rule[0].isdigit() else fault.rule for fault in faults)
        print("\n".join(f"{number:5}  {rule}" for rule, number in rules.most_common()))
        return 0
    print("\n".join(map(str, faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
