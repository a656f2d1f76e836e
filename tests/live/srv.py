#!/usr/bin/env python3
"""patrolint finds a real etcd by SRV records, which a name server of this file gives; needs root and a Linux with `unshare`.

    tests/live/srv.py
"""
import json
import os
import socket
import struct
import subprocess
import threading
import unittest
import urllib.parse

import etcd
from servers import Etcd, Recorded, Servers, binary

# Where nothing else listens; the port is that of every name server.
NAME_SERVER = '127.9.5.3', 53
DOMAIN = 'example.test'


class NameServer:
    """Knows `records`, name → [(host, port)], and keeps in `asked` which it was asked for."""

    def __init__(self, servers):
        self.records, self.asked = {}, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(NAME_SERVER)
        self.socket.settimeout(.1)
        self.is_over = False
        thread = threading.Thread(target=self.serve, daemon=True)
        servers.ends.callback(self.socket.close)
        servers.ends.callback(thread.join)
        servers.ends.callback(setattr, self, 'is_over', True)
        thread.start()

    def serve(self):
        while not self.is_over:
            try:
                query, client = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            name, end = [], 12
            while query[end]:
                name.append(query[end + 1:end + 1 + query[end]].decode())
                end += 1 + query[end]
            question = query[12:end + 5]
            name = '.'.join(name).lower()
            self.asked.append(name)
            found = self.records.get(name, []) if question[-4:-2] == b'\0\x21' else []
            answers = b''
            for host, port in found:
                target = b''.join(bytes([len(label)]) + label.encode() for label in host.split('.')) + b'\0'
                data = struct.pack('>HHH', 0, 0, port) + target
                answers += b'\xc0\x0c' + struct.pack('>HHIH', 33, 1, 60, len(data)) + data
            # Of a name that it does not know: NXDOMAIN.
            flags = 0x8580 if name in self.records else 0x8583
            self.socket.sendto(query[:2] + struct.pack('>HHHHH', flags, 1, len(found), 0, 0) + question + answers, client)


@unittest.skipIf(os.geteuid(), 'needs root')
class SrvTest(unittest.TestCase):

    def setUp(self):
        self.servers = Servers()
        self.enterContext(self.servers)
        self.names = NameServer(self.servers)
        self.resolver = self.servers.folder / 'resolv.conf'
        self.resolver.write_text(f'nameserver {NAME_SERVER[0]}\noptions timeout:1 attempts:1\n')
        self.etcd = Etcd(self.servers)
        Recorded(self.servers, etcd.RECORDED).load(self.etcd)
        self.port = int(self.etcd.hosts[0].split(':')[1])

    def predict(self, section='etcd3', **settings):
        """What comes of it in a namespace where the system's name server is ours."""
        way = self.servers.configuration({section: {'srv': DOMAIN, **settings}})
        self.names.asked.clear()
        return subprocess.run(
            ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', self.resolver, binary(), 'predict',
             'switchover', '--candidate', 'pg2', '--online', '-c', way, '--format', 'json', '--rest-timeout', '1'],
            capture_output=True, text=True, timeout=60)

    def assert_found(self, asked, **settings):
        ran = self.predict(**settings)
        self.assertEqual((1, ''), (ran.returncode, ran.stderr))
        self.assertEqual('leader', json.loads(ran.stdout)['gate'])
        names = list(dict.fromkeys(name for name in self.names.asked if name.startswith('_')))
        self.assertEqual([f'{name}._tcp.{DOMAIN}' for name in asked], names)

    def test_clients(self):
        self.names.records = {f'_etcd-client._tcp.{DOMAIN}': [('localhost', self.port)]}
        self.assert_found(['_etcd-client-ssl', '_etcd-client'])

    def test_a_suffix(self):
        self.names.records = {f'_etcd-client-eu._tcp.{DOMAIN}': [('localhost', self.port)]}
        self.assert_found(['_etcd-client-ssl-eu', '_etcd-client-eu'], srv_suffix='eu')

    def test_peers(self):
        member, = json.loads(self.etcd.checked('member', 'list', '-w', 'json'))['members']
        peer = urllib.parse.urlsplit(member['peerURLs'][0]).port
        self.names.records = {f'_etcd-server._tcp.{DOMAIN}': [('localhost', peer)]}
        self.assert_found(['_etcd-client-ssl', '_etcd-client', '_etcd-ssl', '_etcd', '_etcd-server-ssl', '_etcd-server'])

    def test_hosts_stand_in(self):
        ran = self.predict(hosts=self.etcd.hosts)
        self.assertEqual((1, ''), (ran.returncode, ran.stderr))

    def test_nothing(self):
        ran = self.predict()
        self.assertEqual(2, ran.returncode)
        self.assertIn(f'the SRV records of {DOMAIN} name no server of etcd', ran.stderr)


if __name__ == '__main__':
    unittest.main()
