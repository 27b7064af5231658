#!/bin/sh
# Secrets arrive as files; the command reads its environment.
set -eu
for name in ANTHROPIC_API_KEY HEADRACE_TOKEN; do
  file="/run/secrets/$(printf %s "$name" | tr '[:upper:]' '[:lower:]')"
  if [ -r "$file" ]; then export "$name=$(cat "$file")"; fi
done
exec node /app/packages/cli/bin/headrace.mjs "$@"
