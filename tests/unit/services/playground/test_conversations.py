"""Saved conversations, in a real SQLite file."""

import shutil

import pytest

from studio.domain.errors import InvalidInput, NotFound
from studio.services.playground.conversations import Conversations
from studio.services.shared.json_limits import MAX_BYTES
from studio.store.catalogue import Catalogue


@pytest.fixture
def conversations(tmp_path, migrated):
    shutil.copy(migrated, tmp_path / "studio.db")
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'studio.db'}")
    yield Conversations(catalogue)
    catalogue.close()


def chat(*texts):
    turns = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
    return {"columns": [{"model": "m", "turns": turns}, {"model": "m", "turns": turns[:1]}], "system": "Be brief."}


def test_a_conversation_comes_back_as_it_was_saved_and_the_last_changed_first(conversations):
    first = conversations.save(None, "Crew", chat("Who?", "I."))
    second = conversations.save(None, "Weather", chat("Rain?"))
    assert conversations.save(first, "", chat("Who?", "I.", "And you?")) == first
    assert [(c["id"], c["name"], c["turns"]) for c in conversations.list()] == [
        (first, "Crew", 3), (second, "Weather", 1),
    ]  # fmt: skip
    assert conversations.get(first)["content"] == chat("Who?", "I.", "And you?")
    assert [c["id"] for c in conversations.list("WEA")] == [second]


def test_without_a_name_it_is_called_by_its_first_words_in_one_line(conversations):
    id = conversations.save(None, "", chat("Tell me\n\nof the sea, " + "and more " * 20))
    name = conversations.get(id)["name"]
    assert name.startswith("Tell me of the sea, and")
    assert len(name) <= 80


def test_renaming_and_deleting_one_that_is_gone_says_so(conversations):
    id = conversations.save(None, "a", chat("x"))
    conversations.rename(id, " b ")
    assert conversations.get(id)["name"] == "b"
    conversations.delete(id)
    for ask in (
        lambda: conversations.get(id), lambda: conversations.rename(id, "c"), lambda: conversations.delete(id),
        lambda: conversations.save(id, "c", chat("x")),
    ):  # fmt: skip
        with pytest.raises(NotFound, match="deleted"):
            ask()


def test_a_page_that_shows_a_deleted_conversation_never_writes_into_the_next_one(conversations):
    old = conversations.save(None, "old", chat("x"))
    conversations.delete(old)
    assert conversations.save(None, "new", chat("y")) != old


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a", {}, "columns"),
        ("a", {"columns": ["m"]}, "columns"),
        ("a", {"columns": [{"turns": "Hello"}]}, "columns"),
        ("a", {"columns": [{}] * 17}, "columns"),
        ("a", {"columns": [{"x": "y" * MAX_BYTES}]}, "content"),
        ("a", {"columns": [{"x": float("inf")}]}, "content"),
        ("\n ", {"columns": [{}]}, "name"),
        ("", {"columns": [{}]}, "name"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_its_place(conversations, name, content, place):
    with pytest.raises(InvalidInput) as caught:
        conversations.save(None, name, content)
    assert set(caught.value.fields) == {place}
    assert conversations.list() == []
