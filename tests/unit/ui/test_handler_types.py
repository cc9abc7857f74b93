"""What the page's script knows of its Python handlers."""

from typing import Any, Literal

from scripts.handler_types import TARGET, handler_types, signature, wrapped


def rename(id: int, name: str = "", place: Literal["first", "last"] | None = None, request: object = None) -> None:
    """A handler with what a handler can have."""


def read(values: dict[str, dict[str, Any]], pairs: list[tuple[str, bool]]) -> dict[str, int]:
    return {}


def test_the_types_are_those_of_the_handlers():
    assert TARGET.read_text("utf-8") == handler_types(), "Run scripts/handler-types."


def test_a_handler_has_the_arguments_that_the_page_sends_and_its_result():
    assert signature(rename) == (
        '{ args: { id: number; name?: string; place?: "first" | "last" | null }; result: null }'
    )


def test_what_a_hint_leaves_open_is_any():
    assert signature(read) == "{ args: { values: any; pairs: [string, boolean][] }; result: Record<string, number> }"


def test_a_type_that_is_too_long_for_a_line_has_one_for_each_member():
    member = f"a: {{ {'b' * 60}: string; {'c' * 60}: {{ d: number; e: any }} }};"
    assert wrapped(member, "  ") == [
        "  a: {", f"    {'b' * 60}: string;", f"    {'c' * 60}: {{ d: number; e: any }};", "  };"
    ]  # fmt: skip
