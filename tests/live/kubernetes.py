#!/usr/bin/env python3
"""patrolint reads Kubernetes: Endpoints, ConfigMaps and pods from the API, and what kubectl tells of them.

    tests/live/kubernetes.py
    PATROLINT_TEST_KUBERNETES=~/.kube/config tests/live/kubernetes.py

Without that variable a server of this file stands in for the API: it answers with objects made by hand, as the API would. With
it, the same objects are put into a namespace of their own in the real Kubernetes of the file's current context, and removed at
the end; what only a stand-in can do is skipped. The keys are those of a recorded cluster.
"""
import base64
import datetime
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import uuid

import etcd
import full
from servers import HOST, SECRET, Certificates, Recorded, Servers, patrolint

REAL = os.environ.get('PATROLINT_TEST_KUBERNETES')
KINDS = {'pods': 'Pod', 'endpoints': 'Endpoints', 'configmaps': 'ConfigMap'}
TTL_SECONDS = 30


def setUpModule():
    full.build()


def annotations(keys, scope, use_endpoints, renewed):
    """What Patroni would keep of these keys: (kind, name, annotations).

    patroni/dcs/kubernetes.py, `Kubernetes._update_leader_with_retry`, `set_sync_state_value` and the others, 4.1.5.
    """
    below = {path.split(f'/{scope}/')[1]: value for path, value in keys.items()}
    kind = 'Endpoints' if use_endpoints else 'ConfigMap'
    text = {name: below[name] for name in ('config', 'history', 'initialize') if name in below}
    yield kind, f'{scope}-config', text
    status = json.loads(below.get('status', '{}'))
    leader = {name: value if isinstance(value, str) else json.dumps(value) for name, value in status.items()}
    if 'failsafe' in below:
        leader['failsafe'] = below['failsafe']
    if 'leader' in below:
        leader |= {'leader': below['leader'], 'ttl': str(TTL_SECONDS), 'transitions': '3',
                   'acquireTime': renewed, 'renewTime': renewed}
    yield kind, scope if use_endpoints else f'{scope}-leader', leader
    for name in ('failover', 'sync'):
        fields = json.loads(below.get(name) or '{}')
        yield kind, f'{scope}-{name}', {field: str(value) for field, value in fields.items() if value is not None}
    for path, value in below.items():
        if path.startswith('members/'):
            yield 'Pod', path.removeprefix('members/'), {'status': value}


def objects(keys, scope, namespace, use_endpoints, age_seconds=0, labels=None):
    now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age_seconds)
    for number, (kind, name, found) in enumerate(annotations(keys, scope, use_endpoints, now.isoformat()), 100):
        metadata = {'name': name, 'namespace': namespace, 'resourceVersion': str(number), 'annotations': found,
                    'labels': {'application': 'patroni', 'cluster-name': scope, **(labels or {})}}
        yield {'apiVersion': 'v1', 'kind': kind, 'metadata': metadata}


class StandIn:
    """Answers as the API does; `objects` are what it holds, `requests` what was asked for."""

    def __init__(self, servers, certificates=None, token=None):
        self.objects, self.requests = [], []
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_GET(self):
                stand_in.requests.append(f'{self.command} {self.path}')
                is_known = not token or self.headers.get('authorization') == f'Bearer {token}'
                status, body = stand_in.answer(self.path) if is_known else stand_in.failure(401, 'Unauthorized')
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
        server.daemon_threads = True
        if certificates:
            server.socket = certificates.context().wrap_socket(server.socket, server_side=True)
        self.url = f'{"https" if certificates else "http"}://{HOST}:{server.server_address[1]}'
        servers.ends.callback(server.server_close)
        servers.ends.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(.05,), daemon=True).start()

    @staticmethod
    def failure(status, message):
        return status, {'kind': 'Status', 'apiVersion': 'v1', 'status': 'Failure', 'message': message, 'code': status}

    def answer(self, path):
        parts = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        if parts.path == '/version':
            return 200, {'major': '1', 'minor': '33', 'gitVersion': 'v1.33.1', 'gitCommit': '', 'gitTreeState': '', 'buildDate': '',
                         'goVersion': '', 'compiler': '', 'platform': ''}
        if parts.path in ('/api', '/apis'):
            return 200, ({'kind': 'APIVersions', 'versions': ['v1']} if parts.path == '/api' else
                         {'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': []})
        if parts.path == '/api/v1':
            resources = [{'name': name, 'singularName': '', 'namespaced': True, 'kind': kind, 'verbs': ['get', 'list']}
                         for name, kind in KINDS.items()]
            return 200, {'kind': 'APIResourceList', 'groupVersion': 'v1', 'resources': resources}
        match parts.path.strip('/').split('/'):
            case 'api', 'v1', 'namespaces', 'forbidden', kind:
                return self.failure(403, f'{kind} is forbidden: User "reader" cannot list resource "{kind}" in API group ""')
            case 'api', 'v1', 'namespaces', namespace, kind if kind in KINDS:
                items = [{name: value for name, value in it.items() if name not in ('kind', 'apiVersion')}
                         for it in self.objects if it['kind'] == KINDS[kind] and it['metadata']['namespace'] == namespace
                         and selected(it, query.get('labelSelector', ''))]
                return 200, {'kind': f'{KINDS[kind]}List', 'apiVersion': 'v1', 'metadata': {'resourceVersion': '1234'}, 'items': items}
        return self.failure(404, 'the server could not find the requested resource')


