"""Commands by which a run leaves the house."""

import argparse
from pathlib import Path

from ser.checkpoints import checkpoint


def add(commands: "argparse._SubParsersAction") -> None:
    """Add this room's to `python -m train`."""
    embed = commands.add_parser("embed", help="put a run into ser/weights")
    embed.add_argument("run_folder", metavar="RUN", type=Path)
    embed.add_argument("--beside", choices=checkpoint.BESIDE, help="as a model beside the default")
    _add_despite_licence(embed)
    embed.set_defaults(run=_embed)

    small = commands.add_parser("quantize", help="a run as a small graph for ONNX Runtime")
    small.add_argument("run_folder", metavar="RUN", type=Path)
    small.add_argument("folder", metavar="FOLDER", type=Path, help="where the checkpoint goes")
    small.set_defaults(run=_quantize)

    export = commands.add_parser("export", help="a model as one file, from samples to answer")
    export.add_argument(
        "source",
        nargs="?",
        metavar="RUN|SOURCE",
        help="a run, a model beside the default, or user/repo; the default model without",
    )
    export.add_argument("--format", choices=["onnx"], default="onnx")
    export.add_argument("--out", metavar="FILE", type=Path, required=True)
    _add_despite_licence(export)
    export.set_defaults(run=_export)

    detector = commands.add_parser("detector", help="Silero's detector as matrix products")
    detector.set_defaults(run=_detector)

    publish = commands.add_parser("publish", help="push a run to the Hub, as one commit")
    publish.add_argument("run_folder", metavar="RUN", type=Path)
    publish.add_argument("--repo", required=True, metavar="USER/NAME")
    publish.add_argument("--private", action="store_true", help="where it is a new repository")
    publish.add_argument("--tag", help="name the commit, such as v1.2.0")
    publish.add_argument("--create-pr", action="store_true", help="propose instead of committing")
    publish.add_argument("--dry-run", action="store_true", help="only say what would be pushed")
    publish.add_argument("--force", action="store_true", help="even if it is worse")
    _add_despite_licence(publish)
    publish.set_defaults(run=_publish)

    deploy = commands.add_parser("deploy-space", help="upload what a Space needs, and nothing else")
    deploy.add_argument("--repo", required=True, metavar="USER/SPACE")
    deploy.add_argument("--model", metavar="USER/NAME@REVISION", help="its variable SER_MODEL")
    deploy.add_argument(
        "--feedback-repo", metavar="USER/DATASET", help="its variable SER_FEEDBACK_REPO"
    )
    deploy.add_argument("--dry-run", action="store_true", help="only say what would be uploaded")
    deploy.set_defaults(run=_deploy_space)


def _embed(options: argparse.Namespace) -> None:
    from train.release import embed

    target = checkpoint.BESIDE[options.beside] if options.beside else checkpoint.EMBEDDED
    embed.embed(options.run_folder, target=target, despite_licence=options.despite_licence)


def _quantize(options: argparse.Namespace) -> None:
    from train.release import quantize

    quantize.quantize(options.run_folder, options.folder)
    print(f"The graph is in {options.folder}.")


def _export(options: argparse.Namespace) -> None:
    from train.release import export

    export.export(options.source, options.out, despite_licence=options.despite_licence)
    print(f"The model is in {options.out}; its metadata say what goes in and what comes out.")


def _detector(_: argparse.Namespace) -> None:
    from train.release import detector

    detector.write()
    print(f"The detector is in {detector.MODEL}.")


def _publish(options: argparse.Namespace) -> None:
    from train.release.publish import PublishError, Run

    try:
        commit = Run(options.run_folder).push_to_hub(
            options.repo,
            private=options.private,
            tag=options.tag,
            create_pr=options.create_pr,
            dry_run=options.dry_run,
            force=options.force,
            despite_licence=options.despite_licence,
        )
    except PublishError as error:
        raise ValueError(error) from error
    if commit:
        print(f"{commit.commit_url}\nServe it with SER_MODEL={options.repo}@{commit.oid}")


def _deploy_space(options: argparse.Namespace) -> None:
    from train.release import deploy

    deploy.deploy(options.repo, options.model, options.feedback_repo, dry_run=options.dry_run)


def _add_despite_licence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--despite-licence",
        action="store_true",
        help="even if a corpus that it learned from allows no derived works",
    )
