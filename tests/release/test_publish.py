"""Publish a run over a real connection: one commit, a card, a proof; or a reason why not."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from ser.checkpoints.checkpoint import ENSEMBLE, CheckpointConfig
from ser.features import FeatureConfig
from ser.pipeline import EmotionPipeline
from tests.small_runs import make_checkpoint
from train.__main__ import main
from train.release.licences import check_may_be_handed_on
from train.release.publish import PublishError, Run

REPO = "user/voice"
PICTURES = {"confusion_matrix.png", "reliability.png", "coverage.png", "training_history.png"}


def row(ua: float, **values: object) -> dict:
    return {
        "protocol": "emobox-6fold",
        "recipe": "tiny",
        "scope": "recipe-crossval",
        "part": "test",
        "corpora": ["ravdess"],
        "seeds": [0],
        "n_clips": 1440,
        "ua": ua,
        "wa": ua,
        "macro_f1": ua,
        "ci95": [ua - 0.05, ua + 0.05],
        "ece": 0.05,
        "nll": 1.5,
        "per_class": {"neutral": 0.5, "calm": 0.6},
        "per_speaker": {"ravdess-01": 0.4},
        "per_sex": {"f": 0.5, "m": 0.4},
        "confusion": [[1] * 8] * 8,
        **values,
    }


@pytest.fixture
def make_run(tmp_path):
    """A run folder as `fit` leaves it, and its recipe's evidence with this UA."""

    def make(ua: float | None = 0.5, seed: int = 0, pictures=PICTURES, **training) -> Run:
        folder = make_checkpoint(
            tmp_path / f"run-{seed}",
            seed,
            **{
                "recipe": "tiny",
                "description": "Tiny.",
                "corpora": ["ravdess"],
                "train_speakers": ["ravdess-01"],
                "validation_speakers": ["ravdess-02"],
                **training,
            },
        )
        own = row(0.45, scope="these-weights", part="validation", protocol="ship-20-4")
        (folder / "metrics.json").write_text(json.dumps([own]))
        for name in pictures:
            (folder / name).write_bytes(b"\x89PNG")
        results = tmp_path / f"results-{seed}"
        if ua is not None:
            evidence = results / "tiny" / "emobox-6fold"
            evidence.mkdir(parents=True)
            (evidence / "metrics.json").write_text(json.dumps([row(ua)]))
        return Run(folder, results)

    return make


def test_one_commit_holds_everything_and_is_served_by_tag_and_by_commit(hub, make_run):
    run = make_run()
    commit = run.push_to_hub(REPO, tag="v1.0.0", private=True)
    repo = hub.repo("model", REPO)
    assert repo.private
    assert set(repo.files("main")) - {".gitattributes"} == {
        *("config.json", "model.safetensors", "metrics.json", "README.md"),
        *PICTURES,
    }
    before = [c for c in repo.commits("main") if c.id == commit.oid]
    assert len(before) == 1
    for revision in ("v1.0.0", commit.oid):
        served = EmotionPipeline.from_pretrained(f"{REPO}@{revision}").checkpoint
        assert served.revision == commit.oid
        assert [r["scope"] for r in served.metrics] == ["these-weights", "recipe-crossval"]


def test_the_card_is_made_from_the_figures(hub, make_run):
    make_run(ua=0.512).push_to_hub(REPO)
    card = hub.repo("model", REPO).files("main")["README.md"].decode()
    _, front, text = card.split("---\n", 2)
    data = yaml.safe_load(front)
    assert (data["license"], data["language"]) == ("cc-by-nc-sa-4.0", "en")
    results = data["model-index"][0]["results"]
    crossval = [r for r in results if "recipe-crossval" in r["dataset"]["name"]]
    assert {m["name"]: m["value"] for m in crossval[0]["metrics"]}["UA"] == 51.2
    for words in ("EU AI Act", "51.2 (46.2 to 56.2)", "ravdess-01", "| neutral | 50.0 |", "Limits"):
        assert words in text, words


