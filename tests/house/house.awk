# Checks the rules of the house; see house_test.sh. Runs in the root of a tree: awk -f house.awk ladder.txt FILES...
# Prints FILE:LINE: PROBLEM. With alone=1 it prints instead the headers of plain rooms that no source file includes first:
# that the others include what they need, the build proves.

function fail(where, problem) {
  if (!alone) print where ": " problem
}

function folder_of(path) {
  sub(/\/[^\/]*$/, "", path)
  return path
}

function room_of(path, folder) {
  folder = folder_of(path)
  return folder in part ? part[folder] : folder
}

function is_code(path) {
  return path ~ /\.(hpp|h|cpp|inc|cu|cuh)$/
}

function read_ladder(  i, subject) {
  if ($0 ~ /^#/ || NF == 0) return
  subject = $2
  if ($1 == "generated") generated[subject] = 1
  else if ($1 == "part") part[subject] = $4
  else if ($1 == "values") for (i = 4; i <= NF; ++i) may_see_values[subject, $i] = 1
  else if ($1 == "library") {
    libraries[subject] = $0
    sub(/^[^:]*: */, "", libraries[subject])
  } else if ($1 == "room" && ($3 == "plain" || $3 == "torch") && $4 == ":") {
    for (i = 5; i <= NF; ++i) {
      if (!($i in kind)) fail(FILENAME ":" FNR, "room " subject " may include " $i ", which is not a room above its line: an import would point up")
      may_include[subject, $i] = 1
    }
    kind[subject] = $3
  } else fail(FILENAME ":" FNR, "not understood: " $0)
}

function note_include(  line, quote, target) {
  line = $0
  sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
  quote = substr(line, 1, 1)
  if (quote != "\"" && quote != "<") return
  target = substr(line, 2)
  sub(/[">].*$/, "", target)
  ++includes
  from[includes] = FILENAME
  at[includes] = FILENAME ":" FNR
  to[includes] = target
  quoted[includes] = quote == "\""
  if (!(FILENAME in first)) first[FILENAME] = target
}

function check_library(i,  library, allowed, n, k, path, good) {
  if (to[i] ~ /^torch\/(torch|types|extension|all)\.h$/)
    fail(at[i], "includes <" to[i] ">, which compiles for minutes: include core/tensor/tensor.hpp")
  for (library in libraries) {
    if (index(to[i], library) != 1) continue
    n = split(libraries[library], allowed, " ")
    good = 0
    for (k = 1; k <= n; ++k) if (index(from[i], allowed[k]) == 1) good = 1
    # A header would hand the library on to everybody.
    if (!good || (from[i] ~ /\.hpp$/ && from[i] !~ /^tests\//)) fail(at[i], "includes <" to[i] ">: only source files of " libraries[library] " may")
  }
}

function check_room(i,  a, b) {
  if (!(to[i] in exists)) {
    fail(at[i], "includes \"" to[i] "\", which is no path from the root to a file of ours")
    return
  }
  a = room_of(from[i])
  b = room_of(to[i])
  if (from[i] ~ /^tests\// || a == b || !(a in kind) || ((a, b) in may_include) || ((to[i], a) in may_see_values)) return
  fail(at[i], "room " a " may not include " to[i] ": imports point down only (tests/house/ladder.txt)")
}

function is_plain(path) {
  return kind[room_of(path)] == "plain"
}

# Which files see tensors, and through which file: from the direct includes upwards until nothing changes.
function spread_torch(  i, changed) {
  for (i = 1; i <= includes; ++i) if (!quoted[i] && to[i] ~ /^(torch|ATen|c10)\//) through[from[i]] = "<" to[i] ">"
  do {
    changed = 0
    for (i = 1; i <= includes; ++i)
      if (quoted[i] && (to[i] in through) && !(from[i] in through)) {
        through[from[i]] = to[i]
        changed = 1
      }
  } while (changed)
}

function check_torch(i,  chain, next_file) {
  if (!is_plain(from[i])) return
  if (!quoted[i] && to[i] ~ /^(torch|ATen|c10)\//) fail(at[i], "includes <" to[i] ">: room " room_of(from[i]) " is free of tensors")
  if (!quoted[i] || !(to[i] in through) || is_plain(to[i])) return
  chain = to[i]
  for (next_file = through[to[i]]; next_file != ""; next_file = through[next_file]) chain = chain " -> " next_file
  fail(at[i], "includes " chain ": room " room_of(from[i]) " is free of tensors")
}

function check_file(path,  folder, name, header) {
  folder = folder_of(path)
  if (is_code(path) && path !~ /^tests\// && !(room_of(path) in kind)) fail(path ":1", "folder " folder " is no room: give it a line in tests/house/ladder.txt")
  if (path ~ /\.hpp$/ && !(path in pragma)) fail(path ":1", "a header without #pragma once")
  if ((is_code(path) || path ~ /\.(sh|py|awk|cmake)$/) && length_of[path] > 500 && !(path in generated))
    fail(path ":" length_of[path], length_of[path] " lines; a source file has at most 500")
  # fmt 8 specialises in fmt/format.h what an earlier inline use has instantiated already.
  if (path ~ /\.hpp$/ && (path in formats) && !(path in fmt_format))
    fail(path ":" formats[path], "a header that formats includes <fmt/format.h>")
  header = path
  if (sub(/\.cpp$/, ".hpp", header) && (header in exists) && first[path] != header)
    fail(path ":1", "its first include is not \"" header "\", so nothing shows that the header includes what it needs")
  if (path !~ /^tests\/.*_test\.cpp$/) return
  name = path
  sub(/^.*\//, "", name)
  if (name in named) fail(path ":1", "a second " name " beside " named[name] ": CTest tells test files apart by name")
  named[name] = path
  sub(/^tests\//, "", folder)
  if (!(folder in built)) fail(path ":1", "is in none of the folders that tests/CMakeLists.txt builds")
}

BEGIN {
  for (i = 2; i < ARGC; ++i) {
    if (ARGV[i] ~ /=/) continue
    exists[ARGV[i]] = 1
    order[++files] = ARGV[i]
  }
  unfinished = "(^|[^A-Za-z0-9_])(TO" "DO|FIX" "ME|XX" "X)([^A-Za-z0-9_]|$)"
}

FILENAME == ARGV[1] {
  read_ladder()
  next
}

{ length_of[FILENAME] = FNR }
$0 ~ unfinished { fail(FILENAME ":" FNR, "unfinished: " $0) }
# A pointer may be to memory of a device, which only they know to tell apart.
(/data_ptr[(<]/ && FILENAME !~ /^(core\/tensor|tests)\//) || (/(data_(of|or_null)|device_data)</ && FILENAME !~ /^(core\/(tensor|ops)|tests)\//) {
  fail(FILENAME ":" FNR, "asks a tensor for its pointer: kernels do, by data_of in core/ops; all else goes through core/tensor/host_memory.hpp")
}
/^#pragma once/ { pragma[FILENAME] = 1 }
/(fmt::format|_error)\("/ { if (!(FILENAME in formats)) formats[FILENAME] = FNR }
/^#include <fmt\/format\.h>/ { fmt_format[FILENAME] = 1 }
/^[ \t]*#[ \t]*include/ { if (is_code(FILENAME)) note_include() }

FILENAME == "tests/CMakeLists.txt" && /^set\((plain|torch|emulated|gpu)_folders / {
  sub(/^set\([a-z_]+ /, "")
  sub(/\).*/, "")
  n = split($0, folders, " ")
  for (i = 1; i <= n; ++i) built[folders[i]] = 1
}

END {
  if (alone) {
    for (path in first) if (path ~ /\.(cpp|cu)$/) compiled_first[first[path]] = 1
    for (i = 1; i <= files; ++i)
      if (order[i] ~ /\.hpp$/ && order[i] !~ /^(tests|core\/kernels\/cuda\/nvcc)\// && is_plain(order[i]) && !(order[i] in compiled_first)) print order[i]
    exit
  }
  spread_torch()
  for (i = 1; i <= includes; ++i) {
    if (quoted[i]) check_room(i)
    else check_library(i)
    check_torch(i)
  }
  for (i = 1; i <= files; ++i) check_file(order[i])
}
