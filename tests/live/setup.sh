#!/bin/sh
# Makes what real clusters need: etcd and PostgreSQL as packages of Debian or Ubuntu, if they are missing and root runs this, and
# in DIR (default ./live-env) a Python environment for each RELEASE of Patroni; with the word `stores` also ZooKeeper, and protoc to
# build patrolint with all features. What is there already is kept.
#
#     setup.sh DIR [stores] [RELEASE ...]
set -eu
umask 022
dir=${1:-./live-env}; [ $# -gt 0 ] && shift
missing=
if [ "${1:-}" = stores ]; then
  shift
  [ -e /usr/share/java/zookeeper.jar ] || missing="$missing zookeeperd"
  [ -e /usr/share/java/netty-all.jar ] || missing="$missing libnetty-java"
  command -v protoc >/dev/null || missing="$missing protobuf-compiler"
fi

install_packages() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$0: please install $*" >&2
    exit 1
  fi
  # The distribution would start its own servers.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -qqy "$@" >&2
}

command -v etcd >/dev/null || missing="$missing etcd-server"
command -v etcdctl >/dev/null || missing="$missing etcd-client"
command -v openssl >/dev/null || missing="$missing openssl"
command -v zstd >/dev/null || missing="$missing zstd"
# PostgreSQL and a Python that its user may run are for Patroni alone.
if [ $# -gt 0 ]; then
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
  { [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import ensurepip'; } 2>/dev/null || missing="$missing python3-venv"
fi
# shellcheck disable=SC2086
[ -z "$missing" ] || install_packages $missing

for release; do
  venv=$dir/$release
  [ -e "$venv/complete" ] && continue
  mkdir -p "$dir"
  /usr/bin/python3 -m venv --clear "$venv"
  # patronictl of older releases cannot be imported with a newer ydiff.
  case $release in [123].* | 4.0.*) ydiff='ydiff==1.2' ;; *) ydiff= ;; esac
  # shellcheck disable=SC2086
  "$venv/bin/pip" install -q --disable-pip-version-check "patroni[etcd,etcd3,zookeeper]==$release" psycopg2-binary $ydiff
  touch "$venv/complete"
done
