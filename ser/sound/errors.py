"""Why a sound cannot be judged: one class a reason, each message telling what to do."""


class AudioError(ValueError):
    """The sound cannot be judged; the message tells a visitor what to do."""


class UnreadableAudioError(AudioError):
    """Not a sound file, a damaged one, or one in a form that nothing here decodes."""


class EmptyAudioError(AudioError):
    """No samples at all."""


class TooShortError(AudioError):
    """0.3 s or less."""


class TooLongError(AudioError):
    """More than ten minutes."""


class TooManyChannelsError(AudioError):
    """More than eight channels."""


class UnsupportedRateError(AudioError):
    """A sample rate that no recording has."""


class NotFiniteError(AudioError):
    """NaN or infinite samples."""


class SilentError(AudioError):
    """A peak under -80 dBFS."""
