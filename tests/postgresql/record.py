#!/usr/bin/env python3
"""Writes what patrolint knows of PostgreSQL's parameters, from servers of every major and from every release of Patroni.

    tests/oracle/setup.sh ORACLE; tests/postgresql/setup.sh SERVERS
    ORACLE/venv/bin/python tests/postgresql/record.py --patroni ORACLE/src --servers SERVERS

ORACLE/src holds a folder per release of Patroni, SERVERS one per major of PostgreSQL with bin/postgres and bin/initdb.
Written are, each time the same for the same input:

- src/model/postgresql/server_table.rs: the parameters of each major, from pg_settings of a server in single-user mode and
  from `postgres --describe-config`;
- src/model/postgresql/patroni_table.rs: how each release of Patroni validates parameters, from its own tables;
- fixtures/postgresql/describe-config/MAJOR.tsv: name, context, type and limits that the server describes;
- fixtures/postgresql/treatments.jsonl: what Patroni's own function makes of generated values.

No server listens; as root the servers run as `nobody`.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEED = 20260101
# Releases at which the treatment of a value changed, and majors that differ much.
RELEASES = ('2.0.0', '2.1.4', '3.0.4', '3.3.2', '3.3.11', '4.0.2', '4.0.5', '4.1.5')
MAJORS = (10, 12, 14, 16, 18)
HEAD = '//! {}\n//!\n//! Written by `tests/postgresql/record.py`; do not edit.\n\n'


def version_key(text):
    return tuple(int(part) for part in text.split('.'))


# --- PostgreSQL -----------------------------------------------------------------------------------------------------

def run_as_anybody(arguments, **options):
    user = {'user': 'nobody', 'group': 'nogroup', 'extra_groups': []} if os.getuid() == 0 else {}
    return subprocess.run([str(part) for part in arguments], check=True, capture_output=True, text=True, **user, **options)


def described(server):
    lines = run_as_anybody([server / 'bin/postgres', '--describe-config']).stdout.splitlines()
    rows = [line.split('\t') for line in lines]
    return {row[0]: (row[1], row[3], row[5], row[6]) for row in rows}


def settings(server):
    """The rows of pg_settings."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        data, out = Path(folder, 'data'), Path(folder, 'settings.jsonl')
        run_as_anybody([server / 'bin/initdb', '-D', data, '-U', 'postgres', '--no-locale', '-E', 'UTF8', '-N'])
        query = ("COPY (SELECT row_to_json(s) FROM (SELECT name, unit, context, vartype, min_val, max_val, enumvals "
                 f"FROM pg_settings WHERE name NOT LIKE '%.%' ORDER BY name) s) TO '{out}';\n")
        run_as_anybody([server / 'bin/postgres', '--single', '-D', data, 'template1'], input=query)
        return [json.loads(line) for line in out.read_text().splitlines()]


def server_kind(row):
    kind, unit = row['vartype'], row['unit'] or ''
    if kind in ('integer', 'real'):
        number = int if kind == 'integer' else float
        return (kind, number(row['min_val']), number(row['max_val']), unit)
    return (kind, *(row['enumvals'] or ()))


def server_rows(servers, majors):
    known = {}
    for major in majors:
        server = servers / str(major)
        names = described(server)
        for row in settings(server):
            fact = (row['context'], row['name'] in names, server_kind(row))
            known.setdefault(row['name'], []).append((major, fact))
        write(ROOT / f'fixtures/postgresql/describe-config/{major}.tsv',
              ''.join('\t'.join((name, *facts)) + '\n' for name, facts in sorted(names.items())))
    rows = []
    for name, facts in sorted(known.items(), key=lambda entry: entry[0].lower()):
        for major, fact in facts:
            if rows and rows[-1][0] == name and rows[-1][3] == fact and rows[-1][2] == major - 1:
                rows[-1] = (name, rows[-1][1], major, fact)
            else:
                rows.append((name, major, major, fact))
    return rows


# --- Patroni --------------------------------------------------------------------------------------------------------

