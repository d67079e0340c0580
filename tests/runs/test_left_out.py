"""leave-one-corpus-out on five small corpora: who is heard, what is chosen, what is written."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from ser.checkpoints import checkpoint
from ser.feedback.dataset import FOLDER, METADATA, OURS
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE
from tests.small_runs import SMALL_WHISPER, make_whisper, work_in
from train import whisper_weights
from train.__main__ import main
from train.corpora import load_corpora
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, LEFT_OUT_IN_TURN, make_splits
from train.corpora.visitors import REVIEWS
from train.judge import evidence, faults, kept_fold, verify
from train.judge.evaluate import Predictions
from train.judge.unheard import unheard
from train.report.left_out import left_out_lines
from train.runs.bank import Bank, Scored
from train.runs.choices import bounds, calibrate, careful

NAMES = {  # emotion number of the label list -> how a corpus's files say it
    "ravdess": lambda who, code: f"ravdess/Actor_{who:02d}/03-01-{code:02d}-01-01-01-{who:02d}",
    "ravdess-song": lambda who, code: f"ravdess_song/03-02-{code:02d}-01-01-01-{who:02d}",
    "cremad": lambda who, code: f"cremad/10{who:02d}_DFA_{_of('NEU HAP SAD ANG', code)}_XX",
    "tess": lambda who, code: f"tess/{('OAF', 'YAF')[who % 2]}_dog_{_of(TESS, code)}",
    "emodb": lambda who, code: f"emodb/{('03', '08', '09')[who % 3]}a01{_of('N F T W', code)}a",
    "emovo": lambda who, code: f"emovo/{_of('neu gio tri rab', code)}-f{who % 3 + 1}-b1",
}
TESS = "neutral happy sad angry"
CODES = {1: 0, 3: 1, 4: 2, 5: 3}  # neutral, happy, sad, angry
RECIPE = """
description = "A small Whisper."
corpora = ["ravdess", "ravdess-song", "cremad", "emodb", "emovo"]
[model]
name = "whisper_statistics"
size = 16
n_heads = 2
layers = [1]
[pretrain]
encoder = "openai/whisper-small.test"
[features]
kind = "whisper"
version = 2
[train]
ridge = 1.0
by_corpus = true
corpus_shares = {ravdess-song = 0.3}
"""


def _of(words, code):
    return words.split()[CODES[code]]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Five corpora and song, four emotions told by pitch, read; and a small random Whisper."""
    root = tmp_path_factory.mktemp("corpora")
    t = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    rng = np.random.default_rng(0)
    for name in NAMES.values():
        for who in (1, 2, 3, 4):
            for code in CODES:
                tone = np.sin(2 * np.pi * (150 * code + 10 * who) * t * (1 + code * t))
                path = root / f"{name(who, code)}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, 0.3 * tone + 0.01 * rng.standard_normal(len(t)), SAMPLE_RATE)
    make_whisper(root, 1)
    (root / "small.toml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        work_in(root, root, patch)
        patch.setenv("SER_PRETRAINED", str(root))
        patch.setattr("train.runs.left_out.ProcessPoolExecutor", _InThisProcess)
        command = ["leave-out", "--recipe", str(root / "small.toml"), "--runs", str(root / "runs")]
        assert main([*command, "--results", str(root / "results")]) == 0
        yield root


class _InThisProcess:
    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    map = staticmethod(map)


@pytest.fixture
def rows(home):
    return json.loads((home / "results/small" / LEAVE_ONE_CORPUS_OUT / "metrics.json").read_text())


def test_each_corpus_is_judged_whole_by_weights_that_never_heard_it(home, rows):
    assert [row["tested_on"] for row in rows] == list(LEFT_OUT_IN_TURN)
    for row, fold in zip(rows, range(1, 6), strict=True):
        run = home / "runs/small" / LEAVE_ONE_CORPUS_OUT / f"fold-{fold}-seed-0"
        training = checkpoint.load(run).config.training
        assert row["tested_on"] not in training["corpora"]
        heard = {name.split("-")[0] for name in training["train_speakers"]}
        assert row["tested_on"] not in heard
        assert heard | {row["tested_on"]} == {*LEFT_OUT_IN_TURN}
        assert row["n_clips"] == len(load_corpora([row["tested_on"]]))
    assert "ravdess-song" not in rows[0]["corpora"] and "ravdess-song" in rows[1]["corpora"]


def test_a_row_has_both_views_and_what_was_chosen(rows):
    for row in rows:
        assert 0 <= row["ua"] <= row["ua_restricted"] <= 1
        assert 0 <= row["own"]["ua_restricted"] <= 1
        assert row["own"]["ece"] >= 0 and row["own"]["nll"] > 0
        assert set(row["chosen"]) == {
            "strength",
            "temperature",
            "distance_slope",
            "certainty",
            "adaptation_clips",
        }
        assert sum(kind["share"] for kind in row["certainty"]) == pytest.approx(1, abs=2e-4)
        assert row["ua_restricted_ci95"] is None  # of fewer than ten speakers


def test_the_answers_are_kept_and_are_the_pipelines(home, rows):
    folder = home / "results/small" / LEAVE_ONE_CORPUS_OUT
    who = {u.stem: u for u in load_corpora(LEFT_OUT_IN_TURN)}
    for view in ("plain", "own"):
        assert len(Predictions.load(folder / f"{view}.npz", who).files) == len(who)
    kept = Predictions.load(folder / "plain.npz", who)
    run = home / "runs/small" / LEAVE_ONE_CORPUS_OUT / "fold-4-seed-0"
    stem = next(u.stem for u in who.values() if u.corpus == "emodb")
    answer = EmotionPipeline.from_pretrained(run).predict(who[stem].path)
    kept_answer = kept.probabilities[list(kept.files).index(stem)]
    np.testing.assert_allclose(answer.probabilities, kept_answer, atol=1e-6)  # kept as float32


def test_a_second_call_judges_nothing_again(home, rows, monkeypatch):
    monkeypatch.setattr(EmotionPipeline, "predict", None)
    monkeypatch.setattr("train.runs.left_out.Bank", None)
    monkeypatch.setattr(EmotionPipeline, "check_golden", lambda self: None)
    command = ["leave-out", "--recipe", str(home / "small.toml"), "--runs", str(home / "runs")]
    assert main([*command, "--results", str(home / "again")]) == 0
    again = json.loads((home / "again/small" / LEAVE_ONE_CORPUS_OUT / "metrics.json").read_text())
    assert again == rows


def test_each_corpus_is_put_under_stress_by_the_weights_that_never_heard_it(home):
    base = home / "runs/small" / LEAVE_ONE_CORPUS_OUT
    found = unheard(base)
    assert (found.recipe, found.protocol) == ("small", LEAVE_ONE_CORPUS_OUT)
    assert [session.corpus for session in found.sessions] == list(LEFT_OUT_IN_TURN)
    assert [session.fold for session in found.sessions] == [1, 2, 3, 4, 5]
    for session in found.sessions:
        assert {u.corpus for u in session.clips} == {session.corpus}
    alone = unheard(base / "fold-5-seed-0")
    assert [session.corpus for session in alone.sessions] == ["emovo"]
    assert alone.protocol == f"{LEAVE_ONE_CORPUS_OUT}-folds-5"


def test_faults_are_told_on_tess_by_the_weights_that_left_it_out(home, monkeypatch):
    monkeypatch.setattr("train.judge.faults.N_CLIPS", 2)
    monkeypatch.setattr("train.judge.faults.FAULTS", {"nothing": lambda waveform, _: waveform})
    (row,) = faults.faults(home / "runs/small" / LEAVE_ONE_CORPUS_OUT, home / "faults")
    assert (row["corpus"], row["folds"]) == ("tess", [3])
    assert row["kept"] == row["n_clips"] == 2
    path = home / "faults" / "small" / LEAVE_ONE_CORPUS_OUT / faults.FAULTS_NAME
    assert json.loads(path.read_text())[0]["kept"] == 2


@pytest.fixture
def evidence_of_emovo(home, tmp_path, monkeypatch):
    """A copy of the evidence, and the run that left EMOVO out."""
    monkeypatch.setitem(whisper_weights.REVISIONS, SMALL_WHISPER, None)
    shutil.copytree(home / "results", tmp_path / "results")
    return tmp_path / "results", home / "runs/small" / LEAVE_ONE_CORPUS_OUT / "fold-5-seed-0"


def test_a_run_that_left_a_corpus_out_is_kept_as_its_head(evidence_of_emovo, capsys):
    results, run = evidence_of_emovo
    assert main(["keep-fold", str(run), "--results", str(results)]) == 0
    kept = results / "small" / LEAVE_ONE_CORPUS_OUT / "fold-weights"
    assert {path.name for path in kept.iterdir()} == {"config.json", kept_fold.HEAD_NAME}
    assert not any(name.startswith("encoder.") for name in load_file(kept / kept_fold.HEAD_NAME))
    whole = checkpoint.load(run).model.state_dict()
    for name, tensor in kept_fold.load_kept(kept).checkpoint.model.state_dict().items():
        assert torch.equal(tensor, whole[name]), name
    capsys.readouterr()
    assert main(["verify", "--results", str(results)]) == 0
    n_clips = len(load_corpora(["emovo"]))
    assert f"fold 5, seed 0 is reproduced from {n_clips} clips" in capsys.readouterr().out


def test_other_answers_or_figures_of_a_left_out_corpus_are_noticed(evidence_of_emovo):
    results, run = evidence_of_emovo
    folder = results / "small" / LEAVE_ONE_CORPUS_OUT
    rows = json.loads((folder / "metrics.json").read_text())
    rows[-1]["per_fold"][0]["ece"] += 0.002
    (folder / "metrics.json").write_text(json.dumps(rows))
    with pytest.raises(ValueError, match="ece of fold 5, seed 0"):
        verify.keep_fold(run, results)
    who = {u.stem: u for u in load_corpora(LEFT_OUT_IN_TURN)}
    answers = Predictions.load(folder / "plain.npz", who)
    answers.probabilities[answers.folds == 5] += 0.002
    answers.save(folder / "plain.npz")
    with pytest.raises(ValueError, match="are not reproduced"):
        verify.keep_fold(run, results)
    assert not (folder / "fold-weights").exists()


def test_an_encoder_that_cannot_be_had_is_not_left_away(home, tmp_path):
    run = home / "runs/small" / LEAVE_ONE_CORPUS_OUT / "fold-5-seed-0"
    with pytest.raises(ValueError, match="none that can be had"):
        kept_fold.keep(run, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_ravdess_left_out_says_how_a_fold_of_its_actors_is_calibrated(home):
    command = ["fit", "--recipe", str(home / "small.toml"), "--output", str(home / "fold")]
    assert main(command) == 0
    config = checkpoint.load(home / "fold").config
    left_out = home / "runs/small" / LEAVE_ONE_CORPUS_OUT / "fold-1-seed-0"
    assert config.certainty == checkpoint.load(left_out).config.certainty
    assert config.adaptation_clips > 0


def test_a_recipe_that_was_not_left_out_is_told_to_be(home, capsys):
    (home / "other.toml").write_text(RECIPE)
    assert main(["fit", "--recipe", str(home / "other.toml"), "--output", str(home / "o")]) != 0
    assert "leave-out --recipe other" in capsys.readouterr().err


def share(home, visits):
    """Accepted recordings, as a maintainer has them: the clips of RAVDESS, a visit a speaker."""
    folder = home / "feedback"
    (folder / FOLDER).mkdir(parents=True)
    clips = [u for u in load_corpora(["ravdess"]) if u.speaker in visits]
    for clip in clips:
        sound, rate = soundfile.read(clip.path)
        soundfile.write(folder / FOLDER / f"shared-{clip.stem}.flac", sound, rate)
    of_ours = dict.fromkeys(OURS, "")
    rows = [
        of_ours | {"file_name": f"shared-{u.stem}.flac", "visit": u.speaker, "label": u.emotion}
        for u in clips
    ]
    decided = [row | {"speech_s": 2.0} for row in rows]
    for path, lines in ((METADATA, rows), (REVIEWS, decided)):
        (folder / path).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return len(clips)


def test_visitors_are_judged_by_heads_that_learnt_others(home, capsys, monkeypatch):
    speakers = sorted({u.speaker for u in load_corpora(["ravdess"])})
    n_clips = share(home, speakers[:3])
    learnt_by, heads = [], Bank.heads

    def told(bank, corpora, home_fold=None, without=()):
        learnt_by.append(
            ("feedback" in corpora, {name.removeprefix("feedback-") for name in without})
        )
        return heads(bank, corpora, home_fold, without)

    monkeypatch.setattr(Bank, "heads", told)
    command = ["shared", "--recipe", str(home / "small.toml"), "--runs", str(home / "runs")]
    try:
        assert main(command) == 0
        assert f"{n_clips} recordings of 3 visits" in capsys.readouterr().out
        found = json.loads((home / "runs/small/shared-by-visit/metrics.json").read_text())
        assert found["n_clips"] == n_clips and found["n_visits"] == 3
        after = [without for is_shared, without in learnt_by if is_shared]
        assert sorted(after, key=min) == [{name} for name in speakers[:3]]
        assert found["gain_ua"][0] == pytest.approx(
            found["after"]["ua"] - found["before"]["ua"], abs=2e-5
        )
        fit = ["fit", "--recipe", str(home / "small.toml"), "--output", str(home / "with-shared")]
        learnt = ["--corpora", "ravdess,ravdess-song,cremad,emodb,emovo,feedback"]
        assert main([*fit, *learnt]) == 0
        told = checkpoint.load(home / "with-shared").config.training
        assert "feedback" in told["train_speakers"] and "feedback" in told["corpora"]
    finally:
        shutil.rmtree(home / "feedback")


def test_one_visit_alone_cannot_be_judged(home, capsys):
    share(home, ["ravdess-01"])
    try:
        command = ["shared", "--recipe", str(home / "small.toml"), "--runs", str(home / "runs")]
        assert main(command) != 0
        assert "Only 1 of the visits" in capsys.readouterr().err
    finally:
        shutil.rmtree(home / "feedback")


LINEAR = """
description = "Statistics of MFCC."
corpora = ["ravdess", "ravdess-song", "cremad", "tess", "emodb", "emovo"]
[model]
name = "functionals"
[train]
ridge = 1.0
refit = true
"""


def test_models_that_cannot_be_adapted_are_judged_on_the_same_corpora(home, monkeypatch):
    monkeypatch.setattr("train.corpora.splits.VALIDATING", 2)  # of these small corpora
    (home / "linear.toml").write_text(LINEAR)
    command = ["crossval", "--recipe", str(home / "linear.toml"), "--runs", str(home / "runs")]
    command += ["--results", str(home / "linear"), "--protocol", LEAVE_ONE_CORPUS_OUT]
    assert main(command) == 0
    rows = evidence.read_rows(home / "linear/linear" / LEAVE_ONE_CORPUS_OUT)
    assert [row["tested_on"] for row in rows] == list(LEFT_OUT_IN_TURN)
    for row, fold in zip(rows, range(1, 6), strict=True):
        run = home / "runs/linear" / LEAVE_ONE_CORPUS_OUT / f"fold-{fold}-seed-0"
        training = checkpoint.load(run).config.training
        heard = training["train_speakers"] + training["validation_speakers"]
        assert not any(name.startswith(f"{row['tested_on']}-") for name in heard)
        assert row["n_clips"] == len(load_corpora([row["tested_on"]]))
        assert "own" not in row
    shown = "\n".join(left_out_lines({"linear": rows}))
    assert "mean" in shown and "–" in shown


def test_a_recipe_by_corpus_is_left_to_the_command_that_nests_its_choices(home, capsys):
    command = ["crossval", "--recipe", str(home / "small.toml"), "--runs", str(home / "runs")]
    assert main([*command, "--protocol", LEAVE_ONE_CORPUS_OUT]) != 0
    assert "what `leave-out` is for" in capsys.readouterr().err


def test_other_recipes_are_refused(home, capsys):
    assert main(["leave-out", "--recipe", "founding", "--runs", str(home / "runs")]) != 0
    assert "not fitted by corpus" in capsys.readouterr().err


def test_a_corpus_that_is_missing_is_named():
    with pytest.raises(ValueError, match="judges cremad"):
        make_splits(LEAVE_ONE_CORPUS_OUT, load_corpora(["ravdess"]), 0)


def scored(confidence, n=4000, seed=0):
    """Clips whose answers are right as often as `confidence` says, at temperature 1."""
    rng = np.random.default_rng(seed)
    logits = np.zeros((n, len(LABELS)))
    logits[:, 0] = np.log(confidence / (1 - confidence) * (len(LABELS) - 1))
    labels = np.where(rng.random(n) < confidence, 0, rng.integers(1, len(LABELS), n))
    return Scored(labels, logits, np.ones(n))


def test_calibration_finds_the_temperature_that_was_taken_away():
    confident = scored(np.full(4000, 0.6))
    twice = Scored(confident.labels, 2 * confident.logits, confident.distance)
    temperature, _ = calibrate([twice])
    assert temperature == pytest.approx(2, rel=0.1)  # 4,000 coins of 0.6 lie within 0.016


def test_what_is_far_gets_a_higher_temperature():
    near, far = scored(np.full(4000, 0.8)), scored(np.full(4000, 0.3), seed=1)
    far = Scored(far.labels, near.logits, np.full(4000, 2.0))
    _, slope = calibrate([near, far])
    assert slope > 0.5


def test_the_bounds_are_where_a_coin_of_their_odds_stops_to_pay():
    confidence = np.random.default_rng(2).uniform(0.2, 0.99, 20_000)
    low, high = bounds([scored(confidence, 20_000)], 1.0, 0.0)
    assert low == pytest.approx(0.5, abs=0.05)
    assert high == pytest.approx(0.8, abs=0.05)


def test_the_most_careful_adaptation_that_gains():
    mixed, harmless = [0.02, 0.05, 0.08], [0.0, -0.02]
    bold = np.array([[0.05, 0.08, 0.1, -0.05, 0.0]])  # one-sided sets cost it too much
    gains = {1.0: bold, 5.0: np.array([[*mixed, *harmless]]), 20.0: np.array([[0.0] * 5])}
    assert careful(gains) == 5.0
    assert careful({1.0: bold, 5.0: bold + 0.01}) == 5.0  # too much, but less
