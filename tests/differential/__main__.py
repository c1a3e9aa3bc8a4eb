"""``python -m tests.differential --count 3000 --seed 1``: the package's docstring tells all."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests import differential
from tests.differential.rig import Settings, run
from tests.e2e.cluster import assets


def main() -> int:
    """Print the report; the exit code says whether enough events are equal."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.differential",
        description=differential.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=3000, help="requests to send")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--at-least", type=float, default=0.999, help="share of equal events, 0 to 1"
    )
    parser.add_argument(
        "--level", choices=("Metadata", "Request", "RequestResponse"), default="RequestResponse"
    )
    parser.add_argument(
        "--upstream-identity",
        choices=("impersonate", "passthrough", "request-header"),
        default="impersonate",
    )
    parser.add_argument("--only", default="", help="only scenarios whose name has this in it")
    parser.add_argument("--no-cbor", action="store_true", help="a server that does not speak CBOR")
    parser.add_argument("--folder", type=Path, help="where both logs stay; a fresh folder")
    options = parser.parse_args()
    if assets() is None:
        print("KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd", file=sys.stderr)
        return 2
    settings = Settings(
        count=options.count,
        seed=options.seed,
        level=options.level,
        upstream_identity=options.upstream_identity,
        cbor=not options.no_cbor,
        only=options.only,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        report = run(folder, settings)
    print(report)
    return 0 if report.share >= options.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