def selected(item, selector):
    """Whether an object's labels are as a selector wants them: `a=b,c`."""
    labels = item['metadata']['labels']
    terms = (term.partition('=') for term in selector.split(',') if term)
    return all(name in labels and (not is_value or labels[name] == value) for name, is_value, value in terms)


class Real:
    """A namespace of its own."""

    def __init__(self, servers):
        self.namespace = f'patrolint-{uuid.uuid4().hex[:8]}'
        kubectl('create', 'namespace', self.namespace)
        servers.ends.callback(kubectl, 'delete', 'namespace', self.namespace, '--wait=false')

    def load(self, found):
        for item in found:
            del item['metadata']['resourceVersion']
            if item['kind'] == 'Pod':
                # It waits for a node that never comes.
                item['spec'] = {'nodeSelector': {'patrolint': 'nowhere'}, 'containers': [{'name': 'none', 'image': 'none'}]}
        kubectl('apply', '-f', '-', '-n', self.namespace, stdin=json.dumps({'apiVersion': 'v1', 'kind': 'List', 'items': found}))


def kubectl(*arguments, stdin=None):
    ran = subprocess.run(['kubectl', *arguments], input=stdin or '', capture_output=True, text=True, timeout=120)
    if ran.returncode:
        raise RuntimeError(f'kubectl {" ".join(arguments)}: {ran.stderr}')
    return ran.stdout


