set -euo pipefail
umask 077
home=$1
cookie=$home/.erlang.cookie
if [ -n "${RABBITMQ_ERLANG_COOKIE:-}" ]; then
  if [ ! -s "$cookie" ] || [ "$(cat "$cookie")" != "$RABBITMQ_ERLANG_COOKIE" ]; then
    printf %s "$RABBITMQ_ERLANG_COOKIE" >"$cookie.new"
    chmod 400 "$cookie.new"
    mv -f "$cookie.new" "$cookie"
  fi
elif [ ! -s "$cookie" ]; then
  head -c 30 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$cookie.new"
  chmod 400 "$cookie.new"
  mv -f "$cookie.new" "$cookie"
fi
