"""How long decoding may take: a small file can hold much work."""

from dataclasses import dataclass

from ser.sound.errors import TooMuchError


@dataclass
class Budget:
    """Seconds of the processor's time that are left for decoding a sound."""

    left_s: float

    def spend(self, seconds: float) -> None:
        """TooMuchError where no time is left."""
        self.left_s -= seconds
        if self.left_s < 0:
            raise TooMuchError(
                "Decoding took too long and was stopped: please send a shorter recording, best "
                "mono WAV or FLAC."
            )
