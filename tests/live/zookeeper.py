#!/usr/bin/env python3
"""patrolint reads real ZooKeeper: plain, below a path, with ACLs, SASL and TLS, without a server or a majority.

    tests/live/zookeeper.py

Needs Java and ZooKeeper as Debian's packages zookeeperd and libnetty-java install them. The keys and the members' answers are
those of a recorded cluster.
"""
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

import etcd
import full
from servers import HOST, SECRET, TARGET, USER, Certificates, Recorded, Servers, end, patrolint, wait_for

# What fills the nodes; it is kept.
KAZOO = TARGET / 'live' / 'kazoo'


def setUpModule():
    full.build()
    if not (KAZOO / 'kazoo').exists():
        subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--target', KAZOO, 'kazoo'],
                       check=True)
    sys.path.insert(0, str(KAZOO))


class ZooKeeper:
    """So many servers of ZooKeeper; the files of `certificates` open another port, for TLS alone."""

    def __init__(self, servers, count=1, certificates=None, settings=None, java=()):
        self.servers, self.clients = servers, []
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=servers.folder, prefix='zookeeper-'))
        ports = [servers.free_port() for _ in range(count)]
        self.hosts = [f'{HOST}:{port}' for port in ports]
        self.secure_hosts = [f'{HOST}:{servers.free_port()}' for _ in range(count)]
        peers = [f'{HOST}:{servers.free_port()}:{servers.free_port()}' for _ in range(count)]
        self.commands = []
        for number, port in enumerate(ports):
            data = self.folder / str(number)
            data.mkdir()
            (data / 'myid').write_text(str(number + 1))
            lines = {'tickTime': 500, 'initLimit': 20, 'syncLimit': 20, 'dataDir': data, 'clientPort': port,
                     'clientPortAddress': HOST, 'admin.enableServer': 'false', **(settings or {})}
            if 1 < count:
                lines |= {f'server.{other}': peer for other, peer in enumerate(peers, 1)}
            if certificates:
                pem = self.folder / 'server.pem'
                pem.write_text(certificates.server.read_text() + certificates.server_key.read_text())
                lines |= {'serverCnxnFactory': 'org.apache.zookeeper.server.NettyServerCnxnFactory',
                          'secureClientPort': self.secure_hosts[number].split(':')[1], 'secureClientPortAddress': HOST,
                          'ssl.keyStore.location': pem, 'ssl.keyStore.type': 'PEM',
                          'ssl.trustStore.location': certificates.authority, 'ssl.trustStore.type': 'PEM'}
            configuration = self.folder / f'{number}.cfg'
            configuration.write_text(''.join(f'{name}={value}\n' for name, value in lines.items()))
            jars = [self.folder, '/usr/share/java/zookeeper.jar', '/usr/share/java/*']
            self.commands.append(['java', '-Xmx96m', '-XX:TieredStopAtLevel=1', *java, '-cp', ':'.join(map(str, jars)),
                                  'org.apache.zookeeper.server.quorum.QuorumPeerMain', configuration])
        self.processes = [None] * count
        for number in range(count):
            self.start(number)
        self.wait()

    def start(self, number):
        self.processes[number] = self.servers.start(self.commands[number], self.folder / f'{number}.log')

    def stop(self, number):
        end(self.processes[number])

    def wait(self):
        """Until every server serves."""
        for number in range(len(self.hosts)):
            wait_for(lambda: 'Mode:' in self.ask(number, 'srvr'), f'ZooKeeper, {self.folder}', 240)

    def ask(self, number, word):
        try:
            with socket.create_connection(self.hosts[number].split(':'), timeout=5) as connection:
                connection.sendall(word.encode())
                return b''.join(iter(lambda: connection.recv(4096), b'')).decode()
        except OSError:
            return ''

    @property
    def section(self):
        return {'zookeeper': {'hosts': self.hosts}}

    def client(self, **options):
        """A session that stays."""
        from kazoo.client import KazooClient
        client = KazooClient(','.join(self.hosts), timeout=30, **options)
        client.start(60)
        self.servers.ends.callback(client.close)
        self.servers.ends.callback(client.stop)
        self.clients.append(client)
        return client

    def put(self, key, value, **options):
        client = self.clients[-1] if self.clients else self.client()
        is_ephemeral = '/members/' in key or key.endswith('/leader')
        client.create(key, value.encode(), makepath=True, ephemeral=is_ephemeral, **options)

    def walk(self, path='/'):
        data, stat = self.clients[0].get(path)
        yield path, data, stat
        for child in self.clients[0].get_children(path):
            yield from self.walk(f'{path.rstrip("/")}/{child}')

    def keys(self, prefix):
        return {path.removeprefix(prefix): data.decode() for path, data, _ in self.walk(prefix.rstrip('/') or '/')}

    def revision(self):
        """What changes with every write; opening a session changes none of it."""
        return [(path, stat.mzxid, stat.pzxid, stat.cversion, stat.aversion) for path, _, stat in self.walk()]


