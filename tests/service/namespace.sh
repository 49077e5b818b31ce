#!/bin/bash
# A user's systemd where the machine has none: in namespaces of its own, which end with this script, whatever happens.
# usage: unshare --mount --pid --fork --kill-child --mount-proc namespace.sh FOLDER COMMAND ARG ...
set -eu
folder=$1
shift
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
mkdir -p -m 700 "/run/user/$(id -u)"
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
own=$(mktemp -d /sys/fs/cgroup/jarvis-test-XXXXXX) # of this test alone: others on this machine may be at the same
echo $$ >"$own/cgroup.procs"
export XDG_RUNTIME_DIR=/run/user/$(id -u) HOME=$folder

"$(command -v /lib/systemd/systemd || echo /usr/lib/systemd/systemd)" --user --log-target=console \
  </dev/null >"$folder/systemd.log" 2>&1 &
status=0
"$@" || status=$?

# So that no cgroup is left behind: all of it ends, we step out, and it is taken away.
kill -KILL -1 2>/dev/null || true
wait
echo $$ >/sys/fs/cgroup/cgroup.procs
find "$own" -depth -type d -exec rmdir {} \;
exit $status
