"""Recordings that visitors share: a queue here, a private dataset on the Hub, the way back."""
