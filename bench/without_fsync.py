"""`deldokument serve` but for one thing: the blobs are not made durable. For the benchmark alone, no product setting.

A wrapper of the deployment's command line, which is not looked at; settings come from the environment. SQLite keeps
synchronous=FULL. Both its databases stay as they are, since it is the documents' bytes that are compared.
"""

from contextlib import closing
from dataclasses import replace

from deldokument.adapters.blobs.directory import DirectoryBlobStore
from deldokument.bootstrap.logs import configure_logging
from deldokument.bootstrap.runtime import build_runtime
from deldokument.bootstrap.serve import serve
from deldokument.cli.operate.serve import open_listeners
from deldokument.config.settings import load_settings


def main() -> None:
    """Serve until a signal comes."""
    configure_logging()
    settings = load_settings()
    blobs = DirectoryBlobStore(settings.blobs_dir, durable=False)
    with closing(build_runtime(settings)) as node, open_listeners(settings) as listeners:
        serve(settings, replace(node, deps=replace(node.deps, blobs=blobs)), listeners)


if __name__ == "__main__":
    main()
