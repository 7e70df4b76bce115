"""Folders as bytes and back: the form in which a `.pte` holds a Core ML model.

    contents of all files, in the order of the nodes
    {"nodes": [{"children": {name: index}, "dataRegion": {"offset", "size"}, "kind": 0 file | 1 folder, "name"}, …]}

The description stands at the end with its bytes reversed, so that a reader starts at the last byte. Children precede their
folder; the root is last.
"""

import json
import os
import pathlib

_FILE, _FOLDER = 0, 1


def _describe(path, nodes, pieces, offset):
    """Appends the nodes of `path` and of what is in it; returns the offset after its data."""
    children, region = {}, {"offset": 0, "size": 0}
    if path.is_dir():
        for child in sorted(path.iterdir()):
            offset = _describe(child, nodes, pieces, offset)
            children[child.name] = len(nodes) - 1
    else:
        data = path.read_bytes()
        region = {"offset": offset, "size": len(data)}
        pieces.append(data)
        offset += len(data)
    nodes.append({"children": children, "dataRegion": region, "kind": _FOLDER if path.is_dir() else _FILE, "name": path.name})
    return offset


def flatten_directory_contents(path):
    """The folder `path`, its name included, as bytes; None when there is no such folder."""
    path = pathlib.Path(path).absolute()
    if not path.is_dir():
        return None
    nodes, pieces = [], []
    _describe(path, nodes, pieces, 0)
    description = json.dumps({"nodes": nodes}, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    return b"".join(pieces) + description[::-1]


def _nodes(data):
    text = data[::-1].lstrip(b"\0 \t\r\n")
    description, _ = json.JSONDecoder().raw_decode(text.decode("utf-8", errors="surrogateescape"))
    return description["nodes"]


def _write(nodes, index, data, target):
    node = nodes[index]
    name = node.get("name", "")
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"node {index} is called {name!r}, which is no file name")
    path = target / name
    if node["kind"] == _FOLDER:
        path.mkdir(exist_ok=True)
        for child in node["children"].values():
            if not 0 <= child < index:
                raise ValueError(f"node {index} has the child {child}; children precede their folder")
            _write(nodes, child, data, path)
        return
    offset, size = node["dataRegion"]["offset"], node["dataRegion"]["size"]
    if offset < 0 or size < 0 or offset + size > len(data):
        raise ValueError(f"node {index} has bytes {offset} to {offset + size} of {len(data)}")
    path.write_bytes(data[offset : offset + size])


def unflatten_directory_contents(bytes, path):  # noqa: A002 (the name is ExecuTorch's)
    """Writes the folder that `bytes` holds, its name included, into the folder `path`; False when it holds none."""
    target = pathlib.Path(path)
    try:
        os.makedirs(target, exist_ok=True)
        nodes = _nodes(bytes)
        _write(nodes, len(nodes) - 1, bytes, target)
    except (ValueError, KeyError, IndexError, TypeError, OSError):
        return False
    return True
