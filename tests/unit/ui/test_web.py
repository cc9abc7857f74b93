"""The pages as they come over the wire."""

import asyncio
import base64
import posixpath
import re
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from studio.settings import Login, Settings
from studio.ui.shell import GradioParts
from studio.ui.static_files import STATIC
from studio.ui.view import view
from studio.ui.web import build_web, page_modules

HOME, DATASETS, *_ = page_modules()


def greet() -> str:
    return "hello"


MODULES = {
    HOME: SimpleNamespace(
        TITLE="Train", LEAD="<b>Lead</b> & more.", build=lambda studio: view("home", greet, skeleton="table")
    ),
    DATASETS: SimpleNamespace(build=lambda studio: view("datasets", skeleton="chart")),
}


def client(tmp_path, now=None, modules=MODULES, **given):
    async def build():  # inside a loop: outside of one Gradio makes its own and never closes it
        return build_web(None, Settings(home=tmp_path, **given), now, modules)

    return TestClient(asyncio.run(build()), base_url="http://127.0.0.1:7860")


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    now = {"run": 3, "name": "tone", "status": "running", "percent": 40.0, "waiting": 0}
    return client(tmp_path_factory.mktemp("home"), lambda request: now)


def test_a_page_comes_framed_with_its_heading_and_its_skeleton(web):
    page = web.get("/").text
    assert "<title>Train</title>" in page
    assert "&lt;b&gt;Lead&lt;/b&gt; &amp; more." in page
    assert 'data-boot="home"' in page
    assert 'data-boot="datasets"' not in page
    assert "window.gradio_config = " in page
    assert '<script type="module"' in page


def test_the_navigation_shows_the_pages_that_exist_and_marks_this_one(web):
    page = web.get("/datasets").text
    assert re.findall(r'<a href="./(\w*)"( aria-current=page)?><svg', page) == [
        ("", ""),
        ("datasets", " aria-current=page"),
    ]


def test_a_page_loads_nothing_from_outside(web):
    page = web.get("/").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"|url\("([^"]+)"\)', page)
    assert len(loaded) > 10
    assert [one or other for one, other in loaded if not (one or other).startswith("./")] == []


def test_what_a_page_loads_exists_and_is_kept_for_ever(web):
    page = web.get("/", headers={"accept-language": "zh"}).text
    ours = re.findall(r'(?:src|href)="\./((?:static|text)/[^"]+)"', page)
    assert len(ours) > 10
    for address in ours:
        answer = web.get("/" + address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"], address


def test_all_that_a_module_imports_is_loaded_with_the_page(web):
    page = web.get("/").text
    (version,) = set(re.findall(r"static/([0-9a-f]{12})/", page))
    loaded = set(re.findall(rf'(?:src|href)="\./static/{version}/([^"]+\.js)"', page))
    assert "pages/home/index.js" in loaded
    for module in loaded:
        script = web.get(f"/static/{version}/{module}").text
        named = re.findall(r'^(?:import|export)\b[^;"]*"(\.{1,2}/[^"]+)"', script, re.MULTILINE)
        assert {posixpath.normpath(posixpath.join(posixpath.dirname(module), path)) for path in named} <= loaded


def test_a_static_file_without_its_version_is_asked_for_again(web):
    assert web.get("/static/icon.svg").headers["cache-control"] == "no-cache"
    old = web.get("/static/0123456789ab/icon.svg")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
    assert web.get("/static/../studio/settings.py").status_code == 404


def test_inline_scripts_run_by_a_nonce_that_is_new_each_time(web):
    nonces = []
    for _ in range(2):
        answer = web.get("/")
        (nonce,) = set(re.findall(r'<script nonce="([^"]+)"', answer.text))
        assert f"'nonce-{nonce}'" in answer.headers["content-security-policy"]
        assert "<script>" not in answer.text
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_a_page_has_a_module_a_folder_for_its_script_and_a_place_in_the_navigation():
    pages = page_modules()
    assert [page.name for page in pages] == [module.__name__.rpartition(".")[2] for module in pages.values()]
    assert len({page.order for page in pages}) == len(pages)
    assert [page.name for page in pages if not (STATIC / "pages" / page.name / "index.js").is_file()] == []


def test_a_page_is_never_kept(web):
    assert web.get("/").headers["cache-control"] == "no-store"


def test_the_page_speaks_the_readers_language(web):
    page = web.get("/", headers={"accept-language": "zh-CN"}).text
    assert '<html lang="zh-CN"' in page
    assert "<title>训练</title>" in page
    assert "./text/zh.js?v=" in page


def test_the_chosen_scheme_is_there_before_the_first_paint(web):
    page = web.get("/", headers={"cookie": "studio_theme=dark"}).text
    assert 'data-theme="dark" class="dark"' in page
    assert 'data-theme="system"' in web.get("/", headers={"cookie": 'studio_theme="><script>'}).text


def test_health_and_what_runs_now_are_plain_json(web):
    assert web.get("/healthz").json() == {"ok": True}
    assert web.get("/now").json()["percent"] == 40.0


def test_another_sites_page_may_not_write(web):
    answer = web.post("/gradio_api/component_server/", json={}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


def test_another_origin_is_never_let_in(web):
    answer = web.get("/", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers


def test_a_foreign_host_name_is_refused(web):
    assert web.get("/", headers={"host": "evil.example:7860"}).status_code == 421


def test_a_studio_with_a_login_asks_for_it_everywhere_but_for_its_health(tmp_path):
    web = client(tmp_path, host="0.0.0.0", login=Login("ada", "secret"))
    for path in (
        "/",
        "/now",
        "/static/lib/dom.js",
        "/static/fonts/../lib/dom.js",
        "/gradio_api/info",
        "/config",
        "/theme.css",
    ):
        answer = web.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert web.get("/healthz").status_code == 200
    known = {"authorization": "Basic " + base64.b64encode(b"ada:secret").decode()}
    assert web.get("/", headers=known).status_code == 200


def test_a_studio_without_pages_still_answers(tmp_path):
    assert client(tmp_path, modules={}).get("/").status_code == 200


def test_a_document_that_is_not_gradios_is_not_framed():
    with pytest.raises(ValueError, match="not laid out"):
        GradioParts.of("<html><head></head></html>")
