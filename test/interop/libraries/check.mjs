// test/interop/libraries/check.mjs - what the scripts of the libraries share; see libraries.py.
// node NAME.mjs MODULES URI: FAIL lines, then `N passed, N failed`.
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";

export const require = createRequire(process.argv[2] + "/");
export const uri = process.argv[3]; // ends with "/"
let passed = 0, failed = 0;

/** Does what `f` gives equal what is wanted? */
export async function same(name, f, wanted) {
  let got;
  try {
    got = await f();
  } catch (e) {
    got = `${e.name} ${e.code ?? ""}: ${e.message}`;
  }
  if (isDeepStrictEqual(got, wanted)) passed++;
  else {
    failed++;
    console.log(`FAIL ${name}:`, JSON.stringify({ got, wanted })?.slice(0, 700));
  }
}

/** Ask until it gives something true, at most so many seconds. */
export async function until(f, seconds = 10) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    const got = await f();
    if (got) return got;
    await new Promise((go) => setTimeout(go, 50));
  }
  return undefined;
}

/** Run everything, print the end. */
export async function run(main) {
  try {
    await main();
  } catch (e) {
    failed++;
    console.log("FAIL", e);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
