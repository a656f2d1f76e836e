#!/usr/bin/env python3
"""Records what python-dateutil makes of times, one JSON object per line.

    TZ=UTC python tests/python/record_times.py > fixtures/python/times.jsonl

The first line names the version and the seed. A text that leaves a part of the date to the clock counts as no time, as it does in
patrolint.
"""
import datetime
import importlib.metadata
import json
import random
import warnings

import dateutil.parser

SEED = 20260101
DATES = ['2026-01-02', '2026/01/02', '20260102', '2026.01.02', '02.01.2026', '1/2/2026', '13/2/2026', '2026-1-2', 'Jan 2 2026', '2 Jan 2026',
         'January 2, 2026', '2026 Jan 2', '2-Jan-2026', '2/jan/26', 'Fri Jan 2 2026', 'Friday, 2 January 2026', '2nd of January 2026', '26-01-02',
         '010226', '260102', '2026-01', '2026', '2026-02-29', '2024-02-29', '2026-13-01', '0001-01-01', '0000-01-01', '9999-12-31', '10000-01-01',
         '2026-01-02-03', 'Jan of 26', 'Jan-02-2026', '2026-Jan-02', '99-01-02', '2026-01-32', '']
TIMES = ['03:04:05', '03:04', '3:04', '030405', '0304', '03', '03:04:05.5', '03:04:05,5', '03:04:05.123456789', '03:04.5', '3h4m5s', '3 h 4 m', '3pm', '3 PM',
         '03:04 am', '12:00 am', '12:30pm', '13pm', '24:00:00', '23:59:60', '23:60', '030405.5', '3 hours', '5 seconds', '3.5h', '4.5 minutes', 'now', '']
ZONES = ['', 'Z', 'z', ' Z', 'UTC', ' UTC', ' GMT', '+00:00', '-00:00', '+01', '+0100', '+01:30', '-03:30', '+14:00', '+23:59', '+24:00', '-25', '+1', '+130', ' +02:00',
         ' CET', ' EST', ' utc', 'UTC+3', ' GMT-02:00', '+02:00 (CEST)', '+00:00:00', '+', ' +', '+a', '++01:00', ' BRSTX', ' (UTC)']
OTHERS = ['now', 'tomorrow', 'garbage', ' ', ':', '-', '1', '12', '123', '1234', '12345', '123456', '1234567', '20260102030405', '202601020304', '2026010203', '1e3',
          'nan', 'inf', 'T', 'a', '10pm', '22:00', 'Friday', 'Friday 10:00', '2026-01-02T03:04:05+00:00 x', '2026-01-02T03:04:05+00:00.', '\x002026-01-02 03:04', '2026-01-02\t03:04Z',
          '2026-01-02\n03:04Z', '2026-01-02T03:04:05+00:00Z', '2026-01-02T03:04:05ZZ', '2026-W01-5', '2026-002', "2026-01-02 at 03:04", '2026-01-02, 03:04 and 5 s', "Jan '26 2", '2026-01-02 03:04:05 AD',
          '03:04 2026-01-02', '03:04Z 2026-01-02', '2026-01-02T03:04:05 -0500', 'Thu, 01 Jan 2026 00:00:00 GMT', 'Thu Jan  1 00:00:00 UTC 2026', '2026-01-02T03:04:05-0', '2026-01-02T03:04:05-00000',
          '2026-01-02 03:04:05 PM Z', '2026-01-02 3PM+01:00', '2026-01-02t03:04:05z', '1767225600']


def read(text):
    """What kind of time, and how Python writes it; whatever depends on the clock is none."""
    answers = []
    for default in datetime.datetime(2001, 3, 5), datetime.datetime(2012, 11, 14):
        try:
            answers.append(dateutil.parser.parse(text, default=default))
        except (ValueError, OverflowError):
            return 'invalid', None
    if answers[0].replace(tzinfo=None) != answers[1].replace(tzinfo=None):
        return 'invalid', None
    try:
        return 'naive' if answers[0].tzinfo is None else 'zoned', answers[0].isoformat()
    except ValueError:
        return 'bad offset', None


def generated(rng):
    for _ in range(700):
        yield rng.choice(DATES) + rng.choice(['T', ' ', ' ', ' at ', '']) + rng.choice(TIMES) + rng.choice(ZONES)
    for _ in range(300):
        text = list('2026-01-02T03:04:05' + rng.choice(ZONES))
        for _ in range(rng.choice([1, 1, 2])):
            index = rng.randrange(len(text))
            text[index] = rng.choice(['', ' ', text[index] * 2, rng.choice("0123456789:-+.,TZ/ aphms'")])
        yield ''.join(text)


def main():
    warnings.simplefilter('ignore')
    print(json.dumps({'dateutil': importlib.metadata.version('python-dateutil'), 'seed': SEED}))
    plain = [date + 'T03:04:05+00:00' for date in DATES] + ['2026-01-02T' + time + 'Z' for time in TIMES]
    plain += ['2026-01-02T03:04:05' + zone for zone in ZONES]
    for text in dict.fromkeys(plain + OTHERS + list(generated(random.Random(SEED)))):
        kind, iso = read(text)
        print(json.dumps({'text': text, 'kind': kind, 'iso': iso}))


main()
