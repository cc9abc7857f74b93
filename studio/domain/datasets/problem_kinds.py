"""Everything that can be wrong with a row: its name, what is said of it, what to do, which action heals it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]
SKIP, DROP, TRIM = "skip_bad_rows", "drop_duplicates", "trim"


@dataclass(frozen=True)
class ProblemKind:
    """`title` names the group; `message` and `remedy` are templates for a problem's values and its `field`.

    A row with an error cannot be trained on; one with a warning can. `heals` is the action that makes it go away in a
    new version, empty where only a person can decide.
    """

    title: str
    message: str
    remedy: str
    level: Level = "error"
    heals: str = SKIP


_WHOLE_OBJECT = "Look for a missing quotation mark, comma or bracket there; in .jsonl each line is one whole object."
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
        "Write it flatter or smaller, or skip the row.",
    ),
    "bad_encoding": ProblemKind(
        "Broken encoding",
        "This is not {encoding}: byte {byte} at position {position}.",
        "Choose the file's encoding, or save it as UTF-8 and add it again.",
    ),
    "cell_count": ProblemKind(
        "Too many or too few cells",
        "This row has {cells} {cells:cell|cells}, and the header has {columns}.",
        "Put text that has the delimiter or a line break in it in quotation marks.",
    ),
    "not_csv": ProblemKind(
        "Not valid CSV",
        "The row that begins here cannot be read: {reason}.",
        "Look for a quotation mark without its partner; inside a text, quotation marks are doubled.",
    ),
    "truncated": ProblemKind(
        "The file ends early",
        "The file breaks off here: {reason}.",
        "Copy or download the file again; the rows before this place are kept.",
    ),
    "unread": ProblemKind(
        "Rest of the file",
        "What follows this place could not be read.",
        "Mend the problem before it, or save the file as JSON Lines, where one fault costs one row.",
    ),
    # the row's form
    "not_an_object": ProblemKind(
        "Not an object", "This is no object; its type is {found}.", "Each row must be an object with named fields."
    ),
    "missing": ProblemKind("Missing field", "There is no “{field}”.", _FILL_IN),
    "empty": ProblemKind("Empty field", "“{field}” is empty.", _FILL_IN),
    "no_turns": ProblemKind("No turns", "“{field}” has no turns.", _FILL_IN),
    "wrong_type": ProblemKind("Not text", "“{field}” must be text; its type is {found}.", _TEXT),
    "not_a_list": ProblemKind("No list of turns", "“{field}” must be a list of turns; its type is {found}.", _TURNS),
    "not_a_turn": ProblemKind("No turn", "“{field}” must be an object; its type is {found}.", _TURNS),
    "bad_history": ProblemKind(
        "Wrong history",
        "“{field}” must be a question and its answer in a list.",
        "Write the earlier turns as [[question, answer], …], or leave them out.",
    ),
    "not_text": ProblemKind(
        "Content that is no text",
        "“{field}” has a part that is no text, such as an image.",
        "Leave the part out, or skip the row: only text is learned.",
    ),
    "broken_character": ProblemKind(
        "Half of a character",
        "“{field}” has half of a character (an unpaired surrogate).",
        "Remove it, or write the whole character.",
    ),
    "unknown_role": ProblemKind(
        "Unknown role", "“{field}” is “{role}”, which is no known role.", "Use system, user, assistant or tool."
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
        "The last turn of “{field}” is by the {role}, so there is no answer to learn.",
        "Add the assistant's answer, or remove what follows the last one.",
    ),
    "not_one_answer": ProblemKind(
        "Not an answer",
        "“{field}” must be the assistant's answer alone.",
        "Leave only the assistant's turns in it; what was asked belongs into the prompt.",
    ),
    "same_answers": ProblemKind(
        "Chosen and rejected are equal",
        "“{field}” is the same answer as the chosen one, so there is nothing to prefer.",
        "Write two different answers, or skip the row.",
    ),
    "no_verdict": ProblemKind(
        "No verdict",
        "“{field}” must be true or false; it is “{found}”.",
        "Label a good answer true and a bad one false.",
    ),
    # the words
    "control_characters": ProblemKind(
        "Control characters",
        "“{field}” has the control character {character}.",
        "Remove it: it shows as nothing, and the model learns to write it.",
        "warning", "",
    ),
    "mojibake": ProblemKind(
        "Garbled characters",
        "“{field}” has garbled characters: “{found}”.",
        "Choose another encoding for the file, or mend the text where it came from.",
        "warning", "",
    ),
    "secret": ProblemKind(
        "Likely secret",
        "“{field}” seems to hold a secret ({what}).",
        "Remove it: a model repeats what it has learned to anyone who asks. Then make the secret invalid.",
        "warning", "",
    ),
    "email": ProblemKind(
        "E-mail address",
        "“{field}” has an e-mail address.",
        "Replace it where the person has not agreed to be learned by heart.",
        "warning", "",
    ),
    # the rows together
    "duplicate": ProblemKind(
        "Exact duplicate",
        "This row is the same as number {twin}.",
        "Drop duplicates: a row that stands twice is learned twice.",
        "warning", DROP,
    ),
    "near_duplicate": ProblemKind(
        "Near duplicate",
        "This row is nearly the same as number {twin}: {similarity} alike.",
        "Drop one of them, unless the difference is what is to be learned.",
        "warning", DROP,
    ),
    "leakage": ProblemKind(
        "In the validation set too",
        "This row stands in the validation set too, as number {twin}.",
        "Drop it here or there: else the evaluation measures what was learned by heart.",
        "warning", DROP,
    ),
    "label_imbalance": ProblemKind(
        "Unbalanced labels",
        "“{most}” has {share} of the rows, and “{least}” has {count}.",
        "Add rows with the rare label, or expect the model to guess the frequent one.",
        "warning", "",
    ),
    # the tokens of a base model
    "template_refuses": ProblemKind(
        "Refused by the chat template",
        "The base model's chat template refuses this conversation: {reason}.",
        "Change the conversation to what the template takes, or choose another chat template or base model.",
    ),
    "no_trained_token": ProblemKind(
        "Nothing left to learn",
        "Within {max_length} {max_length:token|tokens} no answer begins, so nothing is learned from this row.",
        "Raise max length, shorten the question, or trim the row.",
    ),
    "too_long": ProblemKind(
        "Longer than max length",
        "This row has {tokens} {tokens:token|tokens}; {lost} of them {lost:is|are} cut off, {lost_trained} of those to "
        "be learned.",
        "Raise max length, or trim the row so that it ends with a whole answer.",
        "warning", TRIM,
    ),
    # what the base model's chat template leaves out: see template_losses
    "call_dropped": ProblemKind(
        "Tool calls that are not learned",
        "The base model's chat template leaves out the call of “{tool}” in turn {turn}, so it is not learned.",
        _OTHER_TEMPLATE,
        "warning", "",
    ),
    "reasoning_dropped": ProblemKind(
        "Reasoning that is not learned",
        "The base model's chat template leaves out the reasoning in turn {turn}, so it is not learned.",
        _OTHER_TEMPLATE,
        "warning", "",
    ),
    "prefix_differs": ProblemKind(
        "Answers that begin differently in use",
        "Before the answer in turn {turn}, the chat template writes something else than when the model is asked.",
        "Write the model's reasoning between <think> and </think> at the start of each answer, or choose another chat "
        "template for the run.",
        "warning", "",
    ),
    "turn_dropped": ProblemKind(
        "Turns that the model does not see",
        "The base model's chat template leaves out turn {turn}, by the {role}.",
        _OTHER_TEMPLATE,
        "warning", "",
    ),
    "tools_dropped": ProblemKind(
        "Tools that the model does not see",
        "The base model's chat template leaves out the description of the tool “{tool}”.",
        _OTHER_TEMPLATE,
        "warning", "",
    ),
    "special_tokens": ProblemKind(
        "Special tokens in the text",
        "“{field}” has the special token {token} of the base model.",
        "Remove it, unless it is meant: the model takes it for the end or the beginning of a turn.",
        "warning", "",
    ),
}  # fmt: skip

TEMPLATE_LOSSES = ("call_dropped", "reasoning_dropped", "prefix_differs", "turn_dropped", "tools_dropped")
"""What a chat template does to rows without a word."""
