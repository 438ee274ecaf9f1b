set -euo pipefail
shopt -s nullglob dotglob
data=$1
run=$2
new=$data/.ondol-new

fail() {
  printf 'mariadb: %s\n' "$*" >&2
  exit 1
}

# MARIADB_NAME or MYSQL_NAME, or what is in the file that one of them with _FILE names.
setting() {
  local name value='' source='' prefix
  for prefix in MARIADB MYSQL; do
    name=${prefix}_$1
    if [ -z "$source" ] && [ -n "${!name:-}" ]; then source=$name value=${!name}; fi
    name=${name}_FILE
    if [ -n "${!name:-}" ]; then
      [ -z "$source" ] || fail "both $source and $name are set; set one"
      [ -r "${!name}" ] || fail "$name names ${!name}, which cannot be read"
      source=$name value=$(<"${!name}")
    fi
  done
  printf -v "$1" %s "$value"
}

# A string between quotes for SQL.
text() {
  local backslash='\' quote="'" value
  value=${1//"$backslash"/"$backslash$backslash"}
  value=${value//"$quote"/"$quote$quote"}
  printf "'%s'" "$value"
}

name_of() {
  local tick='`'
  printf '`%s`' "${1//"$tick"/"$tick$tick"}"
}

# What scripts in /docker-entrypoint-initdb.d may call, by the images' name for it.
docker_process_sql() {
  mariadb --no-defaults --protocol=socket --socket="$socket" -uroot --comments ${DATABASE:+--database="$DATABASE"} "$@"
}

run_file() {
  printf 'mariadb: running %s\n' "$1"
  case "$1" in
    *.sh) if [ -x "$1" ]; then "$1"; else . "$1"; fi ;;
    *.sql) docker_process_sql <"$1" ;;
    *.sql.gz) gunzip -c "$1" | docker_process_sql ;;
    *.sql.xz) xzcat "$1" | docker_process_sql ;;
    *.sql.zst) zstd -dc "$1" | docker_process_sql ;;
  esac
}

# Root's password, and only the accounts that the images have. $1 is what follows IDENTIFIED BY.
secure_root() {
  local host=${ROOT_HOST:-%} account
  # mariadb-install-db makes these without a password.
  printf "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1';\n"
  printf "EXECUTE IMMEDIATE IF(@@hostname = 'localhost', 'DO 0', CONCAT('DROP USER IF EXISTS root@\"', @@hostname, '\"'));\n"
  if [ "$host" != localhost ]; then
    account="'root'@$(text "$host")"
    printf 'CREATE USER %s IDENTIFIED BY %s;\n' "$account" "$1"
    printf 'GRANT ALL ON *.* TO %s WITH GRANT OPTION;\n' "$account"
  fi
  printf "ALTER USER 'root'@'localhost' IDENTIFIED BY %s;\n" "$1"
}

move_in() {
  local entry
  for entry in "$new"/*; do
    case "${entry##*/}" in mysql | .ondol-ready) continue ;; esac
    mv -T "$entry" "$data/${entry##*/}"
  done
  # The folder that says the database is there comes last.
  mv -T "$new/mysql" "$data/mysql"
  rm -rf "$new"
}

if [ -e "$new/.ondol-ready" ]; then
  if [ -e "$new/mysql" ]; then move_in; fi
  exit 0
fi
rm -rf "$new"

for name in ROOT_PASSWORD RANDOM_ROOT_PASSWORD ALLOW_EMPTY_PASSWORD ALLOW_EMPTY_ROOT_PASSWORD ROOT_HOST DATABASE USER PASSWORD \
  ROOT_PASSWORD_HASH PASSWORD_HASH; do
  setting "$name"
done
if [ -z "$ROOT_PASSWORD$RANDOM_ROOT_PASSWORD$ALLOW_EMPTY_PASSWORD$ALLOW_EMPTY_ROOT_PASSWORD$ROOT_PASSWORD_HASH" ]; then
  fail "root has no password yet; set one of MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD," \
    "MARIADB_RANDOM_ROOT_PASSWORD (or the same with MYSQL_) in environment:"
fi
if [ "$USER" = root ]; then fail "MYSQL_USER must not be root; root is made anyway"; fi
if [ -n "$USER" ] && [ -z "$PASSWORD$PASSWORD_HASH" ]; then fail "MYSQL_USER is set without MYSQL_PASSWORD"; fi
if [ -n "$RANDOM_ROOT_PASSWORD" ] && [ -z "$ROOT_PASSWORD" ]; then
  ROOT_PASSWORD=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
  printf 'mariadb: GENERATED ROOT PASSWORD: %s\n' "$ROOT_PASSWORD"
fi

mkdir -m 750 "$new"
mariadb-install-db --no-defaults --datadir="$new" --auth-root-authentication-method=normal --skip-test-db \
  --skip-name-resolve >/dev/null
# Where clients look by default: scripts below call them.
socket=$run/mysqld.sock
mariadbd --no-defaults --datadir="$new" --socket="$socket" --pid-file="$run/first-start.pid" --skip-networking \
  --skip-name-resolve --innodb-flush-log-at-trx-commit=0 &
server=$!
trap 'kill -9 $server 2>/dev/null || true' EXIT
for _ in $(seq 600); do
  if mariadb-admin --no-defaults --socket="$socket" ping --silent 2>/dev/null; then break; fi
  kill -0 $server 2>/dev/null || fail "the server ended during its first start"
  sleep 0.1
done

{
  printf 'SET @@SESSION.SQL_LOG_BIN=0;\n'
  if [ -n "$DATABASE" ]; then printf 'CREATE DATABASE IF NOT EXISTS %s;\n' "$(name_of "$DATABASE")"; fi
  if [ -n "$USER" ]; then
    account=$(text "$USER")@"'%'"
    if [ -n "$PASSWORD_HASH" ]; then by="PASSWORD $(text "$PASSWORD_HASH")"; else by=$(text "$PASSWORD"); fi
    printf 'CREATE USER %s IDENTIFIED BY %s;\n' "$account" "$by"
    if [ -n "$DATABASE" ]; then
      pattern=${DATABASE//_/\\_}
      printf 'GRANT ALL ON %s.* TO %s;\n' "$(name_of "$pattern")" "$account"
    fi
  fi
} | DATABASE='' docker_process_sql
if [ -z "$ROOT_PASSWORD_HASH" ]; then
  secure_root "$(text "$ROOT_PASSWORD")" | DATABASE='' docker_process_sql
  export MYSQL_PWD=$ROOT_PASSWORD
fi

for file in /docker-entrypoint-initdb.d/*; do run_file "$file"; done

if [ -n "$ROOT_PASSWORD_HASH" ]; then secure_root "PASSWORD $(text "$ROOT_PASSWORD_HASH")" | DATABASE='' docker_process_sql; fi
kill -TERM $server
wait $server
trap - EXIT
sync -f "$new"
: >"$new/.ondol-ready"
move_in
