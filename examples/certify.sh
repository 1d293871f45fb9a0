#!/bin/sh
# Certify a picture with curl: sh examples/certify.sh [PICTURE] [SIGMA]   (needs `dmae serve`)
set -eu
picture=${1:-examples/images/ship.jpg}
sigma=${2:-0.25}
url=${DMAE_URL:-http://127.0.0.1:8000}

# The answer comes when the job has ended, or after a minute with the job as it is then; it names
# the job's address, at which the certificate can be fetched later.
curl --fail-with-body --silent --show-error \
  --form "image=@$picture" --form "sigma=$sigma" --form n=1000 \
  --header 'Prefer: wait=60' "$url/certify"
echo
