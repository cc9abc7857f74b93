"""JSON in the shapes that people and programs give it, and in what is not quite JSON."""

from __future__ import annotations

import json

from tests.support.dataset_zoo.making import QA, ROWS, A, Asking, B, C, Case, chat, dumps, lines, said, sharegpt

PRETTY = [dumps(row, indent=2) for row in ROWS]
TURNS = [row["messages"] for row in ROWS]
COLUMNS = {key: [row[key] for row in QA] for key in ("prompt", "completion")}
BY_HAND = """// my questions
[
  {"prompt": "Who are you?", "completion": "A captain. ⚓",}, # the first
  /* and
     so on */
  {'prompt': '你去哪里？', completion: "去海边。"},
  {"prompt": "Ever lost?", "completion": "Never twice."},
]
"""
TEXTS = [{"text": "The sea."}, {"text": "The ship."}]
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Ships",
            "paragraphs": [
                {
                    "context": "A ship has a bow and a stern.",
                    "qas": [
                        {
                            "id": "1",
                            "question": "What is in front?",
                            "answers": [{"text": "a bow", "answer_start": 11}],
                        },
                        {"id": "2", "question": "And behind?", "answers": [{"text": "a stern", "answer_start": 21}]},
                    ],
                }
            ],
        }
    ],
}
SQUAD_ROWS = [
    said("What is in front?\n\nA ship has a bow and a stern.", "a bow"),
    said("And behind?\n\nA ship has a bow and a stern.", "a stern"),
]
SERVED = {"features": [{"name": "prompt"}], "rows": [{"row_idx": i, "row": row} for i, row in enumerate(QA)]}

