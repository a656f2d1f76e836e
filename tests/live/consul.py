#!/usr/bin/env python3
"""patrolint reads Consul.

    tests/live/consul.py
    PATROLINT_TEST_CONSUL=http://127.0.0.1:8500 tests/live/consul.py

Without that variable a server of this file answers as Consul's HTTP API does. With it the keys are put into that real Consul,
below `patrolint-test/`, and removed at the end; what only a stand-in can do is skipped. The keys are those of a recorded cluster.
"""
import base64
import http.server
import json
import os
import threading
import unittest
import urllib.parse
import urllib.request

import etcd
import full
from servers import HOST, SECRET, Recorded, Servers

REAL = os.environ.get('PATROLINT_TEST_CONSUL')
NAMESPACE = 'patrolint-test'


def setUpModule():
    full.build()


class StandIn:
    """Answers as Consul does, as long as `has_leader`; `requests` are what was asked for."""

    def __init__(self, servers, token=None):
        self.values, self.requests, self.has_leader, self.token = {}, [], True, token
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_GET(self):
                stand_in.requests.append(self.path)
                status, body = stand_in.answer(self.path, self.headers.get('x-consul-token'))
                self.send_response(status)
                self.send_header('Content-Length', str(len(body)))
                self.send_header('X-Consul-Index', str(100 + len(stand_in.values)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
        server.daemon_threads = True
        self.url = f'http://{HOST}:{server.server_address[1]}'
        servers.ends.callback(server.server_close)
        servers.ends.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(.05,), daemon=True).start()

    def answer(self, path, token):
        parts = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        if parts.path == '/v1/status/peers':
            return 200, json.dumps(['10.0.0.1:8300', '10.0.0.2:8300', '10.0.0.3:8300']).encode()
        if parts.path == '/v1/status/leader':
            return 200, json.dumps('10.0.0.2:8300' if self.has_leader else '').encode()
        if token != self.token:
            return 403, b'Permission denied: token with AccessorID \'anonymous\' lacks permission \'key:read\' on "service"'
        if parts.path == '/v1/agent/self':
            return 200, json.dumps({'Config': {'Version': '1.21.1', 'Datacenter': 'dc1'}}).encode()
        if not self.has_leader and 'stale' not in query:
            return 500, b'No cluster leader'
        prefix = parts.path.removeprefix('/v1/kv/')
        found = [self.item(number, key) for number, key in enumerate(sorted(self.values), 1)
                 if 'recurse' in query and key.startswith(prefix)]
        return (200, json.dumps(found).encode()) if found else (404, b'')

    def item(self, number, key):
        value = self.values[key]
        item = {'LockIndex': 0, 'Key': key, 'Flags': 0, 'Value': base64.b64encode(value.encode()).decode() if value else None,
                'CreateIndex': number, 'ModifyIndex': 10 + number}
        if '/members/' in key or key.endswith('/leader'):
            item['Session'] = 'adf4238a-882b-9ddc-4a9d-5b6758e4159e'
        return item

    def put(self, key, value):
        self.values[key.lstrip('/')] = value

    def keys(self, prefix):
        return {f'/{key}'.removeprefix(prefix): value for key, value in self.values.items()}

    def revision(self):
        return len(self.values)


class Real:
    """Keys in a real Consul."""

    def __init__(self, servers):
        self.url = REAL.rstrip('/')
        servers.ends.callback(self.request, 'DELETE', f'{NAMESPACE}/?recurse')

    def request(self, method, path, body=None):
        request = urllib.request.Request(f'{self.url}/v1/kv/{path}', data=body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def put(self, key, value):
        self.request('PUT', key.lstrip('/'), value.encode())

    def items(self):
        return self.request('GET', f'{NAMESPACE}/?recurse')

    def keys(self, prefix):
        return {f'/{item["Key"]}'.removeprefix(prefix): item['Value'] for item in self.items()}

    def revision(self):
        return [item['ModifyIndex'] for item in self.items()]


class ConsulTest(unittest.TestCase):
    predict = etcd.EtcdTest.predict
    assert_works = etcd.EtcdTest.assert_works
    assert_fails = etcd.EtcdTest.assert_fails

    def setUp(self):
        self.servers = Servers()
        self.enterContext(self.servers)

    def store(self, **options):
        return Real(self.servers) if REAL else StandIn(self.servers, **options)

    def way(self, store, **settings):
        section = {'consul': {'url': store.url, **settings}}
        return '--online', '-c', self.servers.configuration(section, namespace=NAMESPACE)

    def load(self, store):
        """The recorded cluster, in a namespace of its own."""
        recorded = Recorded(self.servers, etcd.RECORDED)
        for path, value in recorded.keys.items():
            store.put(path.replace('/service/', f'/{NAMESPACE}/'), value)

    def test_it_works(self):
        store = self.store()
        # What assert_works loads lies elsewhere.
        put, store.put = store.put, lambda path, value: put(path.replace('/service/', f'/{NAMESPACE}/'), value)
        way = self.way(store)
        self.assert_works(store, *way)
        self.assert_fails('no cluster other .*\n.*it holds demo', *way, '--scope', 'other')
        if not REAL:
            self.assertEqual([], [path for path in store.requests if '/kv/' in path and 'consistent' not in path])

    def test_without_a_key(self):
        self.assert_fails(f'no cluster demo below /{NAMESPACE}', *self.way(self.store()))

    @unittest.skipIf(REAL, 'a stand-in is asked')
    def test_tokens(self):
        store = self.store(token=SECRET)
        self.load(store)
        self.assertEqual('', self.predict(*self.way(store, token=SECRET)).stderr)
        self.assert_fails('Permission denied.*key:read', *self.way(store, token='not it'))
        self.assert_fails('Permission denied.*key:read', *self.way(store))

    @unittest.skipIf(REAL, 'a stand-in is asked')
    def test_without_a_leader(self):
        store = self.store()
        self.load(store)
        store.has_leader = False
        outcome = self.predict(*self.way(store))
        self.assertRegex(outcome.stderr, 'no majority of its servers agreed to it, for .*No cluster leader')

    @unittest.skipIf(REAL, 'a stand-in is asked')
    def test_a_datacenter(self):
        store = self.store()
        self.load(store)
        self.predict(*self.way(store, dc='dc7'))
        self.assertEqual([], [path for path in store.requests if 'dc=dc7' not in path])


if __name__ == '__main__':
    unittest.main()
