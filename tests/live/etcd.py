#!/usr/bin/env python3
"""patrolint reads real etcd: its API v3 plain, with TLS and with users, v2, without a server, without a majority, full.

    tests/live/etcd.py

The keys and the members' answers are those of a recorded cluster.
"""
import json
import subprocess
import unittest

from servers import (HERE, SECRET, TARGET, USER, Certificates, Etcd, Etcd2, Recorded, Servers, binary, commands, has_api_2,
                     patrolint)

RECORDED = 'quorum-405-3n-nc1'
# More than patrolint may take beside what it waits for.
SLACK_SECONDS = 8


def setUpModule():
    subprocess.run([HERE / 'setup.sh', TARGET / 'live'], check=True)
    binary()


class EtcdTest(unittest.TestCase):

    def setUp(self):
        self.servers = Servers()
        self.addCleanup(self.servers.close)

    def predict(self, *way):
        """The prediction of a switchover to pg2, which the leader refuses; and what was told on standard error."""
        outcome = patrolint('predict', 'switchover', '--candidate', 'pg2', *way, '--format', 'json')
        self.assertEqual(('refused', 'leader', 1), (outcome.json['verdict'], outcome.json['gate'], outcome.code), outcome.stderr)
        return outcome

    def assert_works(self, store, *way):
        """Every command tells something and complains of nothing; nothing is written, and of the members nothing is asked for
        but what they tell."""
        recorded = Recorded(self.servers, RECORDED).load(store)
        before = store.revision(), store.keys('/')
        self.assertEqual('', self.predict(*way).stderr)
        for command in commands(*way):
            outcome = patrolint(*command)
            self.assertIn(outcome.code, (0, 1), outcome.text)
            self.assertNotRegex(outcome.stderr, 'warning|error')
        self.assertEqual(before, (store.revision(), store.keys('/')))
        for member in recorded.members.values():
            self.assertIn('GET /patroni', member.requests)
            self.assertEqual([], [request for request in member.requests if not request.startswith('GET ')])

    def assert_fails(self, reason, *way):
        outcome = patrolint('predict', 'crash', *way)
        self.assertEqual((2, ''), (outcome.code, outcome.stdout))
        self.assertRegex(outcome.stderr, reason)

    def test_by_url(self):
        etcd = Etcd(self.servers)
        url = f'etcd3://{etcd.hosts[0]}'
        self.assert_works(etcd, '--dcs', url, '--scope', 'demo')
        self.assertEqual('', self.predict('--dcs', f'{url}/service', '--scope', 'demo').stderr)
        self.assert_fails('no cluster other .*\n.*it holds demo', '--dcs', url, '--scope', 'other')
        self.assert_fails('no cluster demo below /elsewhere', '--dcs', f'{url}/elsewhere', '--scope', 'demo')

    def test_tls(self):
        certificates = Certificates(self.servers)
        etcd = Etcd(self.servers, certificates=certificates)

        def way(**settings):
            section = {'hosts': etcd.hosts, 'protocol': 'https', **{name: str(value) for name, value in settings.items()}}
            return '--online', '-c', self.servers.configuration({'etcd3': section})
        own = {'cert': certificates.client, 'key': certificates.client_key}
        self.assert_works(etcd, *way(cacert=certificates.authority, **own))
        self.assertEqual('', self.predict(*way(**own), '--insecure').stderr)
        self.assert_fails('certificate', *way(**own))
        self.assert_fails('certificate', *way(cacert=certificates.client, **own))
        self.assert_fails('(?i)certificate', *way(cacert=certificates.authority))
        self.assert_fails('cannot use .*nowhere.crt', *way(cacert='nowhere.crt', **own))

    def test_users(self):
        etcd = Etcd(self.servers)
        for user in ('root', USER, 'stranger'):
            etcd.checked('user', 'add', f'{user}:{SECRET}')
        etcd.checked('user', 'grant-role', 'root', 'root')
        etcd.checked('role', 'add', 'reading')
        etcd.checked('role', 'grant-permission', '--prefix', 'reading', 'read', '/service/')
        etcd.checked('user', 'grant-role', USER, 'reading')
        etcd.checked('auth', 'enable')
        etcd.user = f'root:{SECRET}'

        def way(**settings):
            return '--online', '-c', self.servers.configuration({'etcd3': {'hosts': etcd.hosts, **settings}})
        self.assert_works(etcd, *way(username=USER, password=SECRET))
        self.assert_fails(f'authentication failed.*user {USER}', *way(username=USER, password=SECRET + ' not'))
        self.assert_fails('permission denied', *way(username='stranger', password=SECRET))
        self.assert_fails('user name is empty', *way())

    def test_one_server_of_three_is_down(self):
        etcd = Etcd(self.servers, count=3)
        Recorded(self.servers, RECORDED).load(etcd)
        way = '--online', '-c', self.servers.configuration(etcd.section)
        for number in range(3):
            etcd.stop(number)
            self.assertRegex(self.predict(*way).stderr, f'{etcd.hosts[number]}: connection refused')
            etcd.start(number)
            etcd.wait()

    def test_no_majority(self):
        etcd = Etcd(self.servers, count=3)
        Recorded(self.servers, RECORDED).load(etcd)
        way = '--online', '-c', self.servers.configuration(etcd.section), '--dcs-timeout', '3'
        etcd.stop(0)
        etcd.stop(2)
        outcome = self.predict(*way)
        self.assertLess(outcome.seconds, 3 + SLACK_SECONDS)
        self.assertIn('no majority of its servers agreed', outcome.stderr)
        for number in (0, 2):
            self.assertIn(f'{etcd.hosts[number]}: connection refused', outcome.stderr)

    def test_no_server(self):
        etcd = Etcd(self.servers, count=3)
        way = '--online', '-c', self.servers.configuration(etcd.section), '--dcs-timeout', '3', '--rest-timeout', '1'
        for number in range(3):
            etcd.stop(number)
        self.assert_fails('none of 3 servers answers.*connection refused', *way)

    def test_api_2(self):
        if not has_api_2():
            self.skipTest('this etcd has no API v2')
        store = Etcd2(Etcd(self.servers))
        self.assert_works(store, '--online', '-c', self.servers.configuration(store.section))

    def test_other_api(self):
        etcd = Etcd(self.servers)
        Recorded(self.servers, RECORDED).load(etcd)
        self.assert_fails('no cluster demo', '--online', '-c', self.servers.configuration({'etcd': {'hosts': etcd.hosts}}))

    def test_a_full_database(self):
        etcd = Etcd(self.servers, quota_bytes=1 << 20)
        Recorded(self.servers, RECORDED).load(etcd)
        while etcd.ctl('put', 'filling', stdin='x' * 100_000).returncode == 0:
            pass
        way = '-c', self.servers.configuration(etcd.section)
        self.predict('--online', *way)
        bundle = self.servers.folder / 'bundle.tar'
        subprocess.run(f'{binary()} capture -o - {way[0]} {way[1]} | zstd -qd > {bundle}', shell=True, check=True)
        told = subprocess.run(['tar', 'xOf', bundle, 'demo/dcs/servers.json'], check=True, capture_output=True).stdout
        self.assertEqual(['NOSPACE'], json.loads(told)['servers'][0]['alarms'])


if __name__ == '__main__':
    unittest.main()
