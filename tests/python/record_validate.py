#!/usr/bin/env python3
"""Records what `patroni --validate-config` says about generated configurations, good ones and ones with one mistake each.

    PYTHONPATH=<directory of Patroni's release> python tests/python/record_validate.py | gzip -9n > fixtures/schema/validate.jsonl.gz

The schema of the release's patroni/validator.py is called as `patroni --validate-config` does. Addresses count as reachable and
files as there: sockets and the disk are not asked. The first lines are the configurations, the others change one of them.
"""
import copy
import inspect
import json
import os
import random
import socket
import sys

import patroni.postgresql  # noqa: F401
import patroni.validator as validator
from patroni.version import __version__

SEED = 20261125
REAL = {name: getattr(socket, name) for name in ('SOCK_STREAM', 'AI_PASSIVE', 'AF_INET', 'AF_INET6', 'gaierror', 'inet_aton', 'inet_pton')}


class FreeAndReachable:
    """A socket that finds addresses to listen on free, and addresses to connect to reachable."""

    def __init__(self, *_):
        pass

    def connect_ex(self, address):
        if not 0 <= address[1] <= 65535:
            raise OverflowError('connect_ex(): port must be 0-65535.')
        return 1 if inspect.currentframe().f_back.f_locals['listen'] else 0

    def close(self):
        pass


class Sockets:
    socket = FreeAndReachable

    @staticmethod
    def getaddrinfo(host, port, *_):
        if host == '':
            raise socket.gaierror(-2, 'Name or service not known')
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', (host or '0.0.0.0', port or 0))]


for name, value in REAL.items():
    setattr(Sockets, name, value)
validator.socket = Sockets
validator.shutil.which = lambda program, path=None: program
validator.Directory.validate = lambda *_: iter(())
validator.BinDirectory.validate = lambda *_: iter(())
validator.os.path.exists = lambda path: False

