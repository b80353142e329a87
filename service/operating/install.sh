#!/bin/sh
# Install a checkout of Daybook into a virtual environment: the locked versions, checked by hash.
#
#   install.sh CHECKOUT TARGET
#
# The image is built with this script; use it on a host too.
set -eu

checkout=$1
target=$2

python3 -m venv "$target"
install() {
    "$target/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir "$@"
}
install --require-hashes --requirement "$checkout/service/operating/requirements.lock"
install --no-deps "$checkout"
"$target/bin/daybook" --version
