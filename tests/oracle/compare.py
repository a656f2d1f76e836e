#!/usr/bin/env python3
"""Gives generated scenarios to real Patroni, release by release, and to patrolint, and shows where they disagree.

    tests/oracle/compare.py [--seed N] [--count N] [--exhaustive] [--only PARTS] [--jobs N] [--env DIR] [--keep DIR]
                            [RELEASE ...]

Makes what it needs: the Python environment and the releases (in --env; `setup.sh` does it) and patrolint's answers
(`examples/verdicts`). Lines of verdicts are compared as they come, so that neither memory nor disk limits --count. The exit
code is 0 if nothing differs, 1 if something does. README.md beside this file tells which fields are not compared.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import gzip
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get('CARGO_TARGET_DIR') or TOP / 'target')
PARTS = ['api', 'ctl', 'leader', 'shutdown', 'race', 'status', 'sync']
# How many disagreements are shown for each part and release.
SHOWN = 5
# What a verdict does not hold.
MISSING = '(missing)'


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--seed', type=int, help='default: a fresh one')
    arguments.add_argument('--first', type=int, default=0, help='number of the first scenario (to repeat a single one)')
    arguments.add_argument('--count', type=int, help='scenarios for each release; default: 1000, or all small clusters')
    arguments.add_argument('--exhaustive', action='store_true', help='all small clusters instead of random ones')
    arguments.add_argument('--only', default=','.join(PARTS), help='parts of the verdict: ' + ','.join(PARTS))
    arguments.add_argument('--jobs', type=int, default=os.cpu_count(), help='releases at a time')
    arguments.add_argument('--env', type=pathlib.Path, default=TARGET / 'oracle', help='what setup.sh made, or makes now')
    arguments.add_argument('--keep', type=pathlib.Path, help='folder to keep scenarios and verdicts in, compressed')
    arguments.add_argument('releases', nargs='*', help='default: all that setup.sh knows')
    options = arguments.parse_args()
    if not options.exhaustive:
        options.count = options.count or 1000
        if options.seed is None:
            options.seed = int.from_bytes(os.urandom(4), 'little')
        print(f'seed {options.seed}', flush=True)

    subprocess.run([HERE / 'setup.sh', options.env, *options.releases], check=True)
    build = ['cargo', 'build', '--quiet', '--locked', '--release', '--no-default-features', '--example', 'verdicts']
    subprocess.run(build, check=True, cwd=TOP)
    releases = options.releases or sorted(os.listdir(options.env / 'src'), key=number)
    deviations = json.loads((HERE / 'deviations.json').read_text())
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        scenarios = pathlib.Path(options.keep or scratch) / 'scenarios.jsonl'
        generate(scenarios, options, deviations)
        with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
            runs = [pool.submit(compare_release, release, scenarios, options, deviations) for release in releases]
            results = []
            for run in runs:
                results.append(run.result())
                print(results[-1].summary(), flush=True)
    total = Result('all')
    for result in results:
        total.add(result)
    print(f'{len(releases)} releases in {time.monotonic() - started:.0f} s, {total.summary()}')
    for (scenario, path, real, ours), where in total.shown.items():
        kind, index = scenario.split('-')
        # Those of rare.jsonl are in every run.
        again = {'x': f'--exhaustive --first {index}', 'rare': ''}.get(kind, f'--seed {kind[1:]} --first {index}') + ' --count 1'
        print(f'\n{scenario}: {path} in {" ".join(where)}\n  Patroni:   {real}\n  patrolint: {ours}\n'
              f'  again:     tests/oracle/compare.py {again} {where[-1]}')
    unused = [deviation for index, deviation in enumerate(deviations) if not total.deviated[index]]
    for deviation in unused:
        print(f'deviations.json: matches nothing: {json.dumps(deviation)}')
    sys.exit(1 if total.disagreements or unused else 0)


def number(release):
    return [int(part) for part in release.split('.')]


def generate(path, options, deviations):
    """Writes the scenarios of this run, and those that the deviations name."""
    with open(path, 'w') as file:
        def write(generator, first, count, *seed):
            range = ['--first', str(first)] + (['--count', str(count)] if count else [])
            subprocess.run([sys.executable, HERE / generator, *range, *seed], stdout=file, check=True)
        if options.exhaustive:
            write('exhaustive.py', options.first, options.count)
        else:
            write('gen_scenarios.py', options.first, options.count, '--seed', str(options.seed))
            file.write((HERE / 'rare.jsonl').read_text())
            file.flush()
            for deviation in deviations:
                seed, number = re.fullmatch(r's(\d+)-(\d+)', deviation['scenario']).groups()
                write('gen_scenarios.py', number, 1, '--seed', seed)


class Result:
    """What the comparison of one release came to, or of several."""

    def __init__(self, release):
        self.release = release
        self.scenarios = 0
        self.decisions = collections.Counter()
        self.disagreements = collections.Counter()
        self.deviated = collections.Counter()
        # The first disagreements of each part, with the releases that have them.
        self.shown = {}

    def add(self, other):
        self.scenarios += other.scenarios
        for counter in 'decisions', 'disagreements', 'deviated':
            getattr(self, counter).update(getattr(other, counter))
        for disagreement, where in other.shown.items():
            self.shown.setdefault(disagreement, []).extend(where)

    def summary(self):
        decisions = ', '.join(f'{part} {self.decisions[part]:,}' for part in PARTS if self.decisions[part])
        differ = ', '.join(f'{part} {count:,}' for part, count in sorted(self.disagreements.items()))
        deviated = f', {sum(self.deviated.values()):,} known deviations' if self.deviated else ''
        return (f'{self.release}: {self.scenarios:,} scenarios; compared: {decisions}; '
                f'{sum(self.disagreements.values()):,} disagreements{f" ({differ})" if differ else ""}{deviated}')

    def disagree(self, scenario, path, real, ours):
        part = path.split('.')[0]
        self.disagreements[part] += 1
        if self.disagreements[part] <= SHOWN:
            self.shown[scenario, path, dump(real), dump(ours)] = [self.release]


def compare_release(release, scenarios, options, deviations):
    oracle = [options.env / 'venv' / 'bin' / 'python', HERE / 'run_oracle.py', '--patroni-src', options.env / 'src' / release,
              '--in', scenarios, '--only', options.only]
    verdicts = [TARGET / 'release' / 'examples' / 'verdicts', '--patroni-version', release]
    parts = options.only.split(',')
    result = Result(release)
    with open(scenarios) as file, \
            tempfile.TemporaryFile('w+') as complaints, \
            subprocess.Popen(oracle, stdout=subprocess.PIPE, stderr=complaints, text=True) as theirs, \
            subprocess.Popen(verdicts, stdin=file, stdout=subprocess.PIPE, text=True) as ours, \
            kept(options.keep, f'{release}.jsonl.gz') as keep:
        for real, own in itertools.zip_longest(theirs.stdout, ours.stdout):
            if not real or not own:
                theirs.kill()
                complaints.seek(0)
                raise RuntimeError(f'{release}: no more lines after {result.scenarios}: {complaints.read()[-2000:]}')
            keep.write(real)
            compare_lines(real, own, parts, deviations, result)
    return result


def kept(folder, name):
    return gzip.open(folder / name, 'wt') if folder else open(os.devnull, 'w')


def compare_lines(real_line, own_line, parts, deviations, result):
    real, ours = json.loads(real_line), json.loads(own_line)
    result.scenarios += 1
    scenario = real['id']
    for part in parts:
        result.decisions[part] += decisions(part, real.get(part))
    if real_line == own_line:
        return
    real, ours = dict(leaves(real, parts)), dict(leaves(ours, parts))
    for path in sorted(real.keys() | ours.keys()):
        theirs, own = real.get(path, MISSING), ours.get(path, MISSING)
        # As texts: Python takes 1, 1.0 and True for equal.
        if dump(theirs) == dump(own):
            continue
        known = [index for index, deviation in enumerate(deviations) if result.release in deviation['releases']
                 and fnmatch.fnmatchcase(path, deviation['field'])]
        result.deviated.update(known)
        if not known:
            result.disagree(scenario, path, theirs, own)


def decisions(part, verdict):
    """How many decisions a part of a verdict holds."""
    if part == 'race':
        nodes = [node for phase in (verdict or {}).values() for node in (phase or {}).values()]
        return sum('skipped' not in node for node in nodes)
    return int(bool(verdict) and 'skipped' not in verdict)


def leaves(verdict, parts):
    """Path and value of everything in a verdict that is compared."""
    def walk(value, path):
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                yield from walk(inner, f'{path}.{key}')
        else:
            yield path, without_text(path, value)

    for key, value in verdict.items():
        if key not in PARTS or key in parts:
            yield from walk(value, key)


def without_text(path, value):
    """The class alone of an exception: its text may be that of the Python or the library in use."""
    if path == 'load_logs' or path == 'api.logs':
        return [re.sub(r'( \[\w+): .*\]$', r'\1]', line, flags=re.DOTALL) for line in value]
    return value.partition(':')[0] if path.endswith('.exception') or path == 'load_error' else value


def dump(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


if __name__ == '__main__':
    main()