COMMON = {
    'name': 'pg1', 'scope': 'demo', 'thread_pool_size': 5, 'thread_stack_size': 524288,
    'log': {
        'type': 'json', 'level': 'INFO', 'traceback_level': 'ERROR', 'format': ['message', {'asctime': 'time'}], 'dateformat': 'x',
        'static_fields': {'app': 'patroni'}, 'max_queue_size': 1000, 'dir': '/var/log', 'file_num': 4, 'file_size': 25000000,
        'mode': 420, 'loggers': {'patroni.postmaster': 'WARNING'}, 'deduplicate_heartbeat_logs': True,
    },
    'ctl': {'insecure': False, 'cacert': '/ca', 'certfile': '/cert', 'keyfile': '/key', 'keyfile_password': 'x'},
    'restapi': {
        'thread_pool_size': 5, 'listen': '127.0.0.1:8008', 'connect_address': '10.0.0.1:8008',
        'authentication': {'username': 'u', 'password': 'p'}, 'certfile': '/cert', 'keyfile': '/key', 'keyfile_password': 'x', 'cafile': '/ca',
        'ciphers': 'HIGH', 'verify_client': 'optional', 'allowlist': ['10.0.0.0/8'], 'allowlist_include_members': True,
        'http_extra_headers': {'a': 'b'}, 'https_extra_headers': {'a': 'b'}, 'request_queue_size': 5, 'server_tokens': 'minimal',
    },
    'bootstrap': {
        'dcs': {
            'ttl': 30, 'loop_wait': 10, 'retry_timeout': 10, 'maximum_lag_on_failover': 1048576, 'maximum_lag_on_syncnode': -1,
            'member_slots_ttl': '30min', 'primary_start_timeout': 300, 'primary_stop_timeout': 0, 'synchronous_mode': True,
            'synchronous_mode_strict': False, 'synchronous_node_count': 1,
            'postgresql': {
                'parameters': {'max_connections': 100, 'max_locks_per_transaction': 64, 'max_prepared_transactions': 0,
                               'max_replication_slots': 10, 'max_wal_senders': 10, 'max_worker_processes': 8},
                'use_pg_rewind': True, 'pg_hba': ['local all all peer'], 'pg_ident': ['a b c'], 'pg_ctl_timeout': 60, 'use_slots': True,
            },
            'standby_cluster': {'host': 'h', 'port': 5432, 'restore_command': 'cp', 'primary_slot_name': 's',
                                'create_replica_methods': ['basebackup'], 'archive_cleanup_command': 'rm', 'recovery_min_apply_delay': '1h'},
        },
        'initdb': ['data-checksums', {'encoding': 'UTF8'}], 'method': 'initdb',
    },
    'citus': {'database': 'db', 'group': 0},
    'postgresql': {
        'listen': '127.0.0.1,10.0.0.1:5432', 'connect_address': '10.0.0.1:5432', 'proxy_address': '10.0.0.1:6432',
        'authentication': {'replication': {'username': 'r', 'password': 'p'}, 'superuser': {'username': 's', 'password': 'p'},
                           'rewind': {'username': 'w', 'password': 'p'}},
        'data_dir': '/data', 'bin_dir': '/bin',
        'bin_name': {name: name for name in ('pg_ctl', 'initdb', 'pg_controldata', 'pg_basebackup', 'postgres', 'pg_isready', 'pg_rewind')},
        'parameters': {'unix_socket_directories': '/tmp'}, 'pg_hba': ['local all all peer'], 'pg_ident': ['a b c'], 'pg_ctl_timeout': 60,
        'use_pg_rewind': True,
    },
    'watchdog': {'mode': 'automatic', 'device': '/dev/watchdog', 'safety_margin': 5},
    'tags': {'failover_priority': 1, 'clonefrom': True, 'noloadbalance': True, 'replicatefrom': 'pg2', 'sync_priority': 1, 'nostream': False},
}
ETCD = {'host': 'h:2379', 'hosts': ['h:2379'], 'srv': 's', 'srv_suffix': 'x', 'url': 'http://h:2379', 'proxy': 'http://h:2379', 'protocol': 'http',
        'username': 'u', 'password': 'p', 'cacert': '/ca', 'cert': '/cert', 'key': '/key'}
DCS = {
    'etcd3': ETCD,
    'etcd': ETCD,
    'consul': {'host': 'h:8500', 'url': 'http://h:8500', 'port': 8500, 'scheme': 'http', 'token': 't', 'verify': True, 'cacert': '/ca', 'cert': '/cert',
               'key': '/key', 'dc': 'd', 'checks': ['c'], 'register_service': True, 'service_tags': ['t'], 'service_check_interval': '5s',
               'service_check_tls_server_name': 'n', 'consistency': 'stale'},
    'exhibitor': {'hosts': ['h'], 'port': 8181, 'poll_interval': 300},
    'raft': {'self_addr': '10.0.0.1:2222', 'bind_addr': '0.0.0.0:2222', 'partner_addrs': ['10.0.0.2:2222'], 'data_dir': '/raft', 'password': 'p'},
    'zookeeper': {'hosts': 'h:2181,i:2181', 'use_ssl': True, 'cacert': '/ca', 'cert': '/cert', 'key': '/key', 'key_password': 'x', 'verify': True,
                  'set_acls': {'CN=a': ['ALL']}, 'auth_data': {'digest': 'a:b'}},
    'kubernetes': {'labels': {'app': 'x'}, 'bypass_api_service': True, 'namespace': 'n', 'scope_label': 's', 'role_label': 'r',
                   'leader_label_value': 'l', 'follower_label_value': 'f', 'standby_leader_label_value': 's', 'tmp_role_label': 't',
                   'use_endpoints': True, 'pod_ip': '10.0.0.1', 'ports': [{'name': 'p', 'port': 5432}], 'cacert': '/ca',
                   'retriable_http_codes': [500], 'bootstrap_labels': {'a': 'b'}},
}
VALUES = [
    None, True, False, 0, 1, -1, -2, 5, 19, 511, 512, 4096, 65536, 65537, 100000, 262144, 3000000000, 1.5, '', 'text', '5', '-1', '1.5', '1h', '100MB', '512kB', 'on', 'off', 'no',
    'quorum', 'QUORUM', 'Required', 'MINIMAL', 'debug', 'auto', 'PLAIN', [], [1], ['a'], ['a', 1], [None], [[]], [{}], [{'a': 1}], [{'name': 'p'}], {}, {'a': 'b'}, {'a': 1}, {'username': 1},
    'localhost', 'localhost:5432', '127.0.0.1:8008', '0.0.0.0:8008', '*:8008', '[::1]:8008', '::1', 'host', 'host:port', 'host:99999', ':5432', 'a,b:5432',
    '*,a:5432', 'a:1,b:2', '10.1', '10.0.0.256', 'fe80::1', ['host:port'], ['h:1', 'i:2'], '2026-01-01',
]


