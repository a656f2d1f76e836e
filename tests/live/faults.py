#!/usr/bin/env python3
"""Members and servers of the DCS that misbehave: patrolint ends in time, judges by the rest, and names what failed.

    tests/live/faults.py

That no secret is shown is seen to wherever patrolint is run.
"""
import functools
import json
import subprocess
import time
import unittest

from servers import (HERE, HOST, SECRET, TARGET, USER, Certificates, Etcd, Recorded, Servers, binary, patrolint, respond)

# Three nodes, asynchronous: two of them are enough for a switchover.
RECORDED = 'async-415-3n'
DCS_SECONDS, REST_SECONDS = 2, 1
# More than patrolint may take beside what it waits for.
SLACK_SECONDS = 8
# So long that to wait twice would exceed the slack.
LONG_SECONDS = SLACK_SECONDS + 2


def silent(connection, _):
    """Reads, and never answers."""
    while connection.recv(4096):
        pass


def closing(connection, _):
    """Hangs up."""


def garbled(connection, _):
    connection.sendall(f'\x16\x03\0 {SECRET}\r\n\r\n'.encode() + bytes(range(256)))


def dripping(connection, _):
    """Sends a good answer, a byte at a time and never all of it."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
    for _ in range(1000):
        connection.sendall(b' ')
        time.sleep(.1)


def dripping_headers(connection, _):
    connection.sendall(b'HTTP/1.1 200 OK\r\n')
    for number in range(1000):
        connection.sendall(f'X-{number}: {number}\r\n'.encode())
        time.sleep(.1)


def huge(connection, _):
    """Sends more than anybody wants, as fast as it can."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{"state": "')
    while True:
        connection.sendall(b'x' * (1 << 20))


def failing(connection, _):
    respond(connection, 500, f'<html>{SECRET}</html>'.encode())


def telling_a_list(connection, _):
    respond(connection, 200, b'[]')


def telling_too_deep_a_tree(connection, _):
    respond(connection, 200, b'[' * 1_000_000)


def telling_no_json(connection, _):
    respond(connection, 200, f'{{"state": "running", "password": "{SECRET}'.encode())


def redirecting(url, connection, path):
    respond(connection, 302, b'', f'Location: {url.replace("://", f"://{USER}:{SECRET}@")}{path}')


class FaultTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        subprocess.run([HERE / 'setup.sh', TARGET / 'live'], check=True)
        binary()
        cls.servers = Servers()
        cls.addClassCleanup(cls.servers.close)
        cls.certificates = Certificates(cls.servers)
        cls.etcd = Etcd(cls.servers)
        cls.recorded = Recorded(cls.servers, RECORDED).load(cls.etcd)
        cls.elsewhere = cls.servers.serve(lambda connection, _: respond(connection, 200, b'{}'))

    def faults(self):
        """Name, URL of a server, and what is told of it."""
        serve = self.servers.serve
        yield 'silent', serve(silent).url, 'no answer within'
        yield 'closing', serve(closing).url, 'connection closed|reset'
        yield 'garbled', serve(garbled).url, 'HTTP|version|parse'
        yield 'dripping', serve(dripping).url, 'no answer within'
        yield 'dripping headers', serve(dripping_headers).url, 'no answer within'
        yield 'huge', serve(huge).url, 'larger than|no answer within'
        yield 'redirecting', serve(functools.partial(redirecting, self.elsewhere.url)).url, 'redirects|no JSON'
        yield 'failing', serve(failing).url, 'not one of Patroni|no JSON'
        yield 'telling a list', serve(telling_a_list).url, 'not one of Patroni|no version'
        yield 'telling too deep a tree', serve(telling_too_deep_a_tree).url, 'not one of Patroni|no JSON'
        yield 'telling no JSON', serve(telling_no_json).url, 'not one of Patroni|no JSON'
        yield 'nobody', f'http://{HOST}:{self.servers.free_port()}', 'connection refused'

    def tls_faults(self):
        yield 'expired', self.servers.serve(failing, self.certificates.context(expired=True)).url, '[Ee]xpired'
        other = Certificates(self.servers)
        yield 'of another authority', self.servers.serve(failing, other.context()).url, '[Ii]ssuer|[Cc]ertificate'

    def way(self, section, timeout=DCS_SECONDS, **more):
        return ('--online', '-c', self.servers.configuration(section, **more), '--dcs-timeout', timeout,
                '--rest-timeout', REST_SECONDS)

    def tearDown(self):
        self.assertEqual([], self.elsewhere.requests, 'a redirection was followed')

    def with_pg3_at(self, url):
        key = f'/service/{self.recorded.scope}/members/pg3'
        self.etcd.put(key, json.dumps({**json.loads(self.recorded.keys[key]), 'api_url': url + '/patroni'}))

    def test_a_member(self):
        way = self.way(self.etcd.section, ctl={'cacert': str(self.certificates.authority)})
        for name, url, told in (*self.faults(), *self.tls_faults()):
            with self.subTest(name):
                self.with_pg3_at(url)
                outcome = patrolint('predict', 'switchover', '--candidate', 'pg2', *way, '--format', 'json')
                self.assertEqual(('accepted', ['pg2']), (outcome.json['verdict'], outcome.json['winners']), outcome.stderr)
                self.assertRegex(outcome.stderr, f'pg3, GET /patroni of {url}: .*({told})')
                self.assertLess(outcome.seconds, REST_SECONDS + SLACK_SECONDS)
                for command in (['check', *way], ['capture', '-o', '/dev/null', *way[1:]]):
                    outcome = patrolint(*command)
                    self.assertIn(outcome.code, (0, 1), outcome.text)
                    self.assertRegex(outcome.stderr, f'pg3, GET /patroni of {url}: .*({told})')
                    self.assertLess(outcome.seconds, REST_SECONDS + SLACK_SECONDS)

    def test_a_server_of_the_dcs(self):
        tls = {'protocol': 'https', 'cacert': str(self.certificates.authority), 'username': USER, 'password': SECRET}
        for faults, more in ((self.faults(), {}), (self.tls_faults(), tls)):
            for name, url, told in faults:
                with self.subTest(name):
                    way = self.way({'etcd3': {'hosts': [url.split('://')[1]], **more}})
                    for command in (['predict', 'crash', *way], ['capture', '-o', '/dev/null', *way[1:]]):
                        outcome = patrolint(*command)
                        self.assertEqual((2, ''), (outcome.code, outcome.stdout))
                        self.assertRegex(outcome.stderr, f'cannot read the cluster: {url}: .*({told})')
                        self.assertLess(outcome.seconds, DCS_SECONDS + REST_SECONDS + SLACK_SECONDS)

    def test_one_of_two_servers_of_the_dcs(self):
        self.with_pg3_at(self.recorded.members['pg3'].url)
        for name, url, _ in self.faults():
            with self.subTest(name):
                way = self.way({'etcd3': {'hosts': [url.split('://')[1], *self.etcd.hosts]}})
                outcome = patrolint('predict', 'switchover', '--candidate', 'pg2', *way, '--format', 'json')
                self.assertEqual(('accepted', ['pg2']), (outcome.json['verdict'], outcome.json['winners']), outcome.stderr)
                self.assertLess(outcome.seconds, DCS_SECONDS + SLACK_SECONDS)

    def test_members_without_a_dcs(self):
        own_rest = self.recorded.members['pg1'].url.removeprefix('http://')
        for name, url, told in self.faults():
            with self.subTest(name):
                way = self.way({'etcd3': {'hosts': [url.split('://')[1]]}}, own_rest=own_rest)
                outcome = patrolint('predict', 'switchover', '--candidate', 'pg2', *way, '--format', 'json')
                self.assertEqual((3, 'depends'), (outcome.code, outcome.json['verdict']))
                self.assertIn('REST answers of pg1, pg2, pg3', outcome.json['seen'])
                self.assertRegex(outcome.json['depends_on'][0]['fact'], f'it did not answer .{url}: .*({told})')
                self.assertRegex(outcome.stderr, f'the DCS: {url}: .*({told})')
                self.assertLess(outcome.seconds, DCS_SECONDS + SLACK_SECONDS)

    def test_the_dcs_is_waited_for_once(self):
        own_rest = self.recorded.members['pg1'].url.removeprefix('http://')
        host = self.servers.serve(silent).url.split('://')[1]
        outcome = patrolint('quorum', *self.way({'etcd3': {'hosts': [host]}}, LONG_SECONDS, own_rest=own_rest))
        self.assertIn('no answer within', outcome.stderr)
        self.assertLess(outcome.seconds, LONG_SECONDS + REST_SECONDS + SLACK_SECONDS)


if __name__ == '__main__':
    unittest.main()
