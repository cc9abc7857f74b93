"""Getting in: by the page, by a program, and by nobody who guesses."""

from __future__ import annotations

import asyncio
import base64
import http.client
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from studio.domain.errors import InvalidInput
from studio.settings import Login, Settings, read_settings
from studio.ui.access import login_attempts, sessions
from studio.ui.access.guard import Guard
from studio.ui.access.login_attempts import ATTEMPTS, ATTEMPTS_OF_ALL, TURN, WINDOW, LoginAttempts, visitor_of
from studio.ui.access.sessions import LIFETIME, Sessions
from tests.support.studio_process import serving

VERSION = "0123456789ab"
PASSWORD = "päss:word"
RIGHT = {"name": "ada", "password": PASSWORD}
PAGE = {"accept": "text/html", "user-agent": "Mozilla/5.0"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> LoginAttempts:
    return LoginAttempts(now=clock)


def basic(name: str = "ada", password: str = PASSWORD) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def client(tmp_path, base_url="http://127.0.0.1:7860", **given) -> TestClient:
    async def inside(scope, receive, send):
        await PlainTextResponse("inside")(scope, receive, send)

    guard = Guard(inside, Settings(home=tmp_path, login=Login("ada", PASSWORD), **given), VERSION)
    return TestClient(guard, base_url=base_url, follow_redirects=False)


@pytest.fixture
def web(tmp_path) -> TestClient:
    return client(tmp_path)


# The page


def test_a_person_is_led_to_the_page_and_back_to_where_they_wanted_to_go(web):
    led = web.get("/runs?id=3", headers=PAGE)
    assert (led.status_code, led.headers["location"]) == (303, "./sign-in?next=runs%3Fid%3D3")
    page = web.get(led.headers["location"], headers=PAGE)
    assert page.status_code == 200
    assert '<input type="hidden" name="next" value="runs?id=3">' in page.text
    assert "<script" not in page.text
    entered = web.post("/sign-in", data=RIGHT | {"next": "runs?id=3"})
    assert (entered.status_code, entered.headers["location"]) == (303, "./runs?id=3")
    assert web.get("/runs?id=3", headers=PAGE).text == "inside"
    assert web.get("/sign-in", headers=PAGE).headers["location"] == "./"


def test_one_who_signs_out_is_outside_also_with_the_old_cookie(web):
    web.post("/sign-in", data=RIGHT)
    kept = dict(web.cookies)
    gone = web.post("/sign-out")
    assert (gone.status_code, gone.headers["location"]) == (303, "./sign-in")
    assert not web.cookies
    web.cookies.update(kept)
    assert web.get("/").status_code == 401


def test_signing_out_is_no_link_that_another_site_could_load(web):
    web.post("/sign-in", data=RIGHT)
    web.get("/sign-out")
    web.post("/sign-out", headers={"origin": "https://evil.example"})
    assert web.get("/").text == "inside"


def test_nobody_is_signed_in_by_another_sites_form(web):
    assert web.post("/sign-in", data=RIGHT, headers={"origin": "https://evil.example"}).status_code == 403
    assert not web.cookies


@pytest.mark.parametrize(
    "next",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "../../evil", "runs\r\nSet-Cookie: a=b", ".//evil.example", "%2f%2fevil.example", "@evil.example", "sign-in",
    ],
)  # fmt: skip
def test_signing_in_leads_to_a_page_of_the_studio_alone(web, next):
    assert web.post("/sign-in", data=RIGHT | {"next": next}).headers["location"] == "./"


def test_the_page_repeats_nothing_that_could_be_a_script(web):
    page = web.get("/sign-in", params={"next": '"><script>', "language": "<b>"}, headers=PAGE).text
    assert "<script>" not in page
    wrong = web.post("/sign-in", data={"name": "<script>", "password": "x", "next": '"><script>'})
    assert wrong.status_code == 401
    assert "<script>" not in wrong.text


def test_the_page_speaks_both_languages_and_has_both_schemes(web):
    assert "登录" in web.get("/sign-in", headers={"accept-language": "zh"}).text
    page = web.get("/sign-in?language=zh")
    assert "密码" in page.text
    assert "studio_language=zh" in page.headers["set-cookie"]
    assert "prefers-color-scheme:dark" in page.text
    web.cookies.set("studio_theme", "dark")
    assert 'data-theme="dark" class="dark"' in web.get("/sign-in").text