def test_the_card_quotes_other_corpora_for_these_weights_alone(hub, make_run):
    run = make_run()
    folder = run.results / "tiny" / "cross-corpus"
    folder.mkdir()
    mine = row(
        0.31,
        scope="these-weights",
        protocol="cross-corpus",
        tested_on="emodb",
        n_clips=9000,
        n_speakers=10,
        classes=["neutral", "sad"],
        ua_restricted=0.62,
        ua_restricted_ci95=[0.55, 0.69],
        weights=EmotionPipeline.from_pretrained(run.folder).checkpoint.revision,
    )
    others = {**mine, "ua": 0.77, "weights": "00000000", "tested_on": "cremad"}
    (folder / "metrics.json").write_text(json.dumps([mine, others]))
    run.push_to_hub(REPO)
    card = hub.repo("model", REPO).files("main")["README.md"].decode()
    assert "| EmoDB | de |" in card and "62.0 (55.0 to 69.0)" in card
    assert "77.0" not in card and "CREMA-D" not in card
    assert "### RAVDESS speech, emobox-6fold (recipe-crossval), test clips" in card
    results = yaml.safe_load(card.split("---\n", 2)[1])["model-index"][0]["results"]
    assert {r["dataset"]["type"] for r in results} == {"ravdess", "emodb"}


def test_the_pictures_are_those_of_this_run_and_the_card_shows_them(hub, make_run):
    make_run(0.5, seed=0).push_to_hub(REPO)
    make_run(0.6, seed=1, pictures=PICTURES - {"training_history.png"}).push_to_hub(REPO)
    first, second = (hub.repo("model", REPO).files(c.id) for c in _two_commits(hub))
    for files, shown in ((first, PICTURES), (second, PICTURES - {"training_history.png"})):
        assert {name for name in files if name.endswith(".png")} == shown
        card = files["README.md"].decode()
        assert {name for name in PICTURES if f"]({name})" in card} == shown
    assert "![Calibration](reliability.png)" in second["README.md"].decode()


def _two_commits(hub) -> list:
    """The last two, in the order in which they were made."""
    return hub.repo("model", REPO).commits("main")[1::-1]


@pytest.mark.parametrize(
    "training",
    [
        {"corpora": ["ravdess", "tess"]},
        {"pretraining": {"corpora": ["cremad", "tess"], "speakers": []}},
    ],
)
def test_a_licence_without_derived_works_stops_it_unless_told_otherwise(hub, make_run, training):
    run = make_run(**training)
    with pytest.raises(ValueError, match=r"TESS \(CC BY-NC-ND 4\.0\).*--despite-licence"):
        run.push_to_hub(REPO)
    assert hub.requests == []
    run.push_to_hub(REPO, despite_licence=True)
    card = hub.repo("model", REPO).files("main")["README.md"].decode()
    assert "**TESS is licensed CC BY-NC-ND 4.0, which allows no derived works" in card


def test_the_licences_behind_every_member_of_an_ensemble_count():
    def model(*members: CheckpointConfig, **training: object) -> CheckpointConfig:
        name = ENSEMBLE if members else "crnn"
        shares = (1.0,) * len(members)
        features = FeatureConfig()
        return CheckpointConfig(
            name, {}, features, training=training, members=members, shares=shares
        )

    home, abroad = model(corpora=["ravdess"]), model(corpora=["ravdess", "emodb"])
    check_may_be_handed_on(model(home, abroad, corpora=["ravdess"]))
    for stranger in (model(corpora=["tess"]), model(pretraining={"corpora": ["tess"]})):
        with pytest.raises(ValueError, match="TESS"):
            check_may_be_handed_on(model(home, stranger, corpora=["ravdess"]))


def test_a_worse_run_is_refused_by_how_much_and_forced_if_asked(hub, make_run):
    make_run(0.5, seed=0).push_to_hub(REPO)
    worse = make_run(0.47, seed=1)
    with pytest.raises(PublishError, match=r"3\.0 points less than the 50\.0"):
        worse.push_to_hub(REPO)
    unmeasured = make_run(None, seed=2)
    with pytest.raises(PublishError, match="was not measured"):
        unmeasured.push_to_hub(REPO)
    n_commits = len(hub.repo("model", REPO).commits("main"))
    worse.push_to_hub(REPO, force=True)
    assert len(hub.repo("model", REPO).commits("main")) == n_commits + 1