# Runs in a process of its own per release: the package is not imported as a whole, so that no driver is needed.
LOAD = r'''
import json, logging, sys, types
logging.disable(logging.CRITICAL)
source = sys.argv[1]
for name in ('patroni', 'patroni.postgresql'):
    module = types.ModuleType(name)
    module.__path__ = [source + '/' + name.replace('.', '/')]
    sys.modules[name] = module
from patroni.postgresql import validator
'''
TABLE = LOAD + r'''
def plain(rule):
    get = lambda name: getattr(rule, name, None)
    limits = [None if get(name) is None else float(get(name)) for name in ('min_val', 'max_val')]
    values = get('possible_values')
    assert values is None or isinstance(values, tuple), values
    return [type(rule).__name__, rule.version_from, rule.version_till, *limits, get('unit'),
            None if values is None else [str(value) for value in values]]
def rules(found):
    is_one = not isinstance(found, tuple) or hasattr(found, '_fields')
    return [plain(rule) for rule in ([found] if is_one else found)]
print(json.dumps([[[name, rules(found)] for name, found in getattr(validator, section).items()]
                  for section in ('parameters', 'recovery_parameters')]))
'''
PROBE = LOAD + r'''
takes_gucs = validator.transform_postgresql_parameter_value.__code__.co_argcount == 4
def keeps(name, described):
    extra = ()
    if takes_gucs:
        from patroni.collections import CaseInsensitiveSet
        extra = (CaseInsensitiveSet(described),)
    return validator.transform_postgresql_parameter_value(160000, name, 'on', *extra) is not None
print(json.dumps([keeps('zero_damaged_pages', []), keeps('no_such_rule', ['no_such_rule'])]))
'''
TREAT = LOAD + r'''
available, extra = json.loads(sys.stdin.readline()), ()
if validator.transform_postgresql_parameter_value.__code__.co_argcount == 4:
    from patroni.collections import CaseInsensitiveSet
    extra = (CaseInsensitiveSet(available),)
for line in sys.stdin:
    version, name, value = json.loads(line)
    is_recovery = name in validator.recovery_parameters
    transform = getattr(validator, 'transform_%s_parameter_value' % ('recovery' if is_recovery else 'postgresql'))
    print(json.dumps(transform(version, name, value, *extra)))
'''


