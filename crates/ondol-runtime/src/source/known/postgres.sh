set -euo pipefail
shopt -s nullglob dotglob
data=$1
sockets=$2
new=$data/.ondol-new

fail() {
  printf 'postgres: %s\n' "$*" >&2
  exit 1
}

# NAME, or what is in the file that NAME_FILE names, or a default.
setting() {
  local name=$1 file_name=${1}_FILE
  if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then fail "both $name and $file_name are set; set one"; fi
  if [ -n "${!file_name:-}" ]; then
    [ -r "${!file_name}" ] || fail "$file_name names ${!file_name}, which cannot be read"
    printf -v "$name" %s "$(<"${!file_name}")"
  else
    printf -v "$name" %s "${!name:-${2:-}}"
  fi
  export "${name?}"
  unset "$file_name"
}

# What scripts in /docker-entrypoint-initdb.d may call, by the image's names for it.
docker_process_sql() {
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc --dbname "$POSTGRES_DB" "$@"
}

docker_process_init_files() {
  local file
  for file; do
    case "$file" in
      *.sh)
        printf 'postgres: running %s\n' "$file"
        if [ -x "$file" ]; then "$file"; else . "$file"; fi
        ;;
      *.sql) printf 'postgres: running %s\n' "$file"; docker_process_sql -f "$file" ;;
      *.sql.gz) printf 'postgres: running %s\n' "$file"; gunzip -c "$file" | docker_process_sql ;;
      *.sql.xz) printf 'postgres: running %s\n' "$file"; xzcat "$file" | docker_process_sql ;;
      *.sql.zst) printf 'postgres: running %s\n' "$file"; zstd -dc "$file" | docker_process_sql ;;
      *) printf 'postgres: leaving out %s\n' "$file" ;;
    esac
  done
}

move_in() {
  local entry
  for entry in "$new"/*; do
    case "${entry##*/}" in PG_VERSION | .ondol-ready) continue ;; esac
    mv -T "$entry" "$data/${entry##*/}"
  done
  # The file that says the cluster is there comes last.
  mv -T "$new/PG_VERSION" "$data/PG_VERSION"
  rm -rf "$new"
}

if [ -e "$new/.ondol-ready" ]; then
  if [ -e "$new/PG_VERSION" ]; then move_in; fi
  exit 0
fi
rm -rf "$new"
for entry in "$data"/*; do
  case "${entry##*/}" in
    lost+found) ;;
    *) fail "$data is not empty and has no database cluster in it; empty it, or set PGDATA to a folder below it" ;;
  esac
done

setting POSTGRES_PASSWORD
setting POSTGRES_USER postgres
setting POSTGRES_DB "$POSTGRES_USER"
setting POSTGRES_INITDB_ARGS
setting POSTGRES_HOST_AUTH_METHOD
if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
  fail "the superuser has no password yet; set POSTGRES_PASSWORD to a value that is not empty in environment:" \
    "(or POSTGRES_HOST_AUTH_METHOD=trust to let everybody in)"
fi

mkdir -m 700 "$new"
wal=()
if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then wal=(--waldir "$POSTGRES_INITDB_WALDIR"); fi
# The arguments are written as on a command line, quotes included, as for the image.
eval "initdb_args=($POSTGRES_INITDB_ARGS)"
initdb --pgdata="$new" --username="$POSTGRES_USER" --encoding=UTF8 --locale=C.UTF-8 --no-sync --auth=trust \
  --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") ${wal[@]+"${wal[@]}"} ${initdb_args[@]+"${initdb_args[@]}"}
method=$POSTGRES_HOST_AUTH_METHOD
if [ -z "$method" ]; then method=$(postgres -D "$new" -C password_encryption); fi
printf '\nhost all all all %s\n' "$method" >>"$new/pg_hba.conf"

export PGDATA=$new PGHOST=$sockets PGPORT=5432 PGPASSWORD=$POSTGRES_PASSWORD
server_options="-c listen_addresses='' -c unix_socket_directories='$sockets' -c fsync=off -p 5432"
pg_ctl -D "$new" -o "$server_options" -w start
trap 'pg_ctl -D "$new" -m immediate -w stop || true' EXIT
if [ "$POSTGRES_DB" != postgres ]; then
  printf '%s\n' 'CREATE DATABASE :"db" ;' |
    POSTGRES_DB=postgres docker_process_sql --dbname postgres --set db="$POSTGRES_DB"
fi
docker_process_init_files /docker-entrypoint-initdb.d/*
trap - EXIT
pg_ctl -D "$new" -m fast -w stop
sync -f "$new"
: >"$new/.ondol-ready"
move_in
