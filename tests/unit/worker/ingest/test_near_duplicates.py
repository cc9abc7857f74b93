"""Which rows of a dataset say nearly the same as an earlier one."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from studio.worker.ingest.near_duplicates import NearDuplicates, similarity_text
from studio.worker.ingest.row_words import Words

WORDS = [f"{a}{b}{c}" for a in "bdfklmnprst" for b in "aeiou" for c in "bdfklmnprst"]
TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps."
CHINESE = "我昨天在北京大学的图书馆里读了一本关于机器学习的书，今天想和朋友们讨论一下里面的内容"


def found(texts: Sequence[str], threshold: float = 0.8, call: int = 1000) -> list[tuple[int, int, float]]:
    duplicates = NearDuplicates(threshold)
    for start in range(0, len(texts), call):
        duplicates.add([texts[start : start + call]])
    near = duplicates.groups(lambda rows: [[texts[row] for row in rows]])
    return [each for each in near if each.similarity >= threshold]


def similarity(one: str, other: str) -> float:
    """Of lower-case texts without punctuation and of five words or more, written out plainly."""
    left, right = ({*zip(w, w[1:], w[2:], strict=False)} for w in (one.split(), other.split()))
    return len(left & right) / len(left | right)


def changed(text: str, changes: int, rng: random.Random) -> str:
    words = text.split()
    for place in rng.sample(range(len(words)), changes):
        words[place] = rng.choice(WORDS) + "x"
    return " ".join(words)


def random_text(rng: random.Random, length: int) -> str:
    return " ".join(rng.choices(WORDS, k=length))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TEXT, "the QUICK brown fox\njumps over   the lazy dog — and then it sleeps!"),
        ("Yes.", "yes"),
        ("It’s “done”.", "it's done"),
        ("Straße und Fußweg", "STRASSE UND FUSSWEG"),
        ("caf\u00e9 cr\u00e8me", "cafe\u0301 cre\u0300me"),
        ("你好，世界！", "你好世界"),
        ("これはペンです。", "これは ペンです"),
        ("สวัสดีครับ ผมชื่อสมชาย", "สวัสดีครับผมชื่อสมชาย"),
        ("3*4 = 12", "3 * 4 = 12."),
        ("Well done \u2764\ufe0f", "well done \u2764"),
    ],
)
def test_texts_that_differ_in_case_blanks_and_punctuation_are_near_duplicates(one: str, other: str) -> None:
    assert found([one, other]) == [(1, 0, 1.0)]


@pytest.mark.parametrize(
    "texts",
    [
        ["Yes.", "No.", "Yes, please.", "Yes, of course.", "Of course, yes."],
        ["ha ha", "ha ha ha", "ha ha ha ha", "ha ha ha ha ha"],
        ["ab c", "a bc", "abc", "a b c"],
        ["好的。", "好吗？", "很好", "好"],
        ["3 + 4", "3 * 4", "3 / 4", "3 = 4"],
        ["Learn C", "Learn C#", "Learn C++"],
        ["fine 🙂", "fine 🙁", "fine"],
        ["हिन्दी", "हिन्दू"],
    ],
)
def test_short_texts_resemble_their_equals_only(texts: list[str]) -> None:
    assert found(texts) == []
    assert [row for row, _, _ in found([*texts, *texts])] == list(range(len(texts), 2 * len(texts)))


def test_texts_without_a_word_resemble_nothing() -> None:
    assert found(["", "…", "...", " ", "", "\n"]) == []


@pytest.mark.parametrize(
    "template", ["Translate '{}' to French.", "What is the capital city of {}?", "把“{}”翻译成法语"]
)
def test_rows_from_a_template_with_other_contents_are_not_near_duplicates(template: str) -> None:
    assert found([template.format(word) for word in WORDS]) == []


@pytest.mark.parametrize(
    "text",
    [
        CHINESE,
        "昨日は東京で友達と一緒に美味しいラーメンを食べてから映画を見に行きました",
        "วันนี้อากาศดีมากเราไปเดินเล่นที่สวนสาธารณะกันเถอะ",
    ],
)
def test_scripts_without_blanks_are_compared_by_character(text: str) -> None:
    middle = len(text) // 2
    ((row, earlier, share),) = found([text, text[:middle] + text[:0:-1], text[:middle] + "X" + text[middle:]])
    assert (row, earlier) == (2, 0)
    assert 0.8 < share < 1


def test_word_order_counts() -> None:
    words = random_text(random.Random(1), 40).split()
    assert found([" ".join(words), " ".join(sorted(words))]) == []


def test_nearly_all_similar_pairs_are_found_and_no_dissimilar_one() -> None:
    rng = random.Random(7)
    texts = [random_text(rng, rng.randint(20, 120)) for _ in range(1000)]
    texts += [changed(text, rng.randint(0, 6), rng) for text in texts]
    pairs = {row: similarity(texts[row - 1000], texts[row]) for row in range(1000, 2000)}
    similar = {row for row, share in pairs.items() if share >= 0.9}
    result = found(texts)
    assert len(similar) > 200
    assert len(similar & {row for row, _, _ in result}) >= 0.95 * len(similar)
    assert all(share == similarity(texts[row], texts[earlier]) >= 0.8 for row, earlier, share in result)
    assert sum(share >= 0.7 for share in pairs.values()) < 1000, "the dissimilar pairs are there to be told apart"


def test_similar_rows_are_found_among_rows_that_share_most_of_their_words() -> None:
    rng = random.Random(3)
    opening = random_text(rng, 80)
    texts = [f"{opening} {random_text(rng, 20)}" for _ in range(500)]
    texts += [f"{text} {rng.choice(WORDS)}" for text in texts]
    assert 0.6 < similarity(texts[0], texts[1]) < 0.75
    result = found(texts)
    assert [(row, row - 500) for row in range(500, 1000)] == [(row, earlier) for row, earlier, _ in result]


def test_the_threshold_decides() -> None:
    rng = random.Random(2)
    text = random_text(rng, 60)
    other = changed(text, 2, rng)
    share = similarity(text, other)
    assert 0.75 < share < 0.95
    assert found([text, other], threshold=share) == [(1, 0, share)]
    assert found([text, other], threshold=share + 0.001) == []


@pytest.mark.parametrize("threshold", [0.69, 1.01])
def test_a_threshold_that_the_bands_cannot_serve_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"from 0\.7 to 1"):
        NearDuplicates(threshold)


def test_every_group_keeps_a_row_and_rows_come_once_and_in_order() -> None:
    rng = random.Random(5)
    roots = [random_text(rng, 60) for _ in range(40)]
    result = found([changed(rng.choice(roots), rng.randint(0, 2), rng) for _ in range(1500)])
    rows = [row for row, _, _ in result]
    assert len(rows) > 1000
    assert rows == sorted(set(rows))
    assert all(earlier < row for row, earlier, _ in result)
    assert not {earlier for _, earlier, _ in result} & set(rows)


def test_many_equal_rows_are_each_held_against_one() -> None:
    read: list[int] = []

    def words_of(rows: Sequence[int]) -> Words:
        assert list(rows) == sorted(set(rows))
        read.extend(rows)
        return [[TEXT] * len(rows)]

    duplicates = NearDuplicates()
    for _ in range(20):
        duplicates.add([[TEXT] * 1000])
    assert list(duplicates.groups(words_of)) == [(row, 0, 1.0) for row in range(1, 20_000)]
    assert len(read) < 20_200


def test_the_texts_themselves_decide() -> None:
    duplicates = NearDuplicates()
    duplicates.add([[TEXT] * 3])
    assert list(duplicates.groups(lambda rows: [[[TEXT, CHINESE, TEXT][row] for row in rows]])) == [(2, 0, 1.0)]


def test_how_the_rows_were_cut_into_calls_does_not_matter() -> None:
    rng = random.Random(11)
    texts = [random_text(rng, 30) for _ in range(200)]
    texts += [changed(text, 1, rng) for text in texts] + ["", random_text(rng, 30_000), "Yes."]
    texts += [texts[-2] + " end", "yes"]
    result = found(texts)
    assert [row for row, _, _ in result][-2:] == [403, 404]
    assert found(texts, call=7) == result


def test_no_rows_have_no_duplicates() -> None:
    duplicates = NearDuplicates()
    duplicates.add([[]])
    assert list(duplicates.groups(lambda rows: [[""] * len(rows)])) == []


def test_half_a_character_is_no_error() -> None:
    broken = "an emoji cut in half \ud83d and on it goes"
    assert found([broken, broken.upper()]) == [(1, 0, 1.0)]


@pytest.mark.parametrize(
    ("share", "said"), [(1.0, "99%"), (0.9999, "99%"), (0.995, "99%"), (0.899, "89%"), (0.8, "80%")]
)
def test_a_near_duplicate_is_never_said_to_be_100_percent_alike(share, said):
    assert similarity_text(share) == said
