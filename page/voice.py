"""Adapting to one voice: what a tab heard before tells of the speaker and the room."""

from dataclasses import dataclass, field, replace

import gradio as gr
import numpy as np

from page.language import told
from page.models import Model
from ser.adaptation import Adaptation
from ser.pipeline import EmotionPipeline
from ser.prediction import Prediction

N_KEPT = 20  # clips; more say little more
TEXT = (
    "Adapt to my voice: what was judged before in this tab shifts the model to the speaker and the "
    "room. Say three calm sentences first. It is forgotten with the tab."
)


@dataclass(frozen=True)
class Voice:
    """What each clip of a tab left over, by its path; no sound is kept."""

    residuals: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def heard(self, path: str, prediction: Prediction) -> "Voice":
        """The same with one clip more, where it says anything of the setting."""
        if prediction.residual is None:
            return self
        kept = {**self.residuals, path: prediction.residual}
        return replace(self, residuals=dict(list(kept.items())[-N_KEPT:]))

    def adapted(self, pipeline: EmotionPipeline) -> EmotionPipeline:
        """The pipeline shifted to what was heard; as it is where nothing was."""
        k = pipeline.checkpoint.config.adaptation_clips
        if not k or not self.residuals:
            return pipeline
        values = list(self.residuals.values())
        return pipeline.adapted(Adaptation.learn(values, k, pipeline.checkpoint.revision))


def voice_panel(model: Model) -> tuple[gr.State, gr.Checkbox]:
    """Lay out the choice; it is not offered for a model that cannot be adapted."""
    can = model.told.config.adaptation_clips > 0
    return gr.State(), gr.Checkbox(False, label=told(TEXT), visible=can, elem_id="adapt")
