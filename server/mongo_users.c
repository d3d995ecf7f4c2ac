/* server/mongo_users.c - createUser and its kin: users and roles by the wire.
 *
 *   open ─► [the secret is stored] ─► the change ─► all users are read anew ─► the answer
 *
 * Each step is a command of ours in _system (users.h). Who may do it: access_needs.c; beyond that,
 * whoever gives or takes a role needs the right to users in the role's database.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "expr/filter.h"
#include "server/access.h"
#include "server/mongo_commands.h"

enum { USER_NOT_FOUND = 11, ROLE_NOT_FOUND = 31, USER_EXISTS = 51003 };
enum { STAGE_SECRET, STAGE_CHANGE, STAGE_READ };
#define TEXT_ARGS(s) (int)((s).n > 60 ? 60 : (s).n), (const char *)(s).p

/* ---- steps ---- */

/* Run what the builder has, or pass on that making it failed. */
static int submit(pq_task *t, int rc) {
  pq_value command;
  PQ_TRY(rc);
  PQ_TRY(pq_builder_finish(t->mongo->builder, &t->arena, &command));
  pqdb_replies_close(t->replies);
  t->replies = NULL;
  rc = pq_handle_submit(t->mongo->db, "_system", command, &t->replies);
  if (rc != PQ_OK) return pq_fail(t->mongo->cx, rc, "%s", pq_handle_cx(t->mongo->db)->msg);
  pq_handle_set_reach(t->replies, PQ_REACH_SYSTEM);
  return PQ_OK;
}

static int put_change(pq_task *t);

static int begin_change(pq_task *t) {
  bool is_stored;
  const uint8_t *secret = pq_access_secret(t->mongo->access, &is_stored);
  if (pq_slice_is(pq_str(t->command->name), "createUser") && !is_stored) {
    t->stage = STAGE_SECRET;
    return submit(t, pq_users_put_secret(t->mongo->builder, secret));
  }
  t->stage = STAGE_CHANGE;
  return put_change(t);
}

static int begin_reading(pq_task *t) {
  t->stage = STAGE_READ;
  if (pq_access_new_users(t->mongo->access, &t->users) != PQ_OK) return pq_fail_nomem(t->mongo->cx);
  return submit(t, pq_users_put_find(t->mongo->builder));
}

int pq_mongo_user_item(pq_task *t, pq_value item) {
  int rc = t->stage == STAGE_READ ? pq_users_add(t->users, item) : PQ_OK;
  return rc == PQ_OK ? PQ_OK : pq_fail(t->mongo->cx, rc, "%s", t->users->arena.cx->msg);
}

static int not_found(pq_task *t) {
  pq_slice name = {0};
  (void)pq_value_string(pq_object_get(t->request->command, t->request->name), &name);
  return pq_task_refuse_with(t, USER_NOT_FOUND, "User '%.*s@%.*s' not found", TEXT_ARGS(name),
                             TEXT_ARGS(t->request->db));
}

int pq_mongo_user_done(pq_task *t, pq_value summary) {
  static const char *const counts[] = {"matchedCount", "deletedCount", "insertedCount"};
  int64_t n, seq = 0;
  if (t->stage == STAGE_SECRET) {
    t->stage = STAGE_CHANGE;
    return put_change(t);
  }
  if (t->stage == STAGE_CHANGE) {
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
      if (pq_value_i64(pq_object_get_str(summary, counts[i]), &n)) t->count += (uint64_t)n;
    return begin_reading(t);
  }
  (void)pq_value_i64(pq_object_get_str(summary, "seq"), &seq);
  pq_users_end(t->users, (uint64_t)seq);
  pq_access_replace(t->mongo->access, t->users);
  t->users = NULL;
  if (pq_slice_is(pq_str(t->command->name), "dropAllUsersFromDatabase")) {
    pq_task_answer(t);
    pq_bson_i64(&t->out, "n", (int64_t)t->count);
    return pq_task_answer_end(t);
  }
  if (t->count == 0) return not_found(t);
  pq_task_answer(t);
  return pq_task_answer_end(t);
}

