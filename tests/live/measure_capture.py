#!/usr/bin/env python3
"""Prints how long `patrolint capture` of five nodes takes beyond the slowest member's answer; the target is 200 ms.

    tests/live/measure_capture.py [--runs 20] [--slowest 500]

Measures a release build. Nothing is asserted.
"""
import argparse
import json
import os
import statistics
import subprocess
import time

from servers import HERE, TARGET, TOP, Etcd, Recorded, Servers, patrolint

TARGET_MS = 200


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--runs', type=int, default=20)
    arguments.add_argument('--slowest', type=int, default=500, help='milliseconds after which the slowest member answers')
    options = arguments.parse_args()
    subprocess.run([HERE / 'setup.sh', TARGET / 'live'], check=True)
    if 'PATROLINT' not in os.environ:
        subprocess.run(['cargo', 'build', '--quiet', '--locked', '--release', '--bin', 'patrolint'], check=True, cwd=TOP)
        os.environ['PATROLINT'] = str(TARGET / 'release' / 'patrolint')
    with Servers() as servers:
        etcd = Etcd(servers)
        recorded = Recorded(servers, 'async-415-3n')
        answers = recorded.answers('pg2')
        took_ms = []

        def late(delay_ms):
            def behave(connection, path):
                started = time.monotonic()
                time.sleep(delay_ms / 1e3)
                answers(connection, path)
                took_ms.append((time.monotonic() - started) * 1e3)
            return behave
        # Each a bit later than the one before, the last one as late as asked for.
        member = json.loads(recorded.keys['/service/demo/members/pg2'])
        for number in range(1, 6):
            url = servers.serve(late(options.slowest * number / 5)).url
            recorded.keys[f'/service/demo/members/pg{number}'] = json.dumps({**member, 'api_url': url + '/patroni'})
        recorded.load(etcd)
        way = '-c', servers.configuration(etcd.section), '--rest-timeout', options.slowest / 1e3 + 10
        over_ms = []
        for _ in range(options.runs):
            took_ms.clear()
            outcome = patrolint('capture', *way, '-o', servers.folder / 'bundle.tar.zst')
            if outcome.code:
                raise SystemExit(outcome.text)
            over_ms.append(outcome.seconds * 1e3 - max(took_ms))
    print(f'five nodes, the slowest answers after {options.slowest} ms; {options.runs} captures took longer than it by '
          f'{min(over_ms):.0f} ms at best, {statistics.median(over_ms):.0f} ms in the middle, {max(over_ms):.0f} ms at worst '
          f'({TARGET_MS} ms wanted)')


if __name__ == '__main__':
    main()
