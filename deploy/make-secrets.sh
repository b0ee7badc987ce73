#!/bin/sh
# Makes the folder secrets/ that docker-compose.yml reads: passwords, addresses with passwords in them, a signing key.
# Never replaces one that is there. Needs openssl.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets

password() { openssl rand -hex 24; }
keep() { # NAME < content
    if [ -e "secrets/$1" ]; then cat >/dev/null; else cat >"secrets/$1.part" && mv "secrets/$1.part" "secrets/$1"; fi
}

password | keep postgres_password
password | keep valkey_password
password | keep storage_password
postgres=$(cat secrets/postgres_password)
valkey=$(cat secrets/valkey_password)

printf 'postgresql://lectern:%s@pgbouncer:6432/lectern\n' "$postgres" | keep database_url
printf 'postgresql://lectern:%s@postgres:5432/lectern\n' "$postgres" | keep database_url_direct
printf '"lectern" "%s"\n' "$postgres" | keep pgbouncer_users
printf 'redis://:%s@valkey:6379/0\n' "$valkey" | keep redis_url
printf 'redis://:%s@progress:6379/0\n' "$valkey" | keep progress_redis_url
printf 'user default on >%s ~* &* +@all\n' "$valkey" | keep valkey_acl
printf 'smtp://mail:1025\n' | keep smtp_url
printf '{"identities": [{"name": "lectern", "credentials": [{"accessKey": "lectern", "secretKey": "%s"}],\n  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}\n' \
    "$(cat secrets/storage_password)" | keep storage_identities
# As `lectern keys generate` writes it: JSON, name -> PEM.
if [ ! -e secrets/signing_keys ]; then
    openssl genpkey -algorithm ed25519 |
        awk -v kid="key-$(openssl rand -hex 4)" 'BEGIN { printf "{\"%s\": \"", kid } { printf "%s\\n", $0 } END { print "\"}" }' |
        keep signing_keys
fi

# Containers run as users of their own and must read the files; the folder keeps everybody else out.
chmod 0700 secrets
find secrets -type f -exec chmod 0444 {} +
echo "The secrets are in $(pwd)/secrets. Keep a copy of signing_keys in a safe place."
