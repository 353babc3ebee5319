# shellcheck shell=bash
# Sourced by the long commands: numbered steps that say what they do, how long they took, and which one failed.
STEP=0
STARTED=$SECONDS
# What runs beside the steps, by its name.
declare -A BESIDE=() BESIDE_LOG=() BESIDE_TYPED=()

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
    met) echo "${BESIDE_TYPED[$2]}" && return ;;
    without_lock) shift ;;
  esac
  for word; do
    [[ $word =~ ^[[:alnum:]_./=:-]+$ ]] || word=${word@Q}
    line+=("$word")
  done
  echo "${line[*]}"
}

# beside NAME COMMAND...: begins it beside the steps that follow; `met NAME` waits for it, shows what it says and ends as it did.
beside() {
  local name=$1
  shift
  BESIDE_TYPED[$name]=$(typed "$@")
  BESIDE_LOG[$name]=$(mktemp)
  setsid "$@" >"${BESIDE_LOG[$name]}" 2>&1 </dev/null &
  BESIDE[$name]=$!
  trap leave EXIT
}

met() {
  local outcome=0 log=${BESIDE_LOG[$1]} pid=${BESIDE[$1]}
  # From its first word on, and as it goes.
  tail --lines=+1 --follow --sleep-interval=0.2 --pid="$pid" "$log"
  wait "$pid" || outcome=$?
  rm -f "$log"
  unset "BESIDE[$1]" "BESIDE_LOG[$1]"
  return "$outcome"
}

# Ends what still runs beside, and waits for what it clears away.
leave() {
  local name
  for name in "${!BESIDE[@]}"; do
    kill -- "-${BESIDE[$name]}" 2>/dev/null && printf 'ending what runs beside: %s\n' "${BESIDE_TYPED[$name]}" >&2
  done
  wait
  rm -f "${BESIDE_LOG[@]}"
}

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
