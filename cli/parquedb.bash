# Completion for bash. What there is to complete, the program's own help says.
#
#     source cli/parquedb.bash        (installed: share/bash-completion/completions/parquedb)

_parquedb_commands() {
  "$1" help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'
}

# The options of a command; those with a value end in '='.
_parquedb_options() {
  "$1" help "$2" 2>/dev/null | sed -n 's/^ *\(-[a-z], *\)\{0,1\}\(--[a-z-]*\).*/\2/p'
}

# The collections of the warehouse that the line names so far, if it can be read.
_parquedb_collections() {
  local program=$1 i
  local -a place=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -w | --warehouse | -n | --namespace) place+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
    esac
  done
  "$program" collections --json "${place[@]}" 2>/dev/null |
    sed -n 's/.*"name": *"\([A-Za-z0-9_.-]*\)".*/\1/p'
}

_parquedb() {
  local program=$1 word=$2 previous=$3 command='' position=0 i
  COMPREPLY=()
  case $previous in
    -w | --warehouse)
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      return
      ;;
    --file | --output | --graphml | --dot | --json-graph | --svg)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
      ;;
  esac
  # The command is the first word that is neither an option nor the value of one.
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -w | -n | --warehouse | --namespace | --memory) i=$((i + 1)) ;;
      -*) ;;
      *)
        [ -n "$command" ] || command=${COMP_WORDS[i]}
        position=$((position + 1))
        ;;
    esac
  done
  if [ -z "$command" ] || { [ "$command" = help ] && [ "$position" = 1 ]; }; then
    mapfile -t COMPREPLY < <(compgen -W "$(_parquedb_commands "$program")" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_parquedb_options "$program" "$command")" -- "$word")
  elif [ "$command" = parquet ] && [ "$position" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W 'inspect cat schema verify' -- "$word")
  elif [ "$position" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_parquedb_collections "$program")" -- "$word")
  elif [ "$command" = import ] || [ "$command" = parquet ]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _parquedb parquedb
