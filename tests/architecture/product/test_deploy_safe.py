"""Migrations leave the version before able to run: they add, and remove only what that version does without."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deldokument import __version__
from tests.architecture.rules import PACKAGE

BASELINE = "1000"
"""The tables of version 1.0.0; the rule holds for later migrations."""
MIGRATIONS = PACKAGE / "store" / "migrations" / "versions"
_TAKES_AWAY = {"drop_table", "drop_column", "drop_constraint", "rename_table", "alter_column"}
_FORBIDS = {"create_check_constraint", "create_unique_constraint", "create_foreign_key", "create_primary_key"}
_STATEMENT = re.compile(r"\b(DROP|TRUNCATE|DELETE FROM|RENAME|SET NOT NULL|writable_schema)\b", re.I)


def unsafe(source: str) -> list[str]:
    """What a program of the version before would miss, or be refused for; nothing in a migration that contracts."""
    tree = ast.parse(source)
    return [] if contracts(tree) else [f"line {node.lineno}: {what}" for node, what in _found(tree)]


def contracts(tree: ast.Module) -> str:
    """The version that does without what the migration removes, if it says one."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CONTRACTS":
            return str(ast.literal_eval(node.value))
    return ""


def _found(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    charter = ast.get_docstring(tree, clean=False)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value != charter and _STATEMENT.search(str(node.value)):
            yield node, str(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _takes_away(node, node.func.attr):
            yield node, node.func.attr


def _takes_away(call: ast.Call, name: str) -> bool:
    return name in _TAKES_AWAY | _FORBIDS or _must_be_given(call) or _is_unique_index(call)


def _must_be_given(call: ast.Call) -> bool:
    """A new column that may not be absent and has no default: the version before writes rows without it."""
    column = call.args[1] if len(call.args) > 1 else None
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "add_column" and isinstance(column, ast.Call)):
        return False
    given = {word.arg: word.value for word in column.keywords}
    required = "nullable" in given and ast.unparse(given["nullable"]) == "False"
    return required and "server_default" not in given


def _is_unique_index(call: ast.Call) -> bool:
    unique = any(word.arg == "unique" and ast.unparse(word.value) == "True" for word in call.keywords)
    return isinstance(call.func, ast.Attribute) and call.func.attr == "create_index" and unique


def later() -> list[Path]:
    """The migrations that the rule is for."""
    return [path for path in sorted(MIGRATIONS.glob("[0-9]*.py")) if path.name[:4] > BASELINE]


def test_the_previous_version_can_run_on_the_new_schema() -> None:
    assert (MIGRATIONS / f"{BASELINE}_baseline.py").exists()
    assert {path.stem: found for path in later() if (found := unsafe(path.read_text("utf-8")))} == {}


def test_a_migration_removes_only_parts_that_earlier_versions_do_not_use() -> None:
    removed_for = {path.stem: contracts(ast.parse(path.read_text("utf-8"))) for path in later()}
    assert [stem for stem, of in removed_for.items() if of and _numbers(of) >= _numbers(__version__)] == []


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


@pytest.mark.parametrize(
    "statement",
    [
        "op.drop_column('share', 'title')",
        "op.drop_table('share')",
        "op.rename_table('share', 'deling')",
        "op.alter_column('share', 'title', nullable=False)",
        "op.create_check_constraint('ck', 'share', 'a > 0')",
        "op.create_index('ix', 'share', ['a'], unique=True)",
        "op.add_column('share', sa.Column('a', sa.Text(), nullable=False))",
        "op.execute('ALTER TABLE share DROP COLUMN title')",
        "op.execute('delete from share')",
    ],
)
def test_removing_a_part_that_the_previous_version_uses_is_detected(statement: str) -> None:
    assert unsafe(statement)
    assert not unsafe(f"CONTRACTS = '1.1.0'\n{statement}")


@pytest.mark.parametrize(
    "statement",
    [
        "op.create_table('new', sa.Column('a', sa.Text(), nullable=False))",
        "op.add_column('share', sa.Column('a', sa.Text(), nullable=False, server_default=''))",
        "op.add_column('share', sa.Column('a', sa.Text()))",
        "op.create_index('ix', 'share', ['a'])",
        "op.execute('UPDATE share SET a = b')",
    ],
)
def test_an_expanding_migration_passes(statement: str) -> None:
    assert not unsafe(statement)
