"""What ended a worker, as a problem and a remedy. Libraries' errors are known by name, so none is imported."""

from __future__ import annotations

import errno
import re

from studio.domain.errors import StudioError, causes
from studio.domain.events import Failed
from studio.store.arrow_file import DamagedFile

_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|cannot allocate memory", re.I)
_DISK_FULL = re.compile(
    r"no space left on device|disk quota exceeded"
    # torch.save tells of a write that fell short in one of these ways, without the system's error number.
    r"|PytorchStreamWriter failed writing|inline_container.*unexpected pos",
    re.I,
)
_UNKNOWN_TYPE = re.compile(r"model type [`'\"]?([\w.-]+)[`'\"]?")


def failure(error: BaseException) -> Failed:
    """The last word of a worker that this error ended."""
    fault = error if isinstance(error, StudioError) else recognise(error)
    return Failed(problem=fault.problem, remedy=fault.remedy, fault=fault.as_dict())


def recognise(error: BaseException) -> StudioError:
    """The fault behind the error or what it came from; one that names the error itself where it is not known."""
    for cause in causes(error):
        if (fault := _known_fault(cause)) is not None:
            return fault
    return StudioError(
        "The worker failed: {type}: {message}.",
        "The log below says where.",
        type=type(error).__name__,
        message=str(error).strip().rstrip("."),
    )


def no_memory(text: str) -> bool:
    """Whether a library says that there was not enough memory."""
    return bool(_NO_MEMORY.search(text))


def disk_is_full(error: BaseException) -> bool:
    """Whether it, or what it came from, is that nothing could be written any more."""
    return any(
        (isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
        or _DISK_FULL.search(str(cause))
        for cause in causes(error)
    )


def _known_fault(error: BaseException) -> StudioError | None:
    text, kind = str(error), type(error).__name__
    if isinstance(error, StudioError):
        return error
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or no_memory(text):
        return StudioError(
            "There is not enough memory.",
            "Use a smaller batch size or max length, gradient checkpointing, fewer bits for the base model, "
            "or a smaller base model.",
        )
    if disk_is_full(error):
        return StudioError(
            "The disk is full.", "Free some space, then resume or start again: what was saved before is kept."
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StudioError(
            "No permission to read or write {file}.", "Fix its permissions, then start again.", file=error.filename
        )
    if isinstance(error, DamagedFile):
        return StudioError(
            "The file {file} is damaged or cut short.",
            "Restore an intact copy, or delete what it belongs to and add that again.",
            file=error.filename,
        )
    if isinstance(error, FileNotFoundError) and error.filename:
        return StudioError(
            "The file {file} is missing.", "Restore it, or add what it belongs to again.", file=error.filename
        )
    if "trust_remote_code" in text or "custom code" in text:
        return StudioError(
            "This base model comes with its own code, which is not run.",
            "Choose a model that transformers supports without custom code.",
        )
    if "does not recognize this architecture" in text or "Unrecognized model" in text:
        match = _UNKNOWN_TYPE.search(text)
        return StudioError(
            "The installed transformers does not know models of the type “{type}”.",
            "Update transformers, or choose another base model.",
            type=match[1] if match else "?",
        )
    if kind == "SafetensorError":
        return StudioError(
            "The base model's weights are damaged: {reason}.",
            "Delete the base model and add it again.",
            reason=text.rstrip("."),
        )
    if isinstance(error, ImportError) and "bitsandbytes" in text:
        return StudioError(
            "8-bit and 4-bit need bitsandbytes, which does not work on this machine.",
            "Choose full (fp32) or half (bf16) precision.",
        )
    return None
