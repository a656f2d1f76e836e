"""Servers for the live tests, on loopback: started, looked at, and ended together, whatever happens."""
import atexit
import base64
import contextlib
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
import typing
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get('CARGO_TARGET_DIR') or TOP / 'target').absolute()
HOST = '127.0.0.1'
# Below those that the system gives to clients; each run begins somewhere else, so that two do not meet.
PORTS = range(20_000, 32_000)
# Generous, for nothing here is about speed.
PATIENCE_SECONDS = 60
# Every password and token; no run of patrolint may show it.
USER, SECRET = 'reader', 'hunter2'


class Outcome(typing.NamedTuple):
    """What a run of patrolint came to."""
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def json(self):
        try:
            return json.loads(self.stdout)
        except ValueError:
            raise AssertionError(f'no JSON, but exit code {self.code}:\n{self.stdout}{self.stderr}') from None

    @property
    def text(self):
        return self.stdout + self.stderr


def patrolint(*arguments, timeout=PATIENCE_SECONDS):
    """Runs patrolint, and sees to it that it neither panics nor shows a secret."""
    command = [binary(), *map(str, arguments)]
    started = time.monotonic()
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    outcome = Outcome(ran.returncode, ran.stdout, ran.stderr, time.monotonic() - started)
    for banned in (SECRET, base64.b64encode(f'{USER}:{SECRET}'.encode()).decode(), 'panicked'):
        if banned in outcome.text:
            raise AssertionError(f'{" ".join(command)} shows {banned}:\n{outcome.text}')
    return outcome


def binary():
    """The patrolint that the variable PATROLINT names, or the one that Cargo builds."""
    if 'PATROLINT' not in os.environ:
        subprocess.run(['cargo', 'build', '--quiet', '--locked', '--bin', 'patrolint'], check=True, cwd=TOP)
        os.environ['PATROLINT'] = str(TARGET / 'debug' / 'patrolint')
    return os.environ['PATROLINT']


def commands(*way):
    """A command line of each kind that reads a cluster."""
    yield 'check', *way
    yield 'quorum', *way
    yield 'predict', 'switchover', *way
    yield 'predict', 'switchover', '--candidate', 'pg2', '--via', 'api', *way
    yield 'predict', 'failover', '--candidate', 'pg2', *way
    yield 'predict', 'crash', *way
    yield 'capture', '-o', '/dev/null', *(word for word in way if word != '--online')


def wait_for(condition, what, seconds=PATIENCE_SECONDS):
    """Waits until a condition holds, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if end < time.monotonic():
            raise TimeoutError(f'waited {seconds} s in vain for {what}')
        time.sleep(.2)


class Servers:
    """Processes and a scratch folder; once it is closed all of it is gone. A signal ends the program, but not before that."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='patrolint-live-'))
        self.folder.chmod(0o755)
        self.ends = contextlib.ExitStack()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        # unittest cleans up after everything but an interruption.
        atexit.register(self.close)
        self.ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        first = random.randrange(len(PORTS))
        self.ports = itertools.cycle([*PORTS[first:], *PORTS[:first]])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.ends.close()

    def free_port(self):
        for port in self.ports:
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
                return port

    def start(self, command, log, ending=None, **options):
        """Starts a process that is ended with the rest, by `ending(process)` if need be."""
        with open(log, 'ab') as out:
            process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True, **options)
        self.ends.callback(ending or end, process)
        return process

    def configuration(self, section, own_rest='192.0.2.1:8008', **more):
        """A file as Patroni's, which leads to the cluster `demo` in the DCS of this section."""
        user = {'username': USER, 'password': SECRET}
        path = pathlib.Path(tempfile.mkdtemp(dir=self.folder, prefix='configuration-')) / 'patroni.yml'
        # JSON is YAML.
        path.write_text(json.dumps({
            'scope': 'demo', 'name': 'pg1', 'restapi': {'connect_address': own_rest, 'authentication': user},
            'postgresql': {'authentication': {'superuser': user, 'replication': user}}, **section, **more}))
        return path

    def serve(self, behave, tls=None):
        """Starts a server of this process that treats its connections as `behave` does; see `Server`."""
        server = Server(behave, tls)
        self.ends.callback(server.server_close)
        self.ends.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(.05,), daemon=True).start()
        return server


