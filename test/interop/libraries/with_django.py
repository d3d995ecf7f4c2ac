"""PyPI django-mongodb-backend: Django's ORM and its migrations."""
import decimal
import sys
import types

import django
from django.conf import settings
from django.db import IntegrityError, connection, models

import check
import django_mongodb_backend as backend

DATABASE = {"ENGINE": "django_mongodb_backend", "HOST": check.URI, "NAME": "django"}
shop = types.ModuleType("shop")  # an app without a folder
shop.__file__ = __file__
sys.modules["shop"] = shop
settings.configure(DATABASES={"default": DATABASE}, USE_TZ=True, INSTALLED_APPS=["shop"],
                   DEFAULT_AUTO_FIELD="django_mongodb_backend.fields.ObjectIdAutoField")
django.setup()


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)
    age = models.IntegerField(db_index=True)

    class Meta:
        app_label = "shop"


class Book(models.Model):
    title = models.CharField(max_length=50)
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    data = models.JSONField(default=dict)
    price = models.DecimalField(max_digits=6, decimal_places=2)
    tags = backend.fields.ArrayField(models.CharField(max_length=9), default=list)

    class Meta:
        app_label = "shop"


connection.ensure_connection()
connection.connection.drop_database("django")
with connection.schema_editor() as editor:
    editor.create_model(Author)
    editor.create_model(Book)
ann, bob = (Author.objects.create(name=n, age=a) for n, a in (("Ann", 30), ("Bob", 40)))
Book.objects.bulk_create([Book(title=f"b{i}", author=ann if i % 2 else bob, price=i, tags=["x"],
                               data={"k": {"n": i}}) for i in range(6)])
check.same(Author.objects.get(pk=ann.pk).name, "Ann", "get")
check.same(sorted(Book.objects.filter(author__name="Ann").values_list("title", flat=True)),
           ["b1", "b3", "b5"], "join")
check.same(list(Author.objects.annotate(n=models.Count("books")).order_by("name")
                .values_list("name", "n")), [("Ann", 3), ("Bob", 3)], "annotate")
check.same(Book.objects.aggregate(s=models.Sum("price"))["s"], decimal.Decimal(15), "decimals")
check.same(Book.objects.filter(data__k__n__gte=4).count(), 2, "JSON")
check.same(Book.objects.filter(tags__contains=["x"]).count(), 6, "arrays")
check.same(Book.objects.filter(title__iregex="^B[12]").count(), 2, "iregex")
check.same(Book.objects.filter(models.Q(title="b1") | models.Q(price__gt=4)).count(), 2, "Q")
check.same(Book.objects.exclude(author=ann).update(price=models.F("price") + 1), 3, "F")
check.same([b.title for b in Book.objects.order_by("-price", "title")[:2]], ["b4", "b5"], "order")
check.refused(lambda: Author.objects.create(name="Ann", age=1), IntegrityError, "unique")
check.same(Author.objects.filter(pk__in=Book.objects.values("author")).count(), 2,
           "a query in another")
check.same(ann.delete()[0], 4, "cascade")
check.same(Book.objects.count(), 3, "deleted")
with connection.schema_editor() as editor:
    editor.delete_model(Book)
    editor.delete_model(Author)
check.same([n for n in connection.introspection.table_names() if n.startswith("shop")], [],
           "tables")
connection.database.client.drop_database("django")
check.end()
