#!/usr/bin/env python3
"""Tests of `parquedb subgraph`: its items as GraphML, DOT, JSON Graph and as a picture.

    PARQUEDB=build/parquedb test/cli/graph.py [NAME...]    NAME: only tests whose name contains it

Names, ids and predicates are hostile: what is written must be well-formed and say the same.
Pictures are read back: no two boxes overlap, no name of an edge lies on a box, and the same graph
gives the same bytes. The last line is 'N passed, N failed'.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import traceback
import xml.etree.ElementTree as ElementTree

import cli
from cli import Warehouse, check

SVG = "{http://www.w3.org/2000/svg}"
GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
HOSTILE = ["<script>alert(1)</script>", "a\"b'c&d;", "]]>", "back\\slash\\", "tab\tline\nend",
           "\u0001\u001f\ufffe", "日本語の名前", "é́", "&amp; &#60;", "W" * 80, " ", "\u202eabc"]


def make(w, nodes, edges):
    """Nodes are (id, name), edges (from, predicate, to)."""
    text = {}
    for name, label in nodes:
        coll, local = name.split("/", 1)
        text.setdefault(coll, []).append(json.dumps({"$id": local, "name": label, "n": len(label)}))
    for coll, lines in text.items():
        w.ok("import", coll, "-", stdin="\n".join(lines).encode())
    w.ok("run", json.dumps({"link": [{"from": a, "predicate": p, "to": b, "data": {"since": i}}
                                     for i, (a, p, b) in enumerate(edges)]}))


def hostile(w):
    nodes = [(f"people/h{i}", name) for i, name in enumerate(HOSTILE)] + [("cats/c", "Cat")]
    edges = [("people/h0", "<&\">", f"people/h{i}") for i in range(len(HOSTILE))]
    edges += [("people/h1", "owns", "cats/c"), ("cats/c", "of", "people/h1")]
    make(w, nodes, edges)
    return nodes, edges


def picture(text):
    """(boxes by title, curves, texts) of an SVG; it must be well-formed."""
    root = ElementTree.fromstring(text)
    boxes = {}
    for g in root.iter(SVG + "g"):
        rect, title = g.find(SVG + "rect"), g.find(SVG + "title")
        if title is None:
            continue  # of the legend
        x, y, width, height = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        boxes[title.text] = (x, y, x + width, y + height)
    curves = [p for p in root.iter(SVG + "path") if p.find(SVG + "title") is not None]
    return root, boxes, curves


def check_boxes(root, boxes):
    width, height = float(root.get("width")), float(root.get("height"))
    places = sorted(boxes.values())
    for i, a in enumerate(places):
        check(a[0] >= 0 and a[1] >= 0 and a[2] <= width and a[3] <= height, "a box is on the sheet",
              (a, width, height))
        for b in places[i + 1:]:
            check(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1],
                  "boxes do not overlap", (a, b))


def test_svg_hostile(w):
    nodes, edges = hostile(w)
    text = w.ok("subgraph", "people/h0", "--svg", "-").out
    root, boxes, curves = picture(text)
    check(len(boxes) == len(nodes), "a box for each node", len(boxes))
    check(len(curves) == len(edges), "a curve for each edge", len(curves))
    check_boxes(root, boxes)
    check(not list(root.iter(SVG + "script")), "no script")
    title = next(t for t in boxes if t.startswith("W" * 80))
    shown = [t.text for t in root.iter(SVG + "text")]
    check(title.endswith("people/h9"), "the whole name is in the title", title)
    check(any(t and t.startswith("WWW") and t.endswith("…") and len(t) < 20 for t in shown),
          "a long name is cut", shown)
    check("prefers-color-scheme" in text, "light and dark")


def test_svg_names_of_edges(w):
    make(w, [(f"people/{i}", f"Person {i}") for i in range(7)],
         [("people/0", "knows", f"people/{i}") for i in range(1, 7)] +
         [("people/1", "likes", "people/2"), ("people/2", "likes", "people/1")])
    root, boxes, _ = picture(w.ok("subgraph", "people/0", "--svg", "-").out)
    names = [t for t in root.iter(SVG + "text") if "p" in t.get("class", "").split()]
    check(len(names) >= 6, "most edges have their predicate beside them", len(names))
    for t in names:
        x, y = float(t.get("x")), float(t.get("y")) - 4
        check(not any(b[0] < x < b[2] and b[1] < y < b[3] for b in boxes.values()),
              "it lies on no box", (x, y))


def test_svg_large(w):
    random.seed(5)
    nodes = [(f"{'ab'[i % 2]}/n{i}", f"node {'x' * (i % 23)} {i}") for i in range(150)]
    edges = sorted({(nodes[random.randrange(i)][0], "pqrstuvwxyz"[i % 11], nodes[i][0])
                    for i in range(1, 150)} |
                   {(nodes[random.randrange(150)][0], "s", nodes[random.randrange(150)][0])
                    for _ in range(40)})
    make(w, nodes, edges)
    ask = ("subgraph", nodes[0][0], "--max-hops", 30, "--svg", "-")
    text = w.ok(*ask).out
    root, boxes, curves = picture(text)
    check(len(boxes) == 150 and len(curves) == len(edges), "everything is there", len(boxes))
    check_boxes(root, boxes)
    check(w.ok(*ask).out == text, "the same again")
    w.ok("flush")
    check(w.ok(*ask).out == text, "the same behind a flush")


def test_svg_alone(w):
    make(w, [("people/a", "Ada")], [("people/a", "is", "people/a")])
    root, boxes, curves = picture(w.ok("subgraph", "people/a", "--svg", "-").out)
    check(len(boxes) == 1 and len(curves) == 1, "a node with an edge to itself", boxes)
    root, boxes, _ = picture(w.ok("subgraph", "people/a", "people/b", "--svg", "-").out)
    check(len(boxes) == 1, "what is not there is not shown", boxes)
    root, boxes, _ = picture(w.ok("subgraph", "people/b", "--svg", "-").out)
    check(not boxes, "nothing at all", boxes)


def test_graphml(w):
    nodes, edges = hostile(w)
    root = ElementTree.fromstring(w.ok("subgraph", "people/h0", "--graphml", "-").out)
    keys = {k.get("id"): (k.get("attr.name"), k.get("attr.type"))
            for k in root.iter(GRAPHML + "key")}
    check(("n", "long") in keys.values() and ("label", "string") in keys.values(), "keys", keys)
    names = {n.get("id"): next(d.text for d in n if keys[d.get("key")][0] == "name")
             for n in root.iter(GRAPHML + "node")}
    check(set(names) == {i for i, _ in nodes}, "all nodes", names)
    allowed = {i: re.sub("[\u0001\u001f\ufffe]", "\ufffd", name) for i, name in nodes}
    check(all((names[i] or "") == name for i, name in allowed.items()), "all names", names)
    check(sorted((e.get("source"), e.get("target")) for e in root.iter(GRAPHML + "edge")) ==
          sorted((a, b) for a, _, b in edges), "all edges")


def test_json_graph(w):
    nodes, edges = hostile(w)
    graph = json.loads(w.ok("subgraph", "people/h0", "--json-graph", "-").out)["graph"]
    check({i: n["metadata"]["entity"]["name"] for i, n in graph["nodes"].items()} == dict(nodes),
          "all nodes", graph["nodes"])
    check(sorted((e["source"], e["relation"], e["target"]) for e in graph["edges"]) ==
          sorted(edges), "all edges", graph["edges"])
    check(all("data" in e["metadata"] for e in graph["edges"]), "with their data")


def test_dot(w):
    nodes, edges = hostile(w)
    text = w.ok("subgraph", "people/h0", "--dot", "-").out
    check(len(re.findall(r"^  \"", text, re.M)) == len(nodes) + len(edges), "a line each", text)
    check(text.count('"') - text.count('\\"') >= 0 and text.endswith("}\n"), "quotes", text)
    if shutil.which("dot"):
        done = subprocess.run(["dot", "-Tplain"], input=text.encode(), capture_output=True)
        check(done.returncode == 0, "Graphviz reads it", done.stderr)
        check(done.stdout.count(b"\nnode ") == len(nodes), "all nodes", done.stdout[:300])
        check(done.stdout.count(b"\nedge ") == len(edges), "all edges", done.stdout[:300])


def test_files(w):
    make(w, [("people/a", "Ada"), ("people/b", "Bob")], [("people/a", "knows", "people/b")])
    done = w.ok("subgraph", "people/a", "--graphml", "a.graphml", "--dot", "a.dot",
                "--svg", "a.svg", "--json-graph", "-")
    check("graph" in json.loads(done.out), "one of them on standard output", done)
    check(sorted(n for n in os.listdir(w.base) if n.startswith("a.")) ==
          ["a.dot", "a.graphml", "a.svg"], "the files, and no parts of them", os.listdir(w.base))
    check([i.get("depth") for i in w.ok("subgraph", "people/a").items] == [0, 1, None],
          "items without a file")
    note = w.ok("subgraph", "people/a", "--max-nodes", 1, "--dot", "-")
    check("--max-nodes" in note.err, "a note when it is cut", note)
    w.usage("subgraph", "people/a", "--svg", "-", "--dot", "-", says=["standard output"])
    w.usage("subgraph", "people/a", "--svg", "", says=["--svg"])
    w.usage("subgraph", "people/a", "--svg", "-", "--explain", says=["--explain"])
    w.usage("subgraph", "people", says=["ID"])
    failed = w("subgraph", "people/a", "--svg", "missing/a.svg")
    check(failed.status == 1 and "missing/a.svg" in failed.err, "no such folder", failed)


def terminal(w, *args):
    return re.sub("\x1b\\[[0-9;]*m", "", w.on_terminal(*args)[1])


def test_terminal(w):
    """At a terminal paths and subgraphs are rows that can be read."""
    w.ok("import", "t", "-", stdin=b'{"$id":"a"}\n{"$id":"b"}\n{"$id":"c"}\n')
    w.ok("link", "--file", "-", stdin=
         b'{"from":"t/a","predicate":"road","to":"t/b","data":{"km":2}}\n'
         b'{"from":"t/c","predicate":"rail","to":"t/b"}\n')
    rows = [line.split(None, 1) for line in
            terminal(w, "path", "t/a", "t/c", "--direction", "both").splitlines()]
    check(rows[-1] == ["2", "t/a -road-> t/b <-rail- t/c"], "path", rows)
    text = terminal(w, "path", "t/a", "t/b", "--weight", "data.km")
    check("weight" in text and "2.0  t/a -road-> t/b" in text, "weight", text)
    text = terminal(w, "traverse", "t/a", "road", "--show", "paths")
    check("t/a -road-> t/b" in text, "traverse", text)
    text = terminal(w, "subgraph", "t/a", "--max-hops", "1")
    check("1  t/b" in text and 't/a -road-> t/b {"km":2}' in text, "subgraph", text)
    check("no path" in terminal(w, "path", "t/b", "t/a"), "no path")
    check("nothing there" in terminal(w, "subgraph", "t/none"), "nothing")


def main():
    for name, test in list(globals().items()):
        if not name.startswith("test_") or not callable(test):
            continue
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        cli.current = name
        warehouse = Warehouse()
        try:
            test(warehouse)
        except Exception:
            cli.failed += 1
            print(f"FAIL {name}: it broke off\n{traceback.format_exc()}")
        finally:
            shutil.rmtree(warehouse.base, ignore_errors=True)
    print(f"{cli.passed} passed, {cli.failed} failed")
    return 1 if cli.failed else 0


if __name__ == "__main__":
    sys.exit(main())