def test_what_the_page_is_made_of_can_be_loaded_and_nothing_else(web):
    page = web.get("/sign-in", headers=PAGE).text
    for address in re.findall(r'(?:src|href)="(\./static/[^"]+)"', page):
        assert web.get(address).text == "inside", address
    for address in ("/static/lib/dom.js", f"/static/{VERSION}/lib/dom.js", "/static/fonts/%2e%2e/lib/dom.js"):
        assert web.get(address).status_code == 401, address
    assert web.post("/static/styles/base.css").status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"name=ada", b"\xff\xfe", b"&" * 5000, b"a=1&" * 2000, b"name=ada&password=" + b"x" * 8000]
)
def test_a_form_that_is_none_is_a_wrong_answer(web, body):
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert web.post("/sign-in", content=body, headers=form).status_code == 401


def test_a_form_without_an_end_is_not_read_to_its_end(web):
    read = 0

    def endless():
        nonlocal read
        for _ in range(1000):
            read += 1000
            yield b"x" * 1000

    assert web.post("/sign-in", content=endless()).status_code == 413


# The cookie


def cookie(web: TestClient) -> str:
    return web.post("/sign-in", data=RIGHT).headers["set-cookie"].lower()


def test_a_script_cannot_read_the_cookie_and_another_site_cannot_send_it(web):
    set_cookie = cookie(web)
    assert "httponly" in set_cookie
    assert "samesite=lax" in set_cookie
    assert "secure" not in set_cookie


def test_over_https_the_cookie_stays_there(tmp_path):
    assert "; secure" in cookie(client(tmp_path, "https://127.0.0.1:7860"))


def test_in_the_frame_of_a_space_the_cookie_is_sent(tmp_path):
    set_cookie = cookie(client(tmp_path, space_id="ada/studio", host="0.0.0.0"))
    assert {"samesite=none", "secure", "partitioned", "httponly"} <= set(set_cookie.split("; "))


def test_a_session_ends_by_itself_and_there_are_never_too_many(clock):
    kept = Sessions(now=clock)
    first = kept.begin()
    assert kept.holds(first)
    assert not kept.holds("")
    clock.now += LIFETIME
    assert not kept.holds(first)
    tokens = [kept.begin() for _ in range(sessions.MAX_SESSIONS + 5)]
    assert len(set(tokens)) == len(tokens)
    assert [kept.holds(token) for token in tokens].count(True) == sessions.MAX_SESSIONS


# Programs


@pytest.mark.parametrize(
    "wrong", [basic(password="word"), basic("", ""), *({"authorization": a} for a in ("Basic !!!", "Bearer x", ""))]
)
def test_a_program_with_the_wrong_login_is_told_so(web, wrong):
    assert web.get("/", headers=basic()).text == "inside"
    assert web.get("/", headers=wrong).status_code == 401


def test_a_program_is_challenged_and_a_browser_never_asks_in_a_window_of_its_own(web):
    assert web.get("/now").headers["www-authenticate"].startswith("Basic ")
    for browser in ({"user-agent": "Mozilla/5.0 (X11)"}, {"sec-fetch-mode": "cors"}):
        answer = web.get("/now", headers=browser)
        assert answer.status_code == 401
        assert not answer.headers["www-authenticate"].startswith("Basic")


def test_nothing_comes_in_over_a_websocket(tmp_path):
    said = []

    async def send(message):
        said.append(message)

    guard = Guard(Starlette(), Settings(home=tmp_path, login=Login("ada", "x")))
    closing = guard({"type": "websocket", "path": "/", "headers": []}, None, send)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as pool:  # a browser's tests leave a loop running in this thread
        pool.submit(asyncio.run, closing).result()
    assert said == [{"type": "websocket.close", "code": 1008}]


# Guessing


def test_who_guesses_waits_while_others_and_those_inside_do_not(tmp_path):
    web = client(tmp_path)
    web.post("/sign-in", data=RIGHT)
    stranger = TestClient(web.app, base_url="http://127.0.0.1:7860", follow_redirects=False)
    for _ in range(ATTEMPTS):
        assert stranger.post("/sign-in", data={"name": "ada", "password": "guess"}).status_code == 401
    late = stranger.post("/sign-in", data=RIGHT)
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= WINDOW
    assert stranger.get("/", headers=basic()).status_code == 429
    assert web.get("/").text == "inside"
    other = TestClient(web.app, base_url="http://127.0.0.1:7860", client=("5.6.7.8", 1))
    assert other.get("/", headers=basic()).text == "inside"


def test_a_page_asked_for_without_an_answer_is_no_guess(web):
    for _ in range(3 * ATTEMPTS):
        assert web.get("/").status_code == 401
    assert web.get("/", headers=basic()).text == "inside"


