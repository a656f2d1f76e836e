#!/usr/bin/env python3
"""Compares patrolint's YAML with PyYAML's on fresh documents: a new seed on every run, unless one is given.

    python tests/pyyaml/compare.py [--seed N] [--count N] [--readings PROGRAM] [CONFIGURATION.yml ...]

Half of the documents are those of `record.py`, generated; half are configurations with a few characters damaged: the ones
given, else those of the recorded clusters in fixtures/captured. Fails on the first twenty differences. Builds the example
`readings` with cargo, unless --readings names it.
"""
import argparse
import contextlib
import io
import json
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import record  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]


def damaged(rng, texts):
    """A part of a configuration, damaged."""
    lines = rng.choice(texts).splitlines(keepends=True)
    start = rng.randrange(len(lines))
    text = ''.join(lines[start:start + rng.randint(1, 25)]) if rng.random() < 0.7 else ''.join(lines)
    if rng.random() < 0.2:
        text = text.replace('\n', rng.choice(['\r\n', '\r', '\n\n', ' \n', '\n  ', ' #\n', '\n\t']))
    return record.damage(rng, text)


def records(texts):
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
    arguments = parser.parse_args()
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
    content = records(generated + [damaged(rng, texts) for _ in range(arguments.count - len(generated))])
    program = [arguments.readings] if arguments.readings else [
        'cargo', 'run', '--quiet', '--release', '--locked', '--manifest-path', str(TOP / 'Cargo.toml'), '--example', 'readings', '--']
    found = subprocess.run(program + ['yaml'], input=content, stdout=subprocess.PIPE, text=True, check=True).stdout
    differing = found.split('\n"')
    count = len(differing) if found else 0
    print('seed %d: %d documents, %d differ' % (seed, content.count('\n'), count))
    if count:
        print('\n"'.join(differing[:20]))
    sys.exit(1 if count else 0)


main()
