"""The architecture: which module may import which, and what no module may do.

Import directions are contracts in pyproject.toml, which import-linter checks. The other rules are read from the
syntax trees here.
"""

import ast
import functools
import graphlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
CORE = sorted((PROJECT / "core").rglob("*.py"))
PAGES = sorted([*(PROJECT / "pages").rglob("*.py"), PROJECT / "app.py"])
MODELS = {
    *(f"core.autograd.{module}" for module in ("tensor", "functional", "nn", "optim")),
    *("core.memorize.lstm", "core.memorize.bptt", "core.jit"),
}
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"


def name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def imports(tree: ast.AST) -> set[str]:
    """Return the dotted names that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def top_level_imports(path: Path) -> set[str]:
    """Return the top-level packages that a module imports, such as numpy."""
    return {module.partition(".")[0] for module in imports(parse(path))}


def called_names(tree: ast.AST) -> set[str]:
    """Return the names of functions called without a dot, such as print."""
    return {call.func.id for call in calls(tree) if isinstance(call.func, ast.Name)}


def check_imports(project: Path) -> subprocess.CompletedProcess[str]:
    """Check the import contracts of a project folder, as `make lint` does."""
    return subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-logo", "--no-cache"], cwd=project, capture_output=True, text=True
    )


@pytest.mark.slow
def test_imports_keep_their_directions():
    result = check_imports(PROJECT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def project_copy(tmp_path_factory):
    """A copy of the project's sources that a test may change."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("core", "pages", "benchmarks"):
        shutil.copytree(
            PROJECT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.npz", "*.json")
        )
    shutil.copy(PROJECT / "pyproject.toml", copy)
    return copy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "forbidden_import"),
    [
        ("core/training.py", "import streamlit"),
        ("core/memorize/lstm.py", "import altair"),
        ("core/memorize/generate.py", "from core.runs import Run"),
        ("core/memorize/config.py", "from core.autograd.tensor import Tensor"),
        ("core/autograd/tensor.py", "from core.memorize import fit"),
        ("core/autograd/nn.py", "from core.classify import MLP"),
        ("core/classify/mlp.py", "from core.memorize.lstm import MyLSTM"),
        ("core/classify/training.py", "from core.runs.store import Store"),
        ("core/text.py", "from core.autograd import nn"),
        ("core/paths.py", "import pages.ui.charts"),
        ("pages/ui/charts.py", "import pages.memorize"),
        ("pages/home.py", "import pages.runs"),
        ("pages/classify.py", "import sqlalchemy"),
        ("pages/ui/run_panel.py", "import socket"),
        ("pages/ui/run_panel.py", "from core.runs.store import Store"),
        ("pages/ui/run_panel.py", "def connect():\n    from core.runs import dispatcher"),
        ("benchmarks/mlp.py", "from tests.runs import wait_for"),
    ],
)
def test_a_forbidden_import_is_found(project_copy, module, forbidden_import):
    path = project_copy / module
    original = path.read_text()
    path.write_text(f"{original}\n{forbidden_import}\n")
    try:
        result = check_imports(project_copy)
    finally:
        path.write_text(original)
    assert result.returncode == 1
    importer = module.removesuffix(".py").replace("/", ".")
    assert f"{importer} -> " in result.stdout


@pytest.mark.slow
def test_the_unchanged_copy_keeps_all_contracts(project_copy):
    assert check_imports(project_copy).returncode == 0


@pytest.mark.parametrize("model", sorted(MODELS))
def test_models_import_only_each_other(model):
    tree = ast.parse((PROJECT / f"{model.replace('.', '/')}.py").read_text())
    for module in imports(tree):
        if module.startswith("core."):
            names = {module, module.rpartition(".")[0]}  # `from module import name`, or `from package import module`
            assert names & MODELS or module in ("core.autograd", "core.memorize")


def test_imports_name_the_whole_path_and_never_the_entry_point():
    for path in [*CORE, *PAGES]:
        relative = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom) and node.level]
        assert not relative, f"{name(path)} has a relative import"
        assert "app" not in top_level_imports(path), name(path)


def test_the_entry_point_imports_only_streamlit_and_shared_parts_of_pages():
    modules = imports(ast.parse((PROJECT / "app.py").read_text()))
    assert all(module == "streamlit" or module.startswith("pages.ui") for module in modules)


