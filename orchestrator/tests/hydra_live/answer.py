"""Answers what Hydra makes of a configuration tree: one JSON question a line in, one JSON answer a line out.

Composes as `--cfg` and `-m` do, without starting an interpreter for each case. It only answers; what is
asked, and what is made of the answer, is decided by the test beside it.
"""

import copy
import io
import json
import os
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

warnings.simplefilter("ignore")
version.setbase("1.3")


def cached(load):
    """Hydra's own files never change: each is read once."""
    known = {}

    def load_config(self, config_path):
        key = (self.path, config_path)
        if key not in known:
            known[key] = load(self, config_path)
        return copy.deepcopy(known[key])

    return load_config


ImportlibResourcesConfigSource.load_config = cached(ImportlibResourcesConfigSource.load_config)


def hydra_for(case):
    search = create_config_search_path(case["dir"])
    if case.get("config_dir"):
        path = "file://" + os.path.abspath(case["config_dir"])
        search.prepend(provider="command-line", path=path, anchor=SearchPathQuery(provider="schema"))
    GlobalHydra.instance().clear()
    return Hydra.create_main_hydra2(task_name="app", config_search_path=search)


def printed(hydra, case):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        hydra.show_cfg(
            config_name=case["name"],
            overrides=case["ov"],
            cfg_type=case["cfg"],
            package=case["package"],
            resolve=case["resolve"],
        )
    return {"ok": True, "text": out.getvalue()}


def jobs(hydra, case):
    master = hydra.compose_config(case["name"], case["ov"], RunMode.MULTIRUN, with_log_configuration=False)
    context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks())
    sweeper = Plugins.instance().instantiate_sweeper(config=master, hydra_context=context, task_function=print)
    words = sweeper._parse_config() + OmegaConf.to_container(master.hydra.overrides.task, resolve=False)
    overrides = OverridesParser.create(config_loader=hydra.config_loader).parse_overrides(words)
    batches = sweeper.split_arguments(overrides, sweeper.max_batch_size)
    for batch in batches:
        sweeper.validate_batch_is_legal(batch)
    return {"ok": True, "text": "".join(" ".join(job) + "\n" for batch in batches for job in batch)}


# What Hydra raises on purpose; anything else is an accident inside it.
REFUSALS = (HydraException, OmegaConfBaseException, YAMLError, ValueError)


def answer(case):
    try:
        hydra = hydra_for(case)
        return jobs(hydra, case) if case["cfg"] == "jobs" else printed(hydra, case)
    except SystemExit:
        return {"ok": False, "crash": False, "err": "exit"}
    except REFUSALS as error:
        return {"ok": False, "crash": False, "err": f"{type(error).__name__}: {error}"}
    except Exception as error:  # noqa: BLE001: whatever it is, it is the answer
        return {"ok": False, "crash": True, "err": f"{type(error).__name__}: {error}"}


def main():
    answers = os.fdopen(os.dup(1), "w")
    # Whatever Hydra itself prints must not stand between the answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


main()
