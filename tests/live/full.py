"""A patrolint that reads every kind of DCS."""
import os
import subprocess

from servers import TARGET, TOP


def build():
    """Builds it, unless the variable PATROLINT names one."""
    if 'PATROLINT' not in os.environ:
        subprocess.run(['cargo', 'build', '--quiet', '--locked', '--bin', 'patrolint', '--features', 'full'], check=True, cwd=TOP)
        os.environ['PATROLINT'] = str(TARGET / 'debug' / 'patrolint')
