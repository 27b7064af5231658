# Read by the runners of Go's and Cargo's test programs. What a program prints goes on as it comes; lines that may tell
# of tests are kept as well, between a first and a last line as in report-file.cjs. Shell and awk as POSIX has them:
# images of Go and Rust have nothing else for sure.

# Whether a runner that started this process reports already.
is_nested() { [ -n "${HEADRACE_REPORTING:-}" ]; }

# run_and_tell <runner> <where> <lines that tell> <lines that nobody asked to see> <program> <argument>...
run_and_tell() {
  nonce=$(basename "$folder")
  report=$folder/out/$1-$$.report
  export HEADRACE_REPORTING="$1"
  where=$(printf %s "$2" | sed 's/[\\"]/\\&/g')
  printf '{"begin":"%s","runner":"%s","where":"%s"}\n' "$nonce" "$1" "$where" >"$report"
  told=$3 unseen=$4
  shift 4
  # the program's own exit code goes past the pipe
  exec 4>&1
  code=$(
    {
      {
        "$@" 3>&- 4>&-
        echo "$?" >&3
      } | told=$told unseen=$unseen report=$report nonce=$nonce awk '
        BEGIN { told = ENVIRON["told"]; unseen = ENVIRON["unseen"]; report = ENVIRON["report"] }
        $0 ~ told { print >> report; count++ }
        unseen == "" || $0 !~ unseen { print; fflush() }
        END { printf "{\"end\":\"%s\",\"count\":%d}\n", ENVIRON["nonce"], count >> report }
      ' >&4 3>&-
    } 3>&1
  )
  exit "$code"
}
