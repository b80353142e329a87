#!/bin/sh
# Install a checkout of Daybook into a virtual environment: the locked versions, checked by hash.
# So is what builds it, which stays out of the environment. Nothing else is looked up.
#
#   install.sh CHECKOUT TARGET
#
# The image is built with this script; use it on a host too.
set -eu

checkout=$1
target=$2

builder=$(mktemp -d)
trap 'rm -rf "$builder"' EXIT

python3 -m venv "$target"
install() {
    "$target/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir "$@"
}
install --require-hashes --requirement "$checkout/service/operating/requirements.lock"
install --require-hashes --requirement "$checkout/service/operating/build.lock" --target "$builder"
(
    export PYTHONPATH="$builder"
    install --no-deps --no-build-isolation "$checkout"
)
"$target/bin/daybook" --version
