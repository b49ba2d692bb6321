#!/bin/sh
# Makes .env for docker compose from .env.example, with random secrets; never touches one that exists.
# With --sandbox everything is pointed at the sandbox cloud. Run it from the project's root.
set -eu
umask 077

sandbox=
case ${1-} in
  '') ;;
  --sandbox) sandbox=yes ;;
  *)
    echo "make_env_file.sh: expected --sandbox or nothing, found $1" >&2
    exit 2
    ;;
esac
if [ -e .env ]; then
  echo ".env is there already and stays as it is: it holds the passwords of the volumes that exist." >&2
  exit 2
fi

random_hex() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
# 32 bytes in base64 that is safe in URLs: what Fernet takes.
random_fernet_key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }

new=$(mktemp .env.XXXXXX)
trap 'rm -f "$new"' EXIT
while IFS= read -r line || [ -n "$line" ]; do
  case $line in
    AIRFLOW_FERNET_KEY=) line=$line$(random_fernet_key) ;;
    [A-Z]*=) line=$line$(random_hex 32) ;;
  esac
  if [ -n "$sandbox" ]; then
    case $line in
      '# COMPOSE_PROFILES='*) line='COMPOSE_PROFILES=sandbox' ;;
      HEADROOM_CONFIG_FOLDER=*) line='HEADROOM_CONFIG_FOLDER=./include/headroom/sandbox/config' ;;
      HEADROOM_CLOCK=*) line='HEADROOM_CLOCK=manual' ;;
      '# AWS_ACCESS_KEY_ID='*) line='AWS_ACCESS_KEY_ID=sandbox' ;;
      '# AWS_SECRET_ACCESS_KEY='*) line='AWS_SECRET_ACCESS_KEY=sandbox' ;;
      '# AWS_DEFAULT_REGION='*) line='AWS_DEFAULT_REGION=us-east-1' ;;
      '# AWS_ENDPOINT_URL='*) line='AWS_ENDPOINT_URL=http://sandbox:5000' ;;
      # Buckets in the path: bucket.sandbox would be no host's name.
      '# AWS_CONFIG_FILE='*) line='AWS_CONFIG_FILE=/opt/headroom/include/headroom/sandbox/aws_config' ;;
    esac
  fi
  printf '%s\n' "$line"
done < .env.example > "$new"
# A link, unlike a rename, fails where somebody else has made one meanwhile.
ln "$new" .env
echo "Made .env with new secrets. The first login: user admin, password HEADROOM_ADMIN_PASSWORD in .env."
