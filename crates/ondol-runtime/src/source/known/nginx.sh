set -euo pipefail
shopt -s nullglob

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
if [ -d "$templates" ]; then
  find -L "$templates" -name "*$suffix" -type f -print0 | while IFS= read -r -d '' template; do
    relative=${template#"$templates"/}
    target=$output/${relative%"$suffix"}
    mkdir -p "$(dirname "$target")"
    # Only variables that are set are replaced: nginx has variables of its own.
    perl -pe '
      BEGIN { $filter = $ENV{NGINX_ENVSUBST_FILTER} // "" }
      # An empty pattern would mean the last one that matched.
      s{\$\{(\w+)\}|\$(\w+)}{
        my ($all, $n) = ($&, $1 // $2);
        exists $ENV{$n} && ($filter eq "" || $n =~ /$filter/) ? $ENV{$n} : $all
      }ge
    ' "$template" >"$target"
  done
fi

for script in /docker-entrypoint.d/*.sh; do
  if [ -x "$script" ]; then "$script"; fi
done
