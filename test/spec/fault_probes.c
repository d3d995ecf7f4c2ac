/* test/spec/fault_probes.c - see fault_probes.h. Every command of doc/commands.md is here, once for
 * each way that it takes through the engine. */
#include "fault_probes.h"

#include <stddef.h>

const char *const fault_setup[] = {
    "{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\", \"n\": 1, \"s\": \"x\"}, {\"$id\": "
    "\"b\", "
    "\"n\": 2, \"s\": \"y\"}, {\"$id\": \"c\", \"n\": 3}, {\"$id\": \"d\", \"n\": 4, \"o\": "
    "{\"p\": [1, 2]}}]}",
    "{\"link\": [{\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\", \"data\": {\"w\": 1}}, "
    "{\"from\": \"t/b\", \"predicate\": \"p\", \"to\": \"t/c\"}, {\"from\": \"t/d\", "
    "\"predicate\": "
    "\"q\", \"to\": \"t/a\"}]}",
    "{\"schema\": \"v\", \"set\": {\"k\": \"int##\", \"s\": \"string = 'x'\"}}",
    "{\"insert\": \"v\", \"documents\": [{\"$id\": \"a\", \"k\": 1}]}",
    "{\"flush\": 1}",
    "{\"update\": \"t/b\", \"ops\": {\"$set\": {\"n\": 20}}}",
    "{\"delete\": \"t/c\"}",
    "{\"schema\": \"w\", \"set\": {\"k\": \"int\", \"l\": \"string[]\", \"o\": {\"x\": "
    "\"decimal(5,2)\"}, "
    "\"$mode\": \"strict\", \"$options\": {\"includeDataVariant\": false}}}",
    "{\"insert\": \"w\", \"documents\": [{\"$id\": \"a\", \"l\": [\"x\"]}, {\"o\": {\"x\": 1.5}}]}",
    "{\"flush\": 1}",
    "{\"insert\": \"t\", \"documents\": [{\"$id\": \"e\", \"n\": 5}]}",
    "{\"update\": \"t/a\", \"ops\": {\"$inc\": {\"n\": 1}}}",
    "{\"link\": {\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/e\"}}",
    "{\"schema\": \"x\", \"set\": {\"one\": {\"type\": \"-> T.xs\", \"onDelete\": \"cascade\"}, "
    "\"near\": \"~> T[]\"}}",
    "{\"insert\": \"x\", \"documents\": [{\"$id\": \"a\"}]}",
    "{\"link\": {\"from\": \"x/a\", \"predicate\": \"one\", \"to\": \"t/d\"}}",
    "far {\"insert\": \"u\", \"documents\": [{\"$id\": \"a\", \"n\": 1}, {\"$id\": \"b\"}]}",
    "far {\"link\": [{\"from\": \"u/a\", \"predicate\": \"border\", \"to\": \"default/x/a\"}, "
    "{\"from\": "
    "\"u/b\", \"predicate\": \"border\", \"to\": \"default/x/a\"}]}",
    "{\"link\": [{\"from\": \"x/a\", \"predicate\": \"border\", \"to\": \"far/u/a\", \"data\": "
    "{\"w\": "
    "1}}, {\"from\": \"x/a\", \"predicate\": \"border\", \"to\": \"far/u/z\"}]}",
    "far {\"flush\": 1}",
    "_system {\"flush\": 1}",
    "{\"create\": \"seen\", \"options\": {\"viewOn\": \"t\", \"pipeline\": [{\"$match\": {\"n\": "
    "{\"$gt\": 1}}}]}}",
    NULL};

/* Two commits, of which the second may fail: a state in the middle. */
const char fault_bulk_of_two[] =
    "{\"bulkWrite\": \"t\", \"ordered\": false, \"operations\": [{\"insertOne\": {\"document\": "
    "{\"$id\": \"f\"}}}, {\"insertOne\": {\"document\": {\"$id\": \"a\"}}}, {\"deleteMany\": "
    "{\"filter\": {\"n\": {\"$gt\": 2}}}}]}";
/* The second is about what the first has stored. */
const char fault_bulk_of_one[] =
    "{\"bulkWrite\": \"t\", \"operations\": [{\"insertOne\": {\"document\": {\"$id\": \"f\"}}}, "
    "{\"updateOne\": {\"filter\": {\"$id\": \"t/f\"}, \"update\": {\"$set\": {\"n\": 8}}}}]}";
