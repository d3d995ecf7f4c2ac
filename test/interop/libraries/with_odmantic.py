"""PyPI odmantic, over motor."""
import asyncio
from typing import List, Optional

from motor.motor_asyncio import AsyncIOMotorClient
from odmantic import AIOEngine, EmbeddedModel, Field, Model, Reference
from odmantic.exceptions import DuplicateKeyError

import check


class Publisher(Model):
    name: str = Field(unique=True)
    founded: int


class Chapter(EmbeddedModel):
    title: str


class Book(Model):
    title: str
    chapters: List[Chapter] = []
    publisher: Publisher = Reference()
    pages: Optional[int] = None


async def main():
    client = AsyncIOMotorClient(check.URI)
    engine = AIOEngine(client=client, database="odmantic")
    await engine.configure_database([Publisher, Book])
    house = Publisher(name="House", founded=1900)
    await engine.save_all([Book(title=f"b{i}", publisher=house, pages=i,
                                chapters=[Chapter(title="c")]) for i in range(4)])
    check.same((await engine.find_one(Book, Book.title == "b2")).publisher.name, "House",
               "reference")
    check.same([b.pages for b in await engine.find(Book, Book.pages >= 2, sort=Book.pages.desc())],
               [3, 2], "find")
    check.same(await engine.count(Book, Book.pages > 0), 3, "count")
    house.founded = 1901
    await engine.save(house)
    check.same((await engine.find_one(Publisher)).founded, 1901, "save")
    try:
        await engine.save(Publisher(name="House", founded=1))
        check.same("saved", "refused", "unique")
    except DuplicateKeyError:
        check.same(1, 1, "unique")
    check.same(await engine.remove(Book, Book.pages < 2), 2, "remove")
    async with engine.transaction() as transaction:
        await transaction.save(Publisher(name="Other", founded=2))
        await transaction.commit()
    check.same(await engine.count(Publisher), 2, "transaction")
    await client.drop_database("odmantic")


asyncio.run(main())
check.end()
