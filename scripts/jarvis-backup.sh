#!/bin/sh
# Backs up the store of Jarvis, or puts a backup back. What com.chg.jarvis-backup.plist and jarvis-backup.timer start.
#
# The work is done by `jarvis backup` and `jarvis restore` of the installation that this script finds: SQLite's own
# online backup, while the daemon writes; looked over (quick_check), packed, read back, 14 kept; success is noted as
# the fact work/backup_last_success. So the script needs no sqlite3 shell, which may be missing, or too old to be safe.
set -eu

usage() {
  cat <<'END'
usage: jarvis-backup.sh [--to DIR] [--keep N] [--dry-run]
       jarvis-backup.sh --restore [DIR_OR_FILE] [--dry-run]

Back up the store of Jarvis, or put a backup in its place (the newest whole one, if none is named; no daemon may run).

  --to DIR       the folder of the backups (default: JARVIS_BACKUP_DIR, or else $JARVIS_HOME/backups)
  --keep N       how many stay, the newest (default: 14)
  --restore [X]  restore the backup X, or the newest whole one of the folder X
  --dry-run      say what would be done, and do nothing

JARVIS names the program, if it is neither of the installation that this script is in nor on PATH.
END
}

# The program: as told, of the checkout or the environment that this script is in, on PATH, or where pipx and uv put it.
program() {
  if [ -n "${JARVIS:-}" ]; then
    printf '%s\n' "$JARVIS"
    return
  fi
  here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
  own=$here/../.venv/bin/jarvis
  case $here in */site-packages/jarvis/scripts) own=$here/../../../../../bin/jarvis ;; esac
  for each in "$own" "$here/jarvis" "$(command -v jarvis || :)" "${HOME:-}/.local/bin/jarvis"; do
    if [ -n "$each" ] && [ -x "$each" ]; then
      printf '%s\n' "$each"
      return
    fi
  done
  echo "jarvis-backup.sh: error: there is no jarvis program: name it in the variable JARVIS" >&2
  exit 78
}

# What is given becomes the arguments of one verb. A value may begin with a blank or hold a newline: it stays one.
verb=backup to='' keep='' dry_run=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --dry-run) dry_run=1 ;;
    --restore)
      verb=restore
      case ${2:-} in '' | --*) ;; *) to=$2; shift ;; esac
      ;;
    --restore=*) verb=restore to=${1#*=} ;;
    --to=*) to=${1#*=} ;;
    --keep=*) keep=${1#*=} ;;
    --to | --keep)
      if [ $# -lt 2 ]; then
        echo "jarvis-backup.sh: error: $1 needs a value" >&2
        exit 2
      fi
      if [ "$1" = --to ]; then to=$2; else keep=$2; fi
      shift
      ;;
    *)
      echo "jarvis-backup.sh: error: $1 is not an argument of this script" >&2
      usage >&2
      exit 2
      ;;
  esac
  shift
done

if [ "$verb" = restore ] && [ -n "$keep" ]; then
  echo "jarvis-backup.sh: error: --keep goes with a backup, not with --restore" >&2
  exit 2
fi

jarvis=$(program)
set -- "$verb"
if [ -n "$to" ]; then
  if [ "$verb" = restore ]; then set -- "$@" "--from=$to"; else set -- "$@" "--to=$to"; fi
fi
if [ -n "$keep" ]; then set -- "$@" "--keep=$keep"; fi
if [ -n "$dry_run" ]; then set -- "$@" --dry-run; fi
exec "$jarvis" "$@"
