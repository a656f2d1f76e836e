#!/usr/bin/env python3
"""Compares patrolint's YAML with PyYAML's on fresh documents: a new seed on every run, unless one is given.

    tests/pyyaml/compare.py [--seed N] [--count N] [--env DIR] [--readings PROGRAM] [CONFIGURATION.yml ...]

Half of the documents are those of `record.py`, generated; half are configurations with a few characters damaged: the ones
given, else those of the recorded clusters in fixtures/captured. The exit code is 0 if nothing differs, 1 if something does;
twenty differences are shown. It runs in the Python environment of the oracle, which is made where it is missing, in --env
(`tests/oracle/setup.sh`). Builds the example `readings` with cargo, unless --readings names it.

PyYAML 6.0.4 merges lists of mappings (`<<: [*a, *b]`) in another order than every release before, and tells equal keys
apart by their place in memory; patrolint follows the earlier ones. With 6.0.4 documents with `<<` are left out.
"""
import argparse
import contextlib
import io
import os
import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get('CARGO_TARGET_DIR') or TOP / 'target')


def use_environment(env):
    """Starts this script again with the Python of the oracle, whose PyYAML is the one to agree with."""
    if pathlib.Path(sys.prefix) != (env / 'venv').resolve():
        subprocess.run([TOP / 'tests/oracle/setup.sh', env, '4.1.5'], check=True)
        python = str(env / 'venv/bin/python')
        os.execv(python, [python, *sys.argv])


def damaged(record, rng, texts):
    """A part of a configuration, damaged."""
    lines = rng.choice(texts).splitlines(keepends=True)
    start = rng.randrange(len(lines))
    text = ''.join(lines[start:start + rng.randint(1, 25)]) if rng.random() < 0.7 else ''.join(lines)
    if rng.random() < 0.2:
        text = text.replace('\n', rng.choice(['\r\n', '\r', '\n\n', ' \n', '\n  ', ' #\n', '\n\t']))
    return record.damage(rng, text)


def records(record, texts):
    """The records of `record.py`, as it prints them."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for text in dict.fromkeys(texts):
            record.record(text)
    return out.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('configurations', nargs='*', metavar='CONFIGURATION.yml')
    parser.add_argument('--seed', type=int, default=None)
    parser.add_argument('--count', type=int, default=4000)
    parser.add_argument('--readings', help='the built example of that name, instead of building it')
    parser.add_argument('--env', type=pathlib.Path, default=TARGET / 'oracle', help='what setup.sh made, or makes now')
    arguments = parser.parse_args()
    use_environment(arguments.env)
    sys.path.insert(0, str(HERE))
    import record
    import yaml
    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    rng = random.Random(seed)
    files = [pathlib.Path(name) for name in arguments.configurations] or sorted(TOP.glob('fixtures/captured/*/**/*.yml'))
    texts = [file.read_text(encoding='utf-8') for file in files]
    texts = [text for text in texts if text.strip()]
    share = arguments.count // 8
    record.SCALARS = share
    generated = list(record.scalars(rng))[:share]
    documents = ['\n'.join(record.document(rng, rng.randint(1, 4), 0)) + rng.choice(['', '\n']) for _ in range(share)]
    generated += documents + [record.damage(rng, text) for text in documents]
    generated += [''.join(rng.choice(record.PIECES) for _ in range(rng.randint(2, 12))) for _ in range(share)]
    texts = generated + [damaged(record, rng, texts) for _ in range(arguments.count - len(generated))]
    if [int(part) for part in yaml.__version__.split('.')[:3]] >= [6, 0, 4]:
        texts = [text for text in texts if '<<' not in text]
    content = records(record, texts)
    program = [arguments.readings] if arguments.readings else [
        'cargo', 'run', '--quiet', '--release', '--no-default-features', '--locked', '--manifest-path', str(TOP / 'Cargo.toml'), '--example', 'readings', '--']
    found = subprocess.run(program + ['yaml'], input=content, stdout=subprocess.PIPE, text=True, check=True).stdout
    differing = found.split('\n"')
    count = len(differing) if found else 0
    print('seed %d: %d documents, %d differ' % (seed, content.count('\n'), count))
    if count:
        print('\n"'.join(differing[:20]))
    sys.exit(1 if count else 0)


main()