class ZooKeeperTest(unittest.TestCase):
    predict = etcd.EtcdTest.predict
    assert_works = etcd.EtcdTest.assert_works
    assert_fails = etcd.EtcdTest.assert_fails

    def setUp(self):
        self.servers = Servers()
        self.enterContext(self.servers)

    def way(self, **settings):
        return '--online', '-c', self.servers.configuration({'zookeeper': settings})

    def captured(self, *way):
        """The files of a capture by name."""
        bundle = self.servers.folder / 'bundle.tar.zst'
        outcome = patrolint('capture', '-o', bundle, *(word for word in way if word != '--online'))
        self.assertIn(outcome.code, (0, 1), outcome.text)
        plain = bundle.with_suffix('')
        subprocess.run(['zstd', '-qdf', bundle, '-o', plain], check=True)
        listed = subprocess.run(['tar', 'tf', plain], check=True, capture_output=True, text=True).stdout.split()
        return {name: subprocess.run(['tar', 'xOf', plain, name], check=True, capture_output=True, text=True).stdout
                for name in listed}

    def test_plain(self):
        zookeeper = ZooKeeper(self.servers, settings={'4lw.commands.whitelist': 'srvr,dump'})
        way = self.way(hosts=zookeeper.hosts)
        self.assert_works(zookeeper, *way)
        self.assertEqual('', self.predict('--dcs', f'zookeeper://{zookeeper.hosts[0]}/service', '--scope', 'demo').stderr)
        self.assert_fails('no cluster other .*\n.*it holds demo', *way, '--scope', 'other')
        files = self.captured(*way)
        keys = json.loads(files['demo/dcs/keys.json'])
        stats = {path: stat for path, _, stat in zookeeper.walk()}
        self.assertEqual(set(keys['keys']), {path for path in stats if path.startswith('/service/demo/')} - {'/service/demo/members'})
        for path, key in keys['keys'].items():
            owner = stats[path].ephemeralOwner
            self.assertEqual((stats[path].mzxid, str(owner) if owner else None), (key['revision'], key.get('lease')))
        server, = json.loads(files['demo/dcs/servers.json'])['servers']
        self.assertRegex(server['version'], r'^3\.\d+\.\d+$')
        self.assertEqual((True, None), (server['is_leader'], server['error']))
        # Sessions of ours are closed, not left to end some time.
        sessions = [line for line in zookeeper.ask(0, 'dump').splitlines() if line.startswith('0x')]
        self.assertEqual(len(zookeeper.clients), len(set(sessions)), zookeeper.ask(0, 'dump'))

    def test_a_refused_word_is_no_fault(self):
        zookeeper = ZooKeeper(self.servers, settings={'4lw.commands.whitelist': 'srvr'})
        Recorded(self.servers, etcd.RECORDED).load(zookeeper)
        # What another ZooKeeper says instead.
        self.assertIn('not in the whitelist', zookeeper.ask(0, 'stat'))
        self.assertEqual('', self.predict(*self.way(hosts=zookeeper.hosts)).stderr)

    def test_below_a_path(self):
        zookeeper = ZooKeeper(self.servers)
        client = zookeeper.client()
        client.create('/below/that', makepath=True)
        client.chroot = '/below/that'
        Recorded(self.servers, etcd.RECORDED).load(zookeeper)
        host, = zookeeper.hosts
        self.assertEqual('', self.predict(*self.way(hosts=[f'{host}/below/that'])).stderr)
        self.assert_fails('no cluster demo', *self.way(hosts=[host]))

    def test_acl(self):
        from kazoo.security import make_digest_acl
        zookeeper = ZooKeeper(self.servers)
        zookeeper.client(default_acl=[make_digest_acl(USER, SECRET, all=True)], auth_data=[('digest', f'{USER}:{SECRET}')])
        Recorded(self.servers, etcd.RECORDED).load(zookeeper)
        self.assertEqual('', self.predict(*self.way(hosts=zookeeper.hosts, auth_data={'digest': f'{USER}:{SECRET}'})).stderr)
        self.assert_fails('/service/demo.*not authorized', *self.way(hosts=zookeeper.hosts))
        self.assert_fails('/service/demo.*not authorized', *self.way(hosts=zookeeper.hosts, auth_data={'digest': f'{USER}:not'}))

    def test_sasl(self):
        login = self.servers.folder / 'jaas.conf'
        login.write_text('Server { org.apache.zookeeper.server.auth.DigestLoginModule required '
                         f'user_{USER}="{SECRET}"; }};\n')
        zookeeper = ZooKeeper(self.servers, java=[f'-Djava.security.auth.login.config={login}'], settings={
            'authProvider.sasl': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider'})
        from kazoo.security import make_acl
        zookeeper.client(default_acl=[make_acl('sasl', USER, all=True), make_acl('world', 'anyone', create=True)])
        Recorded(self.servers, etcd.RECORDED).load(zookeeper)
        self.assertEqual('', self.predict(*self.way(hosts=zookeeper.hosts, auth_data={'sasl': f'{USER}:{SECRET}'})).stderr)
        self.assert_fails('/service/demo.*not authorized', *self.way(hosts=zookeeper.hosts))
        self.assert_fails('authentication failed|a session', *self.way(hosts=zookeeper.hosts, auth_data={'sasl': f'{USER}:not'}))

    def test_tls(self):
        certificates = Certificates(self.servers)
        zookeeper = ZooKeeper(self.servers, certificates=certificates)
        Recorded(self.servers, etcd.RECORDED).load(zookeeper)

        def way(**settings):
            files = {name: str(value) for name, value in settings.items()}
            return self.way(hosts=zookeeper.secure_hosts, use_ssl=True, **files)
        own = {'cert': certificates.client, 'key': certificates.client_key}
        self.assertEqual('', self.predict(*way(cacert=certificates.authority, **own)).stderr)
        self.assert_fails('TLS fails', *way(cacert=certificates.authority))
        self.assert_fails('TLS fails', *way(cacert=certificates.client, **own))
        self.assert_fails('cannot use .*nowhere.crt', *way(cacert='nowhere.crt', **own))
        self.assert_fails('name them in zookeeper.cacert', *way(**own))
        self.assert_fails('cannot leave certificates unchecked', *way(cacert=certificates.authority, **own), '--insecure')

    def test_majorities(self):
        zookeeper = ZooKeeper(self.servers, count=3)
        Recorded(self.servers, etcd.RECORDED).load(zookeeper)
        way = *self.way(hosts=zookeeper.hosts), '--dcs-timeout', '30'
        self.assertEqual('', self.predict(*way).stderr)
        servers = json.loads(self.captured(*way)['demo/dcs/servers.json'])['servers']
        self.assertEqual([False, False, True], sorted(server['is_leader'] for server in servers))
        zookeeper.stop(0)
        self.assertRegex(self.predict(*way).stderr, f'{zookeeper.hosts[0]}: connection refused')
        zookeeper.stop(1)
        wait_for(lambda: 'not currently serving' in zookeeper.ask(2, 'srvr'), 'a server alone')
        self.assert_fails(f'{zookeeper.hosts[2]}: no session can be opened: it serves nobody', *way, '--rest-timeout', '1')
        zookeeper.stop(2)
        self.assert_fails('none of 3 servers answers.*connection refused', *way, '--rest-timeout', '1')


if __name__ == '__main__':
    unittest.main()
