#!/usr/bin/env bash
# Holds a running shop to its OpenAPI documents, as both listeners serve them.
#
# Needs Python 3.10 or newer and, in the environment, SHOP_URL, OPERATOR_URL and OPERATOR_TOKEN.
# STRIPE_WEBHOOK_SECRETS is that of the shop, if it is not the sandbox's. SCHEMATHESIS_VENV says
# where schemathesis is installed, once. Arguments go to `schemathesis run`, as in `--seed 7`.
#
# It makes products, orders and webhook events of its own: give it a shop that is for tests.
set -euo pipefail

: "${SHOP_URL:?the address of the shop, as in http://127.0.0.1:8080}"
: "${OPERATOR_URL:?the address of the operator listener, as in http://127.0.0.1:8081}"
: "${OPERATOR_TOKEN:?the bearer token of the operator listener}"
here=$(cd "$(dirname "$0")" && pwd)
venv=${SCHEMATHESIS_VENV:-$here/../../.holdfast/schemathesis}
mkdir -p "$venv"
venv=$(cd "$venv" && pwd)

if ! cmp --silent "$here/requirements.txt" "$venv/requirements.txt"; then
    "${PYTHON:-python3}" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi

# Any secret will do: the orders of this run are its own.
export ORDER_SECRET=schemathesis-$(date +%s)-$RANDOM$RANDOM
export SHOP_URL OPERATOR_URL OPERATOR_TOKEN SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$here
export PYTHONDONTWRITEBYTECODE=1

# What fails is kept there, for `schemathesis replay`.
cd "$venv"
failed=0
for url in "$SHOP_URL" "$OPERATOR_URL"; do
    "$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" \
        run "$url/openapi.json" --url "$url" "$@" || failed=1
done
exit "$failed"