def module_of(path: Path) -> str:
    return name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports_when_loaded(path: Path) -> set[str]:
    """Return the dotted names that a module imports while it is loaded itself, those for type checkers left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            node.body = []
    return imports(tree)


@pytest.mark.slow
def test_imports_have_no_cycle():
    """Nor does a module import the package that it is in, if that package imports modules itself.

    In a cycle, two threads that import its modules in different orders wait for each other. Python then hands out a
    module that is not complete.
    """
    modules = {module_of(path): imports_when_loaded(path) for path in [*CORE, *PAGES]}
    edges = {module: (found & set(modules)) - {module} for module, found in modules.items()}
    edges["core.autograd.tensor"].remove("core.autograd.functional")  # its last line, when Tensor is complete
    graphlib.TopologicalSorter(edges).prepare()  # raises CycleError


def test_the_first_import_of_the_project_is_the_same_everywhere():
    """Threads that start with different files then import in the same order, since pages.ui imports all of core."""
    for path in (PROJECT / "app.py", *(PROJECT / "pages").glob("*.py")):
        tree = ast.parse(path.read_text())
        nodes = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        first = next(node for node in nodes if any(found.startswith(("core", "pages")) for found in imports(node)))
        assert any(found.startswith("pages.ui") for found in imports(first)), path
    packages = {f"core.{folder.parent.name}" for folder in (PROJECT / "core").glob("*/__init__.py")}
    packages.remove("core.terminal")  # no page imports it
    assert packages == imports(ast.parse((PROJECT / "pages" / "ui" / "__init__.py").read_text()))


IMPORT_IN_TWO_THREADS = """
import importlib, sys, threading
from importlib.machinery import SourceFileLoader

load, reached, go_on = SourceFileLoader.exec_module, threading.Event(), threading.Event()

def load_in_steps(loader, module):
    if module.__name__ == "core.runs.access":  # the first module that core.runs imports
        reached.set()
        go_on.wait(2)  # the other thread has long come to where it waits, if it does
    load(loader, module)

def import_in_thread(module):
    try:
        importlib.import_module(module)
    except ImportError as error:
        errors.append(error)

SourceFileLoader.exec_module, errors = load_in_steps, []
threads = [threading.Thread(target=import_in_thread, args=[module]) for module in ("core.runs", "core.runs.store")]
threads[0].start()
reached.wait()
threads[1].start()
threads[1].join(2)
go_on.set()
for thread in threads:
    thread.join()
sys.exit(str(errors) if errors else 0)
"""


@pytest.mark.slow
def test_threads_that_import_in_different_orders_get_complete_modules():
    subprocess.run([sys.executable, "-c", IMPORT_IN_TWO_THREADS], cwd=PROJECT, check=True)


def test_pages_import_nothing_by_a_computed_name():
    assert not [name(path) for path in PAGES if "importlib" in top_level_imports(path)]


def test_data_cannot_run_code():
    """There is no eval, exec, compile or pickle, and arrays and checkpoints are loaded without pickled objects."""
    for path in [*CORE, *PAGES]:
        tree = parse(path)
        assert not called_names(tree) & {"eval", "exec", "compile"}, name(path)
        modules = imports(tree)
        if "pickle.UnpicklingError" in modules:  # the error of torch.load(weights_only=True), no more of pickle
            modules -= {"pickle.UnpicklingError", "pickle"}
            imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
            assert "pickle" not in {alias.name for node in imported for alias in node.names}, name(path)
        unsafe = {"pickle", "dill", "joblib", "shelve", "marshal"}
        assert not {module.partition(".")[0] for module in modules} & unsafe, name(path)
        for call in calls(tree):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "load":
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                match ast.unparse(call.func):
                    case "np.load" | "numpy.load":
                        assert keywords.get("allow_pickle") == "False", name(path)
                    case "torch.load":
                        assert keywords.get("weights_only") == "True", name(path)


def test_training_prints_nothing():
    printing = {"core/__main__.py", "core/runs/local_cluster.py"}  # errors in a terminal, and the cluster's address
    printing |= {name(path) for path in CORE if path.parent.name == "terminal"}
    assert {name(path) for path in CORE if "print" in called_names(parse(path))} <= printing
