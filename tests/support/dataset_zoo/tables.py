"""Tables as people and their programs write them: titles, remarks, missing headers, cells too few or too many."""

from __future__ import annotations

from tests.support.dataset_zoo.kinds import CELLS, TABLE
from tests.support.dataset_zoo.making import ROWS, A, Asking, B, C, Case, said, workbook

NO_HEADER = TABLE.partition("\n")[2]
UNNAMED = [[None, None, None], ["Report of the crew", None, None], [None, None, None]]
TABLES = [
    Case("a table whose lines end as on old Macs", "a.csv", TABLE.replace("\n", "\r"), ROWS),
    Case("a text whose lines end as on old Macs", "a.txt", "one\rtwo\r", [{"text": "one"}, {"text": "two"}]),
    Case(
        "a table with line ends of every kind",
        "a.csv",
        "prompt,completion\r\na,b\rc,d\ne,f\r\n",
        [said("a", "b"), said("c", "d"), said("e", "f")],
        expected={"notes": [("lone_returns", 1)]},
    ),
    *(
        Case(
            f"a .tsv with {mark!r}",
            "a.tsv",
            TABLE.replace(",", mark),
            ROWS,
            expected={"delimiter": mark, "notes": [("other_delimiter", 0)]},
        )
        for mark in ",;|"
    ),
    Case("a table that says its delimiter", "a.csv", "sep=;\n" + TABLE.replace(",", ";"), ROWS, expected={"notes": []}),
    Case(
        "a table with remarks above it",
        "a.csv",
        "# made by hand, in May\n#\n\n" + TABLE,
        ROWS,
        expected={"notes": [("above_header", 3)]},
    ),
    Case("a header that begins with the mark of a remark", "a.tsv", "#prompt\tcompletion\na\tb\n", [said("a", "b")]),
    Case("a column of numbers", "a.csv", "#,prompt,completion\n1,a,b\n2,c,d\n", [said("a", "b"), said("c", "d")]),
    Case(
        "a table with titles above it",
        "a.csv",
        "Report of the crew,\n\nMay,\n" + TABLE,
        ROWS,
        expected={"notes": [("above_header", 2)]},
    ),
    Case(
        "a title that is shorter than its table, whose columns nobody knows",
        "a.csv",
        "Report\nFrage,Antwort\nWo liegt das Schiff?,Im Hafen von Brest.\nWer steuert?,Der Steuermann.\n",
        [said("Wo liegt das Schiff?", "Im Hafen von Brest."), said("Wer steuert?", "Der Steuermann.")],
        expected={"notes": [("above_header", 1)]},
        request={"layout": {"format": "prompt-completion", "columns": {"prompt": "Frage", "completion": "Antwort"}}},
    ),
    Case(
        "an index without a name beside a single column",
        "a.csv",
        ",text\n0,so it is\n1,as it was\n",
        [{"text": "so it is"}, {"text": "as it was"}],
    ),
    Case(
        "columns of the same name",
        "a.csv",
        "prompt,completion,note,note\na,b,c,d\n",
        [said("a", "b")],
        expected={"notes": [("columns_numbered", 0)], "ignored": ["note", "note 2"]},
    ),
    Case(
        "rows that leave out empty cells at their end",
        "a.csv",
        "prompt,completion,note,by\na,b\nc,d,so,me\ne,f,so\n",
        [said("a", "b"), said("c", "d"), said("e", "f")],
        expected={"notes": [("cells_left_out", 2)]},
    ),
    Case(
        "a text of several lines without quotation marks",
        "a.csv",
        "prompt,completion,note\na,b\nmore,x\nc,d,so\n",
        [said("c", "d")],
        [(2, "cell_count", ""), (3, "cell_count", "")],
    ),
    Case(
        "a row that is short where others have empty cells",
        "a.csv",
        "prompt,completion,note\na,b,\nc,d\n",
        [said("a", "b")],
        [(3, "cell_count", "")],
    ),
    Case(
        "a delimiter at the end of every row",
        "a.csv",
        "prompt,completion\na,b,\nc,d,,\n",
        [said("a", "b"), said("c", "d")],
        expected={"notes": [("cells_beyond", 2)]},
    ),
    Case(
        "rows without a filled cell",
        "a.csv",
        TABLE + ",\n\n  \n,\n",
        ROWS,
        [(7, "cell_count", "")],
        expected={"notes": [("blank_rows", 2)]},
    ),
    Case(
        "a table without a header, as a person said",
        "a.csv",
        NO_HEADER,
        ROWS,
        request={
            "reading": {"header": "none"},
            "layout": {"format": "prompt-completion", "columns": {"prompt": "column 1", "completion": "column 2"}},
        },
    ),
    Case("one column with delimiters in its text", "a.csv", "text\na, b\nc\n", [{"text": "a, b"}, {"text": "c"}]),
    Case(
        "a workbook with a title above the header",
        "a.xlsx",
        workbook(("S", [*UNNAMED, *CELLS])),
        ROWS,
        expected={"notes": [("above_header", 1)]},
    ),
    Case(
        "a workbook in which one sheet has columns that are known",
        "a.xlsx",
        workbook(("Notes", [["who", "when"], ["Ann", "today"]]), ("Crew", CELLS)),
        ROWS,
        expected={"sheet": "Crew", "notes": [("other_sheets", 1)]},
    ),
    Case(
        "a workbook with columns of the same name",
        "a.xlsx",
        workbook(("S", [["text", "text"], ["a", "b"]])),
        [{"text": "a"}],
        expected={"notes": [("columns_numbered", 0)]},
    ),
]

TABLES_THAT_ASK = [
    Asking("a table without a header", "a.csv", NO_HEADER, "header", {"first": None, "none": None}),
    Asking("a table of short cells", "a.csv", "hi,ho\nso,la\n", "header", {"first": None, "none": None}),
    Asking(
        "a workbook without a header", "a.xlsx", workbook(("S", CELLS[1:])), "header", {"first": None, "none": None}
    ),
    Asking(
        "a title above a table whose columns nobody knows",
        "a.csv",
        "Report,\nhi,ho\nso,la\n",
        "header",
        {"first": None, "none": None},
    ),
    Asking(
        "a workbook with two sheets",
        "a.xlsx",
        workbook(("One", CELLS), ("Two", [["text"], ["so it is"]])),
        "sheet",
        {"One": [A, B, C], "Two": [{"text": "so it is"}]},
    ),
]
