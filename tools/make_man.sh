#!/bin/sh
# Writes the man pages, parquedb.1 and parquedb-COMMAND.1, from what the program's own help says:
#
#     make_man.sh PROGRAM FOLDER
#
# A help page is sections: headings in capitals, text indented by four. USAGE becomes SYNOPSIS, a
# line of OPTIONS that begins with '-' an entry, the EXAMPLE stays as it is. The list of commands
# is groups of `  name  summary`.
set -eu
program=$1 folder=$2
version=$("$program" --version)
mkdir -p "$folder"
rm -f "$folder"/*.1

# What both kinds of page need.
roff='
  function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    return text ~ /^[.\047]/ ? "\\&" text : text
  }
  # "find         show the entities": a term and what it means, two spaces between them.
  function entry(line, split_at, term) {
    sub(/^ +/, "", line)
    split_at = match(line, /  +/)
    term = split_at ? substr(line, 1, split_at - 1) : line
    print ".TP\n.B " roff(term)
    print roff(split_at ? substr(line, split_at + RLENGTH) : "")
  }
  function head(name, summary) {
    print ".TH " toupper(name) " 1 \"\" \"" version "\" \"ParqueDB\""
    print ".SH NAME\n" name " \\- " roff(summary)
  }'

main_page() {
  awk -v version="$version" "$roff"'
    NR == 1 {
      head("parquedb", "document and graph database on Apache Parquet files")
      sub(/^usage: /, "")
      print ".SH SYNOPSIS\n.B " roff($0) "\n.SH COMMANDS"
      next
    }
    /^ *$/ { next }
    /^[A-Z][a-z]+$/ { print ".SS " $0; next }
    /^  [a-z]/ { entry($0); next }
    { if (!is_text++) print ".SH DESCRIPTION"; print roff($0) }'
  cat <<'END'
.SH EXIT STATUS
0 when done, 1 when the database said no, 2 for wrong usage.
END
}

command_page() {
  awk -v name="parquedb-$1" -v version="$version" "$roff"'
    /^[A-Z][A-Z ]*$/ {
      if (at == "EXAMPLE") print ".fi"
      at = $0
      pending = 0
      if (at == "NAME") next
      print ".SH " (at == "USAGE" ? "SYNOPSIS" : at == "EXAMPLE" ? "EXAMPLES" : at)
      if (at == "EXAMPLE") print ".nf"
      next
    }
    /^ *$/ { pending = 1; next }
    at == "NAME" { sub(/^[^-]*- /, ""); head(name, $0); next }
    at == "USAGE" { sub(/^ +/, ""); print ".B " roff($0) "\n.br"; next }
    at == "OPTIONS" && /^ +-/ { entry($0); next }
    at != "EXAMPLE" { sub(/^ +/, ""); if (pending) print ".PP"; }
    at == "EXAMPLE" { sub(/^    /, ""); if (pending) print ""; }
    { print roff($0); pending = 0 }
    END { if (at == "EXAMPLE") print ".fi" }'
}

see_also() {
  printf '.SH SEE ALSO\n'
  for name in "$@"; do printf '.BR %s (1)\n' "$(echo "$name" | sed 's/-/\\-/g')"; done
}

commands=$("$program" help | sed -n '/^  help /d; s/^  \([a-z][a-z-]*\)  .*/\1/p')
{
  "$program" help | main_page
  # shellcheck disable=SC2046,SC2086
  see_also $(printf 'parquedb-%s ' $commands)
} >"$folder/parquedb.1"
for command in $commands; do
  {
    "$program" help "$command" | command_page "$command"
    see_also parquedb
  } >"$folder/parquedb-$command.1"
done