/* ---- what the client wants ---- */

static bool is_command(const pq_task *t, const char *name) {
  return strcmp(t->command->name, name) == 0;
}

/* May he give and take roles of that database? */
static bool may_grant(const pq_task *t, pq_slice db) {
  char ns[PQ_MONGO_NAME_CAP];
  if (pq_mongo_namespace(t->mongo->cx, db, ns) != PQ_OK) return false;
  if (pq_access_is_first(t->mongo->access, t->request->client)) return true;
  return (pq_access_rights(t->mongo->access, t->request->client, ns) & PQ_RIGHT_USERS) != 0;
}

/* A role is "name", of the command's database, or {role, db}. */
static int read_role(pq_task *t, pq_value v, pq_role_name *out) {
  out->db = t->request->db;
  if (!pq_value_string(v, &out->role) &&
      (!pq_value_string(pq_object_get_str(v, "role"), &out->role) ||
       !pq_value_string(pq_object_get_str(v, "db"), &out->db)))
    return pq_fail(t->mongo->cx, PQ_EINVALID, "Role names must be either strings or objects");
  if (pq_role_check(t->mongo->cx, out) != PQ_OK)
    return pq_task_refuse_with(t, ROLE_NOT_FOUND, "%s", t->mongo->cx->msg);
  if (!may_grant(t, out->db))
    return pq_task_refuse_with(t, PQ_MONGO_UNAUTHORIZED,
                               "not authorized on %.*s to execute command { %s: … }",
                               TEXT_ARGS(out->db), t->command->name);
  return PQ_OK;
}

/* It may have answered with a refusal. */
static int read_roles(pq_task *t, pq_value list, pq_user_change *c) {
  uint32_t count = pq_value_count(list);
  pq_role_name *roles;
  if (pq_value_type(list) != PQ_TYPE_ARRAY)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "the roles must be an array");
  if (count > PQ_USER_ROLES_MAX)
    return pq_fail(t->mongo->cx, PQ_ELIMIT, "a user has at most %d roles", PQ_USER_ROLES_MAX);
  roles = pq_arena_array(&t->arena, count, sizeof *roles);
  if (roles == NULL) return t->mongo->cx->code;
  for (uint32_t i = 0; i < count && !t->is_done; i++)
    PQ_TRY(read_role(t, pq_array_at(list, i), &roles[i]));
  c->roles = roles;
  c->role_count = count;
  c->has_roles = true;
  return PQ_OK;
}

/* Only SCRAM-SHA-256, with the password as it is. */
static int check_mechanisms(pq_task *t) {
  pq_value list = pq_task_field(t, "mechanisms"), digest = pq_task_field(t, "digestPassword");
  pq_slice name;
  bool flag;
  for (uint32_t i = 0; i < pq_value_count(list); i++)
    if (!pq_value_string(pq_array_at(list, i), &name) || !pq_slice_is(name, "SCRAM-SHA-256"))
      return pq_fail(t->mongo->cx, PQ_EINVALID, "mechanisms: only SCRAM-SHA-256 is supported");
  if (pq_value_bool(digest, &flag) && !flag)
    return pq_fail(t->mongo->cx, PQ_EINVALID,
                   "Use of SCRAM-SHA-256 requires undigested passwords: leave digestPassword out");
  if (pq_value_count(pq_task_field(t, "authenticationRestrictions")) > 0)
    return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "authenticationRestrictions are not supported");
  return PQ_OK;
}

