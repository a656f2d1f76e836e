#!/usr/bin/env python3
"""Records what Patroni's class `Config` makes of generated configurations, one JSON object per line.

    tests/python/record_config.py [--seed N] [--count N] [--env DIR] [--readings PROGRAM] [--out FILE] [RELEASE ...]

The record of the tests: `--seed 20260101 --count 400 --out fixtures/python/configurations.jsonl.gz` and the releases that
its first line names, with PyYAML 6.0.3.

A case holds the texts of the configuration files, the file of environment variables, and the dynamic configuration; then
the distinct answers of the releases, and which release gave which. An answer is the merged configuration after the
dynamic one was set, or the exception that keeps Patroni from starting. The first line names the versions and the seed.

Without --out the answers of patrolint are compared instead (cargo builds the example `readings`), with a fresh seed on
every run, unless --seed tells one. The exit code is 0 if nothing differs, 1 if something does. The Python environment and
the releases are those of the oracle, made in --env if they are missing (`tests/oracle/setup.sh`).
"""
import argparse
import datetime
import gzip
import json
import logging
import os
import pathlib
import platform
import random
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:  # Then main() starts this script again, with a Python that has it.
    yaml = None

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
TARGET = pathlib.Path(os.environ.get('CARGO_TARGET_DIR') or TOP / 'target')
RELEASES = ['2.0.0', '2.1.7', '3.0.4', '3.1.1', '3.2.2', '3.3.11', '4.0.5', '4.0.11', '4.1.5']

ODD = [None, '', 0, 1, -1, True, False, 'on', 'off', 'ON', 'x', 1.5, '1.5', '100', ' 100 ', '0x1F', '1e3', '128MB', 16, '16', '16MB', 15, '1GB', 25, 24, 3, 2, 100, [], {}, [1, 'a'],
       {'a': 1}, {'a': {'b': None}}, 'authentication', 'exhibitor', 10 ** 20, 'replica', 'Logical', 'minimal', 'yes', 'no', '10.9', 10.9, float('inf'), datetime.date(2026, 1, 2), '*']
NAMES = ['pg1', 'node-2', '']
PARAMETERS = ['listen_addresses', 'port', 'cluster_name', 'wal_level', 'hot_standby', 'max_connections', 'max_wal_senders', 'wal_keep_segments', 'wal_keep_size', 'max_prepared_transactions', 'max_locks_per_transaction',
              'track_commit_timestamp', 'max_replication_slots', 'max_worker_processes', 'wal_log_hints', 'shared_buffers', 'work_mem', 'Max_Connections', 'WORK_MEM', 'archive_command', 'synchronous_commit']
POSTGRESQL = ['listen', 'connect_address', 'proxy_address', 'config_dir', 'data_dir', 'pgpass', 'bin_dir', 'use_slots', 'use_pg_rewind', 'pg_hba', 'create_replica_methods', 'callbacks', 'name', 'scope', 'retry_timeout', 'citus', 'remove_data_directory_on_rewind_failure']
DYNAMIC = ['ttl', 'loop_wait', 'retry_timeout', 'maximum_lag_on_failover', 'maximum_lag_on_syncnode', 'check_timeline', 'master_start_timeout', 'master_stop_timeout', 'primary_start_timeout', 'primary_stop_timeout', 'synchronous_mode',
           'synchronous_mode_strict', 'synchronous_node_count', 'failsafe_mode', 'pause', 'slots', 'watchdog', 'tags', 'standby_cluster', 'name']
