/* base/limits.h - the default of every limit, with its reason. One table for the whole engine. */
#ifndef PQ_BASE_LIMITS_H
#define PQ_BASE_LIMITS_H

#include "base/base.h"

/* MongoDB nests at most 100 deep; so do we. */
#define PQ_DEPTH_MAX 100u
/* MongoDB's document limit, so that everything it holds can move here. */
#define PQ_DOC_LEN_MAX (16u << 20)
/* A command carries at most a few documents or a batch of small ones. */
#define PQ_COMMAND_LEN_MAX (48u << 20)
/* Field ids are at most 3 bytes wide in our Variants; nobody needs more names in one document. */
#define PQ_FIELD_COUNT_MAX (1u << 20)
/* MongoDB's depth of views over views; and how many a pipeline may open, as two in each of them
 * would make a million. */
#define PQ_VIEW_DEPTH_MAX 20
#define PQ_VIEWS_OPENED_MAX 1000
/* A filter is evaluated per row; a thousand predicates is a program, not a filter. */
#define PQ_FILTER_NODES_MAX 1000u
/* S3 and R2 allow 1,024 bytes. */
#define PQ_KEY_LEN_MAX 1024u
/* Longer ids would not fit the bounds of the page index. */
#define PQ_ID_LEN_MAX 512u
/* API.md: names have at most 128 bytes. */
#define PQ_NAME_LEN_MAX 128u
/* What one stage may hold of ranges; a stage reads at most a row group of a few columns. */
#define PQ_FETCH_LEN_MAX (512ull << 20)
/* Decoded row group, filter, results of one operation. */
#define PQ_OP_LEN_MAX (2048ull << 20)
/* What $sort, $group and their like hold before they use temporary files: MongoDB's 100 MB. */
#define PQ_SORT_LEN_MAX (100ull << 20)
/* Half of the memory that a small deployment has; 200,000 posts decoded are about 100 MB. */
#define PQ_PAGE_CACHE_LEN_MAX (128ull << 20)
/* Lookups read pages and scans read columns of whole row groups: PARQUET.md 3 says 20-50 K rows. */
#define PQ_ROW_GROUP_ROWS_MAX 50000u
/* PARQUET.md 3: 8-16 MB; a row group is in memory while it is made. */
#define PQ_ROW_GROUP_LEN_MAX (16ull << 20)
/* As much as two row groups: what is read at once is in memory at once, packed and unpacked, and a
 * scan makes more requests where this is less. */
#define PQ_SCAN_LEN_MAX (32ull << 20)
/* Of a file that compaction writes, part by part; a larger table is several files. Scans begin at
 * any row group, so larger ones would only make a compaction longer. */
#define PQ_FILE_LEN_MAX (256ull << 20)
#define PQ_FILE_LEN_MOST (1024ull << 20)
/* S3 wants 5 MB of each part but the last, R2 that all are equal. */
#define PQ_PART_LEN (8ull << 20)
/* What a small deployment has for a handle; --memory. The limits above are maxima beside it. */
#define PQ_MEMORY_MAX (256ull << 20)
/* The unflushed tail is held in memory. */
#define PQ_TAIL_LEN_MAX (256ull << 20)

/* ---- whose turn it is (doc/decisions/0056) ---- */

/* A scan of more rows waits for its turn before it begins. Those take a tenth of a millisecond. */
#define PQ_SCAN_ROWS_SHORT 2000ull
/* A window that ends early is read anew from there: fewer rows are not worth that, nor are fewer
 * documents than one of PQ_SCAN_ROWS_PER_DOCUMENT of them. */
#define PQ_SCAN_ROWS_STEP (64ull << 10)
#define PQ_SCAN_ROWS_PER_DOCUMENT 256u

/* ---- transactions (db/txn.h) ---- */

/* A transaction is one commit: a quarter of the tail. */
#define PQ_TXN_LEN_MAX (64ull << 20)
/* Seconds. What it has written nobody else can change; five minutes are enough for one typed in. */
#define PQ_TXN_AGE_MAX 300u
/* A server has as many callers; each write is held against every one of them. */
#define PQ_TXN_COUNT_MAX 1000u

/* ---- when work on files is due (db/works.h) ---- */

/* Files that nothing reads any more are deleted once they are this large: a listing of the log and
 * an entry are cheap then. */
#define PQ_GARBAGE_LEN (16ull << 20)
/* Opening reads the tail: 10,000 events take some 5 ms. */
#define PQ_FLUSH_LEN (8ull << 20)
#define PQ_FLUSH_EVENTS 10000ull
/* Programs that read the files alone see a write after that time. */
#define PQ_FLUSH_AGE_US (INT64_C(600) * 1000000)
/* Fewer edges are read from their file in about a millisecond: less than a request takes. */
#define PQ_SEGMENT_EDGES 4096u
/* A row is rewritten once a tier: at 8, four times on its way from 1 MB to 4 GB. */
#define PQ_COMPACT_FILES 8u
/* A third dead: rewriting gives back half of what it writes. */
#define PQ_COMPACT_DEAD_PERCENT 33u

#endif
