"""PyPI umongo: documents of marshmallow, over pymongo."""
from pymongo import MongoClient
from umongo import Document, fields
from umongo.frameworks import PyMongoInstance
from marshmallow import ValidationError

import check

client = MongoClient(check.URI)
instance = PyMongoInstance(client.umongo)


@instance.register
class User(Document):
    email = fields.EmailField(required=True, unique=True)
    age = fields.IntegerField(allow_none=True)
    friends = fields.ListField(fields.ReferenceField("User"))

    class Meta:
        collection_name = "user"


User.ensure_indexes()
ann = User(email="a@x.org", age=3)
ann.commit()
bob = User(email="b@x.org", friends=[ann])
bob.commit()
check.same(User.find_one({"email": "a@x.org"}).age, 3, "find_one")
check.same(User.find_one({"friends": ann.pk}).friends[0].fetch().email, "a@x.org", "reference")
ann.age = 4
ann.commit()
check.same(User.count_documents({"age": 4}), 1, "changed")
check.refused(lambda: User(email="a@x.org").commit(), ValidationError, "unique")
check.same(sorted(i["name"] for i in User.collection.list_indexes()), ["_id_", "email_1"],
           "indexes")
check.same(ann.delete().deleted_count, 1, "delete")
client.drop_database("umongo")
check.end()
