#!/usr/bin/env python3
"""A real cluster on loopback: a DCS, and nodes of a released Patroni with PostgreSQL. Starts one and waits for Ctrl-C:

    tests/live/lab.py [--release 4.1.5] [--nodes 3] [--mode off|on|quorum] [--dcs etcd3|etcd] [--tag pg2.nofailover=true]

As root, Patroni and PostgreSQL run as the user postgres. Patroni's releases are kept below Cargo's target folder.
"""
import argparse
import functools
import grp
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from servers import HERE, HOST, SECRET, TARGET, Etcd, Etcd2, Servers, end, wait_for

# Patroni takes no shorter ttl.
TTL_SECONDS = 20
LOOP_WAIT_SECONDS = 2
# The leader's role has had several names.
LEADING = ('master', 'primary')


class Lab:
    """A running cluster `demo` with the nodes pg1, pg2, …

    `mode` is that of `synchronous_mode`: off, on or quorum; `tags` are by node, `settings` dynamic ones.
    """
    scope = 'demo'
    prefix = f'/service/{scope}/'

    def __init__(self, servers, release, mode='off', nodes=3, dcs='etcd3', tags=None, settings=None):
        self.servers, self.release = servers, release
        self.environment = environment(release)
        self.owner = owner()
        self.folder = self.make_folder(pathlib.Path(tempfile.mkdtemp(dir=servers.folder, prefix=f'lab-{release}-')))
        etcd = Etcd(servers)
        self.store = Etcd2(etcd) if dcs == 'etcd' else etcd
        self.settings = {
            'ttl': TTL_SECONDS, 'loop_wait': LOOP_WAIT_SECONDS, 'retry_timeout': 5, 'maximum_lag_on_failover': 1 << 20,
            'synchronous_mode': {'off': False, 'on': True}.get(mode, mode),
            'postgresql': {'use_pg_rewind': True, 'use_slots': True, 'parameters': {
                'max_connections': 40, 'shared_buffers': '16MB', 'wal_keep_size': '64MB'}},
            **(settings or {})}
        self.nodes = {}
        for number in range(1, nodes + 1):
            name = f'pg{number}'
            self.nodes[name] = Node(self, name, (tags or {}).get(name, {}))
        first, *others = self.nodes.values()
        first.start()
        wait_for(lambda: self.leader() == first.name and first.status().get('state') == 'running', 'the first leader', 240)
        for node in others:
            node.start()
        self.wait_until_healthy()

    def make_folder(self, path):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
        if self.owner:
            os.chown(path, self.owner['user'], self.owner['group'])
        return path

    @property
    def configuration(self):
        """Of a node: the way to the cluster."""
        return self.nodes['pg1'].configuration

    def keys(self):
        return self.store.keys(self.prefix)

    def leader(self):
        return self.keys().get('leader')

    def request(self):
        """The pending change of leader; empty if there is none, as Patroni itself empties the key."""
        return json.loads(self.keys().get('failover') or '{}')

    def ctl(self, *arguments):
        """Runs patronictl."""
        return subprocess.run([self.environment / 'bin' / 'patronictl', '-c', self.configuration, *arguments], cwd='/',
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                              env={**os.environ, 'COLUMNS': '180', 'LC_ALL': 'C.UTF-8'})

    def set(self, **settings):
        """Changes the dynamic configuration, as patronictl would."""
        self.store.put(self.prefix + 'config', json.dumps({**json.loads(self.keys()['config']), **settings}))

    def wait_until_healthy(self):
        """Until the leader leads, all that run stream from it, and /sync says what it has to, twice in a row."""
        def twice():
            return not self.ailment() and not (time.sleep(1) or self.ailment())
        try:
            wait_for(twice, 'a healthy cluster', 240)
        except TimeoutError as error:
            raise TimeoutError(f'{error}: {self.ailment()}') from None

    def ailment(self):
        """What is not as it should be; `None`: nothing."""
        keys = self.keys()
        running = [node for node in self.nodes.values() if node.runs()]
        leader = self.nodes.get(keys.get('leader'))
        if leader not in running:
            return 'there is no leader'
        if self.request():
            return 'a change of leader is pending'
        members = {name: json.loads(keys.get(f'members/{name}', '{}')) for name in self.nodes}
        status = leader.status()
        streaming = {row.get('application_name') for row in status.get('replication', []) if row.get('state') == 'streaming'}
        if status.get('role') not in LEADING or members[leader.name].get('role') not in LEADING:
            return f'{leader.name} does not lead yet'
        for node in running:
            own, told = node.status(), members[node.name]
            if own.get('state') != 'running' or told.get('state') not in ('running', 'streaming'):
                return f'{node.name} does not run'
            if own.get('timeline') != status.get('timeline') or told.get('timeline') not in (None, status.get('timeline')):
                return f'{node.name} is on another timeline'
            if told.get('tags', {}) != node.tags:
                return f'the tags of {node.name} are not known yet'
            if node is not leader and (node.name not in streaming or own.get('role') in LEADING):
                return f'{node.name} does not stream'
        return self.ailment_of_sync(keys, leader, running)

    def ailment_of_sync(self, keys, leader, running):
        mode = json.loads(keys['config']).get('synchronous_mode')
        sync = json.loads(keys.get('sync') or '{}')
        standbys = [name for name in (sync.get('sync_standby') or '').split(',') if name]
        if not mode:
            return '/sync is not empty yet' if standbys else None
        able = [node for node in running if node is not leader and not node.tags.get('nosync')]
        voters = [node for node in able if not node.tags.get('nofailover')]
        wanted = len(voters) if mode == 'quorum' else min(1, len(able))
        is_steady = mode != 'quorum' or sync.get('quorum') == max(0, len(standbys) - 1)
        if sync.get('leader') != leader.name or len(standbys) < wanted or not is_steady:
            return '/sync is not steady'
        if not {node.name for node in running} >= set(standbys):
            return '/sync names a node that is down'
        return None


