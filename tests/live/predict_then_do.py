#!/usr/bin/env python3
"""Asks patrolint what a change of leader would come to, then really tries it on a live cluster, and compares.

    tests/live/predict_then_do.py [--releases 2.1.7,3.3.11,4.0.5,4.1.5] [--quick]

A line for each pair. The exit code is 0 if all of them are alike, 1 if one is not. --quick takes one cluster and a few pairs.
"""
import argparse
import datetime
import json
import re
import sys
import time
import traceback

from lab import LOOP_WAIT_SECONDS, TTL_SECONDS, Lab
from servers import Servers, binary, commands, patrolint, wait_for

# How long an election may take: the leader key expires, everybody looks for it, the winner promotes.
ELECTION_SECONDS = TTL_SECONDS + 10 * LOOP_WAIT_SECONDS


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--releases', default=','.join(CLUSTERS), help='default: %(default)s')
    arguments.add_argument('--quick', action='store_true', help='a few pairs on one cluster of 4.0.5')
    options = arguments.parse_args()
    clusters = {'4.0.5': [('quorum', quick)]} if options.quick else CLUSTERS
    releases = ['4.0.5'] if options.quick else options.releases.split(',')
    binary()
    pairs, failures, started = 0, 0, time.monotonic()
    for release in releases:
        for mode, course in clusters[release]:
            with Servers() as servers:
                trial = Trial()
                try:
                    trial.lab = Lab(servers, release, mode)
                    course(trial)
                except Exception:
                    trial.failures += 1
                    traceback.print_exc()
                    for log in sorted(servers.folder.glob('*/*/patroni.log')):
                        print(f'\n{log}:', *log.read_text(errors='replace').splitlines()[-20:], sep='\n', flush=True)
                pairs, failures = pairs + trial.pairs, failures + trial.failures
    print(f'{pairs} predictions tried in {time.monotonic() - started:.0f} s, {failures} differ')
    return 1 if failures else 0


class Trial:
    """Predictions that are tried on a cluster."""

    def __init__(self):
        self.lab, self.pairs, self.failures = None, 0, 0

    def roles(self):
        """The leader and the others, those that /sync names first."""
        leader, names = self.lab.leader(), list(self.lab.nodes)
        standbys = (json.loads(self.lab.keys().get('sync') or '{}').get('sync_standby') or '').split(',')
        return leader, *sorted((name for name in names if name != leader), key=lambda name: (name not in standbys, name))

    def switchover(self, via, leader=None, candidate=None, at=None):
        self.change('switchover', via, leader, candidate, at)

    def failover(self, via, candidate, leader=None):
        self.change('failover', via, leader, candidate, None)

    def change(self, kind, via, leader, candidate, at):
        given = {'--leader': leader, '--candidate': candidate, '--at': at}
        words = [word for option, value in given.items() if value for word in (option, value)]
        before = self.lab.leader()
        log = self.lab.nodes[before].log
        logged = log.stat().st_size
        prediction = self.predict(kind, *words, '--via', via)
        do = {'api': self.ask_the_leader, 'ctl': self.run_patronictl, 'dcs': self.write_the_key}[via]
        seen = do(before, kind, leader, candidate, at)
        if seen.get('status') == 202:
            wait_for(lambda: not self.lab.request(), 'the scheduled switchover', 120)
        after = wait_for(self.lab.leader, 'a leader', ELECTION_SECONDS)
        seen.update(leader=after, accepted=after != before or seen.get('status') == 202)
        if not seen['accepted'] and seen['gate'] == 'leader':
            lines = log.read_bytes()[logged:].decode(errors='replace').splitlines()
            # Without the time.
            seen['log'] = [re.sub(r'^\S+ \S+ ', '', line) for line in lines]
        self.compare(f'{kind} {" ".join(words)} via {via}', prediction, before, seen)
        if seen['accepted']:
            self.lab.wait_until_healthy()

    def crash(self):
        """Kills the leader's Patroni and PostgreSQL."""
        before = self.lab.leader()
        prediction = self.predict('crash')
        self.lab.nodes[before].kill()
        try:
            after = wait_for(lambda: self.lab.leader() not in (before, None) and self.lab.leader(), '', ELECTION_SECONDS)
        except TimeoutError:
            after = None
        self.compare('crash', prediction, before, {'leader': after, 'accepted': after is not None, 'gate': 'race'})
        self.lab.nodes[before].start()
        self.lab.wait_until_healthy()

    def predict(self, *words):
        return patrolint('predict', *words, '--online', '-c', self.lab.configuration, '--format', 'json').json

    def ask_the_leader(self, before, kind, leader, candidate, at):
        body = {'leader': leader, 'candidate': candidate, 'scheduled_at': at}
        body = {name: value for name, value in body.items() if value}
        status, text = self.lab.nodes[before].ask('POST', '/' + kind, body)
        return answer(status, text)

    def run_patronictl(self, before, kind, leader, candidate, at):
        names = '--master' if self.lab.release.startswith('2.') else '--leader'
        given = {names: leader or (before if kind == 'switchover' else None), '--candidate': candidate, '--scheduled': at}
        words = [word for option, value in given.items() if value for word in (option, value)]
        ran = self.lab.ctl(kind, self.lab.scope, *words, '--force')
        output = ran.stdout + ran.stderr
        if ran.returncode:
            return {'gate': 'ctl', 'status': None, 'message': output.split('Error: ')[-1].strip()}
        if failed := re.search(r' failed, details: (\d+), (.*)', output):
            return answer(int(failed[1]), failed[2])
        if done := re.search(r'Successfully .*', output):
            return answer(200, done[0])
        if done := re.search(r'Switchover scheduled', output):
            return answer(202, done[0])
        return answer(None, output)

    def write_the_key(self, before, kind, leader, candidate, at):
        key = {'leader': leader or (before if kind == 'switchover' else None), 'member': candidate, 'scheduled_at': at}
        self.lab.store.put(self.lab.prefix + 'failover', json.dumps({name: value for name, value in key.items() if value}))
        wait_for(lambda: not self.lab.request(), 'the end of the request', ELECTION_SECONDS)
        return {'gate': 'leader', 'status': None}

    def compare(self, question, prediction, before, seen):
        """Prints a line, and what differs."""
        differences = list(differences_between(prediction, before, seen))
        self.pairs += 1
        self.failures += bool(differences)
        outcome = seen['leader'] if seen['accepted'] else f'refused by {seen["gate"]}'
        told = ' '.join(str(part) for part in (seen.get('status'), seen.get('body') or seen.get('message')) if part)
        mark = 'DIFFERS' if differences else 'ok'
        print(f'{mark:8}{self.lab.release:8}{before}: {question}: {outcome}{told and f" ({told})"}', flush=True)
        for name, predicted, observed in differences:
            print(f'          {name}: predicted {predicted!r}, observed {observed!r}', flush=True)