def run_release(program, source, **options):
    command = [sys.executable, '-c', program, str(source)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def patroni_kind(rule):
    kind, _, _, low, high, unit, values = rule
    if kind in ('Integer', 'Real'):
        number = int if kind == 'Integer' else float
        return (kind.lower(), number(low), number(high), unit or '')
    return ({'Bool': 'bool', 'String': 'string', 'Enum': 'enum', 'EnumBool': 'enum_bool'}[kind], *(values or ()))


def known_names(source):
    """Who says which parameters there are, and whether the minor version of PostgreSQL counts."""
    names = {(True, False): 'RulesAlone', (False, True): 'ServerAlone', (True, True): 'RulesAndServer'}
    config = (source / 'patroni/postgresql/config.py').read_text()
    return names[tuple(json.loads(run_release(PROBE, source)))], 'version = self.pg_version' in config


def patroni_rows(patroni):
    """The rules, each with the editions of the table that hold it, and the releases with which another treatment begins."""
    releases = sorted((path.name for path in patroni.iterdir() if (path / 'patroni').is_dir()), key=version_key)
    editions, starts = [], []
    for release in releases:
        general, recovery = json.loads(run_release(TABLE, patroni / release))
        edition = set()
        for is_recovery, section in ((False, general), (True, recovery)):
            for name, rules in section:
                for rule in rules:
                    edition.add((name.lower(), is_recovery, rule[1], rule[2] or 0, patroni_kind(rule)))
        if edition not in editions:
            editions.append(edition)
        number = editions.index(edition)
        treatment = (number, *known_names(patroni / release))
        if not starts or starts[-1][1:] != treatment:
            # The index lacks some x.y.0, which count as the next release.
            first = all(not other.startswith(release.rsplit('.', 1)[0] + '.') or other == release
                        for other in releases[:releases.index(release) + 1])
            starts.append((release.rsplit('.', 1)[0] + '.0' if first else release, *treatment))
    # What is the same but for the PostgreSQL versions stays two rows: in one edition the ranges of a name are disjoint.
    rows = {rule: sum(1 << number for number, edition in enumerate(editions) if rule in edition)
            for rule in set().union(*editions)}
    for edition in editions:
        spans = {}
        for name, is_recovery, since, until, _ in edition:
            for other_since, other_until in spans.setdefault((name, is_recovery), []):
                assert (until and until <= other_since) or (other_until and other_until <= since), name
            spans[name, is_recovery].append((since, until))
    return sorted(rows.items(), key=lambda row: (row[0][0], row[0][2], row[0][3], row[1])), starts


# --- Rust -----------------------------------------------------------------------------------------------------------

def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def rust_kind(kind):
    name, *rest = kind
    if name == 'bool':
        return 'Bool'
    if name == 'string':
        return 'Text'
    if name == 'integer':
        return f'Integer({rest[0]}, {rest[1]}, {quoted(rest[2])})'
    if name == 'real':
        return f'Real({rest[0]!r}, {rest[1]!r}, {quoted(rest[2])})'
    values = ', '.join(map(quoted, rest))
    return f'{"Enum" if name == "enum" else "EnumBool"}(&[{values}])'


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_server_table(rows, newest):
    text = HEAD.format('The parameters of PostgreSQL, major by major.')
    text += 'use crate::model::postgresql::parameter::Context::*;\nuse crate::model::postgresql::parameter::Kind::*;\n'
    text += 'use crate::model::postgresql::parameter::Parameter;\n\n'
    text += f'/// The newest major in [`PARAMETERS`].\npub(super) const NEWEST_MAJOR: u8 = {newest};\n\n'
    text += '/// All parameters in order of their names in lower case; a name has several rows when its definition changed.\n'
    text += '#[rustfmt::skip]\npub(super) const PARAMETERS: &[Parameter] = &[\n'
    contexts = {'superuser-backend': 'SuperuserBackend'}
    for name, first, last, (context, is_described, kind) in rows:
        context = contexts.get(context, context.title())
        text += (f'    Parameter::new({quoted(name)}, {first}, {last}, {context}, {str(is_described).lower()}, '
                 f'{rust_kind(kind)}),\n')
    write(ROOT / 'src/model/postgresql/server_table.rs', text + '];\n')


def write_patroni_table(rows, starts):
    text = HEAD.format('The rules by which releases of Patroni validate parameters.')
    text += 'use crate::model::postgresql::parameter::Kind::*;\nuse crate::model::postgresql::treatment::{Edition, Names, Rule};\n'
    text += 'use crate::model::version::PatroniVersion;\n\n'
    text += '/// The releases with which another edition of the rules, or another use of them, begins.\n'
    text += '#[rustfmt::skip]\npub(super) const EDITIONS: &[Edition] = &[\n'
    for release, number, names, sees_minor in starts:
        version = f'PatroniVersion::new({release.replace(".", ", ")})'
        text += f'    Edition::new({version}, {number}, Names::{names}, {str(sees_minor).lower()}),\n'
    text += '];\n\n/// All rules in order of their names. The last number is the set of editions, as bits.\n'
    text += '#[rustfmt::skip]\npub(super) const RULES: &[Rule] = &[\n'
    for (name, is_recovery, since, until, kind), editions in rows:
        place = 'recovery' if is_recovery else 'general'
        text += f'    Rule::{place}({quoted(name)}, {since}, {until}, {rust_kind(kind)}, {editions:#b}),\n'
    write(ROOT / 'src/model/postgresql/patroni_table.rs', text + '];\n')


# --- Recorded treatments --------------------------------------------------------------------------------------------

def values_for(kind, chance):
    name, *rest = kind
    if name in ('integer', 'real'):
        low, high, unit = rest
        pool = [low, high, low - 1, high + 1, str(low), (low + high) // 2 if name == 'integer' else (low + high) / 2]
        pool += [True, 'many', '', '1.5', '5m', '1G', '64mb', ' 7 ', '0x10', '1e2']
        if unit:
            pool += [f'{number}{suffix}' for number in (0, 1, 3, 100000)
                     for suffix in ('B', 'kB', 'MB', 'GB', 'TB', 'us', 'ms', 's', 'min', 'h', 'd', ' MB')]
        return chance.sample(pool, 6)
    if name == 'bool':
        return chance.sample([True, False, 'on', 'off', 'yes', 'No', 't', 1, 0, 2, 'yess', ''], 3)
    if name == 'string':
        return [chance.choice(['x', '', 5, True])]
    return chance.sample(list(rest) + ['ON', True, False, 'remote_aply', '', 1], 4) + [rest[0].upper()]


def record_treatments(patroni, servers, rows):
    chance = random.Random(SEED)
    kinds = {}
    for (name, _, _, _, kind), _ in rows:
        kinds.setdefault(name, []).append(kind)
    names = sorted(kinds)
    out = [json.dumps({'seed': SEED})]
    for major in MAJORS:
        available = sorted(described(servers / str(major)))
        for release in RELEASES:
            cases = []
            for name in chance.sample(names, 30) + chance.sample(available, 6) + ['max_connection', 'pg_stat.max']:
                shown = name.upper() if chance.random() < 0.05 else name
                for value in values_for(chance.choice(kinds.get(name, [('string',)])), chance)[:3]:
                    # Since 3.3.4 Patroni knows the minor, and has rules for some.
                    version = major * 10000 + (chance.choice((0, 22)) if (3, 3, 4) <= version_key(release) else 0)
                    cases.append((version, shown, value))
            program_input = ''.join(json.dumps(line) + '\n' for line in [available, *cases])
            answers = run_release(TREAT, patroni / release, input=program_input).splitlines()
            assert len(answers) == len(cases)
            out += [json.dumps([release, *case, json.loads(answer)]) for case, answer in zip(cases, answers)]
    write(ROOT / 'fixtures/postgresql/treatments.jsonl', '\n'.join(out) + '\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--patroni', type=Path, required=True, help='folder with a folder per release of Patroni')
    parser.add_argument('--servers', type=Path, required=True, help='folder with a folder per major of PostgreSQL')
    arguments = parser.parse_args()
    majors = sorted(int(path.name) for path in arguments.servers.iterdir() if path.name.isdigit())
    shutil.rmtree(ROOT / 'fixtures/postgresql/describe-config', ignore_errors=True)
    write_server_table(server_rows(arguments.servers, majors), majors[-1])
    rules, starts = patroni_rows(arguments.patroni)
    write_patroni_table(rules, starts)
    record_treatments(arguments.patroni, arguments.servers, rules)


main()
