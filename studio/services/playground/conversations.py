"""Saved conversations: chats in several columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.graphemes import cut
from studio.services.playground.column_identity import MAX_COLUMNS
from studio.services.shared.json_limits import kept_json, kept_text
from studio.store.catalogue import Catalogue
from studio.store.tables.playground import Conversation

MAX_NAME_CHARACTERS = 80


class Conversations:
    """A conversation's content is the page's own JSON: {"columns": [{…, "turns": [{"role", "content"}, …]}, …], …}."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def list(self, search: str = "") -> list[dict[str, Any]]:
        """The last changed first: id, name, changed_at, turns. Every word of `search` must stand in the name."""
        return [_head(record) for record in self._catalogue.conversations(search)]

    def get(self, id: int) -> dict[str, Any]:
        """As `list` has it, with `content` and `created_at`. Raises NotFound."""
        record = self._catalogue.conversation(id)
        return _head(record) | {"content": record.content, "created_at": record.created_at}

    def save(self, id: int | None, name: str, content: Mapping[str, Any], *, owner: str = "") -> int:
        """Keeps it as a new one, or instead of what the one with this id had; returns the id. Without a name it is
        called by the first words that were said in it, or keeps the one it has.

        Raises:
            NotFound: the one with this id was deleted.
            InvalidInput: the content has no columns, more than 2 MB, or nothing to name it by; `fields` says which.
        """
        document = kept_json(dict(content), "content")
        turns = _turns(document)
        fields = {"content": document, "turns": turns}
        if id is None:
            title = _clean_name(name or _first_words(document))
            return self._catalogue.add_conversation(name=title, owner=owner, **fields).id
        self._catalogue.change_conversation(id, **fields, **({"name": _clean_name(name)} if name else {}))
        return id

    def rename(self, id: int, name: str) -> None:
        """Raises NotFound, or InvalidInput where the name is empty."""
        self._catalogue.change_conversation(id, name=_clean_name(name))

    def delete(self, id: int) -> None:
        """Raises NotFound."""
        self._catalogue.delete_conversation(id)


def _head(record: Conversation) -> dict[str, Any]:
    return {"id": record.id, "name": record.name, "changed_at": record.changed_at, "turns": record.turns}


def _clean_name(name: str) -> str:
    """In one line, cut where it is long: it is often the first question."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in kept_text(name)).split())
    if not clean:
        raise InvalidInput.at("name", StudioError("The conversation has no name.", "Give it a name."))
    return clean if len(clean) <= MAX_NAME_CHARACTERS else cut(clean, MAX_NAME_CHARACTERS - 1).rstrip() + "…"


def _turns(content: Mapping[str, Any]) -> int:
    """Of the longest column."""
    columns = content.get("columns")
    if not isinstance(columns, list) or not columns or not all(isinstance(column, dict) for column in columns):
        raise InvalidInput.at(
            "columns", StudioError("The conversation has no columns.", "Reload the page and try again.")
        )
    if len(columns) > MAX_COLUMNS:
        raise InvalidInput.at(
            "columns",
            StudioError("There are {count} columns.", "Choose at most {most}.", count=len(columns), most=MAX_COLUMNS),
        )
    turns = [column.get("turns", []) for column in columns]
    if not all(isinstance(each, list) for each in turns):
        raise InvalidInput.at(
            "columns", StudioError("The turns of a column are not a list.", "Reload the page and try again.")
        )
    return max(map(len, turns))


def _first_words(content: Mapping[str, Any]) -> str:
    for column in content["columns"]:
        for turn in column.get("turns", []):
            if isinstance(turn, dict) and turn.get("role") == "user" and isinstance(turn.get("content"), str):
                return str(turn["content"])
    return ""
