#!/usr/bin/env python3
"""Differential-testing oracle: ask the *real* Patroni code what it decides.

    run_oracle.py --patroni-src DIR --in scenarios.jsonl --out verdicts.jsonl [--only api,leader,...]

DIR is an unpacked Patroni wheel (the folder that holds ``patroni/``).  One process handles one Patroni version.
No decision logic lives in this file: it only replaces I/O (etcd reads/writes, HTTP to other members, PostgreSQL,
watchdog, clock, threads) and calls the methods of the given Patroni version.  See tests/oracle/README.md.
"""
import argparse
import copy
import inspect
import io
import json
import logging
import os
import sys
import time as _time
import datetime as _datetime
import base64
import functools
import traceback

REAL_TIME = _time.time
REAL_PERF = _time.perf_counter

ALL = ('status', 'api', 'leader', 'shutdown', 'race', 'ctl', 'sync')

ap = argparse.ArgumentParser()
ap.add_argument('--patroni-src', required=True)
ap.add_argument('--in', dest='inp', default='-')
ap.add_argument('--out', default='-')
ap.add_argument('--only', default=','.join(ALL), help='comma separated subset of ' + ','.join(ALL))
ap.add_argument('--full-logs', action='store_true', help='keep "Got response from"/"Request failed to" log lines')
ap.add_argument('--no-logs', action='store_true', help='do not emit log lines at all')
ap.add_argument('--limit', type=int, default=0)
ap.add_argument('--debug', action='store_true', help='print tracebacks of exceptions raised by Patroni')
ARGS = ap.parse_args() if __name__ == '__main__' else ap.parse_args(['--patroni-src', os.environ['PATRONI_SRC']])
ONLY = set(x for x in ARGS.only.split(',') if x)
assert ONLY <= set(ALL), ONLY

if __name__ == '__main__' and os.environ.get('PYTHONHASHSEED') != '0':
    # Patroni iterates over sets here and there (QuorumStateResolver): make it reproducible
    os.environ['PYTHONHASHSEED'] = '0'
    os.execv(sys.executable, [sys.executable] + sys.argv)

for k in list(os.environ):
    if k.startswith('PATRONI_') and k != 'PATRONI_SRC':
        del os.environ[k]

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.abspath(ARGS.patroni_src))
import warnings  # noqa: E402
warnings.simplefilter('ignore')

import patroni.postgresql  # noqa: E402,F401  (must come first: circular imports since 3.0.3)
import patroni.__main__  # noqa: E402
import patroni.ha  # noqa: E402
import patroni.api  # noqa: E402
import patroni.config  # noqa: E402
import patroni.request  # noqa: E402
import patroni.dcs  # noqa: E402
import patroni.dcs.etcd3 as etcd3_mod  # noqa: E402
import dateutil.parser  # noqa: E402
from patroni.dcs import AbstractDCS  # noqa: E402
from patroni.version import __version__ as PATRONI_VERSION  # noqa: E402

HA = patroni.ha
API = patroni.api
assert os.path.abspath(HA.__file__).startswith(os.path.abspath(ARGS.patroni_src)), HA.__file__

try:
    PatroniCls = patroni.__main__.Patroni
except AttributeError:
    PatroniCls = patroni.Patroni          # 2.0.x .. 2.1.x kept the class in patroni/__init__.py

try:
    import patroni.global_config as GC     # 3.3.0+, module replaced by an object
    GC = sys.modules['patroni.global_config']
except ImportError:
    GC = None

try:
    import patroni.thread_pool as TP       # 3.3.9+, 4.0.8+, 4.1.1+
except ImportError:
    TP = None


# ------------------------------------------------------------------------------------------------ clock
class Clock:
    """frozen at scenario["now"]; time.sleep() moves it forward"""
    now = start = 1_700_000_000.0


def _fake_time():
    return Clock.now