def test_waiting_ends(attempts, clock):
    for _ in range(ATTEMPTS):
        assert attempts.wait("1.2.3.4") == 0
        attempts.record_failure("1.2.3.4")
    assert attempts.wait("1.2.3.4") == WINDOW
    clock.now += WINDOW
    assert attempts.wait("1.2.3.4") == 0


def test_a_right_answer_wipes_out_the_wrong_ones(attempts):
    for _ in range(3):
        for _ in range(ATTEMPTS - 1):
            attempts.record_failure("1.2.3.4")
        attempts.record_success("1.2.3.4")
    assert attempts.wait("1.2.3.4") == 0


def test_where_many_guess_strangers_take_turns_and_who_was_inside_does_not(attempts, clock):
    attempts.record_success("9.9.9.9")
    tried = 0
    for number in range(10_000):
        if attempts.wait(f"10.0.{number // 250}.{number % 250}") == 0:
            attempts.record_failure(f"10.0.{number // 250}.{number % 250}")
            tried += 1
    assert tried == ATTEMPTS_OF_ALL
    assert attempts.wait("9.9.9.9") == 0
    assert attempts.wait("8.8.8.8") == TURN
    clock.now += TURN
    assert attempts.wait("8.8.8.8") == 0
    attempts.record_failure("8.8.8.8")
    assert attempts.wait("7.7.7.7") == TURN


def test_what_is_remembered_of_visitors_has_an_end(attempts, monkeypatch):
    monkeypatch.setattr(login_attempts, "MAX_VISITORS", 50)
    for number in range(200):
        attempts.record_failure(f"2001:db8:{number:x}::1")
        attempts.record_success(f"2001:db9:{number:x}::1")
    assert len(attempts._welcome_visitors) == 50
    for number in range(200):
        attempts.record_failure(f"2001:db8:{number:x}::1")
    assert len(attempts._failures) == 50


@pytest.mark.parametrize(
    ("address", "visitor"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:5555", "1.2.3.4"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("x" * 100_000, "x" * 64),
        ("", ""),
    ],
)
def test_a_household_is_one_visitor(address, visitor):
    assert visitor_of(address) == visitor


# Behind a proxy


def ask(url: str, method: str, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    body = urlencode({"name": "ada", "password": "guess"}) if method == "POST" else None
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, names)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


def test_what_a_visitor_writes_before_the_proxys_entry_is_no_fresh_start(tmp_path):
    with serving(tmp_path / "home", STUDIO_LOGIN=f"ada:{PASSWORD}") as server:
        for number in range(ATTEMPTS):
            told = ask(server.url, "POST", "/sign-in", X_Forwarded_For=f"10.0.0.{number}, 203.0.113.7")
            assert told[0] == 401
        assert ask(server.url, "POST", "/sign-in", X_Forwarded_For="9.9.9.9, 203.0.113.7")[0] == 429
        # Another visitor, by a chain of trusted proxies, is not stopped; and https is told by the proxy.
        for chain in ("203.0.113.7, 198.51.100.1", "203.0.113.7, 198.51.100.1, 127.0.0.1"):
            assert ask(server.url, "POST", "/sign-in", X_Forwarded_For=chain)[0] == 401
        assert ask(server.url, "GET", "/healthz")[0] == 200


def test_on_a_space_the_platforms_proxies_alone_are_believed(tmp_path):
    space = {"STUDIO_LOGIN": f"ada:{PASSWORD}", "SPACE_ID": "ada/studio"}
    with serving(tmp_path / "home", "--host", "127.0.0.1", **space) as server:
        for number in range(ATTEMPTS):
            chain = f"198.51.100.{number}, 203.0.113.7, 10.20.0.1"
            assert ask(server.url, "POST", "/sign-in", X_Forwarded_For=chain)[0] == 401
        assert ask(server.url, "POST", "/sign-in", X_Forwarded_For="9.9.9.9, 203.0.113.7, 10.20.0.2")[0] == 429


def test_trusted_proxies_are_named_in_the_environment():
    assert read_settings({}).trusted_proxies == ("127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104")
    assert read_settings({"STUDIO_TRUSTED_PROXIES": "10.1.2.3"}).trusted_proxies[0] == "10.1.2.3/32"
    with pytest.raises(InvalidInput, match="STUDIO_TRUSTED_PROXIES"):
        read_settings({"STUDIO_TRUSTED_PROXIES": "everybody"})
