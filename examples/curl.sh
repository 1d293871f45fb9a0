#!/bin/sh
# Certify a picture with curl: sh examples/curl.sh [PICTURE] [SIGMA]   (needs `dmae serve`)
set -eu
picture=${1:-examples/images/ship.jpg}
sigma=${2:-0.25}
url=${DMAE_URL:-http://127.0.0.1:8000}

# The key goes in by standard input, since other users see command lines.
ask() {
  { [ -z "${DMAE_API_KEY:-}" ] || echo "header = \"Authorization: Bearer $DMAE_API_KEY\""; } |
    curl --config - --fail-with-body --silent --show-error "$@"
}

# The answer comes when the job has ended, or after a minute with the job as it is then. Sent again
# with the same key, the request makes no second job.
job=$(ask --form "image=@$picture" --form "sigma=$sigma" --form n=1000 \
  --header 'Prefer: wait=60' --header "Idempotency-Key: $(date +%s)-$$" "$url/certify")

id=$(printf '%s' "$job" | sed -n 's/^{"id":"\([^"]*\)".*/\1/p')
echo "job $id"

# The certificate, signed; and what the service says of it.
ask --output certificate.json "$url/jobs/$id/certificate"
ask --header 'Content-Type: application/json' --data-binary @certificate.json "$url/verify"
echo