CONNECTION = ['username', 'password', 'sslmode', 'sslcert', 'sslkey', 'sslpassword', 'sslrootcert', 'sslcrl', 'sslcrldir', 'gssencmode', 'channel_binding', 'sslnegotiation', 'options', 'dbname']
SUFFIXES = ('HOST HOSTS PORT USE_PROXIES PROTOCOL SRV SRV_SUFFIX URL PROXY CACERT CERT KEY VERIFY TOKEN CHECKS DC CONSISTENCY REGISTER_SERVICE SERVICE_CHECK_INTERVAL SERVICE_CHECK_TLS_SERVER_NAME SERVICE_TAGS NAMESPACE CONTEXT USE_ENDPOINTS '
            'SCOPE_LABEL ROLE_LABEL POD_IP PORTS LABELS BYPASS_API_SERVICE RETRIABLE_HTTP_CODES KEY_PASSWORD USE_SSL SET_ACLS GROUP DATABASE LEADER_LABEL_VALUE FOLLOWER_LABEL_VALUE STANDBY_LEADER_LABEL_VALUE TMP_ROLE_LABEL AUTH_DATA BOOTSTRAP_LABELS '
            'USERNAME PASSWORD OPTIONS OTHER').split()
VARIABLES = ('NAME NAMESPACE SCOPE THREAD_POOL_SIZE THREAD_STACK_SIZE LOGLEVEL LOGFORMAT LOG_DATEFMT RESTAPI_LISTEN RESTAPI_CONNECT_ADDRESS RESTAPI_CERTFILE RESTAPI_KEYFILE RESTAPI_KEYFILE_PASSWORD RESTAPI_CAFILE RESTAPI_CIPHERS '
             'RESTAPI_VERIFY_CLIENT RESTAPI_HTTP_EXTRA_HEADERS RESTAPI_HTTPS_EXTRA_HEADERS RESTAPI_ALLOWLIST RESTAPI_ALLOWLIST_INCLUDE_MEMBERS RESTAPI_REQUEST_QUEUE_SIZE RESTAPI_SERVER_TOKENS RESTAPI_USERNAME RESTAPI_PASSWORD '
             'CTL_INSECURE CTL_CACERT CTL_CERTFILE CTL_KEYFILE CTL_KEYFILE_PASSWORD CTL_USERNAME CTL_PASSWORD POSTGRESQL_LISTEN POSTGRESQL_CONNECT_ADDRESS POSTGRESQL_PROXY_ADDRESS POSTGRESQL_CONFIG_DIR POSTGRESQL_DATA_DIR '
             'POSTGRESQL_PGPASS POSTGRESQL_BIN_DIR POSTGRESQL_BIN_PG_CTL POSTGRESQL_BIN_PG_REWIND POSTGRESQL_BIN_POSTGRES LOG_TYPE LOG_LEVEL LOG_TRACEBACK_LEVEL LOG_FORMAT LOG_DATEFORMAT LOG_STATIC_FIELDS LOG_MAX_QUEUE_SIZE LOG_DIR '
             'LOG_MODE LOG_FILE_SIZE LOG_FILE_NUM LOG_LOGGERS LOG_DEDUPLICATE_HEARTBEAT_LOGS RAFT_DATA_DIR RAFT_SELF_ADDR RAFT_PARTNER_ADDRS RAFT_PASSWORD RAFT_BIND_ADDR ADMIN_PASSWORD ADMIN_OPTIONS app_PASSWORD app_OPTIONS PASSWORD').split()
TEXTS = ['', 'x', 'on', 'off', 'true', 'False', 'YES', '0', '1', '10', '0x1F', '0644', '1e2', '1.5', 'abc', '127.0.0.1:2379', 'a,b', 'a:1, b:2', '[a, b]', '[a, b', '- a', '- a\n- b', '{a: 1}', '{a: 1', 'a: 1, b: x', '~', 'null', '%(asctime)s', '%(asctime)s %(message)s',
         'asctime, message', '[asctime, {message: m}]', '%()s', 'it\'s', 'a "b" c', 'a\\b', '$HOME', ' x ', '#', 'host1:1,host2:2', "'a:1','b:2'", '5 MB', '5MB', '- ', '[]', '{}', 'a: b: c', 'ü', '1_000', '10:30']


def odd(rng):
    return rng.choice(ODD)


def user(rng):
    return {key: rng.choice(['u', 'p', 's3cret', 1, None, {'x': 1}]) if rng.random() < 0.1 else rng.choice(['u', 'p', 's3cret']) for key in CONNECTION if rng.random() < 0.35}


