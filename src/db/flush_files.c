/* db/flush_files.c - names of new files: "<folder>/<epoch>-<n>-<rand>.parquet". */
#include <string.h>

#include "db/flush_int.h"

/* data/%2Fodd%20name: bytes other than letters, digits, '-', '_' and inner '.' are encoded. */
int pq_flush_folder(pq_arena *arena, pq_slice collection, const char **out) {
  static const char hex[] = "0123456789ABCDEF";
  char *p = pq_arena_alloc(arena, collection.n * 3 + sizeof "data/");
  size_t n = 0;
  *out = p;
  if (p == NULL) return arena->cx->code;
  memcpy(p, "data/", 5);
  n = 5;
  for (size_t i = 0; i < collection.n; i++) {
    uint8_t c = collection.p[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || (c == '.' && i > 0);
    if (!is_plain) {
      p[n++] = '%';
      p[n++] = hex[c >> 4];
    }
    p[n++] = is_plain ? (char)c : hex[c & 15];
  }
  p[n] = '\0';
  return PQ_OK;
}

int pq_flush_name(pq_flush *f, pq_op *op, const char *folder, const char **key) {
  char token[PQ_TOKEN_LEN + 1];
  pq_db_token(f->space->db, token);
  token[8] = '\0';
  *key = pq_arena_printf(&op->arena, "%s/%s/%llu-%llu-%s.parquet", f->space->ns, folder,
                         (unsigned long long)f->space->epoch,
                         (unsigned long long)++f->space->file_no, token);
  return *key == NULL ? op->cx->code : PQ_OK;
}

/* Of the forward file that was added last. */
static int name_segment(const pq_flush *f, pq_op *op, const char **key) {
  const pq_flush_file *forward = &f->files[f->file_count - 2];
  pq_assert(f->file_count > 1 && forward->info.kind == PQ_FILE_FORWARD);
  *key = pq_arena_printf(&op->arena, "%s/" PQ_SEGMENT_FOLDER "%s", f->space->ns,
                         strrchr(forward->key, '/'));
  return *key == NULL ? op->cx->code : PQ_OK;
}

/* `rest` is what of the file is not stored in parts; the footer is in it, as it was made last. */
static void add_sums(const pq_flush *f, const pq_writer *writer, pq_file_info *info) {
  pq_slice rest = pq_writer_rest(writer);
  size_t footer_len = (size_t)pq_writer_footer_len(writer);
  const uint8_t *footer = rest.p + rest.n - PQ_FOOTER_TAIL_LEN - footer_len;
  info->len = f->put.off + rest.n;
  info->footer_len = footer_len;
  info->has_crc = true;
  info->crc = pq_crc32_more(f->put.crc, rest);
  info->footer_crc = pq_crc32((pq_slice){footer, footer_len});
}

int pq_flush_add_file(pq_flush *f, pq_op *op, const char *folder, pq_file_info info,
                      pq_writer *writer) {
  pq_flush_file *file;
  if (f->file_count == f->file_cap) {
    uint32_t cap = f->file_cap == 0 ? 16 : f->file_cap * 2;
    pq_flush_file *files = pq_arena_calloc(&op->arena, cap, sizeof *files);
    if (files == NULL) {
      pq_writer_free(writer);
      return op->cx->code;
    }
    if (f->file_count > 0) memcpy(files, f->files, f->file_count * sizeof *files);
    f->files = files;
    f->file_cap = cap;
  }
  file = &f->files[f->file_count++];
  *file = (pq_flush_file){.writer = writer, .info = info};
  file->key = f->put.key;
  if (info.kind == PQ_FILE_ADJACENCY) PQ_TRY(name_segment(f, op, &file->key));
  if (file->key == NULL) PQ_TRY(pq_flush_name(f, op, folder, &file->key));
  file->info.name = file->key + strlen(f->space->ns) + 1;
  file->info.removed = PQ_ENTRY_NONE;
  add_sums(f, writer, &file->info);
  f->byte_count += file->info.len;
  return pq_flush_note_blooms(&op->arena, writer, &file->info);
}
