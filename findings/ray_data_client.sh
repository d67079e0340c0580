#!/usr/bin/env bash
# Ray Data raises AttributeError through ray://, where tasks and actors run.
#
# Library   ray 2.60.0 with its extras data and client
# Expected  What runs after ray.init() runs after ray.init("ray://HEAD:10001"), which is for interactive work from
#           outside a cluster.
# Happens   Reading any dataset raises: its bookkeeping asks for `core_worker`, which the client's worker does not have.
#           A task on the same connection answers. Maintainers say so in issues (ray-project/ray, 42739 and 48682); the
#           page on the client names Tune and Train alone.
# Hurts     Whoever moves a working job from one machine to a cluster by an address. Nothing fails before the first read.
#
# Output seen:
#   expected: [{'id': 0}, {'id': 1}, {'id': 2}] (in a task on the cluster)
#   observed: AttributeError: 'Worker' object has no attribute 'core_worker' (through ray://)
set -euo pipefail
folder=$(mktemp -d)
head=
trap '[ -z "$head" ] || { kill "$head"; wait "$head" || true; } 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q 'ray[data,client]==2.60.0' grpcio==1.85.3 || exit 2

export RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token RAY_AUTH_TOKEN=$(venv/bin/python -c 'import secrets; print(secrets.token_hex(32))')
read -r gcs client < <(venv/bin/python -c '
import socket
found = [socket.socket() for _ in range(2)]
[s.bind(("127.0.0.1", 0)) for s in found]
print(*(s.getsockname()[1] for s in found))')
# Without fork support in gRPC: the head of this version may end when it forks, which is another story.
GRPC_ENABLE_FORK_SUPPORT=0 venv/bin/ray start --head --block --port "$gcs" --ray-client-server-port "$client" \
    --num-cpus 2 --include-dashboard false --temp-dir "$folder/ray" --min-worker-port 0 --max-worker-port 0 \
    >head.log 2>&1 &
head=$!

cat >ask.py <<'PY'
import logging
import sys
import time

import ray
import ray.data

for _ in range(6):
    try:
        ray.init(f"ray://127.0.0.1:{sys.argv[1]}", log_to_driver=False, logging_level=logging.CRITICAL)
        break
    except ConnectionError:
        time.sleep(5)
else:
    sys.exit(2)


@ray.remote(num_cpus=0)
def read():
    return ray.data.range(3).take_all()


print(f"expected: {sorted(ray.get(read.remote()), key=str)} (in a task on the cluster)")
try:
    observed = str(ray.data.range(3).take_all())
except AttributeError as error:
    observed = f"AttributeError: {error}"
print(f"observed: {observed} (through ray://)")
sys.exit(0 if observed.startswith("AttributeError") else 1)
PY
venv/bin/python ask.py "$client" 2>/dev/null