class Node:
    """Patroni with its PostgreSQL."""

    def __init__(self, lab, name, tags):
        self.lab, self.name, self.tags = lab, name, tags
        self.folder = lab.make_folder(lab.folder / name)
        self.data, self.log = self.folder / 'data', self.folder / 'patroni.log'
        self.rest, self.postgres = (f'{HOST}:{lab.servers.free_port()}' for _ in range(2))
        self.configuration = self.folder / 'patroni.yml'
        self.configure()
        self.process = None

    def configure(self):
        def user(name):
            return {'username': name, 'password': SECRET}
        # JSON is YAML.
        self.configuration.write_text(json.dumps({
            'scope': self.lab.scope, 'name': self.name,
            'restapi': {'listen': self.rest, 'connect_address': self.rest},
            **self.lab.store.section,
            'bootstrap': {'dcs': self.lab.settings, 'initdb': [{'encoding': 'UTF8'}, {'locale': 'C.UTF-8'}, 'data-checksums']},
            'postgresql': {
                'listen': self.postgres, 'connect_address': self.postgres, 'data_dir': str(self.data),
                'bin_dir': str(programs()), 'pgpass': str(self.folder / 'pgpass'), 'basebackup': {'checkpoint': 'fast'},
                'authentication': {'superuser': user('postgres'), 'replication': user('replicator'), 'rewind': user('rewinder')},
                'pg_hba': ['local all all trust', f'host replication replicator {HOST}/32 md5', f'host all all {HOST}/32 md5'],
                'parameters': {'unix_socket_directories': str(self.folder)}},
            'tags': self.tags}, indent=1))

    def start(self):
        environment = {'PATH': f'{programs()}:/usr/bin:/bin', 'HOME': str(self.folder), 'LC_ALL': 'C.UTF-8',
                       'PYTHONUNBUFFERED': '1'}
        command = [self.lab.environment / 'bin' / 'patroni', self.configuration]
        self.process = self.lab.servers.start(command, self.log, lambda _: self.kill(), cwd=self.folder,
                                              env=environment, **self.lab.owner)

    def tag(self, **tags):
        """Gives it other tags, and waits until the others know."""
        self.tags = tags
        self.configure()
        self.process.send_signal(signal.SIGHUP)
        self.lab.wait_until_healthy()

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def shut_down(self):
        end(self.process, signal.SIGTERM)

    def kill(self):
        """Ends Patroni and PostgreSQL as a crash would."""
        if self.process:
            end(self.process)
        if postmaster := self.postmaster():
            os.kill(postmaster, signal.SIGKILL)
            wait_for(lambda: not self.postmaster(), 'the death of a postmaster')

    def postmaster(self):
        """Its process id while it lives."""
        try:
            pid, folder = (self.data / 'postmaster.pid').read_text().split('\n')[:2]
            state = re.search(r'^State:\s+(\S)', pathlib.Path(f'/proc/{pid}/status').read_text(), re.MULTILINE)[1]
        except (OSError, ValueError):
            return None
        return int(pid) if folder == str(self.data) and state not in 'ZX' else None

    def ask(self, method, path, body=None):
        """Status and body of what its REST API answers; status `None`: nothing."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f'http://{self.rest}{path}', data, {'Content-Type': 'application/json'}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()
        except OSError as error:
            return None, str(error)

    def status(self):
        """Its answer to `GET /patroni`; empty if there is none."""
        status, body = self.ask('GET', '/patroni')
        return json.loads(body) if status else {}


@functools.cache
def environment(release):
    """The Python environment with this release."""
    # The user postgres has to get there.
    is_open = all(parent.stat().st_mode & 0o001 for parent in (TARGET, *TARGET.parents) if parent.exists())
    folder = TARGET / 'live' if is_open else pathlib.Path('/var/tmp/patrolint-live')
    subprocess.run([HERE / 'setup.sh', folder, release], check=True)
    return folder / release


@functools.cache
def programs():
    """Where the newest PostgreSQL is."""
    found = pathlib.Path('/usr/lib/postgresql').glob('*/bin/postgres')
    return max(found, key=lambda path: int(path.parts[4])).parent


def owner():
    """Arguments of `Popen`: PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam('postgres')
    groups = [group.gr_gid for group in grp.getgrall() if user.pw_name in group.gr_mem]
    return {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': groups}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--release', default='4.1.5')
    arguments.add_argument('--nodes', type=int, default=3)
    arguments.add_argument('--mode', choices=['off', 'on', 'quorum'], default='off')
    arguments.add_argument('--dcs', choices=['etcd3', 'etcd'], default='etcd3')
    arguments.add_argument('--tag', action='append', default=[], metavar='NODE.TAG=VALUE')
    options = arguments.parse_args()
    tags = {}
    for text in options.tag:
        node, tag, value = re.fullmatch(r'(.+?)\.(.+?)=(.+)', text).groups()
        tags.setdefault(node, {})[tag] = json.loads(value)
    with Servers() as servers:
        lab = Lab(servers, options.release, options.mode, options.nodes, options.dcs, tags)
        print(lab.ctl('list').stdout + '\n'.join(str(node.configuration) for node in lab.nodes.values()), flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass


if __name__ == '__main__':
    main()
