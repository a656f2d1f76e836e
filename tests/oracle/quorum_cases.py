#!/usr/bin/env python3
"""Ask real Patroni about the cases of docs/quorum.md: every set of lost members of each, one race a set.

usage: quorum_cases.py --oracle DIR [--out fixtures/quorum/cases.jsonl] [RELEASE...]

DIR is what setup.sh made, with the releases (default: RELEASES below). Each line of the output is a case: its keys of the
DCS and REST answers, as patrolint reads them, and for each release the winners by set of lost members.
"""
import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile

RELEASES = ['4.0.1', '4.0.5', '4.0.8', '4.1.5']
NOW = 1_767_225_600
LSN = 0x3000060
SYSID = '7000000000000000001'


def case(name, title, members, node_count, mode='quorum', tags=None, sync=None, quorum=None, lsn=None, down=(), config=None,
         leads=True, failsafe=None):
    """A cluster whose leader is pg1, or was: `leads`. `sync`: who is in /sync; `down`: who does not run; `failsafe`: who is
    in /failsafe."""
    tags, lsn = tags or {}, lsn or {}
    names = ['pg%d' % (i + 1) for i in range(members)]
    dcs, rest, local = {'initialize': SYSID, 'history': '[]'}, {}, {}
    if leads:
        dcs['leader'] = 'pg1'
    settings = {'ttl': 30, 'loop_wait': 10, 'retry_timeout': 10, 'maximum_lag_on_failover': 1048576}
    if mode != 'off':
        settings.update({'synchronous_mode': {'on': True}.get(mode, mode), 'synchronous_node_count': node_count})
    settings.update(config or {})
    dcs['config'] = json.dumps(settings)
    dcs['status'] = json.dumps({'optime': LSN})
    if sync is None:
        # What Patroni comes to by itself: all that may be synchronous, or as many as wanted.
        sync = [n for n in names[1:] if not tags.get(n, {}).get('nosync') and n not in down]
        if mode == 'quorum':
            fit = [n for n in sync if not tags.get(n, {}).get('nofailover')]
            sync = fit + [n for n in sync if n not in fit][:max(0, node_count - len(fit))]
        else:
            sync = sorted(sync, key=lambda n: bool(tags.get(n, {}).get('nofailover')))[:node_count]
    if mode != 'off':
        if quorum is None:
            quorum = max(0, len(sync) - node_count) if mode == 'quorum' else 0
        dcs['sync'] = json.dumps({'leader': 'pg1', 'sync_standby': ','.join(sync) or None, 'quorum': quorum})
    listed = [n.lower() for n in sync]
    for i, n in enumerate(names):
        position = lsn.get(n, LSN)
        key = {'conn_url': 'postgres://10.0.0.%d:5432/postgres' % (i + 1), 'state': 'running', 'xlog_location': position,
               'api_url': 'http://10.0.0.%d:8008/patroni' % (i + 1), 'role': 'primary' if i == 0 and leads else 'replica',
               'timeline': 1, 'version': '4.1.5'}
        answer = {'state': 'running', 'role': key['role'], 'server_version': 160001, 'timeline': 1,
                  'database_system_identifier': SYSID, 'patroni': {'version': '4.1.5', 'scope': 'demo', 'name': n}}
        if i == 0 and leads:
            answer['xlog'] = {'location': position}
            answer['replication'] = [
                {'application_name': m, 'state': 'streaming', 'sync_priority': int(m in listed),
                 'sync_state': ('quorum' if mode == 'quorum' else 'sync') if m in listed else 'async'}
                for m in names[1:] if m not in down]
        else:
            key['replication_state'] = answer['replication_state'] = 'streaming'
            answer['xlog'] = {'received_location': position, 'replayed_location': position}
        if tags.get(n):
            key['tags'] = answer['tags'] = tags[n]
        if n not in down:
            dcs['members/' + n] = json.dumps(key)
        rest[n] = 'unreachable' if n in down else answer
        local[n] = {'running': n not in down, 'starting': False, 'primary': i == 0 and leads, 'timeline': 1, 'lsn': position,
                    'watchdog_healthy': True, 'sysid': SYSID, 'tags': tags.get(n, {})}
    if failsafe:
        dcs['failsafe'] = json.dumps({n: 'http://10.0.0.%d:8008/patroni' % (int(n[2:])) for n in failsafe})
    return {'case': name, 'title': title, 'dcs': dcs, 'rest': rest, 'local': local}


