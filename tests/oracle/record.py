#!/usr/bin/env python3
"""Records what real Patroni decides on generated scenarios, as fixtures for `cargo test`.

    tests/oracle/record.py [--seed N] [--count N] [--env DIR] [--kept DIR]
    tests/oracle/record.py --exhaustive [--env DIR] [--kept DIR]

Runs `compare.py` on --count scenarios and keeps those that show something: every reason in every release, and every way in
which a decision changes from one release to the next, some times over; the first RANDOM ones, whatever they show; and RARE ones.
Writes fixtures/oracle/verdicts-N.jsonl.gz. A line holds a scenario and, for each decision (the route to it in the verdict), the
releases from which on it has another answer: `[["2.0.0", …], ["3.2.0", …]]`; an entry without a value says that there is no
such decision from there on. The same seed gives the same bytes.

With --exhaustive: what the newest release decides on every small cluster, as fixtures/oracle/exhaustive.gz: first the pieces
that the clusters are made of, as JSON, then a line for each cluster, with its pieces, a tab, and the verdict.

--kept names the folder that an earlier `compare.py --keep` filled, and spares another run.
"""
import argparse
import collections
import functools
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import compare
import exhaustive

FIXTURES = compare.TOP / 'fixtures' / 'oracle'
RANDOM = 500
# How many scenarios have to show the same thing.
TIMES = 3
# Scenarios that show what others hardly do; those of rare.jsonl are written by hand.
RARE = ['s2026-244', 's2026-1199', 's2026-1290', 's2026-2054', 's2026-2796', *map('rare-{}'.format, range(5))]
PER_FILE = 1000
NEWEST = '4.1.5'


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--seed', type=int, default=2026)
    arguments.add_argument('--count', type=int, default=8000)
    arguments.add_argument('--exhaustive', action='store_true')
    arguments.add_argument('--env', type=pathlib.Path, default=compare.TARGET / 'oracle')
    arguments.add_argument('--kept', type=pathlib.Path)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        kept = options.kept or pathlib.Path(scratch)
        run = ['--exhaustive', '--only', 'leader,race', NEWEST] if options.exhaustive else \
            ['--seed', str(options.seed), '--count', str(options.count)]
        if not options.kept:
            # What patrolint says does not matter here.
            subprocess.run([compare.HERE / 'compare.py', '--env', options.env, '--keep', kept, *run])
        if options.exhaustive:
            record_exhaustive(kept)
        else:
            record(kept)


def record_exhaustive(kept):
    lines = [dump(exhaustive.pieces())]
    with gzip.open(kept / f'{NEWEST}.jsonl.gz', 'rt') as verdicts:
        for names, verdict in zip(exhaustive.clusters(), verdicts, strict=True):
            verdict = json.loads(verdict)
            lines.append('|'.join(names) + '\t' + dump({part: verdict[part] for part in ('leader', 'race')}))
    write(FIXTURES / 'exhaustive.gz', lines)


def record(kept):
    releases = sorted((path.name.removesuffix('.jsonl.gz') for path in kept.glob('*.jsonl.gz')), key=compare.number)
    lines = chosen(kept, releases)
    for old in FIXTURES.glob('verdicts-*.jsonl.gz'):
        old.unlink()
    for start in range(0, len(lines), PER_FILE):
        write(FIXTURES / f'verdicts-{start // PER_FILE}.jsonl.gz', lines[start:start + PER_FILE])


def write(path, lines):
    text = '\n'.join(lines) + '\n'
    # No time stamp: the same record gives the same bytes.
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f'{path.name}: {len(text):,} bytes, {path.stat().st_size:,} compressed')


def chosen(kept, releases):
    """The lines of the fixture, in the order of the scenarios."""
    seen = collections.Counter()
    lines = []
    files = [gzip.open(kept / f'{release}.jsonl.gz', 'rt') for release in releases]
    with open(kept / 'scenarios.jsonl') as scenarios:
        for index, (scenario, *verdicts) in enumerate(zip(scenarios, *files, strict=True)):
            scenario = json.loads(scenario)
            read = functools.cache(lambda verdict: decisions(json.loads(verdict)))
            # Most releases say the same, but for their own number.
            answers = [read(verdict.replace(f'"version":"{release}"', '"version":""'))
                       for release, verdict in zip(releases, verdicts)]
            shown = features(releases, answers, scenario)
            is_new = any(seen[feature] < TIMES for feature in shown)
            if index < RANDOM or is_new or scenario['id'] in RARE:
                seen.update(shown)
                line = dump({'scenario': scenario, 'answers': changes(releases, answers)})
                # Python also writes infinities, which are no JSON.
                if not re.search(r'[:,[](-?Infinity|NaN)[],}]', line):
                    lines.append(line)
    for file in files:
        file.close()
    print(f'{len(lines):,} of {index + 1:,} scenarios show {len(seen):,} things')
    return lines


def decisions(verdict):
    """The decisions that a verdict holds, by their route in it. `tests/verdicts.rs` does the same."""
    found = {}

    def walk(value, route, depth):
        if depth and isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f'{route}/{key}', depth - 1)
        else:
            found[route] = compared(value, route[1:].replace('/', '.'))

    for part, value in verdict.items():
        if part not in ('id', 'version'):
            walk(value, f'/{part}', {'race': 2, 'sync': 1, 'status': 1}.get(part, 0))
    return found


def compared(value, path):
    """A value with the classes alone of exceptions, as `compare.py` compares it."""
    if isinstance(value, dict):
        return {key: compared(inner, f'{path}.{key}') for key, inner in value.items()}
    return compare.without_text(path, value)


def changes(releases, answers):
    """For each decision the releases from which on the answer is another one."""
    found = {}
    for route in sorted({route for verdict in answers for route in verdict}):
        steps = found[route] = []
        for release, verdict in zip(releases, answers):
            step = [verdict[route]] if route in verdict else []
            if not steps or steps[-1][1:] != step:
                steps.append([release, *step])
    return found


def features(releases, answers, scenario):
    """What a scenario shows: each field and log line of an answer, without names and numbers; and what of that a release
    does otherwise than the one before it."""
    found = set()
    members = {key.removeprefix('members/') for key in scenario['dcs'] if key.startswith('members/')}
    names = members | set(scenario['local']) | {'ghost'}
    words = '|'.join(map(re.escape, sorted(names, key=len, reverse=True)))
    pattern = re.compile(rf'(?i:{words})|\d[\d.]*')

    @functools.cache
    def template(text):
        return pattern.sub('_', text)

    for route, steps in changes(releases, answers).items():
        kind = '/'.join(route.split('/')[:3])
        before = None
        for release, *answer in steps:
            now = {template(f'{key}: {dump(item)}') for value in answer for key, item in items(value)}
            found.update((kind, item) for item in now)
            if before is not None:
                found.add((kind, release, frozenset(before - now), frozenset(now - before)))
            before = now
    return found


def items(value, route=''):
    """The fields of an answer; of a list, such as the log, each line."""
    if isinstance(value, dict):
        for key, field in value.items():
            yield from items(field, f'{route}/{key}')
    elif isinstance(value, list):
        for item in value:
            yield route, item
    else:
        yield route, value


def dump(value):
    return json.dumps(value, sort_keys=True, separators=(',', ':'))


if __name__ == '__main__':
    main()
