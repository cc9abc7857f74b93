"""How near answers are to their references."""

import subprocess
import sys

import pytest

from studio.domain.metrics import LIKELIHOODS, METRICS, SCORES
from studio.services.evaluation.metrics import (
    MAX_COMPARISONS,
    OF_A_CORPUS,
    OF_A_LOSS,
    OF_AN_ANSWER,
    score,
    score_corpus,
    words,
)


@pytest.mark.parametrize(
    "text", ["The cat sat on the mat.", "今天天气很好。", "Der Käse schmeckt.", "こんにちは、世界"]
)
def test_an_answer_equal_to_its_reference_has_the_best_of_every_score(text):
    best = {"exact_match": 1, "contains": 1, "rouge_l": 1, "bleu": pytest.approx(100), "chrf": pytest.approx(100)}
    found = score(f" {text}\n", text)
    assert {name: found[name] for name in best} == best


def test_the_scores_are_those_of_the_libraries():
    found = score("the cat sat on the mat", "the cat is on the mat")
    assert found["rouge_l"] == pytest.approx(5 / 6)
    assert found["bleu"] == pytest.approx(37.99, abs=0.01)
    assert (found["exact_match"], found["contains"]) == (0, 0)


def test_a_reference_inside_of_an_answer_is_contained_whatever_its_case_and_blanks():
    found = score("It is  PARIS,\nof course", "paris, of")
    assert (found["exact_match"], found["contains"]) == (0, 1)


def test_an_empty_answer_scores_nothing():
    found = score("", "Paris")
    assert {found[name] for name in ("exact_match", "contains", "rouge_l", "bleu", "chrf")} == {0.0}


def test_without_a_reference_only_what_needs_none_is_computed():
    assert set(score("Paris", "")) == {metric.name for metric in SCORES if not metric.needs_reference}


def test_every_metric_that_is_declared_is_computed_and_no_other():
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert {metric.name for metric in SCORES} == set(OF_AN_ANSWER)
    assert {metric.name for metric in LIKELIHOODS} == set(OF_A_LOSS)
    assert set(OF_A_CORPUS) <= set(OF_AN_ANSWER)


def test_words_are_found_in_scripts_without_blanks():
    assert words("GPT-4 说：你好_吗") == ["gpt", "4", "说", "你", "好", "吗"]
    assert 0 < score("今天天气很好", "今天天气不错")["rouge_l"] < 1


def test_texts_that_are_too_long_to_compare_word_by_word_have_no_rouge():
    long = "word " * int(MAX_COMPARISONS**0.5 + 1)
    assert {metric.name for metric in SCORES} - set(score(long, long)) == {"rouge_l"}


def test_the_corpus_is_scored_as_one():
    pairs = [("the cat sat on the mat", "the cat is on the mat"), ("a dog ran to the park", "a dog ran to the park")]
    found = score_corpus(pairs)
    assert found["bleu"] != pytest.approx(sum(score(*pair)["bleu"] for pair in pairs) / 2)
    assert 37.9 < found["bleu"] < 100
    assert score_corpus([]) == {}


def test_the_libraries_are_loaded_only_when_something_is_scored():
    heavy = "{'sacrebleu', 'rouge_score', 'nltk'}"
    load = f"import sys, studio.services.evaluation.service; print(*{heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split() == []
