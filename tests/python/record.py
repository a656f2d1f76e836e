#!/usr/bin/env python3
"""Records what Python and Patroni's own functions make of values, one JSON object per line.

    PYTHONPATH=<directory of Patroni's release> python tests/python/record.py > fixtures/python/cases.jsonl

Each value is given as YAML text. The first line names the versions and the seed.
"""
import json
import platform
import random

import yaml

from patroni.utils import parse_bool, parse_int
from patroni.version import __version__

SEED = 20260101
BASE_UNITS = [None, 's', 'ms', 'min', 'kB', '8kB', 'B', 'MB', '16MB', '512 MB', '0kB', 'x', '']

VALUES = [
    'null', 'true', 'false', '0', '1', '-1', '7', '123456789012345678901234567890', '0.0', '-0.0', '1.0', '0.5', '1.5', '2.5', '-2.5', '-0.5', '3.7', '-3.7', '.inf', '-.inf', '.nan', '1.0e+16', '1.0e+15', '1.0e-4', '1.0e-5',
    '1.5e+300', '123456789.125', '1.0e+22', '0.1', '4097.5', '-1.5e-7', '5.0e-324', '1.7976931348623157e+308', '""', '" "', '"a"', '"None"', '"on"', '"ON"', '"Off"', '"yes"', '"no"', '"True"', '"1"', '"0"', '"1 "', '" on"', '"on "', '"t"', '"y"', '"1.0"',
    '"00"', '"+1"', '"-1"', '"--1"', '"- 1"', '" 12 "', '"\\t12\\n"', '"\\u00a012"', '"\\x1c12"', '"1_000"', '"1__0"', '"_1"', '"1_"', '"0x1F"', '"0X1F"', '"0x"', '"0xG"', '"-0x10"', '"010"', '"08"', '"0o7"', '"0b1"', '"1e3"', '"1E3"', '"1e"', '"e3"',
    '".5"', '"-.5"', '"1."', '"1.5"', '"2.5"', '"1.5e3"', '"1.5e400"', '"."', '".e3"', '"1.2.3"', '"inf"', '"nan"', '"30s"', '"30 s"', '" 30 s "', '"30S"', '"5min"', '"0.5min"', '"1.5min"', '"90s"', '"89s"', '"1h"', '"1d"', '"2.5h"', '"100ms"', '"1500ms"', '"500ms"', '"2500ms"', '"1us"', '"500us"', '"1500us"',
    '"1MB"', '"1mb"', '"100MB"', '"1GB"', '"1.5GB"', '"1TB"', '"1kB"', '"1KB"', '"4097.5kB"', '"4097.4kB"', '"0x400 MB"', '"010kB"', '"1B"', '"8191B"', '"8192B"', '"4096B"', '"12288B"', '"512kB"', '"1.5kB"', '"6GB"', '"1EB"', '"1eB"', '"1e3kB"', '"1.e3kB"', '".5GB"', '"-1MB"', '"-30s"', '"1 0"', '"1\\n2"',
    '"99999999999999999999GB"', '[]', '[1]', '{}', '{a: 1}', '[on, "it\'s", \'say "x"\', "both \' and \\"", null, 1.5, -0.0, [a], {b: c, 1: [2]}]', '["\\n\\t\\r\\\\\\x00\\x7f\\u00a0\\u00e9\\u0301\\u200b\\u2028\\ue000\\U0001f600\\ufeff\\u00ad"]', '2024-01-01', '2024-01-01 10:00:00', '2024-01-01 10:00:05', '2024-01-01T10:00:00.5Z',
    '2024-01-01 10:00:00.1234567 +01:30', '2024-01-01 10:00:00 -5', '[2024-01-01, 2024-01-01 10:00:00, 2024-01-01 10:00:05.25 +2, 2024-01-01 1:02:03 -11:30, 2024-01-01 1:02:00Z]', '!!binary aGk=', '!!binary ""', '!!binary MTI=', '[!!binary "AAEn/yI=", !!binary Jw==]',
]


def attempt(function, *arguments):
    try:
        answer = function(*arguments)
    except Exception:
        return None
    if isinstance(answer, int) and not isinstance(answer, bool):
        return str(max(-2**127, min(2**127 - 1, answer)))  # patrolint's integers saturate.
    return answer


def generated(rng):
    for _ in range(150):
        yield json.dumps(''.join(rng.choice('0123456789' + '0123.eE+-x _') for _ in range(rng.randint(1, 6))) + rng.choice(['', '', '', ' ', 's', 'ms', 'us', 'min', 'h', 'd', 'B', 'kB', 'MB', 'GB', 'TB', ' MB', 'K']))
    for _ in range(60):
        yield repr(rng.choice([rng.random(), rng.uniform(-1e6, 1e6), rng.uniform(0, 1) * 10.0 ** rng.randint(-20, 30)]))


def main():
    print(json.dumps({'patroni': __version__, 'pyyaml': yaml.__version__, 'python': platform.python_version(), 'seed': SEED}))
    for text in dict.fromkeys(VALUES + list(generated(random.Random(SEED)))):
        value = yaml.safe_load(text)
        print(json.dumps({
            'value': text, 'bool': bool(value), 'str': str(value), 'int': attempt(int, value), 'parse_bool': attempt(parse_bool, value),
            'parse_int': {str(unit): attempt(parse_int, value, unit) for unit in BASE_UNITS},
        }))


main()
