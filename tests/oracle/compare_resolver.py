#!/usr/bin/env python3
"""Gives random quorum states to the real QuorumStateResolver, release by release, and to patrolint, and shows where they differ.

    tests/oracle/compare_resolver.py [--seed N] [--count N] [--jobs N] [--env DIR] [RELEASE ...]

Also asserts, after every single transition, what the resolver is there for: each set of nodes that can acknowledge a commit
has a node in common with each set that can elect a leader. The exit code is 0 if nothing differs and nothing fails.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

import compare
import record_resolver

SHOWN = 5


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--seed', type=int, help='default: a fresh one')
    arguments.add_argument('--count', type=int, default=1_000_000)
    arguments.add_argument('--jobs', type=int, default=os.cpu_count(), help='releases at a time')
    arguments.add_argument('--env', type=pathlib.Path, default=compare.TARGET / 'oracle', help='what setup.sh made, or makes now')
    arguments.add_argument('releases', nargs='*', default=record_resolver.RELEASES)
    options = arguments.parse_args()
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(4), 'little')
    print(f'resolver: seed {options.seed}', flush=True)
    subprocess.run([compare.HERE / 'setup.sh', options.env, *options.releases], check=True)
    build = ['cargo', 'build', '--quiet', '--locked', '--release', '--no-default-features', '--example', 'resolver']
    subprocess.run(build, check=True, cwd=compare.TOP)
    started = time.monotonic()
    failed = False
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for run in [pool.submit(compare_release, release, options) for release in options.releases]:
            summary, failures = run.result()
            failed |= bool(failures)
            print(summary, *failures[:SHOWN], sep='\n', flush=True)
    print(f'resolver: {len(options.releases)} releases in {time.monotonic() - started:.0f} s')
    sys.exit(failed)


def compare_release(release, options):
    resolver, names, warnings = record_resolver.load(options.env / 'src' / release)
    ours = [compare.TARGET / 'release' / 'examples' / 'resolver', '--patroni-version', release]
    failures, transitions = [], 0

    def states():
        generator = random.Random(options.seed)
        return (record_resolver.state(generator) for _ in range(options.count))

    def feed(pipe):
        with pipe:
            pipe.writelines(json.dumps(state) + '\n' for state in states())

    with subprocess.Popen(ours, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        threading.Thread(target=feed, args=[process.stdin]).start()
        for number, (state, line) in enumerate(zip(states(), process.stdout, strict=True)):
            real = record_resolver.answer(resolver, names, warnings, state)
            own = json.loads(line)
            transitions += len(real.get('transitions', []))
            if real != own:
                failures.append(f'  state {number}: {json.dumps(state)}\n    Patroni:   {json.dumps(real)}\n'
                                f'    patrolint: {json.dumps(own)}')
            if not stays_safe(state, real.get('transitions', [])):
                failures.append(f'  state {number} becomes unsafe: {json.dumps(state)}\n    {json.dumps(real)}')
    if process.returncode:
        raise RuntimeError(f'{release}: exit code {process.returncode}')
    return (f'resolver {release}: {options.count:,} states, {transitions:,} transitions; {len(failures):,} disagreements or unsafe '
            'states', failures)


def stays_safe(state, transitions):
    """Whether the state is safe after each of the transitions."""
    lower = lambda names: {name.lower() for name in names}
    quorum, voters, leader = state['quorum'], lower(state['voters']), state['leader'].lower()
    numsync, sync = state['numsync'], lower(state['sync'])
    # Also an impossible number of standbys is what commits wait for only as far as there are standbys.
    numsync = min(numsync, len(sync))
    for kind, writer, number, names in transitions:
        if kind == 'quorum':
            leader, quorum, voters = writer.lower(), number, lower(names)
        elif kind == 'sync':
            numsync, sync = number, lower(names)
        else:
            continue
        if not is_safe(state['leader_wanted'].lower(), numsync, sync, leader, quorum, voters):
            return False
    return True


def is_safe(primary, numsync, sync, leader, quorum, voters):
    """Whether nobody can elect a leader without a node that has acknowledged what *primary* committed."""
    standbys = sync - {primary}
    if len(standbys) < numsync:
        return True  # nothing can be committed
    # Without voters only the leader of /sync may lead. Otherwise its vote counts like theirs, on top of the quorum.
    electors = (voters | {leader}) - {primary}
    acknowledged = max(0, numsync - len(standbys - electors))
    return len(electors) - acknowledged <= (quorum if voters else 0)


if __name__ == '__main__':
    main()
