"""What a visitor does on the page, and what then lies on the Hub."""

import hashlib
import json
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.hub.server import Hub
from tests.page.app_server import EXAMPLES, RunningApp, choose

MODEL, VOICES = "user/voice", "user/voices"
TOKEN = "hf_write"
CLIP = EXAMPLES / "middle-and-lively.flac"
OTHER_CLIP = EXAMPLES / "low-and-slow.flac"
SENTENCE = "Perceived expression:"


def settings(hub: Hub, repo: str = VOICES, token: str | None = TOKEN) -> dict[str, str]:
    return hub.environment(token) | {"SER_FEEDBACK_REPO": repo, "SER_FEEDBACK_PUSH_S": "0.3"}


def rows(hub: Hub, repo: str = VOICES) -> list[dict]:
    if ("dataset", repo) not in hub.repos:
        return []
    files = hub.repo("dataset", repo).files("main")
    return [json.loads(line) for line in files.get("train/metadata.jsonl", b"").splitlines()]


def row_of(hub: Hub, receipt: str, repo: str = VOICES) -> dict:
    digest = hashlib.sha256(receipt.encode()).hexdigest()
    (row,) = (row for row in rows(hub, repo) if row["receipt_sha256"] == digest)
    return row


def listen(page: Page, clip: Path = CLIP) -> None:
    """Have a recording judged; it is asked whether the answer was right, and nothing else."""
    choose(page, clip)
    expect(page.locator("#said .answer:focus")).to_be_visible()
    expect(page.locator("#expression")).to_be_visible()
    chosen = page.locator("#expression").get_by_role("radio", checked=True)
    expect(chosen).to_have_count(0)
    expect(page.locator("#consent")).to_have_count(0)


def share_button(page: Page):
    return page.get_by_role("button", name="Share this recording", exact=True)


def share(page: Page, label: str) -> str:
    """Consent, choose and share; the receipt."""
    before = page.locator("#receipt textarea").all()
    before = before[0].input_value() if before else ""
    page.get_by_role("radio", name=label).check()
    page.get_by_label("I am 18 or older").check()
    share_button(page).click()
    expect(page.locator("#receipt textarea")).not_to_have_value(before)
    return page.locator("#receipt textarea").input_value()


def take_back(page: Page, receipt: str) -> None:
    if not page.get_by_label("The receipt you got").is_visible():
        page.get_by_role("button", name="Take a shared recording back").click()
    page.get_by_label("The receipt you got").fill(receipt)
    page.get_by_role("button", name="Take it back").click()


def status_says(page: Page, words: str) -> None:
    expect(page.locator("#share-status")).to_contain_text(words)


def parts(running: RunningApp) -> str:
    """What the page is made of, its style sheet aside."""
    return json.dumps(json.loads(config(running))["components"])


def config(running: RunningApp) -> str:
    with urllib.request.urlopen(f"{running.url}/config", timeout=30) as answer:
        return answer.read().decode()