static int read_password(pq_task *t, pq_user_change *c) {
  pq_value v = pq_task_field(t, "pwd");
  uint8_t salt[PQ_SCRAM_SALT_LEN];
  pq_scram_keys *keys;
  pq_slice password;
  if (pq_value_is_missing(v)) return PQ_OK;
  if (!pq_value_string(v, &password))
    return pq_fail(t->mongo->cx, PQ_EINVALID, "BSON field '%s.pwd' must be text", t->command->name);
  keys = pq_arena_calloc(&t->arena, 1, sizeof *keys);
  if (keys == NULL) return t->mongo->cx->code;
  pq_handle_random(t->mongo->db, salt, sizeof salt);
  PQ_TRY(pq_scram_keys_make(t->mongo->cx, password, salt, keys));
  c->keys = keys;
  return PQ_OK;
}

/* Who is it about? */
static int read_name(pq_task *t, pq_user_change *c) {
  char name[PQ_USER_NAME_CAP];
  *c = (pq_user_change){.db = t->request->db, .actor = pq_str(t->request->client->user)};
  if (is_command(t, "dropAllUsersFromDatabase")) return PQ_OK;
  if (!pq_value_string(pq_object_get(t->request->command, t->request->name), &c->user))
    return pq_fail(t->mongo->cx, PQ_EINVALID, "BSON field '%s' must be the name of a user",
                   t->command->name);
  return pq_user_name(t->mongo->cx, c->db, c->user, name);
}

static int put_new(pq_task *t, pq_user_change *c) {
  uint8_t id[PQ_USER_ID_LEN];
  pq_user_new_id(t->mongo->db, id);
  return submit(t, pq_user_put_insert(t->mongo->builder, c, id));
}

/* The change itself; the fields have been checked by then, and are read again. */
static int put_change(pq_task *t) {
  pq_builder *b = t->mongo->builder;
  pq_user_change c;
  bool is_revoke = is_command(t, "revokeRolesFromUser");
  PQ_TRY(read_name(t, &c));
  if (is_command(t, "dropUser") || is_command(t, "dropAllUsersFromDatabase"))
    return submit(t, pq_user_put_delete(b, &c));
  if (!pq_value_is_missing(pq_task_field(t, "roles")))
    PQ_TRY(read_roles(t, pq_task_field(t, "roles"), &c));
  if (t->is_done) return PQ_OK;
  if (is_revoke || is_command(t, "grantRolesToUser"))
    return submit(t, pq_user_put_grant(b, &c, is_revoke));
  PQ_TRY(check_mechanisms(t));
  PQ_TRY(read_password(t, &c));
  c.custom = pq_task_field(t, "customData");
  if (is_command(t, "createUser")) return put_new(t, &c);
  return submit(t, pq_user_put_update(b, &c));
}

/* ---- commands ---- */

static int missing_field(pq_task *t, const char *name) {
  return pq_task_refuse_with(t, PQ_MONGO_MISSING_FIELD,
                             "BSON field '%s.%s' is missing but a required field", t->command->name,
                             name);
}

int pq_mongo_create_user(pq_task *t) {
  char name[PQ_USER_NAME_CAP];
  pq_user_change c;
  PQ_TRY(read_name(t, &c));
  PQ_TRY(pq_user_name(t->mongo->cx, c.db, c.user, name));
  if (pq_value_is_missing(pq_task_field(t, "pwd"))) return missing_field(t, "pwd");
  if (pq_value_is_missing(pq_task_field(t, "roles"))) return missing_field(t, "roles");
  if (pq_users_find(pq_access_users(t->mongo->access), pq_str(name)) != NULL)
    return pq_task_refuse_with(t, USER_EXISTS, "User \"%.*s@%.*s\" already exists",
                               TEXT_ARGS(c.user), TEXT_ARGS(c.db));
  return begin_change(t);
}

int pq_mongo_update_user(pq_task *t) {
  static const char *const fields[] = {"pwd", "roles", "customData"};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (!pq_value_is_missing(pq_task_field(t, fields[i]))) return begin_change(t);
  return pq_fail(t->mongo->cx, PQ_EINVALID,
                 "Must specify at least one field to update in "
                 "updateUser");
}

int pq_mongo_drop_user(pq_task *t) {
  return begin_change(t);
}

