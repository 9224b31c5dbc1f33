#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the images that the tests of compose share. They stay, as what they are made of is kept from run to run. Ends with 77
# where no Docker daemon answers.
set -euo pipefail
cd "$(dirname "$0")/../.."

docker info >/dev/null 2>&1 || { echo 'skipped: no Docker daemon answers'; exit 77; }
deploy/base-image.sh
for target in verdict postgres; do
    docker build -q -f deploy/Dockerfile --target $target -t verdict-test-$target .
done
docker images --filter 'reference=verdict-test-*' --format '{{.Repository}} {{.Size}}'
