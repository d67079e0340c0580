"""Many files -> one row each, on all cores; a run that was killed goes on where it was."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ser.pipeline import EmotionPipeline
from ser.prediction import numbers
from ser.recordings.journal import Journal
from ser.recordings.labels.tables import check_parquet, csv_writer, write_parquet
from ser.recordings.rows import COLUMNS, MORE_COLUMNS, Row, Task
from ser.recordings.whole_files import OutputError, check_writable, write_whole
from ser.recordings.workers import rows_as_done
from ser.restriction import checked

SUFFIXES = {
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf", ".au"),
    *(".m4a", ".mp4", ".mov", ".webm", ".mka", ".mkv", ".3gp", ".amr", ".aac", ".wma"),
}

Checkpoint = str | os.PathLike | None


def sound_files(folder: str | os.PathLike) -> list[str]:
    """Files below a folder that are called as sounds are, by name; hidden ones are left out.

    Links to folders are not followed. Raises OSError for a folder that cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    found = []
    for place, folders, names in os.walk(os.fspath(folder), onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(place, name)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES
        ]
    return sorted(found)


def judge_files(
    files: Iterable[str | os.PathLike],
    checkpoint: Checkpoint = None,
    emotions: Iterable[str] | None = None,
    n_workers: int | None = None,
    embedding: bool = False,
) -> Iterator[Row]:
    """A row for each file, in their order; see `rows.COLUMNS`.

    `n_workers` processes judge them, as many as there are cores if not told. A file that cannot be
    judged has its reason in `error`. With `embedding`, rows of answers also have the columns
    `rows.MORE_COLUMNS`. In a script, call it under `if __name__ == "__main__":`, for the processes
    read that script, too. Raises CheckpointError for a model that cannot be used, ValueError for
    emotions that are none, and WorkersError where no process could start.
    """
    chosen = None if emotions is None else checked(emotions)
    EmotionPipeline.from_pretrained(checkpoint)  # where the reason for its refusal can be told
    names = [os.fspath(file) for file in files]
    waiting: dict[str, Row] = {}  # done before its turn
    done = rows_as_done(dict.fromkeys(names), Task(checkpoint, chosen, embedding), n_workers)
    for name in names:
        while name not in waiting:
            file, row = next(done)
            waiting[file] = row
        yield waiting[name]


def write_folder(
    files: Iterable[str | os.PathLike],
    path: Path,
    checkpoint: Checkpoint = None,
    emotions: Iterable[str] | None = None,
    n_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    embedding: bool = False,
) -> int:
    """Judge files and write their rows to `path`, .csv or .parquet; how many have an error.

    One row a file, in the order of `files`, whatever the number of workers; a file that is named
    twice has one. What is done is kept in a journal beside `path`: called again after it was
    killed, it judges the rest only. `progress` is called with the files done and those there are.
    Raises OutputError where `path` cannot be written, and what `judge_files` raises.
    """
    chosen = None if emotions is None else checked(emotions)
    names = list(dict.fromkeys(os.fspath(file) for file in files))
    check_table(path, names)
    loaded = EmotionPipeline.from_pretrained(checkpoint).checkpoint
    run = {
        "model": {"name": loaded.name, "revision": loaded.revision},
        "emotions": chosen and list(chosen),
    }
    journal = Journal(path, run | ({"embedding": True} if embedding else {}))
    try:
        missing = [name for name in names if name not in journal.rows]
        n_done = len(names) - len(missing)
        if progress:
            progress(n_done, len(names))
        task = Task(checkpoint, chosen, embedding)
        if missing:
            for file, row in rows_as_done(journal.begun(missing), task, n_workers):
                journal.add(file, row)
                n_done += 1
                if progress:
                    progress(n_done, len(names))
        rows = [journal.rows[name] for name in names]
        write_rows(rows, path, loaded.embedding_size if embedding else 0)
        journal.remove()
    except BaseException:
        journal.close()
        raise
    return sum(row["error"] is not None for row in rows)


def check_table(path: Path, sources: Iterable[str | os.PathLike] = ()) -> None:
    """Raise OutputError where rows could not be written to `path`, or it is one of `sources`."""
    check_writable(path, sources)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise OutputError(f"{path}: rows are written as .csv or .parquet, by the file's name.")
    if path.suffix.lower() == ".parquet":
        check_parquet()


def write_rows(rows: list[Row], path: Path, embedding_size: int = 0) -> None:
    """Write rows to `path`, .csv or .parquet, whole or not at all; OutputError where it cannot.

    With embeddings of `embedding_size`: in Parquet one column of lists, in CSV one a number.
    """
    check_table(path)
    write = _write_parquet if path.suffix.lower() == ".parquet" else _write_csv
    write_whole(path, lambda temporary: write(rows, temporary, embedding_size))


def _write_parquet(rows: list[Row], path: Path, embedding_size: int) -> None:
    names = [*COLUMNS, *(MORE_COLUMNS if embedding_size else [])]
    write_parquet({name: [row.get(name) for row in rows] for name in names}, path, embedding_size)


def _write_csv(rows: list[Row], path: Path, embedding_size: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv_writer(out)
        if not embedding_size:
            writer.writerow(COLUMNS)
            writer.writerows([_cell(row[name]) for name in COLUMNS] for row in rows)
            return
        names, nothing = [*COLUMNS, "model"], [""] * embedding_size
        writer.writerow([*names, *(f"e_{n}" for n in range(embedding_size))])
        for row in rows:
            vector = numbers(row.get("embedding")) or nothing
            writer.writerow([*(_cell(row.get(name)) for name in names), *vector])


def _cell(value: object) -> object:
    """Plain decimals, and an empty cell for what is not there."""
    if isinstance(value, float):
        return f"{value:.6f}"
    return "" if value is None else value