def test_a_run_without_figures_is_refused_before_anything_is_sent(hub, make_run):
    run = make_run()
    (run.folder / "metrics.json").unlink()
    with pytest.raises(ValueError, match="evaluate"):
        run.push_to_hub(REPO)
    assert hub.requests == []


def test_the_second_of_two_publishers_is_told_and_overwrites_nothing(hub, make_run):
    make_run(0.5, seed=0).push_to_hub(REPO)
    repo = hub.repo("model", REPO)
    hub.fail(
        method="POST",
        path="*/commit/*",
        times=1,
        before=lambda: repo.commit({"metrics.json": b"[]"}, "faster"),
    )
    with pytest.raises(PublishError, match="nothing was overwritten"):
        make_run(0.6, seed=1).push_to_hub(REPO)
    assert repo.files("main")["metrics.json"] == b"[]"


def test_a_pull_request_leaves_main_as_it_is(hub, make_run):
    make_run(0.5, seed=0).push_to_hub(REPO)
    repo = hub.repo("model", REPO)
    head = repo.commits("main")[0].id
    commit = make_run(0.6, seed=1).push_to_hub(REPO, create_pr=True)
    assert repo.commits("main")[0].id == head
    assert commit.pr_url


def test_a_dry_run_sends_nothing(hub, make_run, capsys):
    assert make_run().push_to_hub(REPO, dry_run=True) is None
    assert "model.safetensors" in capsys.readouterr().out
    assert not hub.seen("POST") and not hub.seen("PUT")


def test_a_tag_is_never_moved(hub, make_run):
    make_run(0.5, seed=0).push_to_hub(REPO, tag="v1")
    with pytest.raises(PublishError, match="has a tag v1"):
        make_run(0.6, seed=1).push_to_hub(REPO, tag="v1")


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "token"), (403, "does not open"), (500, "500"), (429, "wait")]
)
def test_what_the_hub_refuses_is_a_sentence(hub, make_run, status, reason):
    hub.create("model", REPO)
    hub.fail(status=status, method="POST", path="*/commit/*")
    with pytest.raises(PublishError, match=reason):
        make_run().push_to_hub(REPO)


def test_a_hub_that_is_down_is_a_sentence(hub, make_run):
    hub.down()
    with pytest.raises(PublishError, match="could not be reached"):
        make_run().push_to_hub(REPO)
    hub.up()


def test_what_arrived_damaged_is_noticed_and_gets_no_tag(hub, make_run, tmp_path):
    """A fault behind the commit: other weights under the same name."""
    other = (make_checkpoint(tmp_path / "other", seed=7) / "model.safetensors").read_bytes()
    repo = hub.create("model", REPO)
    hub.fail(
        method="HEAD",
        path="*config.json",
        times=1,
        before=lambda: repo.lfs_objects.update(dict.fromkeys(repo.lfs_objects, other)),
    )
    with pytest.raises(PublishError):
        make_run().push_to_hub(REPO, tag="v1")
    assert "refs/tags/v1" not in repo.refs


def test_an_upload_that_fails_is_a_sentence(hub, make_run):
    hub.fail(status=403, method="PUT")
    with pytest.raises(PublishError, match="could not be uploaded"):
        make_run().push_to_hub(REPO)


def test_the_command(hub, make_run, capsys, monkeypatch):
    run = make_run(corpora=["ravdess", "tess"])
    monkeypatch.chdir(run.results.parent)
    shutil.copytree(run.results, Path("results"))
    assert main(["publish", str(run.folder), "--repo", REPO, "--despite-licence"]) == 0
    assert f"SER_MODEL={REPO}@" in capsys.readouterr().out
    assert main(["publish", "/nonexistent", "--repo", REPO]) == 1
    assert "error:" in capsys.readouterr().err
