#!/usr/bin/env python3
"""Records what real Patroni decides on generated scenarios, as fixtures for `cargo test`.

    tests/oracle/record.py --env DIR [--seed N] [--count N] [RELEASE ...]

DIR is a folder that `setup.sh` made. Writes fixtures/oracle/scenarios.jsonl.gz and fixtures/oracle/RELEASE.jsonl.gz; line N
of the second belongs to line N of the first. Only what `tests/verdicts.rs` compares is kept.
"""
import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / 'fixtures' / 'oracle'
# The releases that the captures under fixtures/captured hold, and those at which a decision changes.
RELEASES = ['2.0.0', '2.0.2', '2.1.0', '2.1.2', '2.1.5', '2.1.6', '3.0.1', '3.0.2', '3.0.3', '3.0.4', '3.1.0', '3.2.0', '3.2.2', '3.3.7', '3.3.11', '4.0.1', '4.0.5', '4.0.6', '4.0.8', '4.1.0', '4.1.5']
# Facts of a scenario that no decision in the gates reads.
UNREAD = ['pg_stat_replication', 'synchronous_standby_names', 'synchronous_commit', 'pg_version']


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('--env', required=True, type=pathlib.Path)
    arguments.add_argument('--seed', type=int, default=2026)
    arguments.add_argument('--count', type=int, default=400)
    arguments.add_argument('releases', nargs='*', default=RELEASES)
    options = arguments.parse_args()
    FIXTURES.mkdir(parents=True, exist_ok=True)
    python = options.env / 'venv' / 'bin' / 'python'
    with tempfile.TemporaryDirectory() as scratch:
        scenarios = pathlib.Path(scratch) / 'scenarios.jsonl'
        generate = [sys.executable, HERE / 'gen_scenarios.py', '--seed', str(options.seed), '--count', str(options.count)]
        lines = subprocess.run(generate, check=True, capture_output=True, text=True).stdout.splitlines()
        scenarios.write_text(''.join(slim(json.loads(line)) + '\n' for line in lines))
        write('scenarios', scenarios.read_text())
        for release in options.releases:
            verdicts = pathlib.Path(scratch) / f'{release}.jsonl'
            subprocess.run([python, HERE / 'run_oracle.py', '--patroni-src', options.env / 'src' / release, '--in', scenarios,
                            '--out', verdicts, '--only', 'api,leader,race,ctl'], check=True)
            write(release, ''.join(kept(json.loads(line)) + '\n' for line in verdicts.read_text().splitlines()))


def slim(scenario):
    scenario.pop('quorum_state', None)
    for facts in scenario['local'].values():
        for name in UNREAD:
            facts.pop(name, None)
    return dump(scenario)


def kept(verdict):
    """Drops what is not compared: the log of the loader and of the REST handler, and what patronictl prints."""
    verdict.pop('load_logs', None)
    verdict.get('api', {}).pop('logs', None)
    verdict.get('ctl', {}).pop('output', None)
    return dump(verdict)


def dump(value):
    return json.dumps(value, sort_keys=True, separators=(',', ':'))


def write(name, text):
    # No time stamp: the same record gives the same bytes.
    (FIXTURES / f'{name}.jsonl.gz').write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == '__main__':
    main()
