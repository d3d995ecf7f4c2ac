/* server/mongo_error.c - see mongo_error.h. */
#include "server/mongo_error.h"

#include <stdio.h>
#include <string.h>

#include "server/mongo_words.h"

static const struct row {
  int rc, code;
} rows[] = {{PQ_ENOMEM, PQ_MONGO_MEMORY_LIMIT},
            {PQ_EIO, 8}, /* UnknownError */
            {PQ_ECORRUPT, 8},
            {PQ_ELIMIT, PQ_MONGO_MEMORY_LIMIT},
            {PQ_ECONFLICT, PQ_MONGO_WRITE_CONFLICT},
            {PQ_EINVALID, PQ_MONGO_BAD_VALUE},
            {PQ_EFILTER, PQ_MONGO_BAD_VALUE},
            {PQ_EUPDATE, PQ_MONGO_FAILED_TO_PARSE},
            {PQ_EEXISTS, PQ_MONGO_DUPLICATE_KEY},
            {PQ_ENOENTITY, 4}, /* NoSuchKey */
            {PQ_EVERSION, PQ_MONGO_WRITE_CONFLICT},
            {PQ_EUNSUPPORTED, PQ_MONGO_NOT_IMPLEMENTED},
            {PQ_EFENCED, 10107}, /* NotWritablePrimary */
            {PQ_EPATH, PQ_MONGO_INVALID_NAMESPACE},
            {PQ_EPERM, PQ_MONGO_UNAUTHORIZED},
            {PQ_EHISTORY, 239}, /* SnapshotTooOld */
            {PQ_ETARGET, 121},  /* DocumentValidationFailure */
            {PQ_EBUSY, 24},     /* LockTimeout */
            {PQ_ETIMEOUT, PQ_MONGO_MAX_TIME},
            {PQ_EINDEX, PQ_MONGO_BAD_VALUE}, /* a hint that is no index */
            {PQ_EUNIQUE, PQ_MONGO_DUPLICATE_KEY},
            {PQ_EVIEW, PQ_MONGO_NOT_ON_VIEW}};

int pq_mongo_code_of(int rc) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].rc == rc) return rows[i].code;
  return PQ_MONGO_INTERNAL;
}

int pq_mongo_code_of_name(pq_slice name) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (pq_slice_is(name, pq_status_name(rows[i].rc))) return rows[i].code;
  return PQ_MONGO_INTERNAL;
}

static bool has_words(pq_slice message, const char *words) {
  size_t n = strlen(words);
  for (size_t i = 0; i + n <= message.n; i++)
    if (memcmp(message.p + i, words, n) == 0) return true;
  return false;
}

bool pq_mongo_is_invalid(pq_slice message) {
  return has_words(message, "document failed validation");
}

int pq_mongo_code_of_view(int rc, pq_slice message) {
  static const struct {
    int rc;
    const char *words;
    int code;
  } of_views[] = {{PQ_EINVALID, ": view cycle: ", PQ_MONGO_VIEW_CYCLE},
                  {PQ_ELIMIT, ": view depth: ", PQ_MONGO_VIEW_DEPTH},
                  {PQ_EVIEW, ": option '", PQ_MONGO_OPTION_NOT_ON_VIEW},
                  {PQ_EINVALID, "the pipeline of a view has no", PQ_MONGO_OPTION_NOT_ON_VIEW}};
  for (size_t i = 0; i < sizeof of_views / sizeof *of_views; i++)
    if (rc == of_views[i].rc && has_words(message, of_views[i].words)) return of_views[i].code;
  return 0;
}

