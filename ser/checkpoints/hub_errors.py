"""What goes wrong between here and the Hub, in one sentence that holds no token."""

from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

# RuntimeError is the client's word for an upload that failed, OSError for a cut connection.
HUB_ERRORS = (
    HfHubHTTPError,
    HTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    OSError,
    RuntimeError,
)


def explain(error: Exception, repo: str) -> str:
    """Tell what one of `HUB_ERRORS` means for somebody who asked something of `repo`."""
    if isinstance(error, HFValidationError):
        return f"{repo} is no name of a repository."
    if isinstance(error, RevisionNotFoundError):
        return f"{repo} has no such revision."
    if isinstance(error, RepositoryNotFoundError):
        return f"{repo} is not on the Hub, or private and not open to us."
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return {
            401: f"The Hub does not know the token, which {repo} needs.",
            403: f"The token does not open {repo}.",
            412: f"Somebody else changed {repo} meanwhile; nothing was overwritten. Try again.",
            429: "The Hub asks to wait: too many requests. Try again in some minutes.",
        }.get(status, f"The Hub answered {status} for {repo}.")
    if type(error) is RuntimeError:
        return f"A file could not be uploaded to {repo}."
    return f"The Hub could not be reached for {repo}."
