# shellcheck shell=bash
# Sourced by the long commands: numbered steps that say what they do, how long they took, and which one failed.
STEP=0
STARTED=$SECONDS

# step TOTAL "what happens" command...
step() {
  local total=$1 what=$2 began=$SECONDS
  shift 2
  STEP=$((STEP + 1))
  printf '\n\033[1m[%d/%d] %s\033[0m (%s since the start)\n' "$STEP" "$total" "$what" "$(clock $((SECONDS - STARTED)))"
  if ! "$@"; then
    printf '\n\033[31m[%d/%d] failed: %s\033[0m\n       to repeat this step alone: %s\n' "$STEP" "$total" "$what" "$(typed "$@")" >&2
    exit 1
  fi
  printf '[%d/%d] done in %s: %s\n' "$STEP" "$total" "$(clock $((SECONDS - began)))" "$what"
}

# A step's command as one types it; some of its words are of these scripts alone.
typed() {
  local word line=()
  case $1 in
    met) set -- "${BESIDE_COMMAND[@]}" ;;
    without_lock) shift ;;
  esac
  for word; do
    [[ $word =~ ^[[:alnum:]_./=:-]+$ ]] || word=${word@Q}
    line+=("$word")
  done
  echo "${line[*]}"
}

# beside COMMAND...: begins it beside the steps that follow; `met` waits for it, shows what it said and ends as it did.
beside() {
  BESIDE_COMMAND=("$@")
  BESIDE_LOG=$(mktemp)
  setsid "$@" >"$BESIDE_LOG" 2>&1 </dev/null &
  BESIDE=$!
  trap 'kill -- "-$BESIDE" 2>/dev/null || true; rm -f "$BESIDE_LOG"' EXIT
}

met() {
  local outcome=0
  wait "$BESIDE" || outcome=$?
  trap - EXIT
  cat "$BESIDE_LOG" && rm -f "$BESIDE_LOG"
  return "$outcome"
}

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
