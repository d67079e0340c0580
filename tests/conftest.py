"""What tests share: real speech where it is at hand, and the rule that nothing is skipped in CI."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from huggingface_hub import constants
from threadpoolctl import threadpool_limits

from ser.checkpoints.checkpoint import GOLDEN_CLIP, PRIMARY
from ser.feedback.dataset import FeedbackDataset
from ser.feedback.queue import Feedback
from ser.pipeline import EmotionPipeline
from ser.process import one_thread
from ser.sound.audio import SAMPLE_RATE, load_audio
from ser.sound.decoders import missing_program
from tests.feedback.feedback_queue import REPO
from tests.hub.server import Hub
from tests.recordings.conversations import Joined, joined, trimmed
from tests.small_runs import untrained_run, work_in
from train.corpora import CorpusError, load_corpora
from train.corpora.splits import make_splits
from train.judge import pictures
from train.recipes.load import load_recipe
from train.runs import crossval, runs

one_thread()
THREADS = os.environ.get("SER_TEST_THREADS")  # see tests/instruction_sets.py


@pytest.fixture(autouse=True)
def threads():
    """As many as SER_TEST_THREADS says, also after a command that wanted one."""
    if THREADS:
        torch.set_num_threads(int(THREADS))
        threadpool_limits(int(THREADS), user_api="blas")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With SER_NO_SKIP set, a test that was skipped has failed: everything it needs is there."""
    report = yield
    if report.skipped and os.environ.get("SER_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and SER_NO_SKIP is set: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """The golden clip: 2.2 s of synthetic speech at 16 kHz."""
    return load_audio(GOLDEN_CLIP)


@pytest.fixture(scope="session")
def ravdess():
    """All 1,440 RAVDESS utterances."""
    try:
        return load_corpora(["ravdess"])
    except CorpusError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """The folder with all the corpora, not RAVDESS alone."""
    root = Path(os.environ.get("SER_DATA", "/nonexistent"))
    if not (root / "cremad").is_dir():
        pytest.skip("SER_DATA does not name a folder with all the corpora")
    return root


@pytest.fixture
def half_precision():
    """bfloat16 as the processor has it, also where oneDNN is told to use less of the processor.

    torch asks the processor whether to leave a bfloat16 LSTM to oneDNN, which then asks
    ONEDNN_MAX_CPU_ISA and refuses. On a processor that is older indeed, torch does it itself.
    """
    lstm, values = torch.nn.LSTM(1, 1), torch.zeros(1, 1, 1)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            lstm(values)
        is_done = True
    except RuntimeError:
        is_done = False
    with torch.backends.mkldnn.flags(enabled=is_done):
        yield


@pytest.fixture(scope="session")
def whisper_tiny() -> Path:
    """The real encoder of Whisper-tiny.en, in a folder that transformers reads."""
    folder = Path(os.environ.get("SER_PRETRAINED", "/nonexistent")) / "whisper-tiny.en-encoder"
    if not folder.is_dir():
        pytest.skip("SER_PRETRAINED does not name a folder with whisper-tiny.en-encoder")
    return folder


@pytest.fixture(scope="session")
def ffmpeg():
    """Run ffmpeg with these arguments."""
    if missing := missing_program():
        pytest.skip(f"{missing} is not installed")

    def run(*arguments) -> None:
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
        subprocess.run(command, check=True, timeout=60)

    return run


@pytest.fixture
def noise() -> np.ndarray:
    """One second of white noise, peak about 0.4."""
    return 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)


@pytest.fixture(scope="session")
def small_ravdess(tmp_path_factory):
    """RAVDESS in small: 24 actors, 8 emotions, one noisy tone each, its pitch the emotion's."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    t = np.arange(int(0.5 * SAMPLE_RATE)) / SAMPLE_RATE
    for actor in range(1, 25):
        folder = root / "ravdess" / f"Actor_{actor:02d}"
        folder.mkdir(parents=True)
        for code in range(1, 9):
            sweep = np.sin(2 * np.pi * (100 * code + 10 * actor) * t * (1 + code * t))
            samples = 0.3 * sweep + 0.01 * rng.standard_normal(len(t))
            path = folder / f"03-01-{code:02d}-01-01-01-{actor:02d}.wav"
            soundfile.write(path, samples, SAMPLE_RATE)
    return root


@pytest.fixture(scope="session", autouse=True)
def feature_cache(tmp_path_factory):
    """Features are kept from test to test, and none of the developer's are touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SER_CACHE", str(tmp_path_factory.mktemp("features")))
        yield


@pytest.fixture(scope="session")
def data(small_ravdess) -> Path:
    """Where `workplace` finds corpora; a module may put others in its place."""
    return small_ravdess


@pytest.fixture
def workplace(data, tmp_path, monkeypatch) -> Path:
    """The empty folder that a test works in; see `work_in`."""
    work_in(tmp_path, data, monkeypatch)
    return tmp_path


@pytest.fixture
def no_pictures(monkeypatch) -> None:
    """Draw none, for a run's take a second."""
    for name in ("training_history", "judgement"):
        monkeypatch.setattr(f"train.judge.pictures.{name}", lambda *_: None)


@pytest.fixture
def open_page(browser):
    """Open the page of a running app, in a window of its own until the test ends."""
    contexts = []

    def open_at(app, viewport: dict, query: str = ""):
        context = browser.new_context(viewport=viewport, permissions=["microphone"])
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{app.url}/{query}")
        page.locator("voice-source .choice").first.wait_for(state="attached")
        return page

    yield open_at
    for context in contexts:
        context.close()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub on loopback, which the client in this process talks to with a token and empty cache."""
    with Hub(tmp_path / "hub") as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        monkeypatch.setenv("HF_TOKEN", "hf_write")
        yield running


# --- evidence of two recipes that nobody trained -----------------------------------------------


@pytest.fixture(scope="session")
def everything(small_ravdess, tmp_path_factory):
    """Two recipes of untrained folds: `whole` with all six, `partial` with folds 1 and 2."""
    root = tmp_path_factory.mktemp("evidence")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SER_DATA", str(small_ravdess))
        utterances = load_corpora(["ravdess"])
        splits = make_splits(PRIMARY, utterances, 0)
        draw = pictures.judgement
        for name, n_folds in {"whole": 6, "partial": 2}.items():
            base = root / "runs" / name / PRIMARY
            folders = [runs.run_folder(base, split.fold, 0) for split in splits[:n_folds]]
            patch.setattr(pictures, "judgement", lambda *_: None)  # a second for each run
            for folder, split in zip(folders, splits, strict=False):
                untrained_run(folder, name, split, weights=split.fold + 10 * n_folds)
            patch.setattr(pictures, "judgement", draw)
            recipe = replace(load_recipe("founding"), name=name)
            crossval._collect(recipe, PRIMARY, folders, utterances, root / "results", 6)
    return root


@pytest.fixture
def made(everything, small_ravdess, tmp_path, monkeypatch):
    """A copy of it that a test may change."""
    monkeypatch.setenv("SER_DATA", str(small_ravdess))
    shutil.copytree(everything, tmp_path / "made")
    return tmp_path / "made"


@pytest.fixture
def whole(made):
    return made / "results" / "whole" / PRIMARY


@pytest.fixture
def run(made):
    return made / "runs" / "whole" / PRIMARY / "fold-1-seed-0"


# --- a queue of shared recordings ---------------------------------------------------------------


@pytest.fixture(scope="session")
def pipeline():
    return EmotionPipeline.from_pretrained()


@pytest.fixture(scope="session")
def prediction(pipeline):
    return pipeline.predict(GOLDEN_CLIP)


@pytest.fixture
def queue(tmp_path):
    opened = Feedback(FeedbackDataset(REPO), tmp_path / "queue")
    yield opened
    opened.stop()


# --- recordings whose utterances are known --------------------------------------------------------


@pytest.fixture(scope="session")
def turns(speech) -> Joined:
    """Four utterances of the synthetic voice, at other speeds, 1.2 s apart: some 15 s."""
    positions = [np.arange(0, len(speech) - 1, speed) for speed in (1.0, 0.8, 1.2, 0.9)]
    clips = [np.interp(p, np.arange(len(speech)), speech).astype(np.float32) for p in positions]
    return joined(clips, [1.2] * 4)


@pytest.fixture(scope="session")
def real_turns(ravdess) -> Joined:
    """24 utterances of 24 actors, trimmed to their speech, 0.8 to 1.2 s apart."""
    chosen = [u for number, u in enumerate(ravdess) if number % 61 == 0][:24]
    clips = [trimmed(load_audio(utterance.path)) for utterance in chosen]
    return joined(clips, np.linspace(0.8, 1.2, len(clips)))