def answer(status, body):
    """What an answer of the REST API tells; the gate is known from its status."""
    gate = {4: 'api', 5: 'leader'}.get((status or 0) // 100)
    return {'gate': gate, 'status': status, 'body': body}


def differences_between(prediction, before, seen):
    """What differs: its name, as predicted, as observed."""
    accepted, winners = seen['accepted'], prediction['winners']
    verdict = 'accepted' if accepted else 'refused'
    if prediction['verdict'] != verdict:
        yield 'verdict', prediction['verdict'], verdict
    gate = None if accepted else seen['gate']
    if prediction['gate'] != gate:
        yield 'gate', prediction['gate'], gate
    if 'status' in seen and prediction['http_status'] != seen['status']:
        yield 'status', prediction['http_status'], seen['status']
    # Which of several winners is first, nobody can tell.
    if 'body' in seen and len(winners) < 2 and prediction['http_body'] != seen['body']:
        yield 'body', prediction['http_body'], seen['body']
    if 'message' in seen:
        message = next((report['message'] for report in prediction['gates'] if report['gate'] == 'ctl'), None)
        if message != seen['message']:
            yield 'message', message, seen['message']
    if accepted and seen['leader'] not in winners:
        yield 'winner', winners, seen['leader']
    if not accepted and seen['leader'] not in (before, None):
        yield 'leader', before, seen['leader']
    for report in prediction['gates'] if 'log' in seen else []:
        for line in report['log_lines'] if report['gate'] == 'leader' else []:
            text = f'{line["level"]}: {line["text"]}'
            if text not in seen['log']:
                yield 'log', text, seen['log']


def soon(seconds):
    """A time as a request takes it."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat(timespec='seconds')


def refusals(trial):
    """Requests that no healthy cluster grants, and one that depends on the release."""
    leader, replica, other = trial.roles()
    trial.switchover('api', leader, 'nobody')
    trial.switchover('api', leader, leader)
    trial.switchover('api', replica, other)
    trial.switchover('api', None, replica)
    trial.switchover('api', leader, replica, '2001-01-01T00:00:00+00:00')
    trial.switchover('api', leader, replica, 'at noon or so')
    trial.switchover('ctl', leader, 'nobody')
    trial.switchover('ctl', leader, leader)
    trial.switchover('ctl', replica, other)
    trial.failover('ctl', 'nobody')
    trial.failover('api', leader)
    trial.failover('dcs', 'nobody')
    # The oldest releases take this for a switchover.
    trial.failover('api', other, leader=replica)


def to_candidates(trial):
    """Each way with a named candidate, and one without."""
    leader, replica, _ = trial.roles()
    trial.switchover('api', leader, replica)
    leader, replica, _ = trial.roles()
    trial.failover('api', replica)
    leader, replica, _ = trial.roles()
    trial.switchover('ctl', leader, replica)
    leader, replica, _ = trial.roles()
    trial.failover('ctl', replica)
    leader, replica, _ = trial.roles()
    trial.switchover('dcs', leader, replica)
    leader, replica, _ = trial.roles()
    trial.switchover('ctl', leader)


def synchronous(trial):
    """The synchronous standby, and the other one."""
    leader, standby, other = trial.roles()
    trial.switchover('api', leader, other)
    trial.switchover('ctl', leader, other)
    trial.switchover('dcs', leader, other)
    leader, standby, other = trial.roles()
    trial.switchover('api', leader, standby)
    leader, standby, other = trial.roles()
    trial.failover('ctl', other)
    leader, standby, other = trial.roles()
    trial.switchover('api', leader)


def asynchronous(trial):
    """Without synchronous_mode."""
    trial.lab.set(synchronous_mode=False)
    trial.lab.wait_until_healthy()


def scheduled(trial):
    leader, replica, _ = trial.roles()
    trial.switchover('api', leader, replica, soon(10))
    leader, replica, _ = trial.roles()
    trial.switchover('ctl', leader, None, soon(15))


def tagged(trial):
    """nofailover on one replica, then on both."""
    leader, replica, other = trial.roles()
    trial.lab.nodes[replica].tag(nofailover=True)
    trial.switchover('api', leader, replica)
    trial.failover('ctl', replica)
    trial.switchover('dcs', leader, replica)
    trial.switchover('api', leader)
    leader, *replicas = trial.roles()
    for name in trial.lab.nodes:
        trial.lab.nodes[name].tag(**({} if name == leader else {'nofailover': True}))
    trial.switchover('api', leader)
    trial.switchover('ctl', leader)
    trial.crash()
    for node in trial.lab.nodes.values():
        node.tag()


def stopped(trial):
    """A replica that is down."""
    leader, replica, other = trial.roles()
    node = trial.lab.nodes[replica]
    node.shut_down()
    trial.switchover('api', leader, replica)
    wait_for(lambda: f'members/{replica}' not in trial.lab.keys(), 'the end of its key', ELECTION_SECONDS)
    trial.switchover('api', leader, replica)
    trial.failover('ctl', replica)
    trial.switchover('ctl', leader)
    node.start()
    trial.lab.wait_until_healthy()


def paused(trial):
    trial.lab.set(pause=True)
    wait_for(lambda: all(node.status().get('pause') for node in trial.lab.nodes.values()), 'the pause')
    leader, replica, _ = trial.roles()
    trial.switchover('api', leader)
    trial.switchover('ctl', leader)
    trial.switchover('api', leader, replica, soon(60))
    trial.switchover('api', leader, replica)
    trial.lab.set(pause=False)
    wait_for(lambda: not any(node.status().get('pause') for node in trial.lab.nodes.values()), 'the end of the pause')
    trial.lab.wait_until_healthy()


def untouched(trial):
    """No command writes: the revision of the DCS and the members' states are the same before and after."""
    lab = trial.lab
    way = ['--online', '-c', lab.configuration]
    bundle = lab.servers.folder / 'bundle.tar.zst'

    def state():
        members = {name: node.status() for name, node in lab.nodes.items()}
        for status in members.values():
            status.pop('dcs_last_seen', None)
        return lab.store.revision(), members

    def equal_around(command):
        # Patroni itself writes at times; whoever writes always is found out.
        before = state()
        patrolint(*command)
        return before == state()
    for command in commands(*way):
        wait_for(lambda command=command: equal_around(command), f'a run of patrolint {command[0]} that changes nothing')

    def bundle_tells_the_same():
        # Not with -c: the configuration is judged as well, and no bundle holds it.
        way = '--dcs', f'etcd3://{lab.store.hosts[0]}', '--scope', lab.scope
        patrolint('capture', *way, '-o', bundle)
        told, kept = patrolint('check', *way, '--format', 'json').json, patrolint('check', bundle, '--format', 'json').json
        return all(told[part] == kept[part] for part in ('summary', 'findings', 'unknown'))
    wait_for(bundle_tells_the_same, 'a bundle that is judged as the live cluster is')
    print(f'ok      {lab.release:8}no command changes anything; check tells the same of a bundle', flush=True)


def quick(trial):
    untouched(trial)
    leader, replica, other = trial.roles()
    trial.switchover('api', leader, replica)
    trial.failover('api', replica)
    trial.switchover('dcs', leader, replica)
    trial.switchover('api', leader, leader)
    trial.switchover('ctl', leader, 'nobody')
    trial.switchover('ctl', leader, replica)
    trial.switchover('ctl', leader)


def course(*parts):
    def run(trial):
        for part in parts:
            part(trial)
    return run


CLUSTERS = {
    '2.1.7': [('on', course(untouched, synchronous, refusals, paused, Trial.crash, asynchronous, to_candidates))],
    '3.3.11': [('on', course(untouched, synchronous, refusals, Trial.crash, asynchronous, tagged, scheduled))],
    '4.0.5': [('quorum', course(untouched, to_candidates, refusals, Trial.crash, asynchronous, stopped, scheduled))],
    '4.1.5': [('quorum', course(untouched, to_candidates, refusals, Trial.crash, tagged, asynchronous, paused, stopped))],
}


if __name__ == '__main__':
    sys.exit(main())
