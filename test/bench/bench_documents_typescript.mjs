// test/bench/bench_documents_typescript.mjs - the TypeScript ParqueDB's side of ./bench documents.
//
//   tsx bench_documents_typescript.mjs CHECKOUT FOLDER     jobs in, times out, as bench_documents.c
//     <-- posts PATH          NDJSON of the posts to work with
//     <-- import N | get N | author N | range N | page N | count N | create N
//     --> ok SECONDS ANSWER   or  error TEXT
//
// CHECKOUT is a copy of its repository with its packages installed. Every one of its writes
// rewrites all data, so it is asked about few posts. It has no count: it finds them.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [checkout, folder] = process.argv.slice(2)
const source = (path) => import(pathToFileURL(join(checkout, 'src', path)).href)
const { ParqueDB } = await source('ParqueDB.ts')
const { FsBackend } = await source('storage/FsBackend.ts')
const db = new ParqueDB({ storage: new FsBackend(join(folder, 'typescript')) })
const posts = db.collection('posts')
let lines = []
let count = 0

const document = (line) => {
  const { $id, at, ...rest } = JSON.parse(line)
  const time = new Date(Number(at.$date.$numberLong))
  return { ...rest, $id: `posts/${$id}`, $type: 'Post', name: $id, at: time }
}
const number = (page) => (page.items ?? page).length

const jobs = {
  import: async (n) => {
    for (count = 0; count < n; count++) await posts.create(document(lines[count]))
    return count
  },
  create: async (n) => {
    for (let i = 0; i < n; i++) await posts.create(document(lines[count++]))
    return n
  },
  get: async (n) => {
    let seen = 0
    for (let i = 0; i < n; i++) {
      const id = JSON.parse(lines[(i * 7919) % count]).$id
      seen += (await posts.get(`posts/${id}`)) === null ? 0 : 1
    }
    return seen
  },
  author: async (n) => {
    for (let i = 0; i < n; i++) await posts.find({ 'author.id': `u${i}` }, { limit: 100 })
    return n
  },
  range: async (n) => {
    for (let i = 0; i < n; i++) await posts.find({ likes: { $gte: 1000 * i, $lt: 1000 * i + 500 } })
    return n
  },
  page: async (n) => {
    let seen = 0
    for (let i = 0; i < n; i++)
      seen += number(await posts.find({ lang: 'fr' }, { sort: { likes: -1 }, limit: 20 }))
    return seen
  },
  count: async (n) => {
    for (let i = 0; i < n; i++) await posts.find({ lang: 'de' })
    return n
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const [job, argument] = line.split(' ')
  try {
    const start = process.hrtime.bigint()
    let answer = 0
    if (job === 'posts') lines = readFileSync(argument, 'utf8').split('\n')
    else answer = await jobs[job](Number(argument))
    console.log(`ok ${Number(process.hrtime.bigint() - start) / 1e9} ${answer}`)
  } catch (e) {
    console.log(`error ${String(e.message).split('\n')[0]}`)
  }
}
process.exit(0)