def authentication(rng):
    return {name: user(rng) if rng.random() < 0.95 else odd(rng) for name in ('superuser', 'replication', 'rewind', 'other') if rng.random() < 0.6}


def parameters(rng):
    good = {'wal_level': 'replica', 'hot_standby': 'on', 'max_connections': 200, 'max_wal_senders': 5, 'wal_keep_segments': 8, 'wal_keep_size': '128MB', 'max_prepared_transactions': 0, 'max_locks_per_transaction': 64, 'track_commit_timestamp': 'on',
            'max_replication_slots': 10, 'max_worker_processes': 8, 'wal_log_hints': 'on'}
    good.update(hot_standby=rng.choice(['on', 'ON', True, 'off']), wal_log_hints=rng.choice(['on', 'Yes', True, 'off']))
    bad = rng.choice([0, 0, 0.3])
    return {name: odd(rng) if rng.random() < bad else good.get(name, 'v') for name in PARAMETERS if rng.random() < 0.3}


def postgresql(rng, bad):
    config = {name: odd(rng) if rng.random() < bad else name + '-v' for name in POSTGRESQL if rng.random() < 0.3}
    if rng.random() < 0.6:
        config['parameters'] = odd(rng) if rng.random() < bad / 4 else parameters(rng)
    if rng.random() < 0.6:
        config['authentication'] = odd(rng) if rng.random() < bad / 4 else authentication(rng)
    for old in ('superuser', 'replication', 'pg_rewind'):
        if rng.random() < 0.15:
            config[old] = odd(rng) if rng.random() < bad / 4 else user(rng)
    return config


def dynamic(rng, bad):
    config = {}
    for name in DYNAMIC:
        if rng.random() < 0.35:
            config[name] = odd(rng) if rng.random() < bad else rng.choice([5, 10, 20, 30, 60, '30', 0, 1, True, False, 'on', 'quorum']) if name in DYNAMIC[:14] else odd(rng)
    for name in ('ttl', 'loop_wait', 'retry_timeout'):
        if name in config and rng.random() < 0.8:
            config[name] = rng.choice([1, 2, 3, 5, 9, 10, 14, 15, 20, 25, 30, 60, '12', 10.9, 300])
    if rng.random() < 0.15:
        config['watchdog'] = {'mode': 'off'}
    elif rng.random() < 0.9:
        config.pop('watchdog', None)
    if rng.random() < 0.6:
        config['postgresql'] = odd(rng) if rng.random() < bad / 4 else postgresql(rng, bad)
    if rng.random() < 0.3:
        config['standby_cluster'] = odd(rng) if rng.random() < bad / 4 else {key: odd(rng) for key in ('host', 'port', 'restore_command', 'create_replica_methods', 'other') if rng.random() < 0.5}
    return config


def local(rng, bad):
    config = {}
    for name in ('scope', 'namespace', 'name'):
        if rng.random() < 0.8:
            config[name] = odd(rng) if rng.random() < bad else rng.choice(['demo', 'pg1'])
    for name in ('restapi', 'ctl'):
        if rng.random() < 0.5:
            section = {key: odd(rng) for key in ('listen', 'connect_address', 'allowlist', 'verify_client', 'insecure', 'auth', 'certfile') if rng.random() < 0.4}
            if rng.random() < 0.5:
                section['authentication'] = odd(rng) if rng.random() < bad else {key: rng.choice(['u', 'p', 7, None]) if rng.random() < bad else 'v' for key in ('username', 'password', 'x') if rng.random() < (0.9 if key != 'x' else 0.1)}
            config[name] = odd(rng) if rng.random() < bad / 2 else section
    for name in ('etcd', 'etcd3', 'consul', 'zookeeper', 'exhibitor', 'kubernetes', 'raft'):
        if rng.random() < 0.2:
            config[name] = odd(rng) if rng.random() < bad else {key: odd(rng) for key in ('host', 'hosts', 'exhibitor', 'labels', 'username', 'partner_addrs') if rng.random() < 0.4}
    for name in ('log', 'tags', 'watchdog', 'bootstrap', 'citus'):
        if rng.random() < 0.4:
            config[name] = odd(rng) if rng.random() < bad else {key: odd(rng) for key in ('level', 'nofailover', 'mode', 'initdb', 'users', 'format', 'group', 'database') if rng.random() < 0.4}
    if rng.random() < 0.3:
        config['citus'] = {'group': rng.choice([0, 1, True, '0']), 'database': rng.choice(['citus', 'citus', 5])}
    if rng.random() < 0.4:
        config['bootstrap'] = {'dcs': odd(rng) if rng.random() < bad else dynamic(rng, bad), 'initdb': ['encoding: UTF8']}
    if rng.random() < 0.8:
        config['postgresql'] = odd(rng) if rng.random() < bad / 2 else postgresql(rng, bad)
    for name in ('ttl', 'synchronous_mode', 'loop_wait', 'standby_cluster', 'master_start_timeout', 'maximum_lag_on_failover', 'unknown', 5):
        if rng.random() < 0.08:
            config[name] = odd(rng)
    return config


