"""The house: who may import whom, read from the sources themselves."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
CORE = sorted((PROJECT / "core").rglob("*.py"))
PAGES = sorted([*(PROJECT / "pages").rglob("*.py"), PROJECT / "app.py"])
STREAMLIT = {"streamlit", "altair"}
CHANNELS = {"sqlalchemy", "sqlite3", "psycopg", "socket", "distributed", "dask"}
ALLOWED_IN_MODELS = {"tensor", "functional", "nn", "optim", "lstm", "bptt", "compiled"}


def imports(path: Path) -> set[str]:
    """The dotted names of the modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports from where it stands: name the whole path"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("path", CORE, ids=name)
def test_core_knows_nothing_of_pages_and_their_packages(path):
    roots = {module.partition(".")[0] for module in imports(path)}
    assert not roots & (STREAMLIT | {"pages", "app"})


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_pages_reach_runs_through_core_runs_alone(path):
    modules = imports(path)
    assert not {module.partition(".")[0] for module in modules} & CHANNELS
    assert not any(
        module.startswith(("core.runs.store", "core.runs.worker", "core.runs.dispatcher")) for module in modules
    )


@pytest.mark.parametrize("path", sorted((PROJECT / "pages" / "ui").rglob("*.py")), ids=name)
def test_what_pages_share_knows_no_page(path):
    assert not any(module.startswith("pages.") and not module.startswith("pages.ui") for module in imports(path))


@pytest.mark.parametrize("model", sorted(ALLOWED_IN_MODELS))
def test_models_know_only_one_another(model):
    path = PROJECT / "core" / f"{model}.py"
    if path.exists():
        ours = {module.split(".")[1] for module in imports(path) if module.startswith("core.")}
        assert ours <= ALLOWED_IN_MODELS


@pytest.mark.parametrize("path", [*CORE, *PAGES], ids=name)
def test_nothing_that_is_read_can_run(path):
    """No eval, exec or compile, no pickle but its error, and no array or checkpoint that could hold one."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not {call.func.id for call in calls if isinstance(call.func, ast.Name)} & {"eval", "exec", "compile"}
    modules = imports(path)
    if "pickle.UnpicklingError" in modules:  # what torch.load(weights_only=True) raises; `import pickle` is not this
        modules -= {"pickle.UnpicklingError", "pickle"}
        assert not any(isinstance(node, ast.Import) and node.names[0].name == "pickle" for node in ast.walk(tree))
    assert not {module.partition(".")[0] for module in modules} & {
        "pickle",
        "dill",
        "joblib",
        "shelve",
        "marshal",
    }
    loads = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "load"]
    for call in loads:
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        match ast.unparse(call.func):
            case "np.load" | "numpy.load":
                assert given.get("allow_pickle") == "False"
            case "torch.load":
                assert given.get("weights_only") == "True"


@pytest.mark.parametrize("path", CORE, ids=name)
def test_training_prints_nothing(path):
    printing = {"core/__main__.py", "core/runs/local_cluster.py"}  # the terminal, and the cluster's one answer
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    prints = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert not prints or name(path) in printing
