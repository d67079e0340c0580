"""Adapting to one voice: what a tab heard before tells of the speaker and the room."""

from dataclasses import dataclass, field, replace

import gradio as gr
import numpy as np

from page.language import told
from page.models import Model
from ser.adaptation import Setting
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.prediction import Prediction

N_KEPT = 20  # clips; more say little more
CALM = [LABELS.index(name) for name in ("neutral", "calm")]
MOSTLY = 0.5  # of the clips: the visitor did as the page says, and spoke calmly
TEXT = (
    "Adapt to my voice: what was judged before in this tab shifts the model to the speaker and the "
    "room. Say three calm sentences first. It is forgotten with the tab."
)


@dataclass(frozen=True)
class Voice:
    """What each clip of a tab left over, and its answer, by its path; no sound is kept."""

    clips: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)

    def heard(self, path: str, prediction: Prediction) -> "Voice":
        """The same with one clip more, where it says anything of the setting."""
        if prediction.residual is None:
            return self
        kept = {**self.clips, path: (prediction.residual, prediction.probabilities)}
        return replace(self, clips=dict(list(kept.items())[-N_KEPT:]))

    def adapted(self, pipeline: EmotionPipeline) -> EmotionPipeline:
        """The pipeline shifted to what was heard; as it is where nothing was."""
        k = pipeline.checkpoint.config.adaptation_clips
        if not k or not self.clips:
            return pipeline
        answers = np.array([answer for _, answer in self.clips.values()])
        setting = Setting(is_calm=np.isin(answers.argmax(axis=1), CALM).mean() > MOSTLY)
        for residual, answer in self.clips.values():
            setting.hear(residual, answer)
        return pipeline.adapted(setting.learnt(k, pipeline.checkpoint.revision))


def voice_panel(model: Model) -> tuple[gr.State, gr.Checkbox]:
    """Lay out the choice; it is not offered for a model that cannot be adapted."""
    can = model.told.config.adaptation_clips > 0
    return gr.State(), gr.Checkbox(False, label=told(TEXT), visible=can, elem_id="adapt")
