"""Runs sent to a hub, and fetched from there, by huggingface_hub: files that are data, and no pickle among them."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from termwise.account import Account
from termwise.api.run import Run, load_run
from termwise.content import exists
from termwise.errors import Refused
from termwise.files import remove
from termwise.models.user_function import Trust
from termwise.report.hub_card import hub_card
from termwise.training import RunFolder
from termwise.values import Text, checked

KINDS = (".csv", ".html", ".json", ".jsonl", ".md", ".npz", ".png", ".safetensors", ".svg", ".toml")
"""How the names of files end that are sent and fetched; checkpoints, which only go on with a training, stay."""

CARD = "README.md"
"""The card, which a hub shows first."""


@checked
def push_to_hub(
    run: Run | str | PathLike[str],
    repo: Text,
    *,
    private: bool = False,
    token: str | None = None,
    message: str = "A run of termwise",
) -> str:
    """Send a run's folder to a repository of a hub, with a card whose metadata hold its readings; returns its address.

    Configuration, weights, account, metrics and report go; checkpoints do not.

    Args:
        run: A run, or the path of its folder.
        repo: "owner/name"; it is made where it is not there.
        private: Whether it is made for your eyes alone.
        token: By which the hub knows you; else that of `hf auth login`.
        message: Of the commit.

    Raises:
        Refused: huggingface_hub is not installed, or the hub does not take it.

    Example:
        >>> tw.push_to_hub("runs/mine", "me/digits-vae")  # doctest: +SKIP
        'https://huggingface.co/me/digits-vae'
    """
    hub = _huggingface_hub()
    folder = run.folder if isinstance(run, Run) else RunFolder(run)
    config = folder.config()
    if not exists(folder.account_file):
        raise Refused(
            f"{folder} has no account: its training has not ended. Go on with it by resume, and send it then."
        )
    card = hub_card(config.to_json(), Account.load(folder.account_file).to_json(), repo)
    operations = [hub.CommitOperationAdd(CARD, card.encode())]
    operations += [hub.CommitOperationAdd(name, str(folder.path / name)) for name in _names(folder.path)]
    with _told(repo):
        api = hub.HfApi(token=token)
        address = api.create_repo(repo, private=private, exist_ok=True)
        api.create_commit(repo, operations, commit_message=message)
    return str(address)


@checked
def from_hub(
    repo: Text,
    out: str | PathLike[str] | None = None,
    *,
    revision: str | None = None,
    token: str | None = None,
    data: Any = None,
    trust: Trust = (),
) -> Run:
    """The run in a repository of a hub, which is fetched to a folder: what `load_run` gives, and refuses.

    Args:
        repo: "owner/name".
        out: The folder, which must not be there; runs/name where left out.
        revision: A branch, a tag or a commit; the newest where left out.
        token: By which the hub knows you; else that of `hf auth login`.
        data, trust: As `load_run` takes them.

    Raises:
        Refused: huggingface_hub is not installed, the folder is there, or the hub does not give it.
        BadData: It is no run, or it is damaged.

    Example:
        >>> run = tw.from_hub("me/digits-vae", "runs/theirs")  # doctest: +SKIP
    """
    hub = _huggingface_hub()
    folder = Path("runs", repo.rpartition("/")[2]) if out is None else Path(out)
    if folder.exists():
        raise Refused(f"{folder} is there already: name another folder, from_hub({repo!r}, out=...), or load_run it.")
    patterns = [f"*{ending}" for ending in KINDS]
    try:
        with _told(repo):
            hub.snapshot_download(repo, revision=revision, local_dir=folder, token=token, allow_patterns=patterns)
    except Refused:
        remove(folder)
        raise
    return load_run(folder, data=data, trust=trust)


def _names(folder: Path) -> Iterator[str]:
    """The files of a run that are sent, by their paths within it."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") or part in ("checkpoints", "unfinished") for part in name.parts)
        if path.is_file() and not path.is_symlink() and not hidden and path.suffix in KINDS and str(name) != CARD:
            yield name.as_posix()


@contextmanager
def _told(repo: str) -> Iterator[None]:
    """Whatever a hub or the network answers that is no yes, as one message."""
    try:
        yield
    except Exception as error:
        why = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise Refused(
            f"The hub did not do as asked with {repo!r}: {why:.300} Is it named owner/name, and are you known there "
            "(hf auth login, or token=)?"
        ) from error


def _huggingface_hub() -> Any:
    try:
        return import_module("huggingface_hub")
    except ImportError:
        raise Refused("A hub is reached by huggingface_hub: pip install 'termwise[hub]'.") from None