def environment(rng):
    prefixes = ['ETCD', 'ETCD3', 'CONSUL', 'ZOOKEEPER', 'EXHIBITOR', 'KUBERNETES', 'CITUS', 'RAFT', 'SUPERUSER', 'REPLICATION', 'REWIND', 'etcd', 'OTHER', 'RESTAPI']
    names = ['PATRONI_' + rng.choice(VARIABLES) for _ in range(rng.randint(0, 8))]
    names += ['PATRONI_%s_%s' % (rng.choice(prefixes), rng.choice(SUFFIXES)) for _ in range(rng.randint(0, 6))]
    names += ['PATRONI_%s_%s' % (rng.choice(['SUPERUSER', 'REPLICATION', 'REWIND']), rng.choice(CONNECTION).upper()) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.05:
        names += ['PATRONI_NAME_HOST', 'PATRONI_NAME']
    return {name: rng.choice(TEXTS) for name in names}


def quoted(text):
    return '"' + ''.join('\\' + letter if letter in '"\\$`' else letter for letter in text) + '"'


def case(rng):
    bad = rng.choice([0, 0, 0.05, 0.3])
    made = {'files': None, 'environment': None, 'dynamic': None}
    if rng.random() < 0.9:
        names = ['patroni.yml'] if rng.random() < 0.6 else ['%d.%s' % (n, rng.choice(['yml', 'yaml'])) for n in range(rng.choice([0, 1, 2, 2, 3]))]
        made['files'] = [[name, text(rng, local(rng, bad), bad)] for name in names]
        made['directory'] = names != ['patroni.yml']
    if rng.random() < 0.5 or made['files'] is None:
        variables = environment(rng)
        if rng.random() < 0.15 or made['files'] is None and rng.random() < 0.5:
            variables['PATRONI_CONFIGURATION'] = rng.choice(['', '{}', '[', 'x', 'null', '[1]']) if rng.random() < 0.2 else yaml.safe_dump(local(rng, bad))
        made['environment'] = ''.join('%s=%s\n' % (name, quoted(value)) for name, value in variables.items())
        made['variables'] = variables
    if rng.random() < 0.7:
        made['dynamic'] = json.dumps(jsonable(dynamic(rng, bad)))
    return made


def jsonable(value):
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    return str(value) if isinstance(value, datetime.date) or value == float('inf') else value


def text(rng, config, bad):
    if rng.random() < bad / 20:
        return rng.choice(['', '# nothing\n', '[a]\n', 'x\n', 'a: [\n', 'null\n', 'a: b\n---\nc: d\n', 'a: 1\na: 2\n'])
    return yaml.safe_dump(config, default_flow_style=rng.choice([False, None]), sort_keys=False)


def tagged(value):
    """A JSON form that keeps Python's types apart, keys sorted."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {'int': str(max(-2**127, min(2**127 - 1, value)))}
    if isinstance(value, float):
        return {'float': repr(value)}
    if isinstance(value, (datetime.date, datetime.datetime)):
        return {'timestamp': str(value)}
    if isinstance(value, bytes):
        return {'binary': value.hex()}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    return {'map': sorted(([tagged(key), tagged(item)] for key, item in value.items()), key=lambda pair: json.dumps(pair[0]))}


def answer(config_class, made):
    for name in [name for name in os.environ if name.startswith('PATRONI_')]:
        del os.environ[name]
    os.environ.update(made.get('variables') or {})
    with tempfile.TemporaryDirectory() as folder:
        path = None
        for name, content in made['files'] or []:
            path = os.path.join(folder, name)
            pathlib.Path(path).write_text(content, encoding='utf-8')
        if made.get('directory'):
            path = folder
        try:
            config = config_class(path)
            if made['dynamic'] is not None:
                config.set_dynamic_configuration(json.loads(made['dynamic']))
            return {'value': tagged(config.copy())}
        except Exception as error:
            is_yaml = isinstance(error, yaml.YAMLError)
            return {'raised': 'YAMLError' if is_yaml else type(error).__name__}


def work(source):
    """Answers cases from standard input with the release in `source`."""
    sys.path.insert(0, source)
    logging.disable(logging.CRITICAL)
    from patroni.config import Config
    from patroni.version import __version__
    print(json.dumps(__version__))
    for line in sys.stdin:
        print(json.dumps(answer(Config, json.loads(line))))


def run(command, lines):
    return subprocess.run(command, input='\n'.join(lines) + '\n', stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('releases', nargs='*', metavar='RELEASE', help='default: ' + ' '.join(RELEASES))
    parser.add_argument('--env', type=pathlib.Path, default=TARGET / 'oracle', help='what setup.sh made, or makes now')
    parser.add_argument('--seed', type=int, default=None)
    parser.add_argument('--count', type=int, default=400)
    parser.add_argument('--out')
    parser.add_argument('--worker', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--readings', help='the built example of that name, instead of building it')
    arguments = parser.parse_args()
    if arguments.worker:
        return work(arguments.releases[0])
    releases = arguments.releases or RELEASES
    subprocess.run([TOP / 'tests/oracle/setup.sh', arguments.env, *releases], check=True)
    if pathlib.Path(sys.prefix) != (arguments.env / 'venv').resolve():
        # Patroni needs more than Python brings.
        python = str(arguments.env / 'venv/bin/python')
        os.execv(python, [python, *sys.argv])
    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    rng = random.Random(seed)
    made = [case(rng) for _ in range(arguments.count)]
    lines = [json.dumps(one) for one in made]
    versions, answers = [], []
    for release in releases:
        source = str(arguments.env / 'src' / release)
        version, *found = run([sys.executable, __file__, '--worker', source], lines)
        versions.append(json.loads(version))
        answers.append([json.loads(line) for line in found])
    records = []
    for index, one in enumerate(made):
        distinct = []
        by = {}
        for version, found in zip(versions, answers):
            if found[index] not in distinct:
                distinct.append(found[index])
            by[version] = distinct.index(found[index])
        records.append({**{key: one[key] for key in ('files', 'environment', 'dynamic')}, 'answers': distinct, 'by': by})
    if arguments.out:
        head = {'patroni': versions, 'pyyaml': yaml.__version__, 'python': platform.python_version(), 'seed': seed}
        content = ''.join(json.dumps(record) + '\n' for record in [head] + records)
        with gzip.GzipFile(arguments.out, 'wb', mtime=0) as out:
            out.write(content.encode())
        return
    readings = [arguments.readings] if arguments.readings else ['cargo', 'run', '--quiet', '--release', '--no-default-features', '--locked', '--manifest-path', str(TOP / 'Cargo.toml'), '--example', 'readings', '--']
    differing = run(readings + ['configurations'], [json.dumps(record) for record in records])
    # What belongs to one difference follows it, indented.
    count = sum(1 for line in differing if not line.startswith(' '))
    raised = sum(1 for found in answers for one in found if 'raised' in one)
    print('seed %d: %d configurations, %d releases, %d answers are exceptions, %d differ' % (seed, len(made), len(versions), raised, count))
    for line in differing[:80]:
        print(line)
    sys.exit(1 if differing else 0)


main()
