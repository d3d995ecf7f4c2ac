"""PyPI beanie: documents of pydantic."""
import asyncio
from typing import Optional

import pymongo
from beanie import Document, Indexed, Link, WriteRules, init_beanie
from beanie.operators import Inc, Set
from pydantic import BaseModel

import check


class Category(BaseModel):
    name: str


class Shop(Document):
    city: str


class Product(Document):
    name: Indexed(str, unique=True)
    price: float
    category: Optional[Category] = None
    shop: Optional[Link[Shop]] = None

    class Settings:
        name = "products"
        use_revision = True


async def main():
    client = pymongo.AsyncMongoClient(check.URI)
    await init_beanie(database=client.beanie, document_models=[Product, Shop])
    bar = Product(name="bar", price=5.5, category=Category(name="sweet"), shop=Shop(city="Ulm"))
    await bar.insert(link_rule=WriteRules.WRITE)
    await Product.insert_many([Product(name=f"p{i}", price=i) for i in range(5)])
    check.same((await Product.find_one(Product.name == "bar")).category.name, "sweet", "find_one")
    check.same((await Product.get(bar.id, fetch_links=True)).shop.city, "Ulm", "links")
    check.same([p.name for p in await Product.find(Product.price < 3).sort("-price").to_list()],
               ["p2", "p1", "p0"], "find")
    await bar.update(Inc({Product.price: 1}))
    check.same(bar.price, 6.5, "update of one")
    await Product.find(Product.price < 2).update(Set({Product.price: 9}))
    check.same(await Product.find(Product.price == 9).count(), 2, "update of many")
    check.same(await Product.find(Product.price >= 2).avg(Product.price),
               (6.5 + 9 + 9 + 2 + 3 + 4) / 6, "avg")
    bar.price = 7
    await bar.save()
    check.same((await Product.get(bar.id)).price, 7, "save")
    try:
        await Product(name="bar", price=1).insert()
        check.same("inserted", "refused", "unique")
    except pymongo.errors.DuplicateKeyError:
        check.same(1, 1, "unique")
    check.same((await Product.find(Product.price == 9).delete()).deleted_count, 2, "delete")
    check.same(len(await Product.distinct("name")), 4, "distinct")
    await client.drop_database("beanie")


asyncio.run(main())
check.end()
