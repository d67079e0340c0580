"""The embedding of a clip: what the last layer sees, wherever it is asked for."""

import json

import numpy as np
import pandas as pd
import polars
import pytest
import soundfile
import torch

from ser.checkpoints import checkpoint
from ser.pipeline import EmotionPipeline
from ser.recordings.folder import judge_files, write_folder
from ser.recordings.journal import Journal
from ser.recordings.rows import COLUMNS
from ser.sound.audio import SAMPLE_RATE
from ser.sound.windows import hear
from tests.bounds import ONE_NETWORK
from tests.cli.typed import run
from tests.schema import check


@pytest.fixture(scope="module")
def files(speech, tmp_path_factory):
    """Two clips, rain, and a file that is no sound."""
    folder = tmp_path_factory.mktemp("embedding")
    rain = 0.1 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE)
    sounds = {"a": speech, "b": speech[:SAMPLE_RATE], "rain": rain}
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.wav", samples, SAMPLE_RATE)
    (folder / "words.wav").write_text("words")
    return [str(folder / f"{name}.wav") for name in (*sounds, "words")]


@pytest.fixture(scope="module")
def embeddings(pipeline, files):
    return [pipeline.predict(file).embedding for file in files[:2]]


@pytest.mark.parametrize("source", [None, "founding", "best"])
def test_it_has_one_size_and_no_speech_has_none(source, speech, files):
    pipeline = EmotionPipeline.from_pretrained(source)
    one, other = (pipeline.predict((SAMPLE_RATE, s)) for s in (speech, speech[:SAMPLE_RATE]))
    assert one.embedding.dtype == np.float32
    assert one.embedding.shape == other.embedding.shape == (pipeline.checkpoint.embedding_size,)
    assert np.isfinite(one.embedding).all() and not np.array_equal(one.embedding, other.embedding)
    assert pipeline.predict(files[2]).reason and pipeline.predict(files[2]).embedding is None


def test_the_answer_is_one_linear_layer_away(speech):
    loaded = checkpoint.load("founding")
    answer = EmotionPipeline(loaded).predict((SAMPLE_RATE, speech))
    with torch.inference_mode():
        logits = loaded.model.classify(torch.from_numpy(answer.embedding))
    found = (logits / loaded.config.temperature).softmax(dim=0)
    np.testing.assert_allclose(found, answer.probabilities, atol=ONE_NETWORK)


def test_of_several_windows_it_is_their_mean_by_votes(pipeline, speech, monkeypatch):
    windows, judge = [], EmotionPipeline._judge

    def judge_and_keep(self, seen):
        windows.append(judge(self, seen))
        return windows[-1]

    monkeypatch.setattr(EmotionPipeline, "_judge", judge_and_keep)
    long = np.concatenate([np.tile(speech, 7), np.tile(speech[::-1], 7)])
    answer = pipeline.predict((SAMPLE_RATE, long))
    votes = [window.speech_s for window in hear(long, pipeline.config.version).windows]
    assert len(votes) == len(windows) > 1
    mean = np.average([window.embedding for window in windows], axis=0, weights=votes)
    np.testing.assert_allclose(answer.embedding, mean, atol=ONE_NETWORK)


def test_it_is_that_after_adaptation(pipeline, files):
    adapted = pipeline.adapted([files[1]])
    plain, after = (p.predict(files[0]).embedding for p in (pipeline, adapted))
    assert np.abs(plain - after).max() > 1e-3


def test_json_has_it_where_it_is_asked_for(files, embeddings, pipeline):
    refused = run("--embedding", files[0])
    assert refused.returncode == 2 and "--embedding needs --json" in refused.stderr
    done = run("--json", "--embedding", *files)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        check("prediction", answer)
        assert answer["model"]["revision"] == pipeline.checkpoint.revision
    for answer, embedding in zip(answers, embeddings, strict=False):
        np.testing.assert_array_equal(np.float32(answer["embedding"]), embedding)
    assert answers[2]["embedding"] is None and answers[2]["reason"]
    assert "embedding" not in json.loads(run("--json", files[0]).stdout)


def test_tables_have_it_with_the_revision(files, embeddings, pipeline, tmp_path):
    revision, n = pipeline.checkpoint.revision, len(embeddings[0])
    done = run("folder", *files, "--embedding", "--quiet", "--out", tmp_path / "a.csv")
    assert done.returncode == 1, done.stderr
    table = pd.read_csv(tmp_path / "a.csv")
    names = [f"e_{number}" for number in range(n)]
    assert list(table) == [*COLUMNS, "model", *names]
    vectors = table[names].to_numpy(np.float32)
    np.testing.assert_array_equal(vectors[:2], embeddings)
    assert np.isnan(vectors[2:]).all()
    assert table["model"].fillna("").tolist() == [revision, revision, revision, ""]
    write_folder(files, tmp_path / "a.parquet", n_workers=1, embedding=True)
    found = polars.read_parquet(tmp_path / "a.parquet")
    assert found["embedding"].dtype == polars.Array(polars.Float32, n)
    np.testing.assert_array_equal(found["embedding"][:2].to_numpy(), embeddings)
    assert found["embedding"][2:].null_count() == 2
    write_folder(files, tmp_path / "b.csv", n_workers=1)
    assert list(pd.read_csv(tmp_path / "b.csv")) == COLUMNS


def test_rows_that_were_done_before_keep_it(files, embeddings, tmp_path, pipeline):
    path = tmp_path / "a.parquet"

    def stop(n_done, _):
        if n_done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(files, path, n_workers=1, progress=stop, embedding=True)
    write_folder(files, path, n_workers=1, embedding=True)
    found = polars.read_parquet(path)["embedding"]
    np.testing.assert_array_equal(found[:2].to_numpy(), embeddings)
    row = next(judge_files(files[:1], n_workers=1, embedding=True))
    np.testing.assert_array_equal(row["embedding"], embeddings[0])
    assert row["model"] == pipeline.checkpoint.revision
    journal = Journal(tmp_path / "b.csv", {"model": "a"})
    journal.add(files[0], row)
    journal.close()
    kept = Journal(tmp_path / "b.csv", {"model": "a"}).rows[files[0]]
    np.testing.assert_array_equal(kept["embedding"], embeddings[0])
