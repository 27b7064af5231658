#!/bin/sh
# Cargo runs each test program through this (CARGO_TARGET_<triple>_RUNNER), and programs of `cargo run` too. Text is
# the only form of Rust's test harness that is stable.
folder=$(dirname "$0")
. "$folder/run-and-tell.sh"

case $1 in */deps/*) ;; *) exec "$@" ;; esac
# lists, benchmarks, and single tests as nextest runs them
for arg; do case $arg in --list | --bench | --exact) exec "$@" ;; esac; done
if is_nested; then exec "$@"; fi

# without the hash that the build put after its name
name=$(basename "$1" | sed 's/-[0-9a-f]\{16\}$//')
told='^(running [0-9]+ tests?$|test |(ok|FAILED|ignored)$|failures:$|    [^ ]+$)'
run_and_tell cargo "$PWD > $name" "$told" "" "$@"