int pq_mongo_grant_roles(pq_task *t) {
  if (pq_value_is_missing(pq_task_field(t, "roles"))) return missing_field(t, "roles");
  return begin_change(t);
}

/* ---- usersInfo ---- */

static void put_credentials(pq_bson_out *o, const pq_user *who) {
  pq_bson_begin_object(o, "credentials");
  pq_bson_begin_object(o, "SCRAM-SHA-256");
  pq_bson_i32(o, "iterationCount", (int32_t)who->keys.iterations);
  pq_bson_binary(o, "salt", 0, (pq_slice){who->keys.salt, who->keys.salt_len});
  pq_bson_binary(o, "storedKey", 0, (pq_slice){who->keys.stored, sizeof who->keys.stored});
  pq_bson_binary(o, "serverKey", 0, (pq_slice){who->keys.server, sizeof who->keys.server});
  pq_bson_end(o);
  pq_bson_end(o);
}

static void put_user(pq_task *t, pq_bson_out *o, const pq_user *who) {
  pq_value custom = pq_task_field(t, "showCustomData");
  bool shows_custom = pq_value_is_missing(custom) || pq_task_flag(t, "showCustomData");
  pq_bson_str(o, "_id", who->name);
  pq_bson_binary(o, "userId", 4, (pq_slice){who->id, sizeof who->id});
  pq_bson_text(o, "user", who->user);
  pq_bson_text(o, "db", who->db);
  if (who->has_keys && pq_task_flag(t, "showCredentials")) put_credentials(o, who);
  if (shows_custom) pq_bson_value(o, "customData", who->custom);
  pq_mongo_put_roles(o, "roles", who);
  pq_bson_begin_array(o, "mechanisms");
  if (who->has_keys) pq_bson_str(o, NULL, "SCRAM-SHA-256");
  pq_bson_end(o);
  if (pq_task_flag(t, "showPrivileges")) pq_mongo_put_privileges(o, "inheritedPrivileges", who);
}

/* The user as he is shown, held against the filter. */
static int does_match(pq_task *t, const pq_filter *filter, const pq_user *who, bool *does) {
  pq_bson_out o;
  pq_value shown;
  int rc;
  pq_buf_clear(&t->names);
  pq_bson_begin(&o, &t->names);
  put_user(t, &o, who);
  PQ_TRY(pq_bson_finish(&o));
  pq_builder_clear(t->mongo->builder);
  rc = pq_bson_read(t->mongo->builder, pq_buf_slice(&t->names), &t->arena, &shown);
  if (rc != PQ_OK) return rc;
  *does = pq_filter_match(filter, NULL, shown, (pq_value){0});
  return pq_filter_status(filter);
}

static int read_filter(pq_task *t, pq_filter **out) {
  pq_value filter = pq_task_field(t, "filter");
  if (!pq_value_is_missing(filter) && pq_value_type(filter) != PQ_TYPE_OBJECT)
    return pq_fail(t->mongo->cx, PQ_EINVALID, "usersInfo: 'filter' must be an object");
  PQ_TRY(pq_filter_parse(&t->arena, NULL, filter, out));
  if (!pq_filter_needs_eval(*out)) return PQ_OK;
  return pq_fail(t->mongo->cx, PQ_EUNSUPPORTED, "usersInfo: $expr in a filter is not supported");
}

/* "name" or {user, db} */
static bool names(pq_value v, pq_slice db, const pq_user *who) {
  pq_slice user, own;
  if (pq_value_string(v, &user)) return pq_slice_eq(user, who->user) && pq_slice_eq(db, who->db);
  return pq_value_string(pq_object_get_str(v, "user"), &user) &&
         pq_value_string(pq_object_get_str(v, "db"), &own) && pq_slice_eq(user, who->user) &&
         pq_slice_eq(own, who->db);
}

