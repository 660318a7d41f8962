"""Scores of scikit-learn and scipy for test/metrics: python test/golden/make/metrics.py (scikit-learn 1.9, scipy 1.17, numpy 2.4).

Each case is { metric, args, result }: the name of our function, its arguments, and what Python's formula gives.
"""
import json
import math
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn import metrics as sk

warnings.simplefilter("ignore")
rng = np.random.default_rng(7)
cases = []


def plain(x):
    if isinstance(x, np.ndarray):
        return [plain(v) for v in x.tolist()]
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    x = float(x)
    return "NaN" if math.isnan(x) else x


def add(metric, args, result):
    cases.append({"metric": metric, "args": {k: (v.tolist() if isinstance(v, np.ndarray) else v) for k, v in args.items()}, "result": plain(result)})


def draws(n, kinds):
    return rng.integers(0, kinds, n), rng.integers(0, kinds, n)


# Labels: two and several, weighted, chosen, and with what makes 0 of 0.
for kinds in (2, 4):
    for n in (5, 20):
        r, p = draws(n, kinds)
        w = np.round(rng.random(n) * 3, 3)
        for weight in (None, w):
            given = {"references": r, "predictions": p} | ({} if weight is None else {"sampleWeight": weight})
            add("accuracy", given, sk.accuracy_score(r, p, sample_weight=weight))
            add("accuracy", given | {"normalize": False}, sk.accuracy_score(r, p, sample_weight=weight, normalize=False))
            add("matthewsCorrelation", given, sk.matthews_corrcoef(r, p, sample_weight=weight))
            for normalize in (None, "true", "pred", "all"):
                add("confusionMatrix", given | ({"normalize": normalize} if normalize else {}), sk.confusion_matrix(r, p, sample_weight=weight, normalize=normalize))
            add("confusionMatrix", given | {"labels": [1, 0, 5]}, sk.confusion_matrix(r, p, sample_weight=weight, labels=[1, 0, 5]))
            for name, score in (("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score)):
                for average in ("micro", "macro", "weighted", None):
                    add(name, given | {"average": average}, score(r, p, sample_weight=weight, average=average))
                    add(name, given | {"average": average, "labels": [2, 0, 7]}, score(r, p, sample_weight=weight, average=average, labels=[2, 0, 7]))
                    for zero in (1, math.nan):
                        shown = "NaN" if zero != zero else zero
                        add(name, given | {"average": average, "labels": [0, 1, 9], "zeroDivision": shown}, score(r, p, sample_weight=weight, average=average, labels=[0, 1, 9], zero_division=zero))
                if kinds == 2:
                    for positive in (0, 1):
                        add(name, given | {"posLabel": positive}, score(r, p, sample_weight=weight, pos_label=positive))

# Rows of several labels.
r, p = rng.integers(0, 2, (12, 3)), rng.integers(0, 2, (12, 3))
r[0] = p[0] = 0
w = np.round(rng.random(12) * 2, 3)
for weight in (None, w):
    given = {"references": r, "predictions": p} | ({} if weight is None else {"sampleWeight": weight})
    add("accuracy", given, sk.accuracy_score(r, p, sample_weight=weight))
    for name, score in (("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score)):
        for average in ("micro", "macro", "weighted", "samples", None):
            for zero in (0, 1):
                add(name, given | {"average": average, "zeroDivision": zero}, score(r, p, sample_weight=weight, average=average, zero_division=zero))

# Numbers.
for n in (3, 4, 9, 30):
    x = np.round(rng.normal(size=n), 3)
    y = np.round(x * 0.6 + rng.normal(size=n), 2)
    for a, b in ((x, y), (np.round(x), np.round(y))):
        given = {"references": b, "predictions": a, "returnPvalue": True}
        r, q = stats.pearsonr(a, b)
        add("pearsonr", given, [r, q])
        r, q = stats.spearmanr(a, b)
        add("spearmanr", given, [r, q])
    w = np.round(rng.random(n), 3)
    for weight in (None, w):
        given = {"references": y, "predictions": x} | ({} if weight is None else {"sampleWeight": weight})
        add("mse", given, sk.mean_squared_error(y, x, sample_weight=weight))
        add("mse", given | {"squared": False}, sk.root_mean_squared_error(y, x, sample_weight=weight))
        add("mae", given, sk.mean_absolute_error(y, x, sample_weight=weight))
x, y = np.round(rng.normal(size=(7, 2)), 3), np.round(rng.normal(size=(7, 2)), 3)
given = {"references": y, "predictions": x}
for many in ({}, {"multioutput": [0.3, 0.7]}):
    add("mse", given | many, sk.mean_squared_error(y, x, **many))
    add("mse", given | many | {"squared": False}, sk.root_mean_squared_error(y, x, **many))
    add("mae", given | many, sk.mean_absolute_error(y, x, **many))
add("mseOfOutputs", given, sk.mean_squared_error(y, x, multioutput="raw_values"))
add("maeOfOutputs", given, sk.mean_absolute_error(y, x, multioutput="raw_values"))

# Scores: with ties, part of the curve, several labels.
for n in (6, 25):
    r = rng.integers(0, 2, n)
    r[:2] = [0, 1]
    s = np.round(rng.random(n) + 0.3 * r, 1)
    w = np.round(rng.random(n) + 0.1, 3)
    for weight in (None, w):
        given = {"references": r, "predictionScores": s} | ({} if weight is None else {"sampleWeight": weight})
        add("rocAuc", given, sk.roc_auc_score(r, s, sample_weight=weight))
        for most in (0.2, 0.75):
            add("rocAuc", given | {"maxFpr": most}, sk.roc_auc_score(r, s, sample_weight=weight, max_fpr=most))
r = np.concatenate([np.arange(3), rng.integers(0, 3, 20)])
s = rng.random((23, 3))
s = s / s.sum(axis=1, keepdims=True)
for many in ("ovr", "ovo"):
    for average in ("macro", "weighted"):
        add("rocAuc", {"references": r, "predictionScores": s, "multiClass": many, "average": average}, sk.roc_auc_score(r, s, multi_class=many, average=average))
add("rocAuc", {"references": r, "predictionScores": s, "multiClass": "ovr", "average": "micro"}, sk.roc_auc_score(r, s, multi_class="ovr", average="micro"))
r = rng.integers(0, 2, (15, 3))
r[:, 0] = 0
r[:2] = [[1, 0, 1], [0, 1, 0]]
r[2:, 1] = rng.integers(0, 2, 13)
s = np.round(rng.random((15, 3)), 2)
for average in ("macro", "weighted", "micro"):
    add("rocAuc", {"references": r, "predictionScores": s, "average": average}, sk.roc_auc_score(r, s, average=average))

file = Path(__file__).parents[1] / "metrics.json"
file.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
print(len(cases), "cases", file.stat().st_size, "bytes")