const char fault_first_of_two[] = "{\"insert\": \"t\", \"documents\": [{\"$id\": \"f\"}]}";

/* What is done in transaction 1 before a probe that ends or asks it, without faults. */
const char *const fault_in_txn[] = {
    "{\"begin\": 1}",
    "{\"update\": \"t/d\", \"ops\": {\"$set\": {\"n\": 44}}, \"txn\": 1}",
    "{\"insert\": \"t\", \"documents\": [{\"$id\": \"f\"}, {\"$id\": \"g\"}], \"txn\": 1}",
    "{\"link\": {\"from\": \"t/f\", \"predicate\": \"p\", \"to\": \"t/a\"}, \"txn\": 1}",
    "{\"delete\": \"t/a\", \"hard\": true, \"txn\": 1}",
    "{\"flush\": 1}",
    NULL};

const fault_probe fault_probes[] = {
    {"{\"commit\": 1}", NULL, true},
    {"{\"abort\": 1}", NULL, true},
    {"{\"find\": \"t\", \"txn\": 1}", NULL, false},
    {"{\"insert\": \"t\", \"documents\": [{\"$id\": \"f\", \"n\": 6}, {\"$id\": \"c\", \"n\": 7}]}",
     NULL, true},
    {"{\"insert\": \"u\"}", "{\"$id\": \"a\", \"l\": [1, {\"x\": \"y\"}]}\n\n{\"$id\": \"b\"}\n",
     true},
    {"{\"insert\": \"t\", \"documents\": [{\"$id\": \"a\"}]}", NULL, false}, /* exists */
    {"{\"update\": \"t/d\", \"ops\": {\"$set\": {\"o.q\": 5}, \"$unset\": {\"n\": \"\"}}}", NULL,
     true},
    {"{\"update\": \"t/a\", \"ops\": {\"z\": 1}}", NULL, true},
    {"{\"delete\": \"t/d\"}", NULL, true},
    {"{\"delete\": \"t/a\", \"hard\": true}", NULL, true},
    {"{\"link\": [{\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\", \"data\": {\"w\": "
     "2}}, "
     "{\"from\": \"t/d\", \"predicate\": \"p\", \"to\": \"t/e\"}]}",
     NULL, true},
    {"{\"link\": {\"from\": \"x/a\", \"predicate\": \"one\", \"to\": \"t/e\"}, \"replace\": true}",
     NULL, true},
    {"{\"link\": {\"from\": \"x/a\", \"predicate\": \"one\", \"to\": \"t/e\"}}", NULL,
     false}, /* it has one */
    {"{\"unlink\": {\"from\": \"t/a\", \"predicate\": \"p\"}}", NULL, true},
    {"{\"insert\": \"x\", \"documents\": [{\"$id\": \"b\", \"near\": [\"dd\", \"zz\"]}]}", NULL,
     true},
    {"{\"link\": [{\"from\": \"t/a\", \"predicate\": \"p\", \"match\": \"dd\", \"in\": \"t\"}, "
     "{\"from\": \"x/a\", \"predicate\": \"one\", \"match\": \"zz\"}]}",
     NULL, true},
    {"{\"delete\": \"t/a\", \"hard\": true, \"edges\": \"cascade\"}", NULL, true},
    {"{\"delete\": \"t/a\", \"hard\": true, \"edges\": \"restrict\"}", NULL,
     false}, /* t/d leads there */
    {"{\"link\": []}", "{\"from\": \"t/e\", \"predicate\": \"p\", \"to\": \"t/e\"}\n", true},
    {"{\"unlink\": [{\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\"}, {\"from\": "
     "\"t/a\", "
     "\"predicate\": \"p\", \"to\": \"t/e\"}]}",
     NULL, true},
    {"{\"revert\": \"t/a\", \"to\": \"seq:4\"}", NULL, true},
    {"{\"revert\": \"t\", \"to\": \"seq:7\", \"metadata\": {\"k\": 1}}", NULL, true},
    {"{\"replay\": 1}",
     "{\"id\": \"01kdvdnaz80000000000000001\", \"op\": \"UPDATE\", \"target\": \"entity\", "
     "\"entityId\": \"t/d\", \"after\": {\"n\": 9}, \"metadata\": {\"k\": 1}}\n"
     "{\"id\": \"01kdvdnaz80000000000000002\", \"op\": \"DELETE\", \"target\": \"rel\", "
     "\"entityId\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\"}\n",
     true},
    {"{\"history\": {\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\"}}", NULL, false},
    {"{\"history\": \"t/b\", \"from\": \"seq:9\", \"filter\": {\"after.n\": 20}}", NULL, false},
    {"{\"history\": \"t\", \"limit\": 3}", NULL, false},
    {"{\"getAtVersion\": \"t/b\", \"version\": 1}", NULL, false},
    {"{\"diff\": \"t/b\", \"from\": \"seq:4\"}", NULL, false},
    {"{\"diff\": \"t\", \"from\": \"seq:4\", \"to\": \"now\"}", NULL, false},
    {"{\"flush\": 1}", NULL, false}, /* changes no answer */
    {"{\"maintain\": 0}", NULL, false},
    {"{\"compact\": \"\"}", NULL, false},
    {"{\"checkpoint\": 1}", NULL, false},
    {"{\"vacuum\": 1, \"minAge\": \"0\"}", NULL, false},
    {"{\"vacuum\": 1, \"dryRun\": true}", NULL, false},
    {"{\"retention\": {\"age\": \"9w\"}}", NULL, false},
    {"{\"verify\": 1}", NULL, false},
    {"{\"backup\": 1}", NULL, false},
    {"{\"backup\": 1, \"asOf\": \"seq:9\"}", NULL, false},
    {"{\"get\": \"t/d\"}", NULL, false},
    {"{\"get\": \"w/a\"}", NULL, false},
    {"{\"find\": \"w\", \"filter\": {\"l\": {\"$ne\": \"y\"}}}", NULL, false},
    {"{\"update\": \"w/a\", \"ops\": {\"$push\": {\"l\": \"z\"}}}", NULL, true},
    {"{\"get\": \"t/b\", \"asOf\": \"seq:2\", \"project\": {\"n\": 1}}", NULL, false},
    {"{\"find\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}, \"$or\": [{\"s\": \"x\"}, {\"n\": 4}]}, "
     "\"sort\": "
     "{\"n\": -1}, \"limit\": 3}",
     NULL, false},
    {"{\"find\": \"t\", \"includeDeleted\": true, \"project\": {\"o.p\": 1}, \"asOf\": \"seq:8\"}",
     NULL, false},
    {"{\"find\": \"t\", \"filter\": {\"$id\": \"t/b\"}, \"explain\": true}", NULL, false},
    {"{\"count\": \"t\", \"filter\": {\"n\": 2}, \"asOf\": \"seq:5\"}", NULL, false},
    {"{\"find\": \"t\", \"cursor\": \"\", \"limit\": 2, \"total\": true, \"snapshot\": true}", NULL,
     false},
    {"{\"find\": \"t\", \"sort\": {\"n\": -1}, \"limit\": 2, \"plain\": true}", NULL, false},
    {"{\"find\": \"t\", \"filter\": {\"_id\": {\"$gt\": \"a\"}}, \"sort\": {\"_id\": -1}, "
     "\"limit\": 2, \"plain\": \"keyed\"}",
     NULL, false},
    {"{\"find\": \"t\", \"sort\": {\"$id\": 1}, \"populate\": {\"p\": {\"limit\": 1, \"populate\": "
     "[\"p_of\"]}, \"q\": {\"sort\": {\"n\": 1}}}}",
     NULL, false},
    {"{\"distinct\": \"t\", \"key\": \"n\", \"filter\": {\"n\": {\"$gt\": 1}}}", NULL, false},
    {"{\"exists\": \"t\", \"filter\": {\"n\": 2}}", NULL, false},
    {"{\"exists\": \"t/d\"}", NULL, false},
    {"{\"exists\": {\"from\": \"t/a\", \"predicate\": \"p\", \"to\": \"t/b\"}}", NULL, false},
    {"{\"estimatedCount\": \"t\"}", NULL, false},
    {"{\"link\": [{\"from\": \"t/a\", \"predicate\": \"border\", \"to\": \"far/u/a\"}, {\"from\": "
     "\"t/b\", \"predicate\": \"border\", \"to\": \"far/u/b\"}]}",
     NULL, true},
    {"{\"unlink\": {\"from\": \"x/a\", \"predicate\": \"border\"}}", NULL, true},
    {"{\"update\": \"t/a\", \"ops\": {\"$link\": {\"border\": [\"far/u/a\", \"far/u/b\"]}}}", NULL,
     true},
    {"{\"delete\": \"x/a\", \"hard\": true, \"comment\": \"border\"}", NULL, true},
    {"{\"related\": \"x/a\", \"predicate\": \"border\", \"sort\": {\"n\": 1}}", NULL, false},
    {"{\"related\": \"x/a\", \"direction\": \"both\", \"edges\": true, \"total\": true, \"limit\": "
     "2, "
     "\"predicate\": [\"border\", \"one\"]}",
     NULL, false},
    {"{\"related\": \"x/a\", \"predicate\": \"border\", \"direction\": \"reverse\", \"asOf\": "
     "\"2026-01-01T00:02:00Z\"}",
     NULL, false},
    {"{\"related\": \"t/a\", \"predicate\": \"p\"}", NULL, false},
    {"{\"related\": \"t/a\", \"direction\": \"both\", \"edges\": true, \"limit\": 2, "
     "\"edgeFilter\": "
     "{\"version\": {\"$gt\": 0}}, \"total\": true}",
     NULL, false},
    {"{\"get\": \"t/a\", \"populate\": {\"x\": {\"predicate\": [\"p\", \"q\"], \"edgeFilter\": "
     "{\"version\": 1}, "
     "\"filter\": {\"n\": {\"$gt\": 0}}}}}",
     NULL, false},
    {"{\"related\": \"t/a\", \"predicate\": \"p\", \"filter\": {\"n\": {\"$gt\": 0}}, \"sort\": "
     "{\"n\": -1}, \"limit\": 1, \"cursor\": \"\", \"total\": true, \"populate\": [\"p_of\"]}",
     NULL, false},
    {"{\"stats\": \"t\"}", NULL, false},
    {"{\"count\": \"t\"}", NULL, false},
    {"{\"related\": \"t/a\", \"predicate\": \"q\", \"direction\": \"reverse\", \"edges\": true}",
     NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$graphLookup\": {\"from\": \"t\", \"startWith\": "
     "\"$$ROOT\", \"connectFromField\": \"<->p\", \"connectToField\": \"$id\", \"as\": \"r\"}}]}",
     NULL, false},
    {"{\"degree\": \"t\"}", NULL, false},
    {"{\"subgraph\": [\"t/a\", \"t/d\"], \"filter\": {\"n\": {\"$gt\": 0}}, \"edgeFilter\": "
     "{\"version\": 1}}",
     NULL, false},
    {"{\"traverse\": \"t/d\", \"path\": [{\"direction\": \"both\", \"max\": 2, \"filter\": {\"n\": "
     "{\"$gt\": 0}}}], \"return\": \"paths\", \"uniqueness\": \"edge\"}",
     NULL, false},
    {"{\"traverse\": \"t/d\", \"path\": [{\"direction\": \"both\", \"max\": 0}], \"return\": "
     "\"nodes\", \"order\": \"depth\", \"depth\": true}",
     NULL, false},
    {"{\"path\": {\"from\": \"t/d\", \"to\": \"t/a\"}, \"direction\": \"both\", \"k\": 3, "
     "\"return\": "
     "\"entities\"}",
     NULL, false},
    {"{\"path\": {\"from\": \"t/d\", \"to\": \"t/a\"}, \"direction\": \"both\", \"weight\": "
     "\"data.w\", "
     "\"defaultWeight\": 2, \"heuristic\": {\"property\": \"n\"}, \"all\": true}",
     NULL, false},
    {"{\"connected\": {\"from\": \"t/d\", \"to\": \"t/a\"}, \"asOf\": \"seq:8\"}", NULL, false},
    {"{\"neighbourhood\": \"t/d\"}", NULL, false},
    {"{\"pageRank\": \"t\", \"predicates\": \"p\", \"direction\": \"both\"}", NULL, false},
    {"{\"components\": \"\", \"asOf\": \"seq:8\"}", NULL, false},
    {"{\"triangles\": \"t\", \"sort\": {\"$id\": 1}}", NULL, false},
    {"{\"communities\": \"t\", \"flushed\": true}", NULL, false},
    {"{\"kCore\": \"\", \"explain\": true}", NULL, false},
    {"{\"components\": \"t\", \"writeAs\": \"part\"}", NULL, true},
    {"{\"match\": \"MATCH (a:t)-[r:p|q*1..2]->(b) OPTIONAL MATCH (b)-[s]->(c) WHERE s.w > 0 "
     "RETURN a.n AS n, b, count(c) AS c ORDER BY n\"}",
     NULL, false},
    {"{\"match\": \"MATCH (a:t {n: 1}) WHERE NOT (a)-->(a) RETURN DISTINCT a.n, id(a)\"}", NULL,
     false},
    {"{\"match\": \"MATCH (a:t {n: 1})-[r]->(b:T) WHERE NOT (a)-->(a) RETURN b.n, r.w\", "
     "\"explain\": \"plan\", \"price\": \"s3\"}",
     NULL, false},
    {"{\"match\": \"MATCH (a:t)-[:p]->(b) RETURN b.n\", \"budget\": {\"requests\": 100000}}", NULL,
     false},
    {"{\"degree\": \"t\", \"explain\": \"plan\"}", NULL, false},
    {"{\"traverse\": \"t/d\", \"path\": [\"q\", \"p\", {\"predicate\": \"p\", \"direction\": "
     "\"reverse\"}]}",
     NULL, false},
    {"{\"history\": \"t/b\"}", NULL, false},
    {"{\"history\": \"t/a\", \"asOf\": \"seq:4\"}", NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$match\": {\"$id\": {\"$regex\": \"^t/\"}}}, "
     "{\"$set\": "
     "{\"m\": {\"$add\": [\"$n\", 1]}}}, {\"$group\": {\"_id\": \"$s\", \"all\": {\"$push\": "
     "\"$m\"}}}]}",
     NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$lookup\": {\"from\": \"t\", \"localField\": "
     "\"n\", \"foreignField\": \"n\", \"as\": \"r\"}}, {\"$lookup\": {\"from\": \"t\", \"let\": "
     "{\"x\": \"$n\"}, \"pipeline\": [{\"$match\": {\"$expr\": {\"$lt\": [\"$n\", "
     "\"$$x\"]}}}], \"as\": \"q\"}}, {\"$unionWith\": \"t\"}, {\"$facet\": {\"f\": [{\"$sort\": "
     "{\"n\": 1}}]}}]}",
     NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$set\": {\"m\": 1}}, {\"$merge\": \"u\"}]}", NULL,
     true},
    {"{\"aggregate\": 1, \"pipeline\": [{\"$documents\": [{\"k\": 1, \"s\": \"z\"}, {\"_id\": "
     "\"n\", \"k\": 2}, "
     "{\"k\": 2, \"s\": \"w\"}]}, {\"$lookup\": {\"from\": \"t\", \"localField\": \"s\", "
     "\"foreignField\": \"_id\", \"as\": \"none\"}}, {\"$unset\": \"none\"}, {\"$merge\": "
     "{\"into\": "
     "\"v\", \"on\": \"k\"}}]}",
     NULL, true},
    {"{\"aggregate\": 1, \"pipeline\": [{\"$documents\": [{\"r\": \"a\"}, {\"r\": \"d\"}]}, "
     "{\"$graphLookup\": {\"from\": \"t\", \"startWith\": \"$r\", \"connectFromField\": \"n\", "
     "\"connectToField\": \"_id\", \"as\": \"x\"}}]}",
     NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$match\": {\"n\": {\"$gt\": 2}}}, {\"$out\": "
     "\"t\"}]}",
     NULL, true},
    {"{\"restore\": \"t/c\"}", NULL, true},
    {"{\"updateOne\": \"t\", \"filter\": {\"$id\": \"t/d\", \"n\": 4}, \"update\": {\"$inc\": "
     "{\"n\": "
     "1}}}",
     NULL, true},
    {"{\"updateMany\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}}, \"update\": {\"$set\": {\"o.q\": "
     "1}, "
     "\"$link\": {\"p\": \"t/e\"}}}",
     NULL, true},
    {"{\"findOneAndUpdate\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}}, \"sort\": {\"n\": -1}, "
     "\"update\": [{\"$set\": {\"m\": {\"$add\": [\"$n\", \"$$k\"]}}}], \"let\": {\"k\": 1}, "
     "\"returnDocument\": \"after\"}",
     NULL, true},
    {"{\"findOneAndUpdate\": \"t\", \"filter\": {\"_id\": \"d\"}, \"update\": {\"$inc\": "
     "{\"n\": 10}}, \"plain\": \"keyed\", \"returnDocument\": \"after\"}",
     NULL, true},
    {"{\"updateOne\": \"u\", \"filter\": {\"_id\": 5, \"n\": 1}, \"update\": {\"$set\": {\"m\": "
     "1}}, "
     "\"upsert\": true}",
     NULL, true},
    {"{\"updateOne\": \"u\", \"filter\": {\"n\": 1}, \"update\": {\"$set\": {\"_id\": 5}}, "
     "\"upsert\": true, \"collation\": {\"locale\": \"en\", \"strength\": 2}}",
     NULL, true},
    {"{\"deleteMany\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}}, \"hard\": true}", NULL, true},
    {"{\"bulkWrite\": \"t\", \"operations\": [{\"insertOne\": {\"document\": {\"$id\": \"f\"}}}, "
     "{\"updateOne\": {\"filter\": {\"$id\": \"t/a\"}, \"update\": {\"$set\": {\"n\": 7}}}}, "
     "{\"deleteOne\": {\"filter\": {\"$id\": \"t/d\"}}}]}",
     NULL, true},
    {fault_bulk_of_two, NULL, true},
    {fault_bulk_of_one, NULL, true},
    {"{\"upsertMany\": \"t\", \"operations\": [{\"filter\": {\"$id\": \"t/a\"}, \"update\": "
     "{\"$set\": "
     "{\"n\": 7}}}]}",
     NULL, true},
    {"{\"insert\": \"t\", \"ordered\": false, \"documents\": [{\"$id\": \"f\"}, {\"$id\": \"a\"}, "
     "{\"$id\": 5}]}",
     NULL, true},
    {"{\"schema\": \"t\", \"set\": {\"n\": \"number!##\", \"s\": \"string\"}}", NULL, true},
    {"{\"schema\": \"v\", \"set\": {\"k\": \"string\"}}", NULL, false}, /* does not fit */
    {"{\"insert\": \"v\", \"documents\": [{\"$id\": \"b\", \"k\": 2}, {\"$id\": \"c\"}]}", NULL,
     true},
    {"{\"insert\": \"v\", \"ordered\": false, \"documents\": [{\"$id\": \"b\", \"k\": 1}, {\"k\": "
     "\"x\"}, "
     "{\"$id\": \"c\", \"k\": 3}]}",
     NULL, true},
    {"{\"schema\": \"v\", \"asOf\": \"seq:9\"}", NULL, false},
    {"{\"schema\": \"t\", \"infer\": true}", NULL, false},
    {"{\"schema\": \"v\", \"diff\": {\"k\": \"number\", \"z\": \"date\"}}", NULL, false},
    {"{\"events\": \"\", \"from\": 2, \"limit\": 5}", NULL, false},
    {"{\"events\": \"t\", \"asOf\": \"seq:9\"}", NULL, false},
    {"{\"collections\": 1}", NULL, false},
    {"{\"create\": \"new\", \"options\": {\"validator\": {\"n\": 1}}}", NULL, true},
    {"{\"createIndexes\": \"t\", \"indexes\": [{\"name\": \"i\", \"key\": {\"_id\": 1, "
     "\"n\": 1}, \"unique\": true}]}",
     NULL, true},
    {"{\"alter\": \"t\", \"options\": {\"validator\": {\"n\": 1}}}", NULL, true},
    {"{\"indexes\": \"t\"}", NULL, false},
    {"{\"create\": \"new\", \"txn\": 1}", NULL, true},
    {"{\"createIndexes\": \"new\", \"indexes\": [{\"name\": \"i\", \"key\": {\"n\": 1}, "
     "\"unique\": true}], \"txn\": 1}",
     NULL, true},
    {"{\"indexes\": \"t\", \"txn\": 1}", NULL, false},
    {"{\"find\": \"seen\", \"filter\": {\"n\": {\"$lt\": 9}}, \"sort\": {\"n\": 1}, \"limit\": 1}",
     NULL, false},
    {"{\"count\": \"seen\"}", NULL, false},
    {"{\"distinct\": \"seen\", \"key\": \"n\"}", NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$lookup\": {\"from\": \"seen\", \"localField\": "
     "\"n\", "
     "\"foreignField\": \"n\", \"as\": \"l\"}}]}",
     NULL, false},
    {"{\"insert\": \"seen\", \"documents\": [{\"n\": 1}]}", NULL, false}, /* a view */
    {"{\"create\": \"new\", \"options\": {\"viewOn\": \"seen\"}}", NULL, true},
    {"{\"alter\": \"seen\", \"options\": {\"pipeline\": []}}", NULL, true},
    {"{\"rename\": \"v\", \"to\": \"w\", \"dropTarget\": true}", NULL, true},
    {"{\"drop\": \"t\"}", NULL, true},
    {"{\"expire\": 1}", NULL, false},
    {"{\"stats\": 1}", NULL, false},
    {"{\"files\": \"t\"}", NULL, false},
    {"{\"files\": \"\", \"kind\": \"edges\", \"sql\": true}", NULL, false},
    {"{\"update\": \"t/d\", \"ops\": {\"$set\": {\"n\": 45}}, \"txn\": 1}", NULL, true},
    {"{\"link\": {\"from\": \"t/g\", \"predicate\": \"q\", \"to\": \"t/b\"}, \"txn\": 1}", NULL,
     true},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$group\": {\"_id\": null, \"n\": {\"$sum\": "
     "\"$n\"}}}], \"txn\": 1}",
     NULL, false},
    {"{\"begin\": 1}", NULL, true},
    {"{\"reconstruct\": \"t/b\"}", NULL, false},
    {"{\"reconstruct\": \"t/d\", \"asOf\": \"seq:8\"}", NULL, false},
    {"{\"appendEvent\": {\"op\": \"CREATE\", \"entityId\": \"t/f\", \"type\": \"T\", \"after\": "
     "{\"n\": 6}}}",
     NULL, true},
    {"{\"appendEvent\": {\"op\": \"UPDATE\", \"entityId\": \"t/d\", \"after\": {\"n\": 6}, "
     "\"version\": 2}}",
     NULL, true},
    {"{\"appendEvent\": {\"op\": \"DELETE\", \"entityId\": \"t/a\", \"hard\": true}}", NULL, true},
    {"{\"appendEvent\": {\"target\": \"rel\", \"op\": \"CREATE\", \"entityId\": \"t/d\", "
     "\"predicate\": \"q\", \"to\": \"t/e\", \"after\": {\"w\": 3}}}",
     NULL, true},
    {"{\"retention\": 1}", NULL, false},
    {"{\"verify\": 1, \"quick\": true}", NULL, false},
    {"{\"files\": \"\", \"kind\": \"events\"}", NULL, false},
    {"{\"aggregate\": \"t\", \"pipeline\": [{\"$lookup\": {\"from\": \"t\", \"localField\": \"n\", "
     "\"foreignField\": \"n\", \"as\": \"r\"}}], \"asOf\": \"seq:8\"}",
     NULL, false},
    {"{\"traverse\": \"t/d\", \"path\": [\"q\", \"p\"], \"asOf\": \"seq:12\"}", NULL, false},
    {NULL, NULL, false}};

