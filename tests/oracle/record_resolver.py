#!/usr/bin/env python3
"""Records what Patroni's real QuorumStateResolver yields on random states, as fixtures for `cargo test`.

    tests/oracle/record_resolver.py --env DIR [--seed N] [--count N] [--out DIR] [RELEASE ...]

--env is a folder that `setup.sh` made. Writes resolver-states.jsonl.gz and resolver-RELEASE.jsonl.gz below --out (default:
fixtures/oracle); line N of the second belongs to line N of the first. `tests/resolver.rs` compares.
"""
import argparse
import gzip
import importlib
import json
import logging
import pathlib
import random
import sys

FIXTURES = pathlib.Path(__file__).resolve().parent.parent.parent / 'fixtures' / 'oracle'
# The first release with quorum commit, those around the only change since then, and the newest one.
RELEASES = ['4.0.1', '4.0.4', '4.0.5', '4.1.5']
POOL = ['alpha', 'Beta', 'GAMMA', 'delta-1', 'pg5', 'Pg6', 'été', "o'7"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('--env', required=True, type=pathlib.Path)
    arguments.add_argument('--seed', type=int, default=2026)
    arguments.add_argument('--count', type=int, default=4000)
    arguments.add_argument('--out', type=pathlib.Path, default=FIXTURES)
    arguments.add_argument('releases', nargs='*', default=RELEASES)
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    def states():
        r = random.Random(options.seed)
        return (state(r) for _ in range(options.count))

    write(options.out / 'resolver-states.jsonl.gz', states())
    for release in options.releases:
        resolver, names, warnings = load(options.env / 'src' / release)
        answers = (answer(resolver, names, warnings, state) for state in states())
        write(options.out / f'resolver-{release}.jsonl.gz', answers)


def state(r):
    """Arguments of the resolver: half of them consistent, up to six nodes, names written in any case."""
    nodes = r.sample(POOL, r.randint(1, 6))
    leader, others = nodes[0], nodes[1:]
    if r.random() < 0.05:
        others = nodes  # the leader among its own standbys

    def some(base=None, likely=0.5):
        chosen = base if base is not None and r.random() < likely else r.sample(others, r.randint(0, len(others)))
        return [r.choice([name.lower(), name.upper()]) if r.random() < 0.15 else name for name in chosen]

    voters = some()
    sync = some(voters, 0.6)
    active = some(others, 0.3) if r.random() < 0.5 else some(sync)
    numsync = r.randint(0, len(sync))
    united = len({name.lower() for name in voters + sync})
    quorum = max(0, united - numsync)
    if r.random() < 0.3:  # in the middle of a change
        quorum += r.randint(0, numsync)
    if voters:
        quorum = min(quorum, len(voters) - r.choice([0, 1]))
    confirmed = r.randint(0, r.choice([numsync, len(active), 6]))
    if r.random() < 0.3:  # anything
        quorum, numsync = r.randint(-1, 6), r.randint(-1, 6)
    if r.random() < 0.1:
        confirmed = r.randint(-1, 6)
    return {
        'leader': leader if r.random() < 0.85 else r.choice(nodes), 'quorum': quorum, 'voters': voters,
        'numsync': numsync, 'sync': sync, 'numsync_confirmed': confirmed, 'active': active,
        'sync_wanted': r.choice([-1, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6]),
        'leader_wanted': leader if r.random() < 0.95 else leader.swapcase()}


def load(src):
    """The resolver and the set of one release, and the list that its warnings go to."""
    for name in [name for name in sys.modules if name.split('.')[0] == 'patroni']:
        del sys.modules[name]
    sys.path.insert(0, str(src))
    try:
        quorum = importlib.import_module('patroni.quorum')
    finally:
        sys.path.pop(0)
    names = quorum.CaseInsensitiveSet
    # Python prints a set in an order that changes from one process to the next.
    names.__str__ = lambda self: '{%s}' % ', '.join(map(repr, sorted(self))) if self else 'set()'
    warnings = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())
    quorum.logger.handlers = [handler]
    quorum.logger.propagate = False
    return quorum.QuorumStateResolver, names, warnings


def answer(resolver, names, warnings, state):
    warnings.clear()
    sets = {field: names(state[field]) for field in ('voters', 'sync', 'active')}
    try:
        transitions = list(resolver(**{**state, **sets}))
        result = {'transitions': [[*transition[:3], sorted(transition.names)] for transition in transitions]}
    except Exception as error:
        result = {'exception': f'{type(error).__name__}: {error}'}
    return {**result, 'warning': warnings[0]} if warnings else result


def write(path, values):
    # No time stamp: the same record gives the same bytes.
    with open(path, 'wb') as file, gzip.GzipFile('', 'wb', 9, file, mtime=0) as packed:
        for value in values:
            line = json.dumps(value, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
            packed.write(line.encode() + b'\n')


if __name__ == '__main__':
    main()
