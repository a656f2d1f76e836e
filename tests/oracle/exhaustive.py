#!/usr/bin/env python3
"""Writes every small cluster as a scenario for run_oracle.py: a leader and up to three replicas.

    tests/oracle/exhaustive.py [--first N] [--count N] > scenarios.jsonl

A replica is one of 18: reachable, in each combination of nofailover or not, at the leader's WAL position, a little behind or
too far behind, on the cluster's timeline or an older one; a second running primary, with nofailover or not, on either timeline
(its WAL position plays no part); or unreachable, with nofailover or not (it tells nothing else). A cluster has

- synchronous mode off; on, with one of the replicas in /sync or none; or quorum, with every number from 0 up to one less
  than the voters as its quorum, where all replicas vote or, of up to two, all but the last;
- no candidate, or one of the replicas: of a switchover, and with up to two replicas also of a manual failover.

Replicas that differ in nothing but their names are interchangeable: their states are combined without regard to order. The
leader steps down to a replica that races, too, or crashes for good.
"""
import argparse
import itertools
import json
import sys

NOW = 1_767_225_600
LEADER, REPLICAS = 'pg1', ['pg2', 'pg3', 'pg4']
SYSID = '7000000000000000001'
LSN = 50_000_000
LSNS = {'level': LSN, 'behind': LSN - 8, 'far': LSN - (2 << 20)}
TIMELINES = {'current': 2, 'older': 1}
TAGS = {'': {}, 'nofailover': {'nofailover': True}}

STATES = [('replica', tags, lsn, timeline) for tags in TAGS for lsn in LSNS for timeline in TIMELINES] + \
    [('primary', tags, 'level', timeline) for tags in TAGS for timeline in TIMELINES] + \
    [('unreachable', tags, 'level', 'current') for tags in TAGS]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--first', type=int, default=0)
    arguments.add_argument('--count', type=int)
    options = arguments.parse_args()
    parts = pieces()
    stop = None if options.count is None else options.first + options.count
    for number, names in itertools.islice(enumerate(clusters()), options.first, stop):
        scenario = {'id': f'x-{number}'}
        for name in names:
            merge(scenario, parts[name])
        sys.stdout.write(dump(scenario) + '\n')


def clusters():
    """Each cluster as the names of its pieces."""
    for count in range(1, len(REPLICAS) + 1):
        names = REPLICAS[:count]
        for mode, standbys in modes(names):
            for candidate in [None, *names]:
                # The first of those who are alike stands for them all.
                alike = [name for name in names if name != candidate and (name in standbys) == (candidate in standbys)]
                if candidate and any(name < candidate for name in alike):
                    continue
                kinds = ['crash'] if candidate is None else ['switchover'] if count == 3 else ['switchover', 'failover']
                groups = [[candidate]] if candidate else []
                for is_standby in True, False:
                    groups.append([name for name in names if name != candidate and (name in standbys) == is_standby])
                for choice in itertools.product(*(itertools.combinations_with_replacement(STATES, len(group))
                                                  for group in groups)):
                    states = {name: state for group, chosen in zip(groups, choice) for name, state in zip(group, chosen)}
                    members = [piece(name, states[name]) for name in names]
                    for kind in kinds:
                        yield ['leader', mode, ' '.join(filter(None, [kind, candidate])), *members]


def modes(names):
    """Each synchronous mode with those of the replicas that /sync names."""
    yield 'off', []
    yield 'on', []
    yield f'on {names[0]}', names[:1]
    voters = [names] if len(names) != 2 else [names, names[:1]]
    for standbys in voters:
        for quorum in range(len(standbys)):
            yield ' '.join(['quorum', str(quorum), *standbys]), standbys


def pieces():
    """Parts of scenarios by name. A scenario is some of them, merged."""
    found = {'leader': {
        'now': NOW,
        'dcs': {'initialize': SYSID, 'leader': LEADER, 'history': dump([[1, 100, 'no recovery target specified']]),
                'status': dump({'optime': LSN}), f'members/{LEADER}': member(LEADER, ('primary', '', 'level', 'current'))},
        'rest': {LEADER: answer(('primary', '', 'level', 'current'))},
        'local': {LEADER: facts(('primary', '', 'level', 'current'))},
        'after': {'manual': {'rest': {LEADER: answer(('replica', '', 'level', 'current'))},
                             'local': {LEADER: {'primary': False}}}}}}
    for count in range(1, len(REPLICAS) + 1):
        for mode, standbys in modes(REPLICAS[:count]):
            kind, *words = mode.split()
            config = {'check_timeline': True, 'synchronous_mode': {'off': False, 'on': True}.get(kind, kind)}
            keys = {'config': dump(config)}
            if kind != 'off':
                quorum = {'quorum': int(words[0])} if kind == 'quorum' else {}
                keys['sync'] = dump({'leader': LEADER, 'sync_standby': ','.join(standbys) or None, **quorum})
            found[mode] = {'dcs': keys}
    found['crash'] = {'action': {'kind': 'switchover', 'leader': LEADER}}
    for name in REPLICAS:
        # The race after a crash knows no candidate.
        skip = {'after': {'crash': {'skip': True}}}
        found[f'switchover {name}'] = {'action': {'kind': 'switchover', 'leader': LEADER, 'candidate': name}, **skip}
        found[f'failover {name}'] = {'action': {'kind': 'failover', 'candidate': name}, **skip}
        for state in STATES:
            found[piece(name, state)] = {'dcs': {f'members/{name}': member(name, state)}, 'rest': {name: answer(state)},
                                         'local': {name: facts(state)}}
    return found


def piece(name, state):
    return ' '.join(filter(None, [name, *state]))


def member(name, state):
    role, tags, lsn, timeline = state
    return dump({'conn_url': f'postgres://{name}:5432/postgres', 'api_url': f'http://{name}:8008/patroni', 'state': 'running',
                 'role': 'primary' if role == 'primary' else 'replica', 'xlog_location': LSNS[lsn],
                 'timeline': TIMELINES[timeline], 'tags': TAGS[tags]})


def answer(state):
    role, tags, lsn, timeline = state
    if role == 'unreachable':
        return role
    lsn = LSNS[lsn]
    wal = {'location': lsn} if role == 'primary' else {'received_location': lsn, 'replayed_location': lsn}
    return {'state': 'running', 'role': role, 'timeline': TIMELINES[timeline], 'xlog': wal, 'tags': TAGS[tags]}


def facts(state):
    role, tags, lsn, timeline = state
    return {'primary': role == 'primary', 'timeline': TIMELINES[timeline], 'lsn': LSNS[lsn], 'sysid': SYSID, 'tags': TAGS[tags]}


def merge(into, other):
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = json.loads(json.dumps(value))


def dump(value):
    return json.dumps(value, sort_keys=True, separators=(',', ':'))


if __name__ == '__main__':
    main()