const fault_probe fault_bulk_probes[] = {
    {"{\"insert\": \"t\", \"documents\": [{\"$id\": \"f\", \"n\": 6}, {\"$id\": \"g\"}]}", NULL,
     true},
    {"{\"insert\": \"u\"}",
     "{\"$id\": \"a\", \"l\": [1]}\n{\"$id\": \"b\"}\n{\"$id\": \"c\", \"n\": 3}\n", true},
    {"{\"insert\": \"t\", \"documents\": [{\"$id\": \"f\"}, {\"$id\": \"a\"}]}", NULL,
     false}, /* exists */
    {"{\"insert\": \"v\", \"documents\": [{\"$id\": \"b\", \"k\": 2}, {\"$id\": \"c\", \"k\": 3}]}",
     NULL, true},
    {"{\"update\": \"t/e\", \"ops\": {\"$inc\": {\"n\": 1}}}", NULL, true},
    {"{\"flush\": 1}", NULL, false},
    {"{\"compact\": \"t\"}", NULL, false},
    {"{\"find\": \"t\", \"filter\": {\"n\": {\"$gt\": 1}}}", NULL, false},
    {"{\"get\": \"t/e\", \"asOf\": \"seq:10\"}", NULL, false},
    {"{\"history\": \"t/e\"}", NULL, false},
    {NULL, NULL, false}};