class _FakeDateTime(_datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return _datetime.datetime.fromtimestamp(Clock.now, tz)

    @classmethod
    def utcnow(cls):
        return _datetime.datetime.utcfromtimestamp(Clock.now)


class _Shim:
    """module look-alike: everything from *mod* but some attributes replaced"""

    def __init__(self, mod, **repl):
        self.__dict__.update({k: getattr(mod, k) for k in dir(mod) if not k.startswith('__')})
        self.__dict__.update(repl)


def _fake_sleep(seconds):
    Clock.now += seconds


TIME_SHIM = _Shim(_time, time=_fake_time, sleep=_fake_sleep)
DT_SHIM = _Shim(_datetime, datetime=_FakeDateTime)


def patch_clock(mod):
    if getattr(mod, 'time', None) is _time:
        mod.time = TIME_SHIM
    if getattr(mod, 'datetime', None) is _datetime:
        mod.datetime = DT_SHIM


for _m in (HA, API, patroni.dcs, etcd3_mod, dateutil.parser._parser):
    patch_clock(_m)


# ------------------------------------------------------------------------------------------------ logging
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
logging._srcfile = None
NOISE = ('Got response from ', 'Request failed to ')


class LogTap(logging.Handler):
    def __init__(self):
        super().__init__(logging.INFO)
        self.lines = []

    def handle(self, record):
        if ARGS.no_logs:
            return True
        msg = record.msg
        if not ARGS.full_logs and isinstance(msg, str) and msg.startswith(NOISE):
            return True
        try:
            text = record.getMessage()
        except Exception as e:  # pragma: no cover
            text = '%r %r' % (msg, e)
        if record.exc_info and record.exc_info[1] is not None:
            text += ' [%s: %s]' % (type(record.exc_info[1]).__name__, record.exc_info[1])
        self.lines.append(record.levelname + ': ' + text)
        return True

    def take(self):
        ret, self.lines = self.lines, []
        return ret


TAP = LogTap()


class FastLogger:
    """same output as LogTap without the cost of LogRecord; used for the chatty modules"""

    def __init__(self, orig):
        self.orig = orig

    def __getattr__(self, name):
        return getattr(self.orig, name)

    def _emit(self, level, msg, args, exc=None):
        if ARGS.no_logs or not ARGS.full_logs and msg.__class__ is str and msg.startswith(NOISE):
            return
        try:
            text = str(msg)
            if args:
                if len(args) == 1 and isinstance(args[0], dict) and args[0]:
                    args = args[0]
                text = text % args
        except Exception as e:
            text = '%r %r %s' % (msg, args, e)
        if exc is not None:
            text += ' [%s: %s]' % (type(exc).__name__, exc)
        TAP.lines.append(level + ': ' + text)

    def debug(self, *a, **kw):
        pass

    def info(self, msg, *a, **kw):
        self._emit('INFO', msg, a)

    def warning(self, msg, *a, **kw):
        self._emit('WARNING', msg, a)

    def error(self, msg, *a, **kw):
        self._emit('ERROR', msg, a)

    def exception(self, msg, *a, **kw):
        self._emit('ERROR', msg, a, sys.exc_info()[1])

    def fatal(self, msg, *a, **kw):
        self._emit('CRITICAL', msg, a)

    critical = fatal


for _m in (HA, API):
    assert isinstance(_m.logger, logging.Logger)
    _m.logger = FastLogger(_m.logger)
_root = logging.getLogger('patroni')
_root.addHandler(TAP)
_root.setLevel(logging.INFO)
_root.propagate = False
logging.getLogger().addHandler(logging.NullHandler())


# ------------------------------------------------------------------------------------------------ threads
class SyncPool:
    """multiprocessing.pool.ThreadPool look-alike, sequential"""

    def __init__(self, processes=None, *a, **kw):
        if processes is not None and processes < 1:
            raise ValueError('Number of processes must be at least 1')

    def map(self, func, it):
        return [func(i) for i in it]

    def close(self):
        pass

    join = terminate = close

    def __enter__(self):
        return self

    def __exit__(self, *a):
        pass


class DoneFuture:
    def __init__(self, value):
        self.value = value

    def result(self, timeout=None):
        return self.value


class SyncExecutor:
    def submit(self, fn, *a, **kw):
        return DoneFuture(fn(*a, **kw))


if hasattr(HA, 'ThreadPool'):
    HA.ThreadPool = SyncPool
if TP is not None:
    TP.get_executor = lambda: SyncExecutor()
    if hasattr(HA, 'concurrent'):
        HA.concurrent = type('concurrent', (), {'futures': type('futures', (), {
            'as_completed': staticmethod(lambda fs, timeout=None: list(fs))})})


class FakeAsyncExecutor:
    """records that an async action was requested instead of starting a thread"""

    def __init__(self):
        self.calls = []
        self.busy = False
        self.scheduled_action = None

    def schedule(self, action, *a):
        self.calls.append(action)
        return None

    def try_run_async(self, action, func, args=()):
        self.calls.append('%s %s%s' % (action, getattr(func, '__name__', '?'), list(args)))
        return None

    def run_async(self, func, args=()):
        self.calls.append('%s%s' % (getattr(func, '__name__', '?'), list(args)))

    def __enter__(self):
        return self

    def __exit__(self, *a):
        pass


# ------------------------------------------------------------------------------------------------ HTTP
class FakeResponse:
    def __init__(self, data, status=200):
        self.data = data
        self.status = status
        self.headers = {}


class Unreachable(Exception):
    pass


@functools.lru_cache(maxsize=65536)
def _netloc(url):
    from urllib.parse import urlsplit
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None


class FakeHttpPool:
    """stands for urllib3.PoolManager inside the real PatroniRequest"""
    table = {}
    headers = {}
    connection_pool_kw = {}
    posts = []

    def request(self, method, url, body=None, **kw):
        if not url or not _netloc(url):       # what urllib3 does (LocationValueError)
            raise Unreachable('No host specified.')
        if method != 'GET':
            self.posts.append((method, url, body))
            return FakeResponse(b'oracle', 200)
        data = self.table.get(_netloc(url))
        if data is None:
            raise Unreachable('unreachable')
        return FakeResponse(data)


REQUEST = patroni.request.PatroniRequest({})
REQUEST._pool = FakeHttpPool()


_enc = {}


def encode_rest(value):
    """memoized per scenario by object identity"""
    k = id(value)
    if k not in _enc:
        _enc[k] = (_encode_rest(value), value)
    return _enc[k][0]


def _encode_rest(value):
    """scenario REST answer -> bytes or None (unreachable)"""
    if value is None or value == 'unreachable':
        return None
    if isinstance(value, dict) and set(value) == {'raw'}:
        return value['raw'].encode('utf-8')
    return json.dumps(value).encode('utf-8')


# ------------------------------------------------------------------------------------------------ DCS
OLD_CLIENT = len(inspect.signature(etcd3_mod.PatroniEtcd3Client.get_cluster).parameters) == 1
PREFIX = '/service/oracle/'


class FakeEtcd3Client:
    def __init__(self, nodes):
        self.nodes = nodes

    if OLD_CLIENT:  # 2.x: base64 is decoded by the caller
        def get_cluster(self):
            return [dict(n, key=n['key64'], value=n['value64']) for n in self.nodes]
    else:
        def get_cluster(self, path):
            return [dict(n) for n in self.nodes if n['key'].startswith(path)]


class Nodes(list):
    """etcd3 key/value nodes of one DCS state + the Cluster that the real loader made of them"""
    cluster = None
    logs = ()


def build_nodes(raw):
    """raw {relative key: string} -> what PatroniEtcd3Client.get_cluster() hands to _load_cluster"""
    nodes = Nodes()
    for i, key in enumerate(sorted(raw)):
        value = raw[key]
        if value is None:
            continue
        n = {'key': PREFIX + key, 'value': value, 'mod_revision': str(100 + i), 'create_revision': '1', 'version': '1',
             'lease': None}
        if key == 'leader' or key.startswith('members/'):
            n['lease'] = '7587'
        if OLD_CLIENT:
            n['key64'] = base64.b64encode(n['key'].encode()).decode()
            n['value64'] = base64.b64encode(value.encode()).decode()
            if n['lease'] is None:
                del n['lease']
        nodes.append(n)
    return nodes


_dcs_nargs = len(inspect.signature(AbstractDCS.__init__).parameters)
try:
    from patroni.postgresql.mpp import get_mpp
    NULL_MPP = get_mpp({})
except ImportError:
    NULL_MPP = None


MEMBERS_IDX = patroni.dcs.Cluster._fields.index('members')


class OracleEtcd3(etcd3_mod.Etcd3):
    _client = None          # in newer versions a property: shadow it
    _lease = '7587'

    _template = None

    def __init__(self, name, nodes, ctl=False):
        if OracleEtcd3._template is not None and not ctl:
            self.__dict__.update(OracleEtcd3._template)
            self._name = name
            self._client = FakeEtcd3Client(nodes)
            self.writes = []
            return
        cfg = {'name': name, 'scope': 'oracle', 'namespace': 'service', 'loop_wait': 10, 'ttl': 30,
               'retry_timeout': 10}
        if ctl:
            cfg['patronictl'] = True
        if _dcs_nargs == 3:
            AbstractDCS.__init__(self, cfg, NULL_MPP)
        else:
            AbstractDCS.__init__(self, cfg)
        self._ttl = 30
        self._has_failed = False
        self._client = FakeEtcd3Client(nodes)
        self.writes = []
        if not ctl:
            OracleEtcd3._template = dict(self.__dict__)

    @property
    def ttl(self):
        return self._ttl

    def _load_cluster(self, *args, **kwargs):
        """the real loader, memoized per DCS state (its result does not depend on the process that reads).

        Every call returns a fresh Cluster with a fresh list of members, because Ha.is_healthiest_node() of some
        versions appends to cluster.members in place."""
        nodes = self._client.nodes
        cluster = nodes.cluster
        if cluster is None:
            mark = len(TAP.lines)
            cluster = super()._load_cluster(*args, **kwargs)
            nodes.cluster, nodes.logs = cluster, TAP.lines[mark:]
        else:
            TAP.lines.extend(nodes.logs)
        # not _replace(): newer Cluster classes override __len__/__new__
        return tuple.__new__(cluster.__class__, [list(v) if i == MEMBERS_IDX else v for i, v in enumerate(cluster)])

    def set_failover_value(self, value, *a, **kw):
        self.writes.append(['failover', value])
        return True

    def set_sync_state_value(self, value, *a, **kw):
        self.writes.append(['sync', value])
        return len(self.writes) + 1000

    def delete_sync_state(self, *a, **kw):
        self.writes.append(['sync', None])
        return True

    def delete_leader(self, *a, **kw):
        self.writes.append(['leader', None])
        return True

    def watch(self, *a, **kw):
        return True


# ------------------------------------------------------------------------------------------------ PostgreSQL & co
class FakeCancellable:
    def cancel(self, *a):
        pass

    reset_is_cancelled = ensure_not_cancelled = cancel
    is_cancelled = False


class FakePGConfig:
    def __init__(self, pg):
        self.pg = pg
        self.ssn_calls = []
        self.synchronous_standby_names = None

    def get(self, *a):
        return None

    def set_synchronous_standby_names(self, value):
        if (value or '') == self.pg.ssn:
            return False
        self.ssn_calls.append(value)
        self.pg.ssn = value or ''
        return True


class FakePostgresql:
    """only the facts of scenario["local"][name]; no decision logic"""

    def __init__(self, name, facts):
        self.name = name
        self.f = facts
        self.cancellable = FakeCancellable()
        self.config = FakePGConfig(self)
        self.ssn = ''
        self.bootstrapping = False
        self.connection_string = 'postgres://%s/postgres' % name
        self.supports_multiple_sync = True
        self.supports_quorum_commit = True

    def is_running(self):
        return bool(self.f.get('running', True))

    def is_healthy(self):
        return self.is_running()

    def is_starting(self):
        return bool(self.f.get('starting', False))

    def is_leader(self):
        return bool(self.f.get('primary', False))

    is_primary = is_leader

    @property
    def state(self):
        return 'starting' if self.is_starting() else 'running' if self.is_running() else 'stopped'

    @property
    def role(self):
        if self.is_leader():
            return 'master' if PATRONI_VERSION.split('.')[0] in ('2',) else 'primary'
        return 'replica'

    @property
    def sysid(self):
        return self.f.get('sysid', '')

    def last_operation(self):
        return self.f.get('lsn') or 0

    def timeline_wal_position(self):
        return self.f.get('timeline'), self.last_operation(), None

    def replica_cached_timeline(self, primary_timeline):
        return self.f.get('timeline')

    def get_primary_timeline(self):
        return (self.f.get('timeline') or 0) if self.is_leader() else 0

    get_master_timeline = get_primary_timeline

    def received_timeline(self):
        return self.f.get('timeline')

    def reset_cluster_info_state(self, *a, **kw):
        pass

    def query(self, *a, **kw):
        return []

    def synchronous_commit(self):
        return self.f.get('synchronous_commit', 'on')

    def synchronous_standby_names(self):
        return self.ssn

    def pg_stat_replication(self):
        return self.f.get('pg_stat_replication') or []

    def slots(self):
        return {}


class FakeWatchdog:
    is_running = False

    def __init__(self, healthy):
        self.is_healthy = healthy

    def disable(self):
        pass

    keepalive = disable

    def activate(self):
        return True


class FakeApiServer:
    connection_string = 'http://127.0.0.1:8008/patroni'


class TagCfg(dict):
    pass


# ------------------------------------------------------------------------------------------------ Config
os.environ['PATRONI_CONFIGURATION'] = json.dumps({
    'scope': 'oracle', 'name': 'oracle', 'namespace': '/service/',
    'restapi': {'listen': '127.0.0.1:8008', 'connect_address': '127.0.0.1:8008'},
    'etcd3': {'hosts': '127.0.0.1:2379'},
    'postgresql': {'listen': '127.0.0.1:5432', 'connect_address': '127.0.0.1:5432', 'data_dir': '/nonexistent/oracle',
                   'authentication': {'superuser': {'username': 'postgres', 'password': 'x'},
                                      'replication': {'username': 'rep', 'password': 'x'}}}})
BASE_CONFIG = patroni.config.Config(None)
TAP.take()
_cfg_cache = {}


def config_for(dcs, raw_config):
    """Patroni.load_dynamic_configuration()/apply_dynamic_configuration() on a fresh process"""
    cfg = _cfg_cache.get(raw_config)
    if cfg is None:
        cfg = copy.copy(BASE_CONFIG)
        nodes = dcs._client.nodes
        try:
            cluster = dcs.get_cluster()
        except Exception:
            cluster = None
        finally:
            nodes.cluster = None        # Config may adjust ttl & co in place: do not share this object
        cfg._oracle_dynamic = cfg.dynamic_configuration
        if cluster is None:
            return cfg                  # of this state of the DCS alone: other states may hold the same /config
        if cluster.config and cluster.config.data:
            try:
                cfg.set_dynamic_configuration(cluster.config)
            except Exception as e:
                cfg._oracle_error = repr(e)
        cfg._oracle_dynamic = cfg.dynamic_configuration
        if len(_cfg_cache) > 4096:
            _cfg_cache.clear()
        _cfg_cache[raw_config] = cfg
    return cfg


_ha_template = None


def new_ha(p):
    """Ha(p); the immutable/unused attributes (locks, Rewind, CriticalTask...) are created once and shared"""
    global _ha_template
    if _ha_template is None:
        ha = HA.Ha(p)
        _ha_template = dict(ha.__dict__)
    ha = HA.Ha.__new__(HA.Ha)
    ha.__dict__.update(_ha_template)
    ha.patroni, ha.state_handler, ha.dcs, ha.watchdog = p, p.postgresql, p.dcs, p.watchdog
    if 'global_config' in _ha_template:      # 3.0.3 .. 3.2.2: Ha.__init__ does the same
        ha.global_config = p.config.get_global_config(None)
    if hasattr(HA, 'Failsafe') and '_failsafe' in _ha_template:
        ha._failsafe = HA.Failsafe(p.dcs)
    return ha


class Env:
    """one Patroni process (member *name*) looking at one DCS state"""

    def __init__(self, name, nodes, raw_config, facts, tags):
        Clock.now = Clock.start
        self.dcs = OracleEtcd3(name, nodes)
        self.pg = FakePostgresql(name, facts)
        p = PatroniCls.__new__(PatroniCls)
        p.dcs = self.dcs
        p.postgresql = self.pg
        p.request = REQUEST
        p.api = FakeApiServer()
        p.watchdog = FakeWatchdog(bool(facts.get('watchdog_healthy', True)))
        p.version = PATRONI_VERSION
        p.scheduled_restart = {}
        # tags of *this* process: through the real filter
        p.config = TagCfg(tags=tags)
        if hasattr(PatroniCls, '_get_tags'):
            p._tags = p._get_tags()
        else:
            p.tags = p.get_tags()
        # dynamic configuration as a freshly started process would have it
        p.config = config_for(self.dcs, raw_config)
        self.dcs._loop_wait = p.config['loop_wait']     # as Patroni.reload_config() does
        self.dcs._has_failed = False    # the first failure is logged with its exception
        if GC is not None:
            GC._GlobalConfig__config = {}
            GC.update(None, p.config._oracle_dynamic)
        self.patroni = p
        self.ha = new_ha(p)
        p.ha = self.ha
        self.ha._async_executor = FakeAsyncExecutor()
        TAP.take()

    def cycle_start(self):
        """the first lines of Ha._run_cycle(): load the cluster view, refresh global config"""
        self.ha.load_cluster_from_dcs()
        if GC is not None:
            GC.update(self.ha.cluster)
        elif hasattr(self.ha, 'global_config'):
            self.ha.global_config = self.patroni.config.get_global_config(self.ha.cluster)


def exc_text(e):
    if ARGS.debug:
        traceback.print_exc()
    return '%s: %s' % (type(e).__name__, e)


# ------------------------------------------------------------------------------------------------ decisions
class FakeServer:
    def __init__(self, patroni_obj):
        self.patroni = patroni_obj

    def check_access(self, *a, **kw):
        return True

    def check_auth(self, *a, **kw):
        return True

    def check_auth_header(self, *a, **kw):
        return None

    check_basic_auth_key = check_access


class OracleHandler(API.RestApiHandler):
    def __init__(self, server, body):
        self.server = server
        self.headers = {'content-length': str(len(body)), 'authorization': None}
        self.rfile = io.BytesIO(body)
        self.wfile = io.BytesIO()
        self.client_address = ('127.0.0.1', 1)
        self.path = '/'
        self.answer = None

    def write_response(self, status_code, body, *a, **kw):
        self.answer = [status_code, body]

    _write_response = write_response

    def send_error(self, code, message=None, *a, **kw):
        self.answer = [code, message or '']

    def send_auth_request(self, body):
        self.answer = [401, body]

    def poll_failover_result(self, *a, **kw):
        return 200, 'ORACLE: accepted, failover key written'

    def log_message(self, *a):
        pass

    log_request = log_message


def parse_tags(raw_member):
    try:
        d = json.loads(raw_member)
        t = d.get('tags') if isinstance(d, dict) else None
        return t if isinstance(t, dict) else {}
    except Exception:
        return {}


def do_api(env, action, body=None):
    fields = json.dumps({k: v for k, v in (('leader', action.get('leader')), ('candidate', action.get('candidate')),
                                           ('scheduled_at', action.get('scheduled_at'))) if v is not None})
    h = OracleHandler(FakeServer(env.patroni), (fields if body is None else body).encode())
    out = {}
    try:
        (h.do_POST_switchover if action['kind'] == 'switchover' else h.do_POST_failover)()
        if h.answer is None:
            out['status'], out['body'] = None, None
        else:
            out['status'], out['body'] = h.answer
    except Exception as e:
        out['exception'] = exc_text(e)
        out['status'] = None
    writes = [v for k, v in env.dcs.writes if k == 'failover']
    out['accepted'] = bool(writes)
    logs = TAP.take()
    if body is None:            # of another body only the answer is told
        out['logs'] = logs
        if writes:
            out['failover_key'] = writes[-1]
    return out


def sync_names(state):
    m = getattr(state, 'members', None)
    return list(m) if m else []


def do_status(env, names):
    ha, c = env.ha, env.ha.cluster
    out = {}

    def put(key, fn):
        try:
            out[key] = fn()
        except Exception as e:
            out[key] = {'exception': exc_text(e)}

    gc = GC if GC is not None else getattr(ha, 'global_config', None)
    put('leader', lambda: c.leader.name if c.leader else None)
    put('is_unlocked', c.is_unlocked)
    put('members', lambda: [m.name for m in c.members])
    put('initialize', lambda: c.initialize)
    put('timeline', lambda: c.timeline)
    # A position that is `true` counts as 1 wherever it is used.
    put('last_lsn', lambda: int(c.status.last_lsn if hasattr(c, 'status') else
                                c.last_lsn if hasattr(c, 'last_lsn') else c.last_leader_operation or 0))
    s = c.sync
    put('sync', lambda: {'leader': s.leader, 'members': sync_names(s),
                         'sync_standby': s.sync_standby if isinstance(s.sync_standby, (str, type(None)))
                         else list(s.sync_standby),
                         'quorum': getattr(s, 'quorum', None),
                         'is_empty': s.is_empty if hasattr(s, 'is_empty') else None})
    put('sync_matches', lambda: {n: bool(s.matches(n)) for n in names})
    put('is_synchronous_mode', lambda: bool(ha.is_synchronous_mode()))
    put('is_quorum_commit_mode', lambda: bool(ha.is_quorum_commit_mode())
        if hasattr(ha, 'is_quorum_commit_mode') else None)
    put('sync_mode_is_active', lambda: bool(ha.sync_mode_is_active()) if hasattr(ha, 'sync_mode_is_active') else None)
    put('is_paused', lambda: bool(ha.is_paused()))
    put('is_standby_cluster', lambda: bool(ha.is_standby_cluster()))
    put('check_timeline', lambda: bool(ha.check_timeline()))
    put('is_failsafe_mode', lambda: bool(ha.is_failsafe_mode()) if hasattr(ha, 'is_failsafe_mode') else None)
    put('synchronous_mode_strict', lambda: bool(gc.is_synchronous_mode_strict) if gc is not None else
        bool(ha.is_synchronous_mode_strict()) if hasattr(ha, 'is_synchronous_mode_strict') else None)
    put('synchronous_node_count', lambda: (
        gc.synchronous_node_count if hasattr(type(gc), 'synchronous_node_count')
        else gc.get_int('synchronous_node_count', 1)) if gc is not None
        else env.patroni.config['synchronous_node_count'])
    put('maximum_lag_on_failover', lambda: gc.maximum_lag_on_failover if gc is not None
        else env.patroni.config.get('maximum_lag_on_failover', 0))
    put('maximum_lag_on_syncnode', lambda: gc.maximum_lag_on_syncnode if gc is not None
        else env.patroni.config.get('maximum_lag_on_syncnode'))
    put('has_member', lambda: {n: bool(c.has_member(n)) for n in names})
    f = c.failover
    put('failover', lambda: None if not f else {
        'leader': f.leader, 'candidate': f.candidate,
        'scheduled_at': f.scheduled_at.isoformat() if hasattr(f.scheduled_at, 'isoformat') else f.scheduled_at})
    put('failsafe', lambda: getattr(c, 'failsafe', None))
    lim = {}
    for m in c.members:
        try:
            st = ha.fetch_node_status(m)
            lim[m.name] = {'limitation': st.failover_limitation(), 'reachable': st.reachable,
                           'in_recovery': st.in_recovery, 'wal_position': int(st.wal_position or 0),
                           'timeline': st.timeline,
                           'failover_priority': getattr(st, 'failover_priority', None)}
        except Exception as e:
            lim[m.name] = {'exception': exc_text(e)}
    out['member_status'] = lim
    mt = {}
    for m in c.members:
        d = {}
        for t in ('nofailover', 'nosync', 'noloadbalance', 'replicatefrom', 'nostream', 'failover_priority',
                  'sync_priority', 'is_running', 'api_url'):
            if hasattr(type(m), t):
                try:
                    d[t] = getattr(m, t)
                except Exception as e:
                    d[t] = {'exception': exc_text(e)}
        mt[m.name] = d
    out['member_tags'] = mt
    out['logs'] = TAP.take()
    return out


def do_leader(env):
    out = {}
    try:
        ret = env.ha.process_manual_failover_from_leader()
        out['message'] = ret
        out['demote'] = any('demote' in c for c in env.ha._async_executor.calls)
        out['async'] = env.ha._async_executor.calls
    except Exception as e:
        out['exception'] = exc_text(e)
        out['demote'] = None
    out['writes'] = env.dcs.writes
    out['logs'] = TAP.take()
    return out


class ShutDown(Exception):
    """ends Ha.demote() once PostgreSQL would be down"""


def do_shutdown(env, checkpoint_lsn):
    """The real Ha.demote('graceful') up to the point where PostgreSQL has stopped: does the leader give the lock away while
    it is shutting down, because somebody has received the shutdown checkpoint at *checkpoint_lsn*?"""
    out, called = {}, []

    def stop(*a, on_shutdown=None, **kw):
        if on_shutdown is not None:
            called.append(True)
            # 3.2.1+ hand over the position before the checkpoint as well
            on_shutdown(*(checkpoint_lsn,) * len(inspect.signature(on_shutdown).parameters))
        raise ShutDown

    env.pg.stop = stop
    env.pg.set_role = lambda *a, **kw: None
    env.ha._rewind = type('Rewind', (), {'trigger_check_diverged_lsn': lambda self: None,
                                         'get_archive_command': lambda self: None})()
    env.ha.release_leader_key_voluntarily = lambda *a, **kw: out.update(released=True)
    try:
        env.ha.demote('graceful')
    except ShutDown:
        if called:
            out.setdefault('released', False)
        else:
            out['skipped'] = 'this release does not ask while it shuts down'
    except Exception as e:
        out['exception'] = exc_text(e)
    out['logs'] = TAP.take()
    return out


def do_race(env):
    out = {}
    try:
        ret = env.ha.is_healthiest_node()
        out['healthiest'] = bool(ret)
        if ret is None:
            out['raw'] = None
    except Exception as e:
        out['exception'] = exc_text(e)
        out['healthiest'] = None
    if env.dcs.writes:
        out['writes'] = env.dcs.writes
    out['logs'] = TAP.take()
    return out


def merged(base, over):
    if not over:
        return base
    ret = dict(base)
    for k, v in over.items():
        if v is None:
            ret.pop(k, None)
        else:
            ret[k] = v
    return ret


def merge_local(base, over):
    ret = dict(base)
    for k, v in (over or {}).items():
        if v is None:
            ret.pop(k, None)
        else:
            ret[k] = dict(ret.get(k) or {}, **v)
    return ret


# sync/ctl parts are in separate modules next to this file
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def rest_urls(raw):
    """netloc of every member's api_url (members/* first, then /failsafe) -> member name"""
    urls = {}
    for key, value in raw.items():
        if key.startswith('members/') and value is not None:
            try:
                if value.startswith('postgres'):
                    url = patroni.dcs.parse_connection_string(value)[1]
                else:
                    url = json.loads(value).get('api_url')
            except Exception:
                continue
            if isinstance(url, str) and url:
                urls[_netloc(url)] = key[8:]
    try:  # nodes known only from /failsafe
        for name, url in json.loads(raw.get('failsafe') or '').items():
            if isinstance(url, str):
                urls.setdefault(_netloc(url), name)
    except Exception:
        pass
    return urls


def rest_table(urls, rest):
    return {u: encode_rest(rest.get(name)) for u, name in urls.items()}


def run_scenario(sc):
    Clock.now = Clock.start = float(sc.get('now', 1_700_000_000))
    raw = {k: v for k, v in sc['dcs'].items() if v is not None}
    rest = sc.get('rest') or {}
    local = sc.get('local') or {}
    action = sc.get('action')
    after = sc.get('after') or {}
    raw_config = raw.get('config')
    out = {'id': sc.get('id'), 'version': PATRONI_VERSION}
    pool = REQUEST._pool
    _enc.clear()
    urls = rest_urls(raw)
    base_table = pool.__class__.table = rest_table(urls, rest)

    def tags_of(name):
        t = (local.get(name) or {}).get('tags')
        return t if isinstance(t, dict) else parse_tags(raw.get('members/' + name, ''))

    leader_name = raw.get('leader')
    names = sorted(set([k[8:] for k in raw if k.startswith('members/')]) | set(local)
                   | ({leader_name} if leader_name else set())
                   | ({action['candidate']} if action and action.get('candidate') else set())
                   | ({action['leader']} if action and action.get('leader') else set()))
    member_names = [k[8:] for k in sorted(raw) if k.startswith('members/')]
    observer = sc.get('node') or leader_name or (member_names[0] if member_names else 'nobody')
    obs_facts = local.get(observer) or {'running': True, 'primary': observer == leader_name}

    # ---- can the DCS view be loaded at all?
    nodes = build_nodes(raw)
    env = Env(observer, nodes, raw_config, obs_facts, tags_of(observer))
    try:
        env.cycle_start()
    except Exception as e:
        out['load_error'] = exc_text(e)
        out['load_logs'] = TAP.take()
        return out
    out['load_logs'] = TAP.take()
    # ---- status
    if 'status' in ONLY:
        out['status'] = do_status(env, names)
    # ---- api
    failover_value = raw.get('failover')
    # An empty key ("{}" is what Patroni leaves behind) is no pending request: Failover has a length, which is then 0.
    if action and (sc.get('overwrite') or env.ha.cluster is not None and not env.ha.cluster.failover):
        failover_value = None
    if action:
        if 'api' in ONLY:
            api_env = Env(observer, nodes, raw_config, obs_facts, tags_of(observer))
            try:
                api_env.cycle_start()  # a running process has already seen the cluster
            except Exception:
                pass
            TAP.take()
            out['api'] = do_api(api_env, action, sc.get('request_body'))
        if failover_value is None:
            # what the real AbstractDCS.manual_failover() writes for this request
            sched = action.get('scheduled_at')
            try:
                import dateutil.parser
                sched = dateutil.parser.parse(sched) if sched else None
                sched and sched.isoformat()     # cannot write an offset of a day or more
            except Exception:
                sched = None
            env.dcs.writes = []
            env.dcs.manual_failover(action.get('leader'), action.get('candidate'), scheduled_at=sched)
            failover_value = env.dcs.writes[-1][1]
    fo_raw = raw if failover_value is None else dict(raw, failover=failover_value)
    fo_nodes = nodes if fo_raw is raw or raw.get('failover') == failover_value else build_nodes(fo_raw)
    # ---- leader
    if 'leader' in ONLY:
        if failover_value is None:
            out['leader'] = {'skipped': 'no /failover key and no action'}
        elif not leader_name:
            out['leader'] = {'skipped': 'no leader key'}
        elif leader_name not in local:
            out['leader'] = {'skipped': 'no local facts for the leader'}
        else:
            lenv = Env(leader_name, fo_nodes, raw_config, local[leader_name], tags_of(leader_name))
            try:
                lenv.cycle_start()
                TAP.take()
                out['leader'] = do_leader(lenv)
            except Exception as e:
                out['leader'] = {'exception': exc_text(e)}
    # ---- the check during the shutdown that follows
    if 'shutdown' in ONLY and failover_value is not None and leader_name and leader_name in local:
        over = after.get('manual') or {}
        pool.__class__.table = rest_table(urls, dict(rest, **(over.get('rest') or {})))
        denv = Env(leader_name, fo_nodes, raw_config, local[leader_name], tags_of(leader_name))
        try:
            denv.cycle_start()
            TAP.take()
            after_lsn = merge_local(local, over.get('local'))[leader_name].get('lsn') or 0
            out['shutdown'] = do_shutdown(denv, after_lsn)
        except Exception as e:
            out['shutdown'] = {'exception': exc_text(e)}
        pool.__class__.table = base_table
    # ---- race
    if 'race' in ONLY:
        race = out['race'] = {}
        for phase in ('manual', 'crash'):
            if phase == 'manual':
                if failover_value is None:
                    race[phase] = None
                    continue
                base, before_nodes = fo_raw, fo_nodes
            else:
                base = {k: v for k, v in raw.items() if k != 'failover'}
                before_nodes = build_nodes(base) if 'failover' in raw else nodes
            over = after.get(phase) or {}
            if over.get('skip'):
                race[phase] = None
                continue
            now_raw = merged({k: v for k, v in base.items() if k != 'leader'}, over.get('dcs'))
            now_rest = dict(rest)
            if phase == 'crash' and leader_name:
                now_rest[leader_name] = 'unreachable'
            now_rest.update(over.get('rest') or {})
            now_local = merge_local(local, over.get('local'))
            if phase == 'crash' and leader_name and leader_name not in (over.get('local') or {}):
                now_local.pop(leader_name, None)
            if phase == 'manual' and leader_name and leader_name not in (over.get('local') or {}):
                now_local.pop(leader_name, None)
            now_nodes = build_nodes(now_raw)
            pool.__class__.table = rest_table(urls, now_rest)
            res = race[phase] = {}
            for name in sorted(now_local):
                facts = now_local[name]
                if not facts.get('running', True):
                    res[name] = {'skipped': 'postgres is not running'}
                    continue
                try:
                    e = Env(name, before_nodes, raw_config, facts, tags_of(name))
                    e.cycle_start()                      # healthy cluster: fills old_cluster
                    e.dcs._client.nodes = now_nodes      # the leader key is gone
                    e.cycle_start()
                    TAP.take()
                    if not e.ha.cluster.is_unlocked():
                        res[name] = {'skipped': 'cluster is not unlocked'}
                        continue
                    res[name] = do_race(e)
                except Exception as ex:
                    res[name] = {'exception': 'setup: ' + exc_text(ex), 'healthiest': None}
        pool.__class__.table = base_table
    # ---- ctl
    if 'ctl' in ONLY and action:
        import oracle_ctl
        out['ctl'] = oracle_ctl.do_ctl(sys.modules[__name__], sc, raw, nodes, action)
    # ---- sync
    if 'sync' in ONLY:
        import oracle_sync
        ret = oracle_sync.do_sync(sys.modules[__name__], sc, raw, nodes, raw_config, leader_name, local, tags_of)
        if ret is not None:
            out['sync'] = ret
    return out


def main():
    fin = sys.stdin if ARGS.inp == '-' else open(ARGS.inp)
    fout = sys.stdout if ARGS.out == '-' else open(ARGS.out, 'w')
    import gc
    gc.disable()
    n, t0, c0 = 0, REAL_PERF(), _time.process_time()
    for line in fin:
        line = line.strip()
        if not line:
            continue
        sc = json.loads(line)
        try:
            v = run_scenario(sc)
        except Exception as e:
            traceback.print_exc()
            v = {'id': sc.get('id'), 'version': PATRONI_VERSION, 'oracle_error': '%s: %s' % (type(e).__name__, e)}
            TAP.take()
        fout.write(json.dumps(v, sort_keys=True, default=str, separators=(',', ':')) + '\n')
        n += 1
        if n % 300 == 0:
            gc.collect()
        if ARGS.limit and n >= ARGS.limit:
            break
    fout.flush()
    dt, ct = REAL_PERF() - t0, _time.process_time() - c0
    print('%s: %d scenarios, wall %.1f s = %.0f/s, cpu %.1f s = %.0f/s'
          % (PATRONI_VERSION, n, dt, n / dt if dt else 0, ct, n / ct if ct else 0), file=sys.stderr)


if __name__ == '__main__':
    sys.modules['run_oracle'] = sys.modules['__main__']
    main()