static bool is_wanted(const pq_task *t, pq_value what, const pq_user *who) {
  double number;
  bool flag;
  if (pq_value_number(what, &number)) return pq_slice_eq(who->db, t->request->db);
  if (pq_value_bool(pq_object_get_str(what, "forAllDBs"), &flag)) return flag;
  if (pq_value_type(what) != PQ_TYPE_ARRAY) return names(what, t->request->db, who);
  for (uint32_t i = 0; i < pq_value_count(what); i++)
    if (names(pq_array_at(what, i), t->request->db, who)) return true;
  return false;
}

/* Whoever may not see others is told so if he asks for them; himself everybody sees. */
int pq_mongo_users_info(pq_task *t) {
  pq_value what = pq_object_get(t->request->command, t->request->name);
  const pq_users *users = pq_access_users(t->mongo->access);
  const pq_user *me = pq_access_user(t->mongo->access, t->request->client);
  pq_filter *filter;
  PQ_TRY(read_filter(t, &filter));
  pq_task_answer(t);
  pq_bson_begin_array(&t->out, "users");
  for (uint32_t i = 0; i < users->count; i++) {
    const pq_user *who = users->users[i];
    bool does = false;
    if (!is_wanted(t, what, who) || (who != me && !may_grant(t, who->db))) continue;
    PQ_TRY(does_match(t, filter, who, &does));
    if (!does) continue;
    pq_bson_begin_object(&t->out, NULL);
    put_user(t, &t->out, who);
    pq_bson_end(&t->out);
  }
  pq_bson_end(&t->out);
  return pq_task_answer_end(t);
}

/* ---- rolesInfo ---- */

static bool is_role_wanted(const pq_task *t, pq_value what, const pq_role_kind *kind) {
  pq_slice role, db = t->request->db;
  double number;
  if (pq_value_number(what, &number)) return pq_task_flag(t, "showBuiltinRoles");
  if (!pq_value_string(what, &role) && (!pq_value_string(pq_object_get_str(what, "role"), &role) ||
                                        !pq_value_string(pq_object_get_str(what, "db"), &db)))
    return false;
  return pq_slice_is(role, kind->name);
}

static pq_slice db_of_role(const pq_task *t, pq_value what) {
  pq_slice db = t->request->db;
  (void)pq_value_string(pq_object_get_str(what, "db"), &db);
  return db;
}

static void put_role_info(pq_task *t, pq_value what, const pq_role_kind *kind) {
  pq_slice db = db_of_role(t, what);
  pq_user_role role = {.kind = kind, .db = db};
  pq_user holder = {.roles = &role, .role_count = 1};
  if (!is_role_wanted(t, what, kind) || (kind->is_any && !pq_slice_is(db, "admin"))) return;
  pq_bson_begin_object(&t->out, NULL);
  pq_bson_str(&t->out, "role", kind->name);
  pq_bson_text(&t->out, "db", db);
  pq_bson_bool(&t->out, "isBuiltin", true);
  pq_bson_begin_array(&t->out, "roles");
  pq_bson_end(&t->out);
  pq_bson_begin_array(&t->out, "inheritedRoles");
  pq_bson_end(&t->out);
  if (pq_task_flag(t, "showPrivileges")) {
    pq_mongo_put_privileges(&t->out, "privileges", &holder);
    pq_mongo_put_privileges(&t->out, "inheritedPrivileges", &holder);
  }
  pq_bson_end(&t->out);
}

int pq_mongo_roles_info(pq_task *t) {
  pq_value what = pq_object_get(t->request->command, t->request->name);
  uint32_t count = pq_value_type(what) == PQ_TYPE_ARRAY ? pq_value_count(what) : 1;
  const pq_role_kind *kind;
  pq_task_answer(t);
  pq_bson_begin_array(&t->out, "roles");
  for (uint32_t i = 0; i < count; i++)
    for (size_t k = 0; (kind = pq_role_kind_at(k)) != NULL; k++)
      put_role_info(t, pq_value_type(what) == PQ_TYPE_ARRAY ? pq_array_at(what, i) : what, kind);
  pq_bson_end(&t->out);
  return pq_task_answer_end(t);
}