def paths(value, path=()):
    if path:
        yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from paths(item, path + (name,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, path + (index,))


def changed(base, changes):
    config = copy.deepcopy(base)
    for path, *value in changes:
        parent = config
        for part in path[:-1]:
            parent = parent[part]
        if value:
            parent[path[-1]] = value[0]
        else:
            del parent[path[-1]]
    return config


def errors(config):
    return [[result.path, result.error] for result in validator.schema.validate(config) if not result.status]


def main():
    rng = random.Random(SEED)
    print(json.dumps({'patroni': __version__, 'seed': SEED}))
    bases = {dcs: dict(copy.deepcopy(COMMON), **{dcs: section}) for dcs, section in DCS.items()}
    minimal = {'name': 'pg1', 'scope': 'demo', 'etcd3': {'host': 'h:2379'}, 'restapi': {'listen': '127.0.0.1:8008', 'connect_address': '10.0.0.1:8008'},
               'postgresql': {'listen': '10.0.0.1:5432', 'connect_address': '10.0.0.1:5432', 'data_dir': '/data',
                              'authentication': {'replication': {'username': 'r'}, 'superuser': {'username': 's'}}}}
    bases['minimal'] = minimal
    for name, base in bases.items():
        assert not errors(copy.deepcopy(base)), (name, errors(copy.deepcopy(base)))
        print(json.dumps({'base': name, 'config': base}))
    cases = []
    for name, base in bases.items():
        for path in paths(base):
            # What all have in common is changed in the first alone.
            if name not in ('etcd3', path[0], 'minimal'):
                continue
            cases.append((name, [[list(path)]]))
            cases.extend((name, [[list(path), value]]) for value in VALUES)
    cases += [('etcd3', [[['tags', 'nofailover'], value]]) for value in (True, False)] + [('etcd3', [[['tags', 'nosync'], False]])]
    cases += [('minimal', [[['tags'], {'nofailover': value}]]) for value in VALUES] + [('minimal', [[['tags'], {'nosync': value}]]) for value in VALUES]
    cases += [('minimal', [[['bootstrap'], value]]) for value in ({}, {'dcs': {}}, {'dcs': {'synchronous_mode': 'quorum'}}, {'initdb': ['a']})]
    cases.append(('minimal', [[['etcd3']]]))
    # Two or three mistakes at once, in places that do not contain each other.
    single = [case for case in cases if case[0] == 'etcd3']
    for _ in range(300):
        chosen = [rng.choice(single)[1][0] for _ in range(rng.choice([2, 3]))]
        places = [tuple(change[0]) for change in chosen]
        if not any(a != b and a == b[:len(a)] or i != j and a == b for i, a in enumerate(places) for j, b in enumerate(places)):
            cases.append(('etcd3', chosen))
    for name, changes in cases:
        try:
            found = errors(changed(bases[name], changes))
        except Exception as error:  # What the validator does not survive.
            found = [['', 'exception: ' + type(error).__name__]]
        print(json.dumps({'of': name, 'changes': changes, 'errors': found}))


main()