def end(process, number=signal.SIGKILL):
    """Ends a process: by force, or by another signal first."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server(socketserver.ThreadingTCPServer):
    """Reads the head of a request and lets `behave(connection, path)` do the rest; keeps what was asked for in `requests`."""
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, behave, tls):
        self.behave, self.tls, self.requests = behave, tls, []
        super().__init__((HOST, 0), None)
        self.port = self.server_address[1]
        self.url = f'{"https" if tls else "http"}://{HOST}:{self.port}'

    def finish_request(self, connection, _):
        # Whoever gives up waiting closes the connection.
        with contextlib.suppress(OSError), connection:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            head = b''
            while b'\r\n\r\n' not in head:
                part = connection.recv(4096)
                if not part:
                    return
                head += part
            method, path, _ = head.decode('latin-1').split(' ', 2)
            self.requests.append(f'{method} {path}')
            self.behave(connection, path)


def respond(connection, status, body, *headers):
    """Sends an answer."""
    lines = [f'HTTP/1.1 {status} Whatever', f'Content-Length: {len(body)}', 'Connection: close', *headers]
    connection.sendall('\r\n'.join(lines).encode() + b'\r\n\r\n' + body)


class Etcd:
    """A cluster of etcd with so many servers."""

    def __init__(self, servers, count=1, certificates=None, quota_bytes=None):
        self.servers, self.certificates = servers, certificates
        self.user = None
        scheme = 'https' if certificates else 'http'
        names = [f'etcd{number}' for number in range(1, count + 1)]
        self.endpoints = [f'{scheme}://{HOST}:{servers.free_port()}' for _ in names]
        peers = [f'http://{HOST}:{servers.free_port()}' for _ in names]
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=servers.folder, prefix='etcd-'))
        self.commands = []
        for name, endpoint, peer in zip(names, self.endpoints, peers):
            command = ['etcd', '--name', name, '--data-dir', self.folder / name, '--listen-client-urls', endpoint,
                       '--advertise-client-urls', endpoint, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer,
                       '--initial-cluster', ','.join(map('='.join, zip(names, peers)))]
            if has_api_2():
                command.append('--enable-v2=true')
            if certificates:
                command += ['--cert-file', certificates.server, '--key-file', certificates.server_key,
                            '--trusted-ca-file', certificates.authority, '--client-cert-auth']
            if quota_bytes:
                command += ['--quota-backend-bytes', quota_bytes]
            self.commands.append(command)
        self.processes = [None] * count
        for number in range(count):
            self.start(number)
        self.wait()

    def wait(self):
        """Until every server is well."""
        wait_for(lambda: self.ctl('endpoint', 'health').returncode == 0, 'etcd')

    def start(self, number):
        log = self.folder / f'{number}.log'
        self.processes[number] = self.servers.start(self.commands[number], log)

    def stop(self, number):
        end(self.processes[number])

    @property
    def hosts(self):
        return [endpoint.split('://')[1] for endpoint in self.endpoints]

    @property
    def section(self):
        """Of Patroni's configuration."""
        return {'etcd3': {'hosts': self.hosts}}

    def ctl(self, *arguments, stdin=None):
        command = ['etcdctl', '--endpoints', ','.join(self.endpoints), '--command-timeout', '10s']
        if self.certificates:
            command += ['--cacert', self.certificates.authority, '--cert', self.certificates.client,
                        '--key', self.certificates.client_key]
        if self.user:
            command += ['--user', self.user]
        return subprocess.run([*map(str, command), *map(str, arguments)], input=stdin or '', capture_output=True, text=True,
                              env={**os.environ, 'ETCDCTL_API': '3'})

    def checked(self, *arguments, stdin=None):
        ran = self.ctl(*arguments, stdin=stdin)
        if ran.returncode:
            raise RuntimeError(f'etcdctl {" ".join(map(str, arguments))}: {ran.stderr}')
        return ran.stdout

    def put(self, key, value):
        self.checked('put', key, stdin=value)

    def delete(self, key):
        self.checked('del', key)

    def keys(self, prefix):
        """Key below the prefix → value."""
        found = json.loads(self.checked('get', '--prefix', prefix, '-w', 'json')).get('kvs', [])
        return {decoded(item['key']).removeprefix(prefix): decoded(item.get('value', '')) for item in found}

    def revision(self):
        """Grows with every write."""
        return json.loads(self.checked('get', 'nothing', '-w', 'json'))['header']['revision']