JSON_SHAPES = [
    *(
        Case(f"pretty objects, {name}, in {file}", file, between.join(PRETTY), ROWS, expected={"notes": [note]})
        for file in ("a.json", "a.jsonl")
        for name, between, note in (
            ("one after another", b"\n", ("json_sequence", 3)),
            ("between blank lines", b"\n\n", ("json_sequence", 3)),
            ("between commas", b",\n", ("json_sequence", 3)),
        )
    ),
    Case("objects in one line", "a.json", b"".join(map(dumps, ROWS)), ROWS, expected={"notes": [("json_sequence", 3)]}),
    Case("arrays one after another", "a.json", dumps([A], indent=1) + b"\n" + dumps([B, C], indent=1), ROWS),
    Case("one pretty object called json lines", "a.jsonl", dumps(A, indent=2), [A]),
    Case("an object with its rows called json lines", "a.jsonl", dumps({"data": ROWS}), ROWS),
    Case("a pretty object with its rows called json lines", "a.jsonl", dumps({"data": ROWS}, indent=1), ROWS),
    *(
        Case(
            f"lines that end in a comma, in {file}", file, b",\n".join(map(dumps, ROWS)), ROWS,
            expected={"notes": [("json_commas", 2)]},
        )
        for file in ("a.json", "a.jsonl")
    ),
    Case(
        "lines with several objects",
        "a.jsonl",
        dumps(A) + dumps(B) + b"\n" + dumps(C),
        ROWS,
        expected={"notes": [("json_several", 1)]},
    ),
    Case(
        "lines with remarks",
        "a.jsonl",
        lines("# made by hand", A, "// so are these", B, dumps(C).decode() + " // the last"),
        ROWS,
        expected={"notes": [("json_remarks", 3)]},
    ),
    Case(
        "lines as Python prints them",
        "a.jsonl",
        lines("{'text': 'it\\'s', 'language': None}", '{\'text\': "so", \'language\': True}'),
        [{"text": "it's"}, {"text": "so"}],
        expected={"notes": [("json_quotes", 2)]},
    ),
    Case("a list as Python prints it", "a.json", str(QA), ROWS, expected={"notes": [("json_quotes", 3)]}),
    Case("an object as Python prints it", "a.json", str({"version": None, "data": QA}), ROWS),
    Case("an array by hand", "a.json", BY_HAND, ROWS),
    Case("an array by hand called json lines", "a.jsonl", BY_HAND, ROWS),
    Case("an object by hand", "a.json", '{"version": 1, // the first\n"data": ' + BY_HAND + "}", ROWS),
    Case(
        "an array without its commas",
        "a.json",
        b"[" + b"\n".join(map(dumps, ROWS)) + b"]",
        ROWS,
        expected={"notes": [("json_commas", 2)]},
    ),
    Case(
        "an array without its end",
        "a.json",
        b"[" + b",\n".join(map(dumps, ROWS)) + b"\n",
        ROWS,
        expected={"notes": [("json_unclosed", 0)]},
    ),
    Case(
        "an array without its end, behind a comma",
        "a.json",
        b"[" + b",\n".join(map(dumps, ROWS)) + b",",
        ROWS,
        expected={"notes": [("json_unclosed", 0)]},
    ),
    Case("line breaks inside of texts", "a.json", '[{"text": "one\n\ttwo"}]', [{"text": "one\n\ttwo"}]),
    Case("an array behind a mark of byte order", "a.json", b"\xef\xbb\xbf" + dumps(ROWS, indent=1), ROWS),
    Case("an object behind a mark of byte order", "a.json", b"\xef\xbb\xbf" + dumps({"data": ROWS}), ROWS),
    *(
        Case(f"lists of turns, {name}", file, content, ROWS)
        for name, file, content in (
            ("one per line", "a.jsonl", lines(*TURNS)),
            ("one per line in a document", "a.json", lines(*TURNS)),
            ("in a list", "a.json", dumps(TURNS)),
            ("in a pretty list", "a.json", dumps(TURNS, indent=1)),
            ("in an object", "a.json", dumps({"data": TURNS})),
            ("in an object by their names", "a.json", dumps({f"talk {i}": turns for i, turns in enumerate(TURNS)})),
        )
    ),
    Case(
        "lists of turns as ShareGPT has them",
        "a.jsonl",
        lines(sharegpt(("human", "q"), ("gpt", "a"))["conversations"]),
        [chat(("user", "q"), ("assistant", "a"))],
    ),
    Case("columns of lists", "a.json", dumps(COLUMNS), ROWS, expected={"notes": [("rows_of_columns", 0)]}),
    Case("columns of a split", "a.json", dumps({"train": COLUMNS}), ROWS),
    Case(
        "columns as pandas has them",
        "a.json",
        dumps({key: {str(i): cell for i, cell in enumerate(cells)} for key, cells in COLUMNS.items()}),
        ROWS,
    ),
    Case("rows by their index, as pandas has them", "a.json", dumps({str(i): row for i, row in enumerate(QA)}), ROWS),
    Case(
        "a split table, as pandas has it",
        "a.json",
        dumps({"columns": list(QA[0]), "index": [0, 1, 2], "data": [list(row.values()) for row in QA]}),
        ROWS,
    ),
    Case(
        "a table with its schema, as pandas has it",
        "a.json",
        dumps({"schema": {"fields": [{"name": "prompt", "type": "string"}]}, "data": QA}),
        ROWS,
    ),
    Case("lists of cells with a header", "a.jsonl", lines(list(QA[0]), *(list(row.values()) for row in QA)), ROWS),
    Case("texts one per line", "a.jsonl", lines('"The sea."', '"The ship."'), TEXTS),
    Case("texts in a list", "a.json", dumps([row["text"] for row in TEXTS]), TEXTS),
    Case("texts in an object", "a.json", dumps({"poems": [row["text"] for row in TEXTS]}), TEXTS),
    Case(
        "JSON inside of texts",
        "a.jsonl",
        lines(*(json.dumps(json.dumps(row)) for row in ROWS)),
        ROWS,
        expected={"notes": [("json_in_text", 3)]},
    ),
    Case(
        "a first line that tells of the file",
        "a.jsonl",
        lines({"version": 2, "made": "by hand"}, *ROWS),
        ROWS,
        expected={"notes": [("header_line", 1)]},
    ),
    Case(
        "a first line of other columns that is a row",
        "a.jsonl",
        lines({"text": "so"}, *ROWS),
        ROWS,
        [(1, "missing", "messages")],
    ),
    Case("a list of rows beside other lists", "a.json", dumps({"authors": [{"who": "Ann"}], "data": ROWS}), ROWS),
    Case("rows two levels down", "a.json", dumps({"data": {"train": ROWS}}), ROWS),
    Case("the file of SQuAD", "a.json", dumps(SQUAD), SQUAD_ROWS, expected={"notes": [("rows_inside", 0)]}),
    Case("the articles of SQuAD", "a.jsonl", lines(*SQUAD["data"]), SQUAD_ROWS),
]  # fmt: skip

JSON_THAT_ASKS = [
    Asking(
        "splits in an object",
        "a.json",
        dumps({"train": [A, B], "test": [C]}),
        "rows",
        {"train": [A, B], "test": [C], "*": ROWS},
    ),
    Asking(
        "splits of several kinds, two levels down",
        "a.json",
        dumps({"data": {"chats": [A], "poems": TEXTS}}),
        "rows",
        {"data.chats": [A], "data.poems": TEXTS},
    ),
    Asking(
        "splits in columns",
        "a.json",
        dumps({"train": COLUMNS, "test": {key: cells[:1] for key, cells in COLUMNS.items()}}),
        "rows",
        {"train": ROWS, "test": [A], "*": [*ROWS, A]},
    ),
    Asking(
        "lists that fit no format",
        "a.json",
        dumps({"ships": [{"from": "x", "to": "y"}], "crew": [{"who": "Ann", "of": "x"}]}),
        "rows",
        {"ships": None, "crew": None},
    ),
    Asking(
        "rows inside of others",
        "a.jsonl",
        lines({"topic": "sea", "pairs": QA[:2]}, {"topic": "land", "pairs": QA[2:]}),
        "rows",
        {
            "[].pairs": [{**row, "label": topic} for row, topic in zip(ROWS, ("sea", "sea", "land"), strict=True)],
            "[]": None,
        },
    ),
    Asking(
        "an answer of a server of datasets",
        "a.json",
        dumps(SERVED),
        "rows",
        {"rows[].row": ROWS, "features": None, "rows": None},
    ),
]
