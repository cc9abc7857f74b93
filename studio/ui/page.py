"""What a page says of itself: a module in studio/ui/pages that has a `PAGE` is one."""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """A page of the navigation.

    Its module also has `build(studio)`, and may have `LEAD`, the sentence below its heading, `TITLE`, its heading where
    that is another than in the navigation, and `routes(app, studio)`.
    """

    name: str  # its module in studio/ui/pages, its folder in static/pages, and its address, but for home's
    title: str
    order: int  # in the navigation
    icon: str  # a stroked path in 24×24

    @property
    def path(self) -> str:
        return "" if self.name == "home" else self.name
