#!/usr/bin/env bash
# import gradio reads the source of every component and writes a type stub beside it, at each start.
#
# Library   gradio 6.31.0
# Expected  Importing a package runs its code. Stubs (.pyi), which only editors read, come with the package.
# Happens   The metaclass of components parses the source file of each and the stub beside it, and writes the
#           stub where it is missing or differs: in the installed package, at import, in every process.
# Hurts     Whoever waits for an app to start: it is two fifths of the import. And packages in a folder that
#           belongs to another user, or is shared by processes, are written to at run time.
#
# Output seen:
#   expected: 0 stubs opened at import
#   observed: 243 opened at the second import, when all are there; 61 written anew after they were deleted
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv || exit 2
venv/bin/pip install -q gradio==6.31.0 || exit 2

cat >count.py <<'PY'
import sys

opened = []
sys.addaudithook(lambda event, given: event == "open" and str(given[0]).endswith(".pyi") and opened.append(given))
import gradio  # noqa: E402, F401

wrote = [given for given in opened if given[1] and given[1][0] in "wa"]
print(len(opened), len({given[0] for given in wrote}))
PY
export GRADIO_ANALYTICS_ENABLED=False
venv/bin/python count.py >/dev/null
read -r opened _ < <(venv/bin/python count.py)
find venv/lib*/python*/site-packages/gradio -name "*.pyi" -delete
read -r _ written < <(venv/bin/python count.py)
echo "expected: 0 stubs opened at import"
echo "observed: $opened opened at the second import, when all are there; $written written anew after they were deleted"
((opened > 0 && written > 0)) || { echo "the behaviour has changed"; exit 1; }
