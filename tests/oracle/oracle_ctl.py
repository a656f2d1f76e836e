"""patronictl switchover/failover --force, driven through the real click commands (see tests/oracle/README.md)."""
import inspect
import os

os.environ['TZ'] = 'UTC'
import logging  # noqa: E402
import click  # noqa: E402
import patroni.ctl as CTL  # noqa: E402

import run_oracle as O  # noqa: E402

_out = []
_cur = {}


def _echo(message=None, *a, **kw):
    _out.append('' if message is None else str(message))


click.echo = _echo
CTL.click.echo = _echo
O.patch_clock(CTL)
if hasattr(CTL, 'watching'):
    CTL.watching = lambda *a, **kw: []
CTL.get_dcs = lambda *a, **kw: _cur['dcs']
CTL.output_members = lambda *a, **kw: None            # console table only
CTL.timestamp = lambda *a, **kw: 'TS'
logging.getLogger().handlers[:] = [logging.NullHandler()]
logging.raiseExceptions = False


def _opts(cmd):
    ret = set()
    for p in cmd.params:
        ret.update(getattr(p, 'opts', ()))
    return ret


SW, FO = CTL.switchover, CTL.failover


def do_ctl(o, sc, raw, nodes, action):
    cmd = SW if action['kind'] == 'switchover' else FO
    opts = _opts(cmd)
    args = ['oracle', '--force']
    out = {}
    if action.get('leader') is not None:
        for name in ('--leader', '--primary', '--master'):
            if name in opts:
                args += [name, action['leader']]
                break
        else:
            out['note'] = 'this patronictl has no --leader option for ' + action['kind']
    if action.get('candidate') is not None:
        args += ['--candidate', action['candidate']]
    if action.get('scheduled_at') is not None:
        if '--scheduled' in opts:
            args += ['--scheduled', action['scheduled_at']]
        else:
            out['note'] = 'no --scheduled option for ' + action['kind']
    if o.GC is not None:
        o.GC._GlobalConfig__config = {}
    dcs = _cur['dcs'] = o.OracleEtcd3('patronictl', nodes, ctl=True)
    obj = {'scope': 'oracle', 'etcd3': {}, '__request_patroni': o.REQUEST, '__mpp': o.NULL_MPP,
           'ctl': {}, 'restapi': {}}
    o.FakeHttpPool.posts.clear()
    del _out[:]
    try:
        cmd.main(args=args, standalone_mode=False, obj=obj, prog_name=action['kind'])
        out['exit'] = 0
    except click.ClickException as e:
        out['exit'] = e.exit_code
        out['error'] = e.message
    except (click.exceptions.Abort, click.exceptions.Exit) as e:
        out['exit'] = 1
        out['error'] = type(e).__name__
    except SystemExit as e:
        out['exit'] = e.code
    except Exception as e:
        out['exit'] = None
        out['exception'] = o.exc_text(e)
    out['output'] = [x for x in _out if x and x != 'Current cluster topology']
    if o.FakeHttpPool.posts:
        m, u, b = o.FakeHttpPool.posts[-1]
        out['post'] = {'url': u, 'body': b}
    if dcs.writes:
        out['writes'] = dcs.writes
    o.TAP.take()
    return out
