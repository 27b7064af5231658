#!/bin/sh
# Go runs each test program through this (GOFLAGS=-exec=...), and programs of `go run` too. Only -test.v tells names
# and outcomes: the program gets it, and a person who did not ask for it sees as little as they would without.
folder=$(dirname "$0")
. "$folder/run-and-tell.sh"

case $1 in *.test) ;; *) exec "$@" ;; esac
# a program for another system has a runner of its own, as `go help test` says
other=go_${GOOS:-}_${GOARCH:-}_exec
if command -v "$other" >/dev/null 2>&1; then exec "$other" "$@"; fi
for arg; do case $arg in -test.list=?*) exec "$@" ;; esac; done
if is_nested; then exec "$@"; fi

told='--- (PASS|FAIL|SKIP): [^ ]+ \([0-9.]+s\)$'
program=$1
shift
case " $* " in
  *" -test.v="*) run_and_tell go "$PWD" "$told" "" "$program" "$@" ;;
  *) run_and_tell go "$PWD" "$told" '^(=== (RUN|PAUSE|CONT|NAME) | *--- (PASS|SKIP): )' "$program" -test.v "$@" ;;
esac
