#!/usr/bin/env python3
"""Records which configuration each release of Patroni knows: its validator's schema, environment, defaults and words.

    python tests/python/record_schema.py DIRECTORY > fixtures/schema/facts.jsonl

DIRECTORY holds the unpacked releases, DIRECTORY/<version>/patroni. Each fact is a line of JSON with the releases that have it.
"""
import collections
import json
import os
import re
import subprocess
import sys


def one_release():
    """The facts of the release in PYTHONPATH, as pairs."""
    import inspect
    for name in list(os.environ):
        if name.startswith('PATRONI_'):
            del os.environ[name]
    import patroni.postgresql  # noqa: F401
    import patroni.config as config
    import patroni.validator as validator
    from patroni.postgresql.config import ConfigHandler

    def number(check):
        return {name: getattr(check, name) for name in ('min', 'max', 'base_unit', 'aligned') if getattr(check, name, None) is not None}

    def kind(check):
        name = type(check).__name__
        if isinstance(check, str):
            return 'string'
        if isinstance(check, type):
            return {'str': 'string', 'int': 'integer', 'bool': 'boolean', 'dict': 'mapping'}[check.__name__]
        if isinstance(check, list):
            return [kind(check[0])]
        if name == 'Or':
            return {'any': [kind(option) for option in check.args]}
        if name == 'IntValidator':
            exact = getattr(check, 'expected_type', None) is int
            return {'integer': number(check), 'exact': exact}
        if name == 'EnumValidator':
            return {'enum': sorted(check.allowed_values), 'any_case': type(check.allowed_values) is not set}
        if isinstance(check, dict):
            return 'section' if check else 'mapping'
        if name in ('Directory', 'BinDirectory'):
            return 'directory'
        return check.__name__ if check.__name__ != '<lambda>' else 'lambda'

    def walk(schema, path):
        for key, check in schema.items():
            mark = type(key).__name__
            names = key.args if mark in ('Or', 'AtMostOne') else [getattr(key, 'name', key)]
            need = {'Or': 'one', 'str': 'required', 'AtMostOne': 'exclusive'}.get(mark, 'optional')
            for name in names:
                below = check._schema.get(name) if type(check).__name__ == 'Case' else check
                if below is None:  # Before 2.1.0 the validator fails with an exception on etcd3 and raft.
                    yield ['validator', path + name], {'kind': 'exception', 'need': need}
                    continue
                yield ['validator', path + name], {'kind': kind(below), 'need': need}
                if isinstance(below, list) and isinstance(below[0], dict):
                    yield from walk(below[0], path + name + '[].')
                if isinstance(below, dict):
                    yield from walk(below, path + name + '.')

    def flat(value, path):
        if isinstance(value, dict):
            for name, item in value.items():
                yield from flat(item, path + [str(name)])
        else:
            yield '.'.join(path), value

    yield from walk(validator.schema.validator, '')

    # What the loader takes out of the environment, by its own account.
    source = inspect.getsource(config.Config._build_environment_configuration)
    taken = set()

    class Environment(dict):
        def pop(self, name, *default):
            taken.add(name)
            return dict.pop(self, name, *default)

    def read(variables):
        environ, config.os.environ = config.os.environ, Environment(variables)
        try:
            return config.Config._build_environment_configuration()
        finally:
            config.os.environ = environ

    read({})
    suffixes = set(re.findall(r"'([A-Z_]+)'", source.split('(HOSTS?|PORT|..)')[1].split(') and name')[0]))
    # The section's name is free in these; PATRONI_*_HOST stands for that of every DCS.
    names = taken | {'PATRONI_ZOOKEEPER_' + suffix for suffix in suffixes}
    names |= {'PATRONI_CITUS_GROUP', 'PATRONI_CITUS_DATABASE'}
    names |= {'PATRONI_%s_%s' % (name, field) for name in ('ETCD', 'ETCD3') for field in ('USERNAME', 'PASSWORD')}
    for name in sorted(names):
        # Credentials of etcd count only beside another variable of it.
        companion = {name.rsplit('_', 1)[0] + '_HOST': 'h'} if name.split('_')[1] in ('ETCD', 'ETCD3') else {}
        one, without = read({**companion, name: '1'}), dict(flat(read(companion), []))
        for path, value in flat(one, []):
            if path in without and without[path] == value:
                continue
            # A mapping that was read from `1` is {1: None}.
            path, value = (path[:-2], {}) if path.endswith('.1') else (path, value)
            name, path = name.replace('ZOOKEEPER', '*'), path.replace('zookeeper', '*')
            yield ['environment', name], {'path': path, 'type': type(value).__name__}

    defaults = getattr(config.Config, '_Config__DEFAULT_CONFIG')
    for path, value in flat({**defaults, 'postgresql': {'use_slots': True}}, []):
        yield ['default', path], value
    for name, (default, check, version) in ConfigHandler.CMDLINE_OPTIONS.items():
        if type(check).__name__ == 'IntValidator':
            rule = number(check)
        elif type(check).__name__ == 'EnumValidator':
            rule = sorted(value.lower() for value in check.allowed_values)
        else:
            rule = None
        yield ['parameter', name], {'default': default, 'rule': rule, 'since': version}


def quoted_words(folder, releases):
    """The words that stand in quotes in the code of some releases, but not of all, each with these."""
    found = collections.defaultdict(list)
    for release in releases:
        words = set()
        for directory, _, names in os.walk(os.path.join(folder, release, 'patroni')):
            for name in names:
                if name.endswith('.py'):
                    with open(os.path.join(directory, name)) as file:
                        words.update(re.findall(r"""['"]([a-z][a-z0-9_]*)['"]""", file.read()))
        for word in words:
            found[word].append(release)
    return {word: those for word, those in found.items() if those != releases}


def ranges(releases, found):
    """The releases in `found` as pairs of the first and the last one in a row."""
    pairs = []
    for index in map(releases.index, found):
        if pairs and pairs[-1][1] == index - 1:
            pairs[-1][1] = index
        else:
            pairs.append([index, index])
    return [[releases[first], releases[last]] for first, last in pairs]


def main():
    if len(sys.argv) == 1:
        for fact in one_release():
            print(json.dumps(fact, sort_keys=True))
        return
    folder = sys.argv[1]
    releases = sorted(os.listdir(folder), key=lambda text: [int(part) for part in text.split('.')])
    facts = collections.OrderedDict()
    for release in releases:
        environment = dict(os.environ, PYTHONPATH=os.path.join(folder, release), PYTHONDONTWRITEBYTECODE='1')
        lines = subprocess.run([sys.executable, '-W', 'ignore', __file__], env=environment, check=True, stdout=subprocess.PIPE)
        for line in lines.stdout.decode().splitlines():
            facts.setdefault(line, []).append(release)
    print(json.dumps({'releases': releases}))
    for line, found in sorted(facts.items()):
        (what, name), fact = json.loads(line)
        print(json.dumps({'what': what, 'name': name, 'fact': fact, 'ranges': ranges(releases, found)}, sort_keys=True))
    words = collections.defaultdict(list)
    for word, found in sorted(quoted_words(folder, releases).items()):
        words[json.dumps(ranges(releases, found))].append(word)
    for found, those in sorted(words.items()):
        print(json.dumps({'what': 'words', 'name': ' '.join(those), 'ranges': json.loads(found)}))


main()