class Etcd2:
    """The API v2 of an etcd."""

    def __init__(self, etcd):
        self.etcd = etcd
        self.url = etcd.endpoints[0] + '/v2/keys'

    @property
    def section(self):
        return {'etcd': {'hosts': self.etcd.hosts}}

    def request(self, method, key, query=''):
        request = urllib.request.Request(self.url + key + query, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer), answer.headers

    def put(self, key, value):
        self.request('PUT', key, '?' + urllib.parse.urlencode({'value': value}))

    def delete(self, key):
        self.request('DELETE', key)

    def keys(self, prefix):
        def walk(node):
            if node.get('dir'):
                for child in node.get('nodes', []):
                    yield from walk(child)
            else:
                yield node['key'].removeprefix(prefix), node['value']
        try:
            return dict(walk(self.request('GET', prefix, '?recursive=true')[0]['node']))
        except urllib.error.HTTPError:
            return {}

    def revision(self):
        return int(self.request('GET', '/')[1]['X-Etcd-Index'])


def has_api_2():
    """It is gone in etcd 3.6."""
    told = subprocess.run(['etcd', '--help'], capture_output=True, text=True)
    return '--enable-v2' in told.stdout + told.stderr


def decoded(text):
    return base64.b64decode(text).decode()


class Certificates:
    """An authority, and certificates by it: of the server, of the client, and one of the server that has expired."""

    def __init__(self, servers):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=servers.folder, prefix='tls-'))
        self.authority, self.authority_key = self.path('ca.crt'), self.path('ca.key')
        self.openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                     '-subj', '/CN=authority', '-out', self.authority, '-keyout', self.authority_key)
        # Only `openssl ca` can date back, in every release.
        self.path('ca.cnf').write_text(
            '[ca]\ndefault_ca = it\n[it]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\npolicy = any\n'
            'default_md = sha256\nunique_subject = no\n[any]\ncommonName = supplied\n')
        self.path('extensions').write_text(f'subjectAltName = IP:{HOST}\nextendedKeyUsage = serverAuth, clientAuth\n')
        self.path('index.txt').touch()
        self.path('serial').write_text('1000\n')
        self.server, self.server_key = self.issue('server', '20400101000000Z')
        self.client, self.client_key = self.issue('client', '20400101000000Z')
        self.expired, self.expired_key = self.issue('expired', '20200201000000Z')

    def path(self, name):
        return self.folder / name

    def openssl(self, *arguments):
        ran = subprocess.run(['openssl', *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        if ran.returncode:
            raise RuntimeError(f'openssl {" ".join(map(str, arguments))}: {ran.stderr}')

    def issue(self, name, end):
        certificate, key, request = (self.path(f'{name}.{kind}') for kind in ('crt', 'key', 'csr'))
        self.openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                     '-subj', f'/CN={name}', '-out', request, '-keyout', key)
        self.openssl('ca', '-batch', '-config', 'ca.cnf', '-cert', self.authority, '-keyfile', self.authority_key, '-in', request,
                     '-out', certificate, '-extfile', 'extensions', '-notext', '-startdate', '20200101000000Z', '-enddate', end)
        return certificate, key

    def context(self, expired=False):
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*((self.expired, self.expired_key) if expired else (self.server, self.server_key)))
        return context


class Recorded:
    """A recorded cluster, living on: its keys, and its members' answers served by this process."""

    def __init__(self, servers, name, tls=None):
        self.folder = TOP / 'fixtures' / 'captured' / name
        found = json.loads((self.folder / 'dcs' / 'etcdctl-get.json').read_text())['kvs']
        self.keys = {decoded(item['key']): decoded(item['value']) for item in found}
        self.scope = json.loads((self.folder / 'capture.json').read_text())['scope']
        paths = {key.rsplit('/', 1)[1]: key for key in self.keys if '/members/' in key}
        self.members = {name: servers.serve(self.answers(name), tls) for name in paths}
        # The recording names other ports.
        self.urls = {json.loads(self.keys[path])['api_url'].removesuffix('/patroni'): self.members[name].url
                     for name, path in paths.items()}
        self.keys = {key: self.here(value) for key, value in self.keys.items()}

    def here(self, text):
        for there, here in self.urls.items():
            text = text.replace(there, here)
        return text

    def answers(self, name):
        bodies = {'/' + file.stem: file.read_text() for file in (self.folder / 'rest' / name).iterdir()}

        def behave(connection, path):
            respond(connection, 200 if path in bodies else 404, self.here(bodies.get(path, '')).encode())
        return behave

    def load(self, store):
        for key, value in self.keys.items():
            store.put(key, value)
        return self
