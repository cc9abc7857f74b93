"""Chat templates that take whatever renders them, if nothing holds them: what each is, and what is said of it."""

from __future__ import annotations

_TURNS = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
_DOUBLES = "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}"

TAKES_MEMORY = {
    "wide number": "{{ '%999999999d' % 1 }}",
    "wide format": "{{ '{:>999999999}'.format(1) }}",
    "repetition": "{{ 'a' * 10 ** 9 }}",
    "repetition known later": "{{ messages[0].content * 10 ** 8 }}",
    "doubling": _DOUBLES,
    "long list": "{{ ([messages] * 10 ** 9) | length }}",
    "indented JSON": "{{ messages | tojson(indent=999999999) }}",
    "indentation": "{{ ('a\n' * 10 ** 6) | indent(10 ** 6) }}",
    "centred": "{{ 'a' | center(10 ** 9) }}",
    "replacement": "{{ ('a' * 10 ** 6) | replace('a', 'b' * 10 ** 6) }}",
    "join": "{{ ('a' * 10 ** 6) | join('b' * 10 ** 5) }}",
    "great power": "{% set n = 7 ** 999999999 %}{{ n }}",
    "filled list": "{{ range(100000) | map('string') | list * 10 ** 5 }}",
}
"""All end where memory does."""

TAKES_TIME = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}"
    "{% endfor %}",
    "loop without an end": "{% set ns = namespace(n=0) %}{% for a in range(99999) %}{% for b in range(99999) %}"
    "{% set ns.n = ns.n + 1 %}{% endfor %}{% endfor %}{{ ns.n }}",
    "branching macros": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "power": "{{ (3 ** (3 ** 15)) ** 50 > 2 }}",
    "sorting": "{% for i in range(99999) %}{% set s = range(99999) | sort | reverse | list %}{% endfor %}",
    "sums": "{% for i in range(99999) %}{% set s = range(99999) | sum %}{% endfor %}",
}
"""All end where the time does."""

WRITES_TOO_MUCH = {
    "long text": "{{ 'x' * 60000000 }}",
    "many pieces": "{% for a in range(9999) %}{% for b in range(99) %}{{ messages[0].role }}{% endfor %}{% endfor %}",
    "wide characters": "{{ '😀' * 20000000 }}",
}
"""End where the result is too long, or before."""

REFUSES = {
    "recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "range": "{% for a in range(10 ** 9) %}{% endfor %}",
    "too great": "{{ 'a' * 10 ** 30 }}",
    "refusal": "{{ raise_exception(messages[0].content * 10 ** 6) }}",
    "into Python": "{{ ''.__class__.__mro__ }}{{ namespace(__init__=1) }}",
    "own words": "{{ raise_exception('<img src=x onerror=alert(1)>') }}",
    "unwritable": "{{ '%d' % 'a' }}",
}
"""Are refused by Jinja, in few words."""

IS_NO_TEMPLATE = {
    "megabytes": "{# " + "x" * 3_000_000 + " #}" + _TURNS,
    "deep": "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "nested blocks": "{% if a %}" * 5_000 + "{% endif %}" * 5_000,
    "unfinished": "{% for m in messages %}",
    "unknown tag": "{% include '/etc/passwd' %}{% nothing %}",
}
"""Are not even read, or not run."""

GREEDY = TAKES_MEMORY | TAKES_TIME | WRITES_TOO_MUCH
HOSTILE = GREEDY | REFUSES | IS_NO_TEMPLATE
