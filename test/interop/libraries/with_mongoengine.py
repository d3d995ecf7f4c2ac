"""PyPI mongoengine."""
import mongoengine as me
from mongoengine import queryset_manager
from mongoengine.errors import NotUniqueError, ValidationError

import check


class User(me.Document):
    email = me.EmailField(required=True, unique=True)
    name = me.StringField(max_length=50)
    meta = {"indexes": ["name", {"fields": ["-name", "email"], "sparse": True}]}


class Comment(me.EmbeddedDocument):
    by = me.StringField()
    votes = me.IntField(default=0)


class Post(me.Document):
    title = me.StringField(required=True)
    author = me.ReferenceField(User, reverse_delete_rule=me.CASCADE)
    tags = me.ListField(me.StringField())
    comments = me.EmbeddedDocumentListField(Comment)
    number = me.SequenceField()
    meta = {"allow_inheritance": True}

    @queryset_manager
    def tagged(cls, queryset):
        return queryset.filter(tags__exists=True)


class Link(Post):
    url = me.URLField()


me.connect("engine", host=check.URI)
ann = User(email="a@x.org", name="Ann").save()
check.refused(lambda: User(email="a@x.org").save(), NotUniqueError, "unique")
check.refused(lambda: User(email="no").save(), ValidationError, "validation")
Post(title="one", author=ann, tags=["a", "b"], comments=[Comment(by="x")]).save()
Link(title="two", author=ann, url="http://x.org").save()
check.same([p.number for p in Post.objects.order_by("title")], [1, 2], "sequence")
check.same(Post.objects(tags="a").first().author.name, "Ann", "reference")
check.same(Link.objects.count(), 1, "inheritance")
check.same(Post.objects(title="one").update_one(push__tags="c", inc__comments__0__votes=2), 1,
           "update")
one = Post.objects.get(title="one")
check.same((one.tags, one.comments[0].votes), (["a", "b", "c"], 2), "updated")
one.tags.remove("a")
one.save()
check.same(Post.objects(tags__all=["b", "c"]).count(), 1, "save of changes")
check.same(Post.objects(title__icontains="TW").first().url, "http://x.org", "icontains")
check.same(Post.objects.sum("number"), 3, "sum")
check.same(User.objects(name="Bob").modify(upsert=True, new=True, set__email="b@x.org").name, "Bob",
           "upsert")
check.same(sorted(User._get_collection().index_information()),
           ["_id_", "email_1", "name_-1_email_1", "name_1"], "indexes")
ann.delete()
check.same(Post.objects.count(), 0, "cascade")
check.same(len(list(Post.objects.aggregate([{"$count": "n"}]))), 0, "aggregate")
me.connection.get_connection().drop_database("engine")
check.end()
