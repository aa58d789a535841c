#!/usr/bin/env bash
# What action.yml runs: one soll command; its result in the log, the summary and the outputs of the job; its exit code as the outcome of the step.
# Everything comes in through the environment and stays data: no word of a pull request is ever part of a script.
set -uo pipefail
# One stream, so that nothing overtakes the lines that switch commands of the log off and on.
exec 2>&1

random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

read -r -a command <<<"$IN_COMMAND"
arguments=()
while IFS= read -r line; do
  line="${line#"${line%%[![:space:]]*}"}"
  line="${line%"${line##*[![:space:]]}"}"
  if [ -n "$line" ]; then arguments+=("$line"); fi
done <<<"$IN_ARGUMENTS"
read -r -a customers <<<"$IN_CUSTOMERS"

folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/soll-XXXXXX")
result="$folder/result.txt"
echo "folder=$folder" >>"$GITHUB_OUTPUT"
if [ "$IN_COMMAND" = 'pr plan' ]; then arguments+=(--out "$folder/plan"); fi
if [ ${#customers[@]} -gt 0 ]; then arguments+=(-- "${customers[@]}"); fi

if [ -n "$IN_TOKEN" ]; then
  # Git gets it for this step only and for this host only; no file holds it.
  basic=$(printf 'x-access-token:%s' "$IN_TOKEN" | base64 | tr -d '\n')
  echo "::add-mask::$basic"
  export GITHUB_TOKEN="$IN_TOKEN"
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.${GITHUB_SERVER_URL:-https://github.com}/.extraheader" GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $basic"
fi
if [ -n "$IN_ACCOUNT" ]; then export SOLL_GITHUB_ACCOUNT="$IN_ACCOUNT"; fi
if [ -n "$IN_AGE_KEY" ]; then export SOLL_AGE_KEY="$IN_AGE_KEY"; fi
if [ -n "$IN_AGE_KEY_WRITE" ]; then export SOLL_AGE_KEY_WRITE="$IN_AGE_KEY_WRITE"; fi
# Who made a record: the run, so that it is found again.
export GIT_AUTHOR_NAME="${GITHUB_REPOSITORY:-ci}, run ${GITHUB_RUN_ID:-0}" GIT_AUTHOR_EMAIL="run-${GITHUB_RUN_ID:-0}@actions.invalid"
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
soll="${IN_SOLL:-$GITHUB_ACTION_PATH/bin/soll.js}"
unset IN_TOKEN IN_AGE_KEY IN_AGE_KEY_WRITE

cd "$IN_ROOT" || exit 1
case "${IN_BACKUPS:-}" in
  '') ;;
  *[!A-Za-z0-9._-]*) echo "::error title=soll $IN_COMMAND::the name of the repository for kept configurations is none"; exit 1 ;;
  *) git config remote.backups.url "${GITHUB_SERVER_URL:-https://github.com}/${GITHUB_REPOSITORY%%/*}/$IN_BACKUPS" ;;
esac
# What a device says must not become a command of the log.
stop=$(random)
echo "::stop-commands::$stop"
node "$soll" "${command[@]}" "${arguments[@]}" >"$result" &
child=$!
# Whoever cancels the job asks soll to stop: what was begun is verified and recorded before it ends.
trap 'kill -TERM "$child" 2>/dev/null' INT TERM
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do
  wait "$child"
  code=$?
done
trap - INT TERM
if [ "$IN_COMMAND" = validate ]; then
  # Its annotations are commands of the log; it has read nothing but files, and has escaped what they say.
  echo "::$stop::"
  cat "$result"
else
  cat "$result"
  echo "::$stop::"
fi

case $code in
  0) meaning='nothing to do, or done' ;;
  1) meaning='failure of soll, Git or the record, or another run holds the lock' ;;
  2) meaning='changes or drift are there, or something waits' ;;
  3) meaning='invalid files or arguments' ;;
  4) meaning='stale or not approved' ;;
  5) meaning='refused by a gate' ;;
  6) meaning='some targets are unreachable' ;;
  7) meaning='held, reverted or partly applied' ;;
  130) meaning='interrupted' ;;
  *) meaning='ended by something else' ;;
esac
echo "code=$code" >>"$GITHUB_OUTPUT"
if [ "$(wc -c <"$result")" -le 100000 ]; then
  end=$(random)
  { echo "result<<$end"; printf '%s\n' "$(tr -d '\0' <"$result")"; echo "$end"; } >>"$GITHUB_OUTPUT"
fi
case "$IN_COMMAND" in
  'pr plan' | 'pr waiting' | shards | validate) ;;
  *)
    if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
      # A fence that is longer than every other one in it: nothing in there is Markdown.
      ticks=$(grep -o '`\+' "$result" | awk '{ if (length($0) > n) n = length($0) } END { print (n < 3 ? 3 : n + 1) }')
      fence=$(printf '%*s' "$ticks" '' | tr ' ' '`')
      { printf '### soll %s: %s\n\n%s\n' "$IN_COMMAND" "$meaning" "$fence"; head -c 200000 "$result"; printf '\n%s\n' "$fence"; } >>"$GITHUB_STEP_SUMMARY"
    fi
    ;;
esac

if [ "$code" = 0 ]; then exit 0; fi
for tolerated in $IN_TOLERATE; do
  if [ "$code" = "$tolerated" ]; then
    echo "::warning title=soll $IN_COMMAND::$meaning (exit code $code)"
    exit 0
  fi
done
echo "::error title=soll $IN_COMMAND::$meaning (exit code $code)"
exit "$code"