def cases():
    nofailover, nosync = {'nofailover': True}, {'nosync': True}
    yield case('async-2', '2 nodes, asynchronous', 2, 1, mode='off')
    yield case('async-3', '3 nodes, asynchronous', 3, 1, mode='off')
    yield case('async-3-lag', '3 nodes, asynchronous, pg3 lags by 2 MiB', 3, 1, mode='off', lsn={'pg3': LSN - 2 * 1048576})
    yield case('sync-2', '2 nodes, synchronous_mode on', 2, 1, mode='on')
    yield case('sync-3', '3 nodes, synchronous_mode on, node count 1', 3, 1, mode='on')
    yield case('sync-4-2', '4 nodes, synchronous_mode on, node count 2', 4, 2, mode='on')
    yield case('sync-3-nosync', '3 nodes, synchronous_mode on, pg2 nosync', 3, 1, mode='on', tags={'pg2': nosync})
    for members in range(2, 8):
        for node_count in range(1, min(3, members - 1) + 1):
            yield case('quorum-%d-%d' % (members, node_count), '%d nodes, quorum, node count %d' % (members, node_count),
                       members, node_count)
    yield case('quorum-3-nofailover', '3 nodes, quorum, pg3 nofailover', 3, 1, tags={'pg3': nofailover})
    yield case('quorum-3-nofailover-seat', '3 nodes, quorum, pg3 nofailover with a seat in /sync', 3, 1,
               tags={'pg3': nofailover}, sync=['pg2', 'pg3'])
    yield case('quorum-3-nofailover-2', '3 nodes, quorum, node count 2, pg3 nofailover', 3, 2, tags={'pg3': nofailover})
    yield case('quorum-3-nosync', '3 nodes, quorum, pg3 nosync', 3, 1, tags={'pg3': nosync})
    yield case('quorum-4-nosync', '4 nodes, quorum, pg4 nosync', 4, 1, tags={'pg4': nosync})
    yield case('quorum-5-nosync-nofailover', '5 nodes, quorum, node count 2, pg4 nosync, pg5 nofailover', 5, 2,
               tags={'pg4': nosync, 'pg5': nofailover})
    yield case('quorum-4-down', '4 nodes, quorum, pg4 does not run and is still in /sync', 4, 1, down=('pg4',),
               sync=['pg2', 'pg3', 'pg4'])
    yield case('quorum-4-lag', '4 nodes, quorum, pg4 lags by 2 MiB', 4, 1, lsn={'pg4': LSN - 2 * 1048576})
    yield case('quorum-4-behind', '4 nodes, quorum, pg4 behind by 100 bytes', 4, 1, lsn={'pg4': LSN - 100})
    yield case('quorum-4-priority', '4 nodes, quorum, pg2 failover_priority 2', 4, 1,
               tags={'pg2': {'failover_priority': 2}})
    yield case('quorum-3-broken', '3 nodes, quorum, /sync edited by hand: quorum 0 where 1 standby acknowledges', 3, 1,
               quorum=0)
    yield case('quorum-4-failsafe', '4 nodes, quorum, failsafe_mode, pg4 is not in /failsafe', 4, 1,
               config={'failsafe_mode': True}, failsafe=['pg1', 'pg2', 'pg3'])
    yield case('sync-3-2-priority', '3 nodes, synchronous_mode on, node count 2, pg2 failover_priority 2', 3, 2, mode='on',
               tags={'pg2': {'failover_priority': 2}})
    yield case('quorum-3-letters', '3 nodes, quorum, /sync spells pg2 PG2', 3, 1, sync=['PG2', 'pg3'])
    yield case('quorum-3-ghost', '3 nodes, quorum, /sync names pg9, which is no member', 3, 1, sync=['pg2', 'pg9'])
    yield case('quorum-3-former-leader', '3 nodes, quorum, nobody leads: pg1 is back as a replica', 3, 1, leads=False)
    yield case('quorum-3-former-leader-behind', '3 nodes, quorum, nobody leads: pg1 is back and 100 bytes behind', 3, 1,
               leads=False, lsn={'pg1': LSN - 100})
    yield case('quorum-3-paused', '3 nodes, quorum, paused', 3, 1, config={'pause': True})


def scenarios(case):
    """One for each set of lost members after which the lock is free."""
    names = list(case['local'])
    leader = case['dcs'].get('leader')
    for size in range(len(names) + 1):
        for lost in itertools.combinations(names, size):
            if leader and leader not in lost:
                continue
            after = {'rest': {n: 'unreachable' for n in lost},
                     'local': {n: {'running': False} for n in lost if n != leader}}
            yield {'id': ','.join(lost), 'now': NOW, 'dcs': case['dcs'], 'rest': case['rest'], 'local': case['local'],
                   'after': {'crash': after}}


def winners(verdict, lost):
    race = verdict['race']['crash']
    return [n for n, racer in sorted(race.items()) if n not in lost and racer.get('healthiest')]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--oracle', required=True)
    parser.add_argument('--out', default='-')
    parser.add_argument('releases', nargs='*', default=RELEASES)
    options = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    python = os.path.join(options.oracle, 'venv', 'bin', 'python')
    everything = list(cases())
    asked = [(one, scenario) for one in everything for scenario in scenarios(one)]
    answers = {}
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, 'scenarios.jsonl')
        with open(source, 'w') as out:
            out.writelines(json.dumps(scenario) + '\n' for _, scenario in asked)
        for release in options.releases:
            target = os.path.join(folder, release + '.jsonl')
            subprocess.run([python, os.path.join(here, 'run_oracle.py'), '--patroni-src',
                            os.path.join(options.oracle, 'src', release), '--in', source, '--out', target,
                            '--only', 'race', '--no-logs'], check=True)
            with open(target) as lines:
                for (one, scenario), line in zip(asked, lines):
                    lost = scenario['id']
                    found = winners(json.loads(line), lost.split(','))
                    answers.setdefault(one['case'], {}).setdefault(release, {})[lost] = ','.join(found)
    with (sys.stdout if options.out == '-' else open(options.out, 'w')) as out:
        for one in everything:
            record = {key: one[key] for key in ('case', 'title', 'dcs', 'rest')}
            # Releases that answer alike share an entry.
            groups = []
            for release, found in answers[one['case']].items():
                for group in groups:
                    if group['winners'] == found:
                        group['releases'].append(release)
                        break
                else:
                    groups.append({'releases': [release], 'winners': found})
            record['recorded'] = groups
            out.write(json.dumps(record, separators=(',', ':')) + '\n')


if __name__ == '__main__':
    main()