static const struct {
  int code;
  const char *name;
} names[] = {{6, "HostUnreachable"},
             {7, "HostNotFound"},
             {64, "WriteConcernFailed"},
             {79, "UnknownReplWriteConcern"},
             {89, "NetworkTimeout"},
             {91, "ShutdownInProgress"},
             {100, "UnsatisfiableWriteConcern"},
             {117, "ConflictingOperationInProgress"},
             {123, "NotAReplicaSet"},
             {125, "CommandFailed"},
             {189, "PrimarySteppedDown"},
             {207, "InvalidUUID"},
             {217, "IncompleteTransactionHistory"},
             {225, "TransactionTooOld"},
             {246, "SnapshotUnavailable"},
             {251, "NoSuchTransaction"},
             {256, "TransactionCommitted"},
             {261, "TooManyLogicalSessions"},
             {262, "ExceededTimeLimit"},
             {267, "PreparedTransactionInProgress"},
             {322, "APIVersionError"},
             {323, "APIStrictError"},
             {11600, "InterruptedAtShutdown"},
             {11601, "Interrupted"},
             {11602, "InterruptedDueToReplStateChange"},
             {13435, "NotPrimaryNoSecondaryOk"},
             {13436, "NotPrimaryOrSecondary"},
             {1, "InternalError"},
             {16, "InvalidLength"},
             {28, "PathNotViable"},
             {40, "ConflictingUpdateOperators"},
             {52, "DollarPrefixedFieldName"},
             {53, "InvalidIdField"},
             {66, "ImmutableField"},
             {168, "InvalidPipelineOperator"},
             {241, "ConversionFailure"},
             {2, "BadValue"},
             {4, "NoSuchKey"},
             {8, "UnknownError"},
             {9, "FailedToParse"},
             {13, "Unauthorized"},
             {14, "TypeMismatch"},
             {24, "LockTimeout"},
             {26, "NamespaceNotFound"},
             {27, "IndexNotFound"},
             {43, "CursorNotFound"},
             {48, "NamespaceExists"},
             {67, "CannotCreateIndex"},
             {85, "IndexOptionsConflict"},
             {86, "IndexKeySpecsConflict"},
             {197, "InvalidIndexSpecificationOption"},
             {50, "MaxTimeMSExpired"},
             {59, "CommandNotFound"},
             {72, "InvalidOptions"},
             {73, "InvalidNamespace"},
             {112, "WriteConflict"},
             {121, "DocumentValidationFailure"},
             {146, "ExceededMemoryLimit"},
             {5, "GraphContainsCycle"},
             {165, "ViewDepthLimitExceeded"},
             {166, "CommandNotSupportedOnView"},
             {167, "OptionNotSupportedOnView"},
             {238, "NotImplemented"},
             {239, "SnapshotTooOld"},
             {11, "UserNotFound"},
             {17, "ProtocolError"},
             {18, "AuthenticationFailed"},
             {31, "RoleNotFound"},
             {334, "MechanismUnavailable"},
             {20, "IllegalOperation"},
             {47, "NoMatchingDocument"},
             {237, "CursorKilled"},
             {260, "InvalidResumeToken"},
             {263, "OperationNotSupportedInTransaction"},
             {280, "ChangeStreamFatalError"},
             {286, "ChangeStreamHistoryLost"},
             {10107, "NotWritablePrimary"},
             {11000, "DuplicateKey"},
             {12051, "CursorInUse"}};

void pq_mongo_code_name(int code, char out[40]) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names[i].code != code) continue;
    snprintf(out, 40, "%s", names[i].name);
    return;
  }
  snprintf(out, 40, "Location%d", code);
}

int pq_mongo_error_put(pq_buf *answer, int code, const char *message) {
  char text[PQ_MESSAGE_CAP], name[40];
  pq_bson_out o;
  /* it may stand in the context that fails next */
  code = pq_mongo_words(code, pq_str(message), text);
  pq_mongo_code_name(code, name);
  pq_buf_clear(answer);
  pq_bson_begin(&o, answer);
  pq_bson_double(&o, "ok", 0);
  pq_bson_str(&o, "errmsg", text);
  pq_bson_i32(&o, "code", code);
  pq_bson_str(&o, "codeName", name);
  return pq_bson_finish(&o);
}