class KubernetesTest(unittest.TestCase):
    predict = etcd.EtcdTest.predict
    assert_fails = etcd.EtcdTest.assert_fails

    def setUp(self):
        self.servers = Servers()
        self.enterContext(self.servers)
        self.recorded = Recorded(self.servers, etcd.RECORDED)
        # kubectl keeps what it learns of the API below the home directory.
        self.environment(HOME=str(self.servers.folder))
        self.environment(KUBERNETES_SERVICE_HOST='')

    def environment(self, **variables):
        for name, value in variables.items():
            if name in os.environ:
                self.addCleanup(os.environ.__setitem__, name, os.environ[name])
            else:
                self.addCleanup(os.environ.pop, name)
            os.environ[name] = value

    def stand_in(self, context='kind-kind', certificates=None, user=None, cluster=None, **options):
        """A stand-in and the kubeconfig that leads to it."""
        api = StandIn(self.servers, certificates, **options)
        _, name = tempfile.mkstemp(dir=self.servers.folder)
        pathlib.Path(name).write_text(json.dumps({
            'apiVersion': 'v1', 'kind': 'Config', 'current-context': context,
            'contexts': [{'name': context, 'context': {'cluster': 'c', 'user': 'u'}}],
            'clusters': [{'name': 'c', 'cluster': {'server': api.url, **(cluster or {})}}],
            'users': [{'name': 'u', 'user': user or {}}]}))
        self.environment(KUBECONFIG=name)
        return api

    def load(self, use_endpoints, **options):
        """Puts the recorded cluster there; the namespace."""
        if REAL:
            self.environment(KUBECONFIG=str(pathlib.Path(REAL).expanduser()))
            real = Real(self.servers)
            real.load(list(objects(self.recorded.keys, 'demo', real.namespace, use_endpoints, **options)))
            return real.namespace
        self.api = self.stand_in()
        self.api.objects = list(objects(self.recorded.keys, 'demo', 'pg', use_endpoints, **options))
        return 'pg'

    def way(self, namespace, use_endpoints=True, **settings):
        section = {'namespace': namespace, 'labels': {'application': 'patroni'}, 'use_endpoints': use_endpoints, **settings}
        if REAL:
            section.setdefault('context', '')
        return '--online', '-c', self.servers.configuration({'kubernetes': section})

    def captured_keys(self, *way):
        bundle = self.servers.folder / f'{uuid.uuid4()}.tar'
        outcome = patrolint('capture', '-o', f'{bundle}.zst', *(word for word in way if word != '--online'))
        self.assertIn(outcome.code, (0, 1), outcome.text)
        subprocess.run(['zstd', '-qd', f'{bundle}.zst', '-o', bundle], check=True)
        told = subprocess.run(['tar', 'xOf', bundle, 'demo/dcs/keys.json'], check=True, capture_output=True).stdout
        return json.loads(told)

    def test_endpoints_and_config_maps(self):
        for use_endpoints in (True, False):
            with self.subTest(use_endpoints=use_endpoints):
                namespace = self.load(use_endpoints)
                way = self.way(namespace, use_endpoints)
                self.assertEqual('', self.predict(*way).stderr)
                told = self.captured_keys(*way)
                found = {path.removeprefix(f'/{namespace}/demo/'): key['value'] for path, key in told['keys'].items()}
                expect = {path.removeprefix('/service/demo/'): value for path, value in self.recorded.keys.items()}
                # Patroni deletes no object; an empty one is none.
                expect = {name: value for name, value in expect.items() if value not in ('', '{}')}
                self.assertEqual({name: loose(value) for name, value in expect.items()},
                                 {name: loose(value) for name, value in found.items()})
                self.assertEqual('kubernetes', told['dcs'])
                self.assertGreater(told['keys'][f'/{namespace}/demo/leader']['ttl_seconds'], 0)
                if not REAL:
                    self.assertEqual(1234, told['revision'])
                    self.assertEqual([], [request for request in self.api.requests if not request.startswith('GET ')])

    def test_the_other_kind_holds_nothing(self):
        way = self.way(self.load(use_endpoints=True), use_endpoints=False)
        # Only the pods are there.
        self.assertNotIn('leader', ' '.join(self.captured_keys(*way)['keys']))

    def test_all_scopes(self):
        namespace = self.load(use_endpoints=True)
        outcome = patrolint('check', '--all-scopes', '--format', 'json', *self.way(namespace))
        self.assertIn(outcome.code, (0, 1), outcome.text)
        self.assert_fails('no cluster other .*\n.*it holds demo', *self.way(namespace), '--scope', 'other')

    def test_a_leader_that_does_not_renew_its_record(self):
        way = self.way(self.load(use_endpoints=True, age_seconds=600))
        outcome = patrolint('predict', 'crash', *way)
        self.assertRegex(outcome.stderr, 'pg1 has not renewed /.*/demo/leader, which ended 5[67]. s ago')
        self.assertNotIn('leader', [path.rsplit('/', 1)[1] for path in self.captured_keys(*way)['keys']])

    def test_kubectl(self):
        if not shutil.which('kubectl'):
            self.skipTest('there is no kubectl')
        namespace = self.load(use_endpoints=True)
        self.maxDiff = None
        told = kubectl('get', 'endpoints,configmaps,pods', '-l', 'cluster-name=demo', '-n', namespace, '-o', 'json')
        dump = self.servers.folder / 'kubectl.json'
        dump.write_text(told)
        paths = self.servers.folder / 'paths.json'
        paths.write_text(json.dumps(self.recorded.keys))
        for command in (('predict', 'switchover'), ('predict', 'crash'), ('predict', 'failover', '--candidate', 'pg2'), ('quorum',)):
            one, other = (patrolint(*command, '--format', 'json', file) for file in (dump, paths))
            self.assertEqual(self.comparable(other.stdout), self.comparable(one.stdout), command)
            self.assertEqual(other.code, one.code)

    def comparable(self, text):
        """Without the names of what was read."""
        text = text.replace(f'{self.servers.folder}/kubectl.json', 'dump').replace(f'{self.servers.folder}/paths.json', 'dump')
        return text.replace('/service/demo', '/pg/demo').replace('DCS dump (unknown kind)', 'DCS dump (Kubernetes)')

    @unittest.skipIf(REAL, 'a stand-in is asked')
    def test_ways(self):
        certificates = Certificates(self.servers)
        trusting = {'certificate-authority': str(certificates.authority)}
        self.stand_in(certificates=certificates, cluster=trusting, user={'token': SECRET}, token=SECRET).objects = list(
            objects(self.recorded.keys, 'demo', 'pg', True))
        self.assertEqual('', self.predict(*self.way('pg')).stderr)
        self.stand_in(certificates=certificates, user={'token': SECRET}, token=SECRET)
        self.assert_fails('(?i)certificate', *self.way('pg'))
        self.stand_in(certificates=certificates, cluster={'insecure-skip-tls-verify': True}, user={'token': SECRET + ' not'},
                      token=SECRET)
        self.assert_fails('Unauthorized', *self.way('pg'))
        self.stand_in()
        self.assert_fails('endpoints is forbidden: User "reader" cannot list', *self.way('forbidden'))
        self.assert_fails('no cluster demo below /pg', *self.way('pg'))

    @unittest.skipIf(REAL, 'a stand-in is asked')
    def test_contexts(self):
        self.stand_in(context='mine').objects = list(objects(self.recorded.keys, 'demo', 'pg', True))
        self.assertEqual('', self.predict(*self.way('pg', context='mine')).stderr)
        self.assertEqual('', self.predict(*self.way('pg', context='')).stderr)
        self.assert_fails('kubernetes.context is not set, so that Patroni takes kind-kind', *self.way('pg'))
        self.assert_fails('kubeconfig is of no use', *self.way('pg', context='yours'))
        self.environment(KUBECONFIG=str(self.servers.folder / 'nowhere'))
        self.assert_fails('kubeconfig is of no use', *self.way('pg', context='mine'))

    @unittest.skipIf(REAL, 'a stand-in is asked')
    def test_secrets_of_a_kubeconfig(self):
        """`patrolint` sees to it that none is shown."""
        def execute(*command):
            return {'exec': {'apiVersion': 'client.authentication.k8s.io/v1', 'command': command[0], 'args': command[1:],
                             'interactiveMode': 'Never'}}
        encoded = base64.b64encode(SECRET.encode()).decode()
        for user, reason in (
                ({'token': [SECRET]}, 'it cannot be parsed, line 1 column'),
                ({'client-certificate-data': encoded, 'client-key-data': encoded}, 'PEM'),
                (execute('sh', '-c', f'echo {SECRET}; echo {SECRET} >&2; exit 1'), r'credentials fails \(exit status: 1\)'),
                (execute('sh', '-c', f'echo "[{SECRET}"'), 'its credentials are of no use'),
                (execute(f'/nowhere/{SECRET}'), 'cannot be started: no such file'),
                ({'tokenFile': '/nowhere'}, 'cannot read /nowhere')):
            with self.subTest(reason):
                self.stand_in(user=user)
                self.assert_fails(reason, *self.way('pg'), '--rest-timeout', '1')

    @unittest.skipIf(REAL, 'a stand-in is asked')
    def test_no_answer(self):
        namespace = self.load(use_endpoints=True)
        free = self.servers.free_port()
        config = pathlib.Path(os.environ['KUBECONFIG'])
        config.write_text(config.read_text().replace(self.api.url, f'http://{HOST}:{free}'))
        self.assert_fails(f'{HOST}:{free}: connection refused', *self.way(namespace), '--rest-timeout', '1')
        silent = self.servers.serve(lambda *_: time.sleep(20))
        config.write_text(config.read_text().replace(f'http://{HOST}:{free}', silent.url))
        self.assert_fails('no answer within 2 s', *self.way(namespace), '--dcs-timeout', '2', '--rest-timeout', '1')


def loose(text):
    """JSON as what it means."""
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == '__main__':
    unittest.main()
