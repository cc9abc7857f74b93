"""Data collators: packed, or padded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from studio.worker.tokenization.encoder import IGNORED

Example = Mapping[str, Sequence[int]]
PARTS = "parts"  # of a batch: no input of the model


@dataclass(frozen=True)
class PackingCollator:
    """The documents one behind the other in a single row, with positions that begin anew in each: no padding.
    `with_lengths` adds the list `document_lengths`, for attention that asks for it.

    There is no attention mask on purpose. transformers tells documents apart by their positions only where no mask is
    given; with one, they would see each other.
    """

    with_lengths: bool = False

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """input_ids, labels and position_ids, each of shape [1, tokens]."""
        labels = [torch.as_tensor(e["labels"], dtype=torch.long) for e in examples]
        lengths = [len(row) for row in labels]
        batch = {
            "input_ids": torch.cat([torch.as_tensor(e["input_ids"], dtype=torch.long) for e in examples])[None],
            "labels": torch.cat(labels)[None],
            "position_ids": torch.cat([torch.arange(n) for n in lengths])[None],
        }
        return batch | {"document_lengths": lengths} if self.with_lengths else batch


@dataclass(frozen=True)
class PaddingCollator:
    """A row for each document, filled up at the right: for models that do not tell documents apart in one row.
    `one_by_one`: a model that is not the same beside other rows gets them one after another, without their padding."""

    pad_token_id: int
    one_by_one: bool = False

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """input_ids, labels and attention_mask, each of shape [documents, longest]."""
        ids = [torch.as_tensor(e["input_ids"], dtype=torch.long) for e in examples]
        labels = [torch.as_tensor(e["labels"], dtype=torch.long) for e in examples]
        return {
            "input_ids": _fill(ids, self.pad_token_id),
            "labels": _fill(labels, IGNORED),
            "attention_mask": _fill([torch.ones_like(row) for row in ids], 0),
        }


def _fill(rows: list[torch.Tensor], value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def rows_of(batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each row of a padded batch as it is alone: input_ids and labels, each of shape [1, tokens]."""
    for row, length in enumerate(batch["attention_mask"].sum(1).tolist()):
        yield {name: batch[name][row : row + 1, :length] for name in ("input_ids", "labels")}


@dataclass(frozen=True)
class DocumentCollator:
    """A batch of the documents of some examples that have several each (see tokenized_dataset), one after another."""

    batches: PackingCollator | PaddingCollator

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        return self.batches([document for example in examples for document in documents_of(example)])


@dataclass(frozen=True)
class MixtureCollator:
    """A batch of another collator, and beside it `parts`: which dataset each example is of (see tokenized_dataset)."""

    batches: Callable[[Sequence[Example]], dict[str, Any]]

    def __call__(self, examples: Sequence[Any]) -> dict[str, Any]:
        batch = self.batches(examples)
        if "part" in examples[0]:  # a separate validation set is of no part
            batch[PARTS] = torch.tensor([int(example["part"]) for example in examples])
        return batch


def documents_of(example: Example) -> Iterator[Example]:
    """input_ids and labels of each document of an example with `lengths`."""
    end = 0
    for length in example["lengths"]:
        start, end = end, end + int(length)
        yield {name: example[name][start:end] for name in ("input_ids", "labels")}


def document_places(batch: Mapping[str, Any]) -> torch.Tensor:
    """Which document of its batch each token is of: shape of input_ids."""
    if "position_ids" in batch:  # packed
        return (batch["position_ids"] == 0).cumsum(1) - 1
    ids = batch["input_ids"]
    return torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)


def target_counts(batch: Mapping[str, Any]) -> torch.Tensor:
    """[documents]: how many tokens of each document of a batch are trained on."""
    places = document_places(batch)
    is_target = batch["labels"][:, 1:] != IGNORED
    return torch.bincount(places[:, 1:][is_target], minlength=int(places.max()) + 1)


def token_count(batch: Mapping[str, Any]) -> int:
    """Tokens of documents in the batch; padding is none."""
    mask = batch.get("attention_mask")
    return batch["input_ids"].numel() if mask is None else int(mask.sum())
