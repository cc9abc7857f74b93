"""Every kind of problem that a row can have: title, message and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class ProblemKind:
    """`title` names the group; `message` and `remedy` are templates for a problem's values and its `field`.

    A row with an error cannot be trained on; one with a warning can. Which action of cleaning makes it go away is said
    in clean_actions.
    """

    title: str
    message: str
    remedy: str
    level: Level = "error"


_WHOLE_OBJECT = "Look for a missing quotation mark, comma or bracket there; in .jsonl each line is one complete object."
_FILL_IN = "Fill it in, or skip the row."
_TURNS = 'Write it as [{{"role": "user", "content": "…"}}, {{"role": "assistant", "content": "…"}}].'
_TEXT = "Write it as text, in quotation marks."
_OTHER_TEMPLATE = "Choose another chat template for the run: ChatML leaves nothing out."

PROBLEM_KINDS: dict[str, ProblemKind] = {
    # the file
    "not_json": ProblemKind(
        "Not valid JSON", "This is not valid JSON: {reason} at column {column}.", _WHOLE_OBJECT
    ),
    "mixed_lines": ProblemKind(
        "JSON among other lines",
        "This line is a row in JSON, but the first line is not.",
        "Write every line as JSON, or none of them.",
    ),
    "json_too_deep": ProblemKind(
        "JSON that cannot be read",
        "This JSON cannot be read: {reason}.",
        "Reduce its nesting or size, or skip the row.",
    ),
    "bad_encoding": ProblemKind(
        "Broken encoding",
        "This is not {encoding}: byte {byte} at position {position}.",
        "Choose the file's encoding, or save it as UTF-8 and add it again.",
    ),
    "cell_count": ProblemKind(
        "Too many or too few cells",
        "This row has {cells} {cells:cell|cells}, but the header has {columns}.",
        "Quote text that contains the delimiter or a line break.",
    ),
    "not_csv": ProblemKind(
        "Not valid CSV",
        "The row that starts here cannot be read: {reason}.",
        "Look for an unmatched quotation mark; inside a text, quotation marks are doubled.",
    ),
    "truncated": ProblemKind(
        "The file ends early",
        "The file is cut off here: {reason}.",
        "Copy or download the file again; the rows up to here are kept.",
    ),
    "unread": ProblemKind(
        "Rest of the file",
        "Nothing after this point could be read.",
        "Fix the problem before it, or save the file as JSON Lines, where one fault costs only one row.",
    ),
    "no_parent": ProblemKind(
        "A message without the one before",
        "The message that this one answers, “{parent}”, is not there.",
        "Add it, or skip this one and what follows it.",
    ),
    "same_message": ProblemKind(
        "A message twice",
        "A message “{id}” is there already, in row {twin}.",
        "Give each message an id of its own.",
    ),
    # the row's form
    "not_an_object": ProblemKind(
        "Not an object", "This is not an object; its type is {found}.", "Each row must be an object with named fields."
    ),
    "missing": ProblemKind("Missing field", "“{field}” is missing.", _FILL_IN),
    "empty": ProblemKind("Empty field", "“{field}” is empty.", _FILL_IN),
    "no_turns": ProblemKind("No turns", "“{field}” has no turns.", _FILL_IN),
    "wrong_type": ProblemKind("Not text", "“{field}” must be text; its type is {found}.", _TEXT),
    "not_a_list": ProblemKind("Not a list of turns", "“{field}” must be a list of turns; its type is {found}.", _TURNS),
    "not_a_turn": ProblemKind("Not a turn", "“{field}” must be an object; its type is {found}.", _TURNS),
    "bad_history": ProblemKind(
        "Wrong history",
        "“{field}” must be a question and its answer in a list.",
        "Write the earlier turns as [[question, answer], …], or leave them out.",
    ),
    "media": ProblemKind(
        "Pictures, sounds or videos",
        "“{field}” has a picture, a sound or a video.",
        "This studio trains on text: remove it and what is said of it, or skip the row.",
    ),
    "not_text": ProblemKind(
        "Non-text content",
        "“{field}” has a part that is not text, such as a file.",
        "Remove that part, or skip the row: only text can be trained on.",
    ),
    "broken_character": ProblemKind(
        "Half a character",
        "“{field}” has half a character (an unpaired surrogate).",
        "Remove it, or write the complete character.",
    ),
    "unknown_role": ProblemKind(
        "Unknown role", "“{field}” is “{role}”, which is not a known role.", "Use system, user, assistant or tool."
    ),
    "bad_tools": ProblemKind(
        "Wrong tools",
        "“{field}” must be a list of tool descriptions.",
        "Write the tools as JSON: a list of objects, each with a name and its parameters.",
    ),
    "bad_tool_call": ProblemKind(
        "Wrong tool call",
        "“{field}” must be a tool call with a name and its arguments.",
        'Write it as {{"name": "…", "arguments": {{…}}}}.',
    ),
    # the conversation
    "late_system": ProblemKind(
        "System message not at the start",
        "Turn {turn} of “{field}” is a system message, which can only be the first turn.",
        "Move it to the start, or make it a user's turn.",
    ),
    "same_role": ProblemKind(
        "Two turns in a row by the same role",
        "Turns {before} and {turn} of “{field}” are both by the {role}.",
        "Join them, or add the turn between them.",
    ),
    "no_answer": ProblemKind(
        "No answer at the end",
        "The last turn of “{field}” is by the {role}, so there is no answer to train on.",
        "Add the assistant's answer, or remove what follows the last one.",
    ),
    "not_one_answer": ProblemKind(
        "Not an answer",
        "“{field}” must contain only the assistant's answer.",
        "Keep only the assistant's turns in it; the question belongs in the prompt.",
    ),
    "same_answers": ProblemKind(
        "Chosen and rejected are identical",
        "“{field}” is the same answer as the chosen one, so there is nothing to prefer.",
        "Write two different answers, or skip the row.",
    ),
    "no_learned_answer": ProblemKind(
        "No answer to train on",
        "Every answer of “{field}” is marked as not to be trained on.",
        "Give at least one answer the weight 1, or skip the row.",
    ),
    "bad_weight": ProblemKind(
        "Wrong weight",
        "“{field}” must be 0 or 1, or true or false; it is “{found}”.",
        "Write 0 or false for a turn that is not to be trained on, or remove it.",
    ),
    "weight_in_part": ProblemKind(
        "Weights other than 0 and 1",
        "“{field}” is {found}, which cannot be weighed: the turn is trained on as with the weight 1.",
        "Write 0 for a turn that is not to be trained on, and 1 for any other.",
        "warning",
    ),
    "other_question": ProblemKind(
        "Another question",
        "“{field}” begins with another question than the chosen answer does, so the two cannot be compared.",
        "Begin both conversations with the same question, or skip the row.",
    ),
    "no_verdict": ProblemKind(
        "No rating",
        "“{field}” must be true or false; it is “{found}”.",
        "Label a good answer true and a bad one false.",
    ),
    # the words
    "control_characters": ProblemKind(
        "Control characters",
        "“{field}” has the control character {character}.",
        "Remove it: it is invisible, and the model learns to write it.",
        "warning",
    ),
    "media_placeholder": ProblemKind(
        "Placeholders of pictures, sounds or videos",
        "“{field}” has {found}, which stands for a picture, a sound or a video that this studio does not train on.",
        "Remove it unless it is text like any other, such as a tag of HTML.",
        "warning",
    ),
    "mojibake": ProblemKind(
        "Garbled characters",
        "“{field}” has garbled characters: “{found}”.",
        "Choose another encoding for the file, or fix the text at its source.",
        "warning",
    ),
    "secret": ProblemKind(
        "Likely secret",
        "“{field}” seems to hold a secret ({what}).",
        "Remove it: a model can repeat what it was trained on to anyone who asks. Then revoke the secret.",
        "warning",
    ),
    "email": ProblemKind(
        "E-mail address",
        "“{field}” has an e-mail address.",
        "Replace it unless its owner has agreed to its use: a model may memorise it.",
        "warning",
    ),
    # the rows together
    "duplicate": ProblemKind(
        "Exact duplicate",
        "This row is the same as row {twin}.",
        "Drop duplicates: a repeated row is trained on twice.",
        "warning",
    ),
    "near_duplicate": ProblemKind(
        "Near duplicate",
        "This row is almost the same as row {twin}: {similarity} similar.",
        "Drop one of them, unless the difference is what the model should learn.",
        "warning",
    ),
    "leakage": ProblemKind(
        "Also in the validation set",
        "This row is also in the validation set, as row {twin}.",
        "Drop it from one of the two: otherwise the evaluation measures memorisation.",
        "warning",
    ),
    "label_imbalance": ProblemKind(
        "Unbalanced labels",
        "“{most}” has {share} of the rows, and “{least}” has {count}.",
        "Add rows with the rare label, or expect the model to favour the frequent one.",
        "warning",
    ),
    # the tokens of a base model
    "template_refuses": ProblemKind(
        "Refused by the chat template",
        "The base model's chat template refuses this conversation: {reason}.",
        "Change the conversation to fit the template, or choose another chat template or base model.",
    ),
    "no_trained_token": ProblemKind(
        "Nothing to train on",
        "No answer starts within {max_length} {max_length:token|tokens}, so there is nothing to train on in this row.",
        "Raise max length, shorten the question, or trim the row.",
    ),
    "too_long": ProblemKind(
        "Longer than max length",
        "This row has {tokens} {tokens:token|tokens}; {lost} of them {lost:is|are} cut off, including {lost_trained} "
        "that would be trained on.",
        "Raise max length, or trim the row so that it ends with a complete answer.",
        "warning",
    ),
    # what the base model's chat template leaves out: see template_losses
    "call_dropped": ProblemKind(
        "Tool calls that are not trained on",
        "The base model's chat template leaves out the call to “{tool}” in turn {turn}, so it is not trained on.",
        _OTHER_TEMPLATE,
        "warning",
    ),
    "reasoning_dropped": ProblemKind(
        "Reasoning that is not trained on",
        "The base model's chat template leaves out the reasoning in turn {turn}, so it is not trained on.",
        _OTHER_TEMPLATE,
        "warning",
    ),
    "prefix_differs": ProblemKind(
        "Answers that start differently at inference",
        "Before the answer in turn {turn}, the chat template writes something different from what it writes at "
        "inference.",
        "Write the model's reasoning between <think> and </think> at the start of each answer, or choose another chat "
        "template for the run.",
        "warning",
    ),
    "turn_dropped": ProblemKind(
        "Turns that the model does not see",
        "The base model's chat template leaves out turn {turn}, by the {role}.",
        _OTHER_TEMPLATE,
        "warning",
    ),
    "tools_dropped": ProblemKind(
        "Tools that the model does not see",
        "The base model's chat template leaves out the description of the tool “{tool}”.",
        _OTHER_TEMPLATE,
        "warning",
    ),
    "special_tokens": ProblemKind(
        "Special tokens in the text",
        "“{field}” has the special token {token} of the base model.",
        "Remove it unless it is intended: the model takes it for the start or end of a turn.",
        "warning",
    ),
}  # fmt: skip

READING_WARNINGS = ("weight_in_part",)
"""Warnings that tell of what a file has, and the rows that are made of it have not."""
