"""The `studio` command: the verbs of the web page, for scripts."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from studio.cli.parser import build_parser
from studio.domain.errors import InvalidInput, StudioError, file_fault
from studio.domain.secrecy import masked_output
from studio.store.disk.permissions import private_files

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns 0 when it is done, 1 when it failed, 2 when what was asked is wrong."""
    with masked_output():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        with private_files() as arguments.umask:
            return arguments.verb(arguments) or DONE
    except InvalidInput as error:
        _complain(error)
        return WRONG
    except StudioError as error:
        _complain(error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `studio runs list | head` has read enough
        sys.stderr.close()
        return DONE
    except OSError as error:
        if not error.filename:
            raise
        _complain(file_fault(error))
        return FAILED


def _complain(error: StudioError) -> None:
    print(error, file=sys.stderr)
    fields = error.fields if isinstance(error, InvalidInput) else {}
    if any(str(fault) != str(error) for fault in fields.values()):
        for place, fault in fields.items():
            print(f"  {place}: {fault}", file=sys.stderr)
