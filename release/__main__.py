"""`python -m release`: build and sign all artefacts of the commit that is checked out."""

import argparse
import sys
from pathlib import Path

from release.build import Unclean, build_all, version_of
from release.signing import sign, tag, write_checksums


def main() -> int:
    """Build, and sign if a key is given."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("dist"), help="folder that is emptied and filled")
    parser.add_argument("--key", type=Path, help="private key (ECDSA P-256, PEM) for checksums and tag")
    parser.add_argument("--without-image", action="store_true", help="build no container image")
    given = parser.parse_args()
    try:
        left_out = build_all(Path.cwd(), given.output.resolve(), image=not given.without_image)
    except Unclean as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    write_checksums(given.output)
    if given.key:
        sign(given.output, given.key)
        tag(Path.cwd(), version_of(Path.cwd()), given.key)
    else:
        left_out.append("NOT SIGNED: no key was given (KEY=)")
    print(*sorted(path.name for path in given.output.iterdir()), *left_out, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
