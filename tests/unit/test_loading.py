"""Modules that are imported only when needed, because every process pays for its memory all day."""

import subprocess
import sys
from pathlib import Path


def test_what_is_on_sqlite_holds_neither_postgresqls_driver_nor_what_migrates_and_typesets(tmp_path: Path) -> None:
    script = f"""
import sys
import deldokument.cli.main
from deldokument.store.engine.engines import open_engines
with open_engines('sqlite:///{tmp_path}/of-the-test.sqlite3').write():
    print(sorted({{'psycopg', 'alembic', 'typst', 'hvac', 'obstore', 'pkcs11'}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_neither_the_worker_nor_a_command_loads_the_web_application() -> None:
    script = """
import sys
import deldokument.cli.main
print(sorted({'deldokument.web.app', 'fastapi', 'starlette', 'uvicorn'} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
