#!/usr/bin/env python3
"""How fast `patrolint check` is beside `patroni --validate-config`: cold runs on one file, side by side.

    benches/validate_config.py [--env DIR] [--runs N] [--program PATH]

`tests/oracle/setup.sh` makes the Python environment in DIR and unpacks Patroni there, unless it has done so. Without --program the
release build of patrolint is made and measured. A third row is patrolint on a snapshot of three nodes with their configuration.
Printed are medians in milliseconds and their ratio; the targets stand beside them.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = '4.1.5'
SNAPSHOT = 'fixtures/config/nodes-equal'

IN_A_ROW = 5

# As continuous integration sees it most of the time: nothing is wrong with it. The servers that are asked (DCS) and the ports that
# are tried (listen) are this host's, so that nobody waits for a network.
CONFIGURATION = '''\
scope: demo
name: pg1
restapi:
  listen: 0.0.0.0:8008
  connect_address: 10.0.0.1:8008
  authentication: {username: admin, password: example}
etcd3:
  hosts: [127.0.0.1:2379]
bootstrap:
  dcs:
    ttl: 30
    loop_wait: 10
    retry_timeout: 10
    maximum_lag_on_failover: 1048576
    synchronous_mode: quorum
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        wal_level: logical
        max_connections: 200
        max_wal_senders: 10
        max_replication_slots: 10
  initdb:
    - encoding: UTF8
    - data-checksums
postgresql:
  listen: 0.0.0.0:5432
  connect_address: 10.0.0.1:5432
  data_dir: /var/lib/postgresql/17/demo
  authentication:
    superuser: {username: postgres, password: example}
    replication: {username: replicator, password: example}
    rewind: {username: rewind, password: example}
  parameters:
    shared_buffers: 1GB
    work_mem: 16MB
  pg_hba:
    - local all all peer
    - host replication replicator 10.0.0.0/24 scram-sha-256
    - host all all 10.0.0.0/24 scram-sha-256
watchdog:
  mode: automatic
tags:
  nofailover: false
  clonefrom: true
'''


def environment(folder):
    """The Python of the oracle's environment, and where the release lies."""
    subprocess.run([ROOT / 'tests/oracle/setup.sh', folder, RELEASE], check=True)
    return folder / 'venv/bin/python', folder / 'src' / RELEASE


def built():
    subprocess.run(['cargo', 'build', '--release', '--quiet', '--bin', 'patrolint'], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get('CARGO_TARGET_DIR', ROOT / 'target'))
    return target / 'release/patrolint'


def milliseconds(command, variables, said):
    """How long a command takes from its start to its end. It is spawned and waited for with nothing between, as pipes and threads
    of this script would be measured with it; what it says goes to a file."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    words = [os.fspath(word) for word in command]
    start = time.perf_counter()
    process = os.posix_spawn(words[0], words, variables, file_actions=actions)
    _, status = os.waitpid(process, 0)
    taken = (time.perf_counter() - start) * 1000
    complaint = pathlib.Path(said).read_text(errors='replace')
    if os.waitstatus_to_exitcode(status) not in (0, 1) or 'Traceback' in complaint:
        raise SystemExit('%s: %s' % (words[0], complaint.strip()))
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--env', type=pathlib.Path, default=ROOT / 'target/oracle-env', metavar='DIR')
    parser.add_argument('--runs', type=int, default=20, metavar='N')
    parser.add_argument('--program', type=pathlib.Path, metavar='PATH')
    arguments = parser.parse_args()
    python, source = environment(arguments.env.resolve())
    program = (arguments.program or built()).resolve()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / 'patroni.yml'
        file.write_text(CONFIGURATION)
        variables = {'PATH': os.environ['PATH'], 'PYTHONPATH': str(source), 'LC_ALL': 'C.UTF-8'}
        commands = {
            'patroni': [python, '-m', 'patroni', '--validate-config', file],
            'patrolint': [program, 'check', '--fail-on', 'never', file],
            'snapshot': [program, 'check', '--fail-on', 'never', SNAPSHOT],
        }
        taken = {name: [] for name in commands}
        said = os.path.join(folder, 'said')
        # In turn, so that whatever else the machine does touches all; each a few times, of which the first does not count: what
        # it has to load again is what the others have displaced.
        for _ in range(0, arguments.runs, IN_A_ROW):
            for name, command in commands.items():
                milliseconds(command, variables, said)
                taken[name].extend(milliseconds(command, variables, said) for _ in range(IN_A_ROW))
    median = {name: statistics.median(times) for name, times in taken.items()}
    print('patroni --validate-config (%s)     %8.2f ms' % (RELEASE, median['patroni']))
    print('patrolint check, the same file       %8.2f ms' % median['patrolint'])
    print('  times as fast                      %8.1f      target: at least 100' % (median['patroni'] / median['patrolint']))
    print('patrolint check, three nodes and DCS %8.2f ms   target: under 10' % median['snapshot'])
    print('medians of %d runs; fastest %.2f, %.2f and %.2f ms' % (
        arguments.runs, *(min(times) for times in taken.values())))


if __name__ == '__main__':
    main()
