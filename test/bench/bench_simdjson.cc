/* test/bench/bench_simdjson.cc - simdjson: JSON text to its tape (DOM) and back. */
#include "bench_peers.h"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <simdjson.h>

namespace {
struct kept_doc {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
};
using kept_docs = std::vector<std::unique_ptr<kept_doc>>;
}  // namespace

bool bench_simdjson_parse(const bench_line *lines, size_t count) {
  simdjson::dom::parser parser;
  for (size_t i = 0; i < count; i++) {
    simdjson::dom::element root;
    if (parser.parse(lines[i].p, lines[i].n, false).get(root)) return false;
  }
  return true;
}

void *bench_simdjson_keep(const bench_line *lines, size_t count) {
  auto *kept = new kept_docs;
  for (size_t i = 0; i < count; i++) {
    kept->push_back(std::make_unique<kept_doc>());
    if (!kept->back()->parser.parse(lines[i].p, lines[i].n, false).get(kept->back()->root))
      continue;
    delete kept;
    return nullptr;
  }
  return kept;
}

size_t bench_simdjson_print(void *kept) {
  size_t all = 0;
  for (const auto &doc : *static_cast<kept_docs *>(kept))
    all += simdjson::minify(doc->root).size();
  return all;
}

void bench_simdjson_drop(void *kept) {
  delete static_cast<kept_docs *>(kept);
}
