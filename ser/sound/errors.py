"""Why a sound cannot be judged: one class a reason, each message telling what to do.

Programs know a reason by its `code`, which never changes; see docs/api.md.
"""


class AudioError(ValueError):
    """The sound cannot be judged; the message tells a visitor what to do."""

    code = "not_judged"


class CancelledError(Exception):
    """Nobody waits for the answer any longer."""


class UnreadableAudioError(AudioError):
    """Not a sound file, a damaged one, or one in a form that nothing here decodes."""

    code = "unreadable"


class EmptyAudioError(AudioError):
    """No samples at all."""

    code = "empty"


class TooShortError(AudioError):
    """0.3 s or less."""

    code = "too_short"


class TooLongError(AudioError):
    """More than ten minutes."""

    code = "too_long"


class TooMuchError(AudioError):
    """More samples than are decoded for one request, or such as take too long to decode."""

    code = "too_much"


class TooManyChannelsError(AudioError):
    """More than eight channels."""

    code = "too_many_channels"


class UnsupportedRateError(AudioError):
    """A sample rate that no recording has."""

    code = "unsupported_rate"


class NotFiniteError(AudioError):
    """NaN or infinite samples, or values that no sound has."""

    code = "not_finite"


class SilentError(AudioError):
    """A peak under -80 dBFS."""

    code = "silent"
