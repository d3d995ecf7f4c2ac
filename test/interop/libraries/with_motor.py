"""PyPI motor, and pymongo's own asynchronous client."""
import asyncio

import motor.motor_asyncio
import pymongo

import check


async def use(client, name):
    await client.drop_database(name)
    c = client[name].docs
    await c.create_index("n", unique=True)
    await c.insert_many([{"n": i, "t": f"x{i}"} for i in range(300)])
    check.same((await c.find_one({"n": 7}))["t"], "x7", "find_one")
    check.same([d["n"] async for d in c.find({"n": {"$lt": 3}}).sort("n", -1)], [2, 1, 0], "find")
    check.same(await c.count_documents({}), 300, "count_documents")
    check.same((await c.update_one({"n": 1}, {"$set": {"t": "y"}})).modified_count, 1, "update_one")
    try:
        await c.insert_one({"n": 1})
        check.same("inserted", "refused", "unique")
    except pymongo.errors.DuplicateKeyError as error:
        check.same(error.details["keyValue"], {"n": 1}, "unique")
    stream = c.watch(max_await_time_ms=100)
    async with await stream if asyncio.iscoroutine(stream) else stream as stream:
        await c.insert_one({"n": 1000})
        check.same((await stream.next())["fullDocument"]["n"], 1000, "watch")
    await client.drop_database(name)


async def main():
    await use(motor.motor_asyncio.AsyncIOMotorClient(check.URI), "motor")
    await use(pymongo.AsyncMongoClient(check.URI), "async")


asyncio.run(main())
check.end()
