"""Tuning a policy's knobs over replays by Optuna: what to try is here, what is good the caller says; pure."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import optuna

from headroom.simulation.knobs import Adjustable, Knob, knobs_of

Tuned = TypeVar("Tuned", bound=Adjustable)


def tune(policy: Tuned, score: Callable[[Tuned], float], *, trials: int, seed: int = 0) -> Tuned:
    """Return the policy with the knobs of least score found in `trials`; the first tries those it has set.

    The main knob is left alone: it is swept afterwards. A policy without another knob comes back as it came. Same seed,
    same policy, as long as `score` depends on nothing else.
    """
    names = [name for name, knob in knobs_of(policy).items() if not knob.is_main]
    if not names or trials < 1:
        return policy
    logging.getLogger("optuna").setLevel(logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    as_it_is = {name: getattr(policy, name) for name in names}
    study.enqueue_trial({name: value for name, value in as_it_is.items() if value is not None})
    study.optimize(lambda trial: score(_suggested(policy, names, trial)), n_trials=trials)
    return replace(policy, **study.best_params)


def _suggested(policy: Tuned, names: list[str], trial: optuna.Trial) -> Tuned:
    knobs = knobs_of(policy)
    wanted = {name: _suggest(name, knobs[name], trial) for name in names}
    try:
        return replace(policy, **wanted)
    except ValueError as error:  # knobs that exclude each other
        raise optuna.TrialPruned(str(error)) from error


def _suggest(name: str, knob: Knob, trial: optuna.Trial) -> float | int | str:
    if knob.choices:
        return trial.suggest_categorical(name, knob.choices)
    if knob.is_whole:
        return trial.suggest_int(name, int(knob.low), int(knob.high))
    return trial.suggest_float(name, knob.low, knob.high, log=knob.is_logarithmic)
