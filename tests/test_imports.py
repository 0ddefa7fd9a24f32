"""The arrows between the packages of keraslight go one way: down this list."""

import ast
import pathlib

import pytest

import keraslight

ROOT = pathlib.Path(keraslight.__file__).parent
# what each package may import; a package may always import from itself
ARROWS = {
    "discover": set(),
    "files": set(),
    "failures": set(),
    "compat": set(),
    "canvas": set(),
    "machine": set(),
    "record": {"files", "machine"},
    "text": set(),
    "bounds": {"text"},
    "download": {"text"},
    "report": {"canvas"},
    "pictures": {"download", "files"},
    "boxes": {"pictures"},
    "tflite": {"bounds", "boxes", "failures", "pictures", "text"},
    "graph": {"compat", "machine"},
    "kernels": {"graph"},
    "layers": {"discover", "graph"},
    "reparam": {"compat", "graph", "layers"},
    "quantization": {"compat", "discover", "graph", "layers", "report"},
    "tflite_import": {"compat", "discover", "graph", "quantization", "text", "tflite"},
    "export": {
        "compat",
        "files",
        "graph",
        "pictures",
        "quantization",
        "reparam",
        "tflite",
        "tflite_import",
    },
    "models": {"compat", "discover", "graph", "layers", "reparam", "report"},
    "weights": {"bounds", "discover", "download", "files", "layers", "models", "pictures", "text"},
    "visualize": {"canvas", "compat", "graph", "layers", "models", "report"},
    "detection": {"boxes", "export", "files", "layers", "models", "tflite"},
    "segmentation": {"layers", "models"},
    "api": {
        "detection",
        "discover",
        "download",
        "export",
        "graph",
        "kernels",
        "layers",
        "models",
        "quantization",
        "reparam",
        "segmentation",
        "tflite_import",
        "visualize",
        "weights",
    },
    "conversion": {"api", "export", "pictures", "quantization", "reparam", "tflite", "weights"},
    "benchmark": {
        "api",
        "conversion",
        "download",
        "failures",
        "files",
        "graph",
        "machine",
        "record",
        "report",
        "tflite",
    },
    "verification": {"benchmark", "tflite"},
    "result_page": {"report", "text"},
    "browser_page": {"download", "files", "pictures", "record", "tflite"},
    "commands": {
        "api",
        "benchmark",
        "boxes",
        "browser_page",
        "conversion",
        "export",
        "failures",
        "files",
        "graph",
        "pictures",
        "quantization",
        "record",
        "result_page",
        "text",
        "tflite",
        "verification",
    },
    "__main__": {"commands"},
}


def imports_of(path):
    """Yields what a module imports of keraslight, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            names = [node.module]
            if node.module == "keraslight":
                names = [f"keraslight.{alias.name}" for alias in node.names]
            yield from names
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def packages_in(path):
    """Returns the package of a module and the other packages that it imports."""
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    names = [name for name in imports_of(path) if name.split(".")[0] == "keraslight"]
    imported = {"".join(name.split(".")[1:2]) or "api" for name in names}
    if path.name == "__init__.py":
        imported -= {"api"}  # a package that needs Keras loads everything that registers layers
    return package, imported - {package}


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path):
    package, imported = packages_in(path)
    if package == "__init__":
        return
    assert imported <= ARROWS[package], f"{package} must not import {imported - ARROWS[package]}"


def test_every_arrow_is_used():
    used = {package: set() for package in ARROWS}
    for path in ROOT.rglob("*.py"):
        package, imported = packages_in(path)
        used.setdefault(package, set()).update(imported)
    assert {package: targets - used[package] for package, targets in ARROWS.items()} == {
        package: set() for package in ARROWS
    }


def test_the_arrows_have_no_cycle():
    order = list(ARROWS)
    assert all(order.index(target) < order.index(p) for p, ts in ARROWS.items() for target in ts)


def test_the_library_imports_no_program():
    for path in ROOT.rglob("*.py"):
        tops = {name.split(".")[0] for name in imports_of(path)}
        assert not tops & {"training", "tflite", "tests"}, path
