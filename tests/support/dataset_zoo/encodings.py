"""Texts in every encoding, found out or chosen."""

from __future__ import annotations

import json

from tests.support.dataset_zoo.making import A, B, C, Case, Row, dumps, lines, said, zipped

LONG_CHINESE = said(
    "请介绍一下你们的退货政策，谢谢。", "您好，自收到商品之日起七天内，您可以申请无理由退货，运费由我们承担。"
)
TRADITIONAL = said("請問你們的辦公時間是幾點到幾點？", "我們的辦公時間是早上九點到下午六點，歡迎您隨時來電詢問。")
RUSSIAN = said("Где находится ваш магазин?", "Наш магазин находится в центре города, рядом с большой площадью.")
FRENCH = said("Où êtes-vous, s'il vous plaît ?", "Près du café « Été », à côté de la forêt, évidemment. C’est là.")
LATIN = said("Où êtes-vous ?", "Près du café, à côté de la forêt.")
ENCODED = [
    (LONG_CHINESE, "utf-8", "utf-8", False),
    (LONG_CHINESE, "utf-8-sig", "utf-8", False),
    (LONG_CHINESE, "utf-16", "utf-16", False),
    (LONG_CHINESE, "utf-16-le", "", True),
    (LATIN, "utf-16-le", "utf-16-le", True),
    (LATIN, "utf-16-be", "utf-16-be", True),
    (LONG_CHINESE, "gb18030", "gb18030", True),
    (TRADITIONAL, "big5", "big5", True),
    (FRENCH, "cp1252", "cp1252", True),
    (RUSSIAN, "cp1251", "cp1251", True),
    (RUSSIAN, "utf-32", "utf-32", False),
]
BIG_ENDIAN_MARK = "\ufeff".encode("utf-16-be")


def in_every_form(row: Row) -> dict[str, tuple[str, Row]]:
    """A conversation as the text of each kind of file, and what is read from it."""
    question, answer = (turn["content"] for turn in row["messages"])
    pair = {"prompt": question, "completion": answer}
    return {
        "a.jsonl": (json.dumps(row, ensure_ascii=False) + "\n", row),
        "a.json": (json.dumps([pair], ensure_ascii=False, indent=1), row),
        "a.csv": (f'prompt,completion\r\n"{question}","{answer}"\r\n', row),
        "a.tsv": (f"prompt\tcompletion\n{question}\t{answer}\n", row),
        "a.txt": (f"{question} {answer}\n", {"text": f"{question} {answer}"}),
    }


ENCODINGS = (
    [
        Case(
            f"{row['messages'][0]['content'][:5]} in {encoding}, {file}",
            file,
            text.encode(encoding),
            [read],
            expected={"encoding": found, "detected": guessed},
        )
        for row, encoding, found, guessed in ENCODED
        if found
        for file, (text, read) in in_every_form(row).items()
    ]
    + [
        Case(
            f"UTF-16 BE with its mark, {file}",
            file,
            BIG_ENDIAN_MARK + text.encode("utf-16-be"),
            [read],
            expected={"encoding": "utf-16"},
        )
        for file, (text, read) in in_every_form(LONG_CHINESE).items()
    ]
    + [
        Case(
            f"Latin-1, chosen, {file}",
            file,
            text.encode("latin-1"),
            [read],
            expected={"encoding": "iso8859-1", "detected": False},
            request={"reading": {"encoding": "latin-1"}},
        )
        for file, (text, read) in in_every_form(LATIN).items()
    ]
    + [
        Case(
            "UTF-8 with one broken line",
            "a.jsonl",
            lines(B, dumps(A), b'{"text": "caf\xe9"}', C),
            [B, A, C],
            [(3, "bad_encoding", "")],
            expected={"encoding": "utf-8"},
        ),
        Case(
            "gb18030 in an archive",
            "a.csv.zip",
            zipped({"a.csv": in_every_form(LONG_CHINESE)["a.csv"][0].encode("gb18030")}),
            [LONG_CHINESE],
            expected={"encoding": "gb18030", "detected": True},
        ),
    ]
)
