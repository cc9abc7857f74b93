"""A token that the studio knows never comes out of it, whoever repeats it and however it is written."""

from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from studio.domain import secrecy
from studio.domain.errors import StudioError
from studio.domain.events import Progress, format_event, parse_event
from studio.domain.secrecy import MaskedPieces, holds_secret, keep_secret, mask_secrets, mask_value
from studio.store.database import open_database
from studio.store.job_folder import JobFolder, write_json
from tests.support.studio_process import serving, studio
from tests.support.waiting import wait_for

TOKEN = "hf_Zq7vKw2Lx9TmRb4YcNd8"
KEY = 'sk-odd/key+with"signs\\é=='
ENCLOSED = ("", "a", "ab", "user:")


def spellings(secret: str) -> list[str]:
    bare = ["".join(f"%{b:02x}" for b in secret.encode()), "".join(f"\\u{ord(c):04X}" for c in secret)]
    return [
        secret, secret.upper(), secret.lower(), quote(secret), quote(secret, safe=""),
        quote(quote(secret, safe=""), safe=""), *bare, bare[0].upper(),
        secret[:3] + bare[0][9:], "".join(f"\\x{ord(c):02x}" for c in secret),
        json.dumps(secret), json.dumps(json.dumps(secret)), repr(secret), html.escape(secret),
        "".join(f"&#{ord(c)};" for c in secret), "".join(f"&#x{ord(c):X};" for c in secret),
        secret.encode().hex(), secret.encode().hex().upper(),
        *(base64.b64encode(f"{before}{secret}:x".encode()).decode() for before in ENCLOSED),
        *(base64.urlsafe_b64encode(f"{before}{secret}".encode()).decode() for before in ENCLOSED),
        *(quote(base64.b64encode(f"{before}{secret}".encode()).decode(), safe="") for before in ENCLOSED),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_secrets", type(secrecy._secrets)())
    monkeypatch.setattr(secrecy, "_words", type(secrecy._words)())


@pytest.mark.parametrize("secret", [TOKEN, KEY])
def test_a_secret_is_masked_in_every_spelling(secret: str) -> None:
    keep_secret(secret)
    for spelling in spellings(secret):
        said = mask_secrets(f"a {spelling} b")
        assert "***" in said, spelling
        assert len(said) < 24, (spelling, said)
        assert said.startswith("a ")
        assert said.endswith(" b")
        assert holds_secret(f"a {spelling} b")
    assert (
        mask_secrets("hf_Zq7 and sk-odd % \\u00e9 &#38; are no secrets")
        == "hf_Zq7 and sk-odd % \\u00e9 &#38; are no secrets"
    )


def test_an_error_says_no_secret_in_any_of_its_forms() -> None:
    keep_secret(TOKEN, "hunter2")
    for told in (TOKEN, OSError(f"GET /?t={TOKEN}"), {"Authorization": TOKEN}, "the password is hunter2"):
        error = StudioError("The server says: {said}.", "Ask {said}.", said=told)
        for text in (str(error), error.problem, error.remedy, json.dumps(error.as_dict())):
            assert "***" in text
            assert TOKEN not in text
            assert "hunter2" not in text
    assert TOKEN not in str(StudioError(f"Bad: {TOKEN}"))
    assert str(StudioError("{n} {n:row|rows}, {x:.1f} GB", n=1, x=2.04)) == "1 row, 2.0 GB"


def test_a_file_an_event_and_a_log_hold_no_secret(tmp_path: Path) -> None:
    keep_secret(TOKEN)
    escaped = "".join(f"\\u{ord(c):04x}" for c in TOKEN)
    write_json(tmp_path / "run.json", {"a": [TOKEN], TOKEN: quote(TOKEN)})
    assert json.loads((tmp_path / "run.json").read_text()) == {"a": ["***"], "***": "***"}
    assert TOKEN not in format_event(Progress(stage=TOKEN))
    heard = parse_event(f'{{"kind": "progress", "stage": "x {escaped}"}}')
    assert isinstance(heard, Progress)
    assert heard.stage == "x ***"
    folder = JobFolder(tmp_path)
    folder.log.write_text(f"asked with {TOKEN}\nand hf_somebodyelses0 and Bearer abc\n")
    assert folder.log_tail() == "asked with ***\nand *** and ***\n"


def test_a_password_that_is_a_word_spoils_no_name_and_no_setting() -> None:
    keep_secret("training", "pw", "lora", "datasets-1"[:8])
    spec = {"training": {"lora": 8}, "path": "/home/datasets/1", "x": "pw"}
    assert mask_value(spec) == spec
    assert str(StudioError("Wrong: {said}", said="training, trainings")) == "Wrong: ***, trainings"


def test_a_secret_that_comes_in_pieces_is_masked_too() -> None:
    keep_secret(TOKEN)
    for size in (1, 2, 5, len(TOKEN) + 3):
        text = f"It is {TOKEN}, hf_no and hf_Zq7vKw2"
        pieces = MaskedPieces()
        said = "".join(pieces.feed(text[i : i + size]) for i in range(0, len(text), size)) + pieces.end()
        assert said == "It is ***, hf_no and hf_Zq7vKw2"


def test_only_so_many_secrets_are_kept() -> None:
    for number in range(200):
        keep_secret(f"hf_Token{number:08}")
    assert len(secrecy._secrets) <= secrecy._MAX_SECRETS
    assert mask_secrets("hf_Token00000199") == "***"


def test_the_password_of_a_database_is_known_before_anything_can_speak_of_it() -> None:
    with pytest.raises(Exception, match=None) as caught:  # whatever the driver says, or that there is none
        open_database("postgresql://ana:Sw0rdfish-99@127.0.0.1:9/studio?connect_timeout=2")
    assert mask_secrets("Sw0rdfish-99") == "***"
    assert "Sw0rdfish" not in str(caught.value)


# Against servers that repeat what they were asked with


@contextmanager
def echoing(secret: str) -> Iterator[str]:
    """A server that answers everything with the secret: in a refusal's words and headers, in a redirect, in what would
    be an answer, and in what is none."""

    class Echo(BaseHTTPRequestHandler):
        asked = 0

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            Echo.asked += 1
            said = "  ".join(spellings(secret))
            status = (400, 200, 302, 401, 500, 403, 200, 404, 418)[Echo.asked % 9]
            names = {"name": said, "orgs": [{"name": secret}], "data": [{"id": said}], "sha": secret, "id": secret}
            body = json.dumps(names if Echo.asked % 2 else {"error": said, **names}).encode()
            if Echo.asked % 5 == 0:
                body = said.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            line = said.encode("ascii", "replace").decode()
            for header in ("X-Error-Message", "X-Request-Id", "WWW-Authenticate"):
                self.send_header(header, line)
            self.send_header("X-Error-Code", secret.encode("ascii", "replace").decode())
            if status == 302:
                self.send_header("Location", f"http://127.0.0.1:9/{quote(secret)}?token={quote(secret)}")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def given_away(data: bytes, secret: str) -> list[str]:
    found = data.lower()
    return [spelling for spelling in spellings(secret) if spelling.encode().lower() in found]


def test_what_a_hostile_hub_and_a_hostile_server_repeat_is_masked_everywhere(tmp_path: Path) -> None:
    home = tmp_path / "home"
    key = "sk-Fj3kQ9-Pw7Zt2Lm5"
    with echoing(TOKEN) as hub, echoing(key) as stand_in:
        known = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
        with serving(home, **known) as server:
            answers = [
                server.call("save_token", {"secret": TOKEN}),
                server.call("save_server", {"url": stand_in, "key": key}),
            ]
            answers += [server.call("test_token") for _ in range(9)]
            answers += [server.call("test_server") for _ in range(9)]
            answers.append(server.call("add_model", {"reference": "ada/model"}))
            answers.append(server.call("add_from_hub", {"repository": "ada/rows"}))
            wait_for(lambda: b'"preparing"' not in server.call("models"), seconds=120, what="the model's refusal")
            answers += [server.call("state"), server.call("models")]
        told = [
            studio(home, *words, **known) for words in (("models", "list", "--json"), ("models", "add", "eve/other"))
        ]
    assert sum(b"***" in answer for answer in answers) > 5
    outputs = [*answers, server.log.read_bytes(), *(one.stdout.encode() + one.stderr.encode() for one in told)]
    files = [file for file in home.rglob("*") if file.is_file() and file.parent.name != "secrets"]
    assert any(file.name == "events.jsonl" for file in files)
    for secret in (TOKEN, key):
        assert [given_away(output, secret) for output in outputs if given_away(output, secret)] == []
        assert [
            (file, given_away(file.read_bytes(), secret)) for file in files if given_away(file.read_bytes(), secret)
        ] == []
