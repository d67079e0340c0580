"""Fetch RAVDESS speech from its official record where it is not at hand.

S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song,
PLoS ONE 13(5), 2018. CC BY-NC-SA 4.0.
"""

import sys
import zipfile
from pathlib import Path, PurePosixPath

import pooch
import requests
from tqdm import tqdm

from train.corpora import CORPORA, CorpusError, RavdessName
from train.places import data_root

URL = "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1"
MD5 = "bc696df654c87fed845eb13823edef8a"
ARCHIVE_NAME = "Audio_Speech_Actors_01-24.zip"
N_CLIPS = 1440
TIMEOUT_S = 60.0  # without a byte
CHUNK_BYTES = 1 << 16
ATTEMPTS = 5
BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


def prepare(url: str | None = None, md5: str = MD5, n_clips: int = N_CLIPS) -> Path:
    """Make sure that RAVDESS speech lies under the data root; returns its folder.

    Downloads 208 MB with progress and checksum; an interrupted download goes on where it
    stopped. Raises CorpusError where it cannot be had or is not what it should be.
    """
    root = data_root()
    folder = root / "ravdess"
    n_found = len(CORPORA["ravdess"](root))
    if n_found >= n_clips:
        print(f"RAVDESS is at hand: {n_found} clips in {folder}.", file=sys.stderr)
        return folder
    at_hand = folder / ARCHIVE_NAME
    archive = at_hand if at_hand.exists() else _download(url or URL, md5, root)
    _unpack(archive, folder)
    n_found = len(CORPORA["ravdess"](root))
    if n_found != n_clips:
        raise CorpusError(f"{folder} holds {n_found} clips after unpacking; expected {n_clips}.")
    if archive != at_hand:
        archive.unlink()
    print(f"{n_found} clips in {folder}.", file=sys.stderr)
    return folder


def _download(url: str, md5: str, root: Path) -> Path:
    try:
        root.mkdir(parents=True, exist_ok=True)
        path = pooch.retrieve(
            url, f"md5:{md5}", fname=ARCHIVE_NAME, path=root, downloader=_resume_into(root)
        )
    except requests.RequestException as error:
        raise CorpusError(
            f"RAVDESS could not be downloaded: {error}. Run the command again to go on, or put "
            f"the official Actor_01..24 folders into {root / 'ravdess'}."
        ) from error
    except (OSError, ValueError) as error:  # pooch's word for a wrong checksum is ValueError
        raise CorpusError(f"RAVDESS could not be kept in {root}: {error}") from error
    return Path(path)


def _resume_into(root: Path):
    """Make a pooch downloader that keeps what it has got in `root` and asks for the rest."""

    def download(url: str, output_file: str, _: object) -> None:
        part = root / f"{ARCHIVE_NAME}.part"
        for attempt in range(ATTEMPTS):
            try:
                _fetch_rest(url, part)
                break
            except BROKEN as error:
                if attempt == ATTEMPTS - 1:
                    raise
                print(f"{error}: trying again.", file=sys.stderr)
        part.replace(output_file)

    return download


def _fetch_rest(url: str, part: Path) -> None:
    n_have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={n_have}-"} if n_have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is missing; the checksum has the last word
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        n_have = n_have if resumed else 0
        n_rest = int(response.headers.get("Content-Length", 0))
        bar = tqdm(desc="RAVDESS", total=n_have + n_rest, initial=n_have, unit="B", unit_scale=True)
        with bar, part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))


def _unpack(archive: Path, folder: Path) -> None:
    """Take the clips alone, under names made here: no entry chooses where it is written."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in tqdm(opened.namelist(), "unpacking"):
                name = RavdessName.parse(PurePosixPath(entry).stem)
                if name is None or not entry.endswith(".wav"):
                    continue
                target = folder / f"Actor_{name.actor:02d}" / PurePosixPath(entry).name
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_suffix(".part")
                part.write_bytes(opened.read(entry))
                part.replace(target)
    except zipfile.BadZipFile as error:
        raise CorpusError(f"{archive} is not a zip file: {error}") from error
