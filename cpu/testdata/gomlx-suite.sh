#!/bin/bash
# Runs GoMLX's own tests on this backend: each top-level test in a process of its own, since a crash would end the others.
#
#	cpu/testdata/gomlx-suite.sh [-v] [package ...]     default: ./core/graph ./core/tensors ./ml/...
#
# GoMLX's source is copied from the module cache into a temporary folder (KEEP=dir keeps it there for the next run), where
# its test utilities import the backend; GoMLX insists on cgo, and on finding an XLA plugin, for which an empty file will do.
# CONFIG=threads=2,tier=avx2 configures the backend, SECONDS_EACH (default 120) limits a test. The last line of output counts
# passed, failed, skipped, crashed and timed-out tests.
set -euo pipefail
verbose=
if [ "${1:-}" = -v ]; then verbose=1; shift; fi
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
if [ ! -d "$work/gomlx" ]; then
	mkdir -p "$work/home/.local/lib/go-xla"
	cp -r "$(cd "$root" && go list -m -f '{{.Dir}}' github.com/gomlx/gomlx)" "$work/gomlx"
	chmod -R u+w "$work/gomlx"
	for version in v0.104.0 v0.114.0; do touch "$work/home/.local/lib/go-xla/pjrt_c_api_cpu_${version}_plugin.so"; done
	printf 'package testutil\n\nimport _ "github.com/ebb-ml/ebb/cpu"\n' >"$work/gomlx/support/testutil/ebb.go"
	cat "$root/go.sum" >>"$work/gomlx/go.sum"
	(cd "$root" && go list -m -f '{{if not .Main}}-require={{.Path}}@{{.Version}}{{end}}' \
		github.com/gomlx/compute github.com/gomlx/go-xla golang.org/x/sys) >"$work/requires"
	(cd "$work/gomlx" && go mod edit -require=github.com/ebb-ml/ebb@v0.0.0 -replace=github.com/ebb-ml/ebb="$root" \
		$(tr '\n' ' ' <"$work/requires"))
fi
cd "$work/gomlx"
modcache=$(go env GOMODCACHE)
export CGO_ENABLED=1 GOFLAGS="-mod=mod ${GOFLAGS:-}" GOMLX_BACKEND="cpu${CONFIG:+:$CONFIG}"
export GOCACHE=$(go env GOCACHE) GOMODCACHE=$modcache GOPATH=$(go env GOPATH)
declare -A count=([pass]=0 [fail]=0 [skip]=0 [crash]=0 [timeout]=0)
[ $# -gt 0 ] || set -- ./core/graph ./core/tensors ./ml/...
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' "$@"); do
	go test -c -o "$work/tests" "$package" || { echo "BUILD $package"; count[crash]=$((count[crash] + 1)); continue; }
	for name in $(cd "$package" && HOME=$work/home "$work/tests" -test.list '^Test'); do
		code=0
		(cd "$package" && HOME=$work/home timeout -k 5 "${SECONDS_EACH:-120}" "$work/tests" -test.run "^$name\$" -test.v) \
			>"$work/output" 2>&1 || code=$?
		case $code in
		0) if grep -q "^--- SKIP: $name " "$work/output"; then result=skip; else result=pass; fi ;;
		1) if grep -q "^--- FAIL: $name " "$work/output"; then result=fail; else result=crash; fi ;;
		124 | 137) result=timeout ;;
		*) result=crash ;;
		esac
		count[$result]=$((count[$result] + 1))
		[ $result = pass ] || echo "$result ${package#"$work"/gomlx/} $name"
		[ -z "$verbose" ] || [ $result = pass ] || sed 's/^/    /' "$work/output"
	done
done
echo "pass ${count[pass]} fail ${count[fail]} skip ${count[skip]} crash ${count[crash]} timeout ${count[timeout]}"
