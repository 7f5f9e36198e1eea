"""Makes the models in this folder and what onnxruntime says of them.

    python3 -m venv .venv && .venv/bin/pip install -r examples/training/requirements.txt
    .venv/bin/python testdata/models/make.py

Each model is NAME.onnx with its manifest NAME.json, and NAME.expected holds the outputs of onnxruntime
for a thousand rows as little-endian 32-bit floats. The rows are not stored: `rows` below and
`rows` in rpm-core/tests/risk/main.rs make the same ones of a seed.
"""

import sys
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnxmltools
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
from sklearn.svm import SVC

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "examples" / "training"))
import artifact  # noqa: E402

WIDTH = 16
WINDOW = (60, 4)
EDGES = [0.0, -0.0, 1.0, -1.0, 1e-30, -1e-30, 1000.0, -1000.0, 30000.0, -30000.0]


def rows(seed, count, width, missing):
    """Multiples of 1/64 between -4 and 4; in every tenth row one number is from EDGES, and one of 16 is
    missing where the model knows what to do about that."""
    state = seed
    made = np.empty((count, width), np.float32)
    for row in range(count):
        for column in range(width):
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            made[row, column] = ((state >> 16) % 512 - 256) / 64
            if missing and (state & 15) == 0:
                made[row, column] = np.nan
        if row % 10 == 0:
            made[row, (row // 10) % width] = EDGES[(row // 10) % len(EDGES)]
    return made


def outcome(x):
    """Something that takes a product and a step to tell."""
    x = np.nan_to_num(x)
    return x[:, 0] + x[:, 1] * x[:, 2] / 3 + np.where(x[:, 3] > 1, 2, 0) + np.sin(x[:, 4])


def save(name, model, *, missing=False, shape=(1, WIDTH), pair=None, output=None):
    bytes_ = model.SerializeToString()
    output = output or model.graph.output[-1].name
    dims = [1, 2] if pair else [1, 1]
    tested = rows(7, 1000, int(np.prod(shape)), missing)
    artifact.write(
        HERE / name,
        bytes_,
        id=name,
        version=1,
        title=f"Test model: {name}",
        training_data="rows of pseudo-random numbers, made by make.py; no person's data",
        author="the rpm contributors",
        intended_use="tests of the evaluators; says nothing about anybody",
        input_name=model.graph.input[0].name,
        input_shape=shape,
        output_name=output,
        output_shape=dims,
        rows=tested[:3],
    )
    expected = artifact.outputs(bytes_, model.graph.input[0].name, output, shape, tested)
    assert np.isfinite(expected).all(), name
    (HERE / f"{name}.expected").write_bytes(expected.astype("<f4").tobytes())
    print(f"{name}: {len(bytes_)} bytes, {expected.min():.4f} to {expected.max():.4f}")


def graph(nodes, constants, *, shape=(WIDTH,), outputs=1, output="y"):
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", *shape])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["rows", outputs])],
        tensors,
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)


def scikit(name, estimator, x, y, **more):
    estimator.fit(x, y)
    is_classifier = hasattr(estimator, "predict_proba")
    options = {id(estimator): {"zipmap": False}} if is_classifier else None
    save(name, to_onnx(estimator, x[:1], options=options), pair=is_classifier, **more)


def linear_and_dense(x, with_missing, y, label):
    random = np.random.default_rng(5)
    scikit(
        "logistic",
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        with_missing,
        label,
        missing=True,
    )
    scikit("normalized", make_pipeline(Normalizer(), LogisticRegression()), x, label)
    scikit("linear", make_pipeline(MinMaxScaler(), LinearRegression()), x, y)
    one = {
        "w": random.normal(size=(1, WIDTH)).astype(np.float32),
        "b": np.float32([0.25]),
    }
    gemm = [
        helper.make_node("Gemm", ["x", "w", "b"], ["m"], transB=1, alpha=0.5, beta=2.0),
        helper.make_node("Sigmoid", ["m"], ["y"]),
    ]
    save("gemm", graph(gemm, one))
    softmax = helper.make_node(
        "LinearClassifier",
        ["x"],
        ["label", "y"],
        domain="ai.onnx.ml",
        coefficients=random.normal(size=2 * WIDTH).tolist(),
        intercepts=[0.1, -0.2],
        classlabels_ints=[0, 1],
        post_transform="SOFTMAX",
    )
    save("softmax", graph([softmax], {}, outputs=2), pair=True)
    hidden = MLPClassifier((64, 32), max_iter=60, random_state=1)
    scikit("mlp-pair", make_pipeline(StandardScaler(), hidden), x, label)
    tanh = MLPRegressor(hidden_layer_sizes=(32, 8), activation="tanh", max_iter=60, random_state=1)
    scikit("mlp-tanh", tanh, x, y)
    mlp("mlp", (WIDTH, 64, 32, 1), random)


def mlp(name, sizes, random):
    constants, nodes, last = {}, [], "x"
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        constants[f"w{i}"] = (random.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32)
        constants[f"b{i}"] = random.normal(size=b).astype(np.float32) / 4
        nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"s{i}"]))
        is_last = b == sizes[-1]
        last = "y" if is_last else f"h{i}"
        nodes.append(helper.make_node("Sigmoid" if is_last else "Relu", [f"s{i}"], [last]))
    save(name, graph(nodes, constants))


def trees(x, with_missing, y, label):
    depth = {"max_depth": 4, "random_state": 1}
    scikit("boosted", GradientBoostingClassifier(n_estimators=100, **depth), x, label)
    scikit("boosted-regressor", GradientBoostingRegressor(n_estimators=20, **depth), x, y)
    scikit("forest", RandomForestClassifier(20, **depth), x, label)
    scikit("forest-regressor", RandomForestRegressor(20, **depth), x, y)
    kind = [("input", FloatTensorType([None, WIDTH]))]
    for name, model, goal in [
        ("xgboost", xgboost.XGBClassifier(n_estimators=30, max_depth=4), label),
        ("xgboost-regressor", xgboost.XGBRegressor(n_estimators=100, max_depth=4), y),
    ]:
        made = onnxmltools.convert_xgboost(
            model.fit(with_missing, goal), initial_types=kind, target_opset=15
        )
        save(name, made, missing=True, pair=name == "xgboost")
    small = {"n_estimators": 30, "num_leaves": 12, "verbose": -1, "random_state": 1}
    made = onnxmltools.convert_lightgbm(
        lightgbm.LGBMClassifier(**small).fit(with_missing, label),
        initial_types=kind,
        target_opset=15,
        zipmap=False,
    )
    save("lightgbm", made, missing=True, pair=True)
    made = onnxmltools.convert_lightgbm(
        lightgbm.LGBMRegressor(**small).fit(with_missing, y), initial_types=kind, target_opset=15
    )
    save("lightgbm-regressor", made, missing=True)
    modes()


def modes():
    """Every comparison, missing values on either side, on limits that rows hit exactly; averaged."""
    kinds = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"]
    told = {f"nodes_{k}": [] for k in [
        "treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
        "missing_value_tracks_true",
    ]}
    votes = {f"target_{k}": [] for k in ["treeids", "nodeids", "ids", "weights"]}

    def node(tree, id_, feature, value, mode, yes, no, tracks):
        for key, item in zip(told, [tree, id_, feature, value, mode, yes, no, tracks]):
            told[key].append(item)

    for tree in range(32):
        kind, tracks, limit = kinds[tree % 4], tree // 4 % 2, float(tree // 8 - 2)
        node(tree, 0, tree % WIDTH, limit, kind, 1, 2, tracks)
        node(tree, 1, 0, 0.0, "LEAF", 0, 0, 0)
        node(tree, 2, (tree + 5) % WIDTH, limit / 2, kinds[(tree + 1) % 4], 3, 4, 1 - tracks)
        node(tree, 3, 0, 0.0, "LEAF", 0, 0, 0)
        node(tree, 4, 0, 0.0, "LEAF", 0, 0, 0)
        for id_, weight in [(1, 1.0), (3, tree / 7), (4, -tree / 5)]:
            for key, item in zip(votes, [tree, id_, 0, weight]):
                votes[key].append(item)
    op = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1,
        aggregate_function="AVERAGE", base_values=[0.5], **told, **votes,
    )
    save("modes", graph([op], {}), missing=True)


def weights(random, *shape):
    return (random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def windows():
    random = np.random.default_rng(11)
    cnn = {
        "k1": weights(random, 16, 4, 5), "c1": weights(random, 16),
        "k2": weights(random, 16, 16, 5), "c2": weights(random, 16),
        "w": weights(random, 16, 1) * 16, "b": np.float32([0.1]),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["t", "k1", "c1"], ["a1"], kernel_shape=[5], pads=[2, 2]),
        helper.make_node("Relu", ["a1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2], strides=[2]),
        helper.make_node("Conv", ["p1", "k2", "c2"], ["a2"], kernel_shape=[5], pads=[2, 2]),
        helper.make_node("Relu", ["a2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"], axis=1),
        helper.make_node("Gemm", ["f", "w", "b"], ["m"]),
        helper.make_node("Sigmoid", ["m"], ["y"]),
    ]
    save("cnn", graph(nodes, cnn, shape=WINDOW), shape=(1, *WINDOW))
    for name, op, gates in [("gru", "GRU", 3), ("lstm", "LSTM", 4)]:
        hidden = 16
        constants = {
            "w": weights(random, 1, gates * hidden, 4) * 2,
            "r": weights(random, 1, gates * hidden, hidden),
            "b": weights(random, 1, 2 * gates * hidden), "axes": np.int64([0]),
            "v": weights(random, hidden, 1) * 4, "c": np.float32([0.1]),
        }
        more = {"linear_before_reset": 1} if op == "GRU" else {}
        nodes = [
            helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
            helper.make_node(op, ["t", "w", "r", "b"], ["", "h"], hidden_size=hidden, **more),
            helper.make_node("Squeeze", ["h", "axes"], ["s"]),
            helper.make_node("Gemm", ["s", "v", "c"], ["m"]),
            helper.make_node("Sigmoid", ["m"], ["y"]),
        ]
        save(name, graph(nodes, constants, shape=WINDOW), shape=(1, *WINDOW))
    more_windows(np.random.default_rng(12))


def more_windows(random):
    """What the plain ones leave out: strides, dilations, uneven padding, means, the other order of axes, two
    layers, a state to start with, the reset gate before the product."""
    strided = {
        "offset": np.float32([0.5, -0.5, 0.25, 0]), "scale": np.float32([[2, 1, 4, 0.5]]),
        "k1": weights(random, 12, 4, 3), "k2": weights(random, 6, 12, 4),
        "c2": weights(random, 6), "w": weights(random, 6, 2) * 6, "b": np.float32([0.1, -0.1]),
    }
    nodes = [
        helper.make_node("Sub", ["x", "offset"], ["o"]),
        helper.make_node("Div", ["o", "scale"], ["s"]),
        helper.make_node("Transpose", ["s"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["t", "k1"], ["a1"], pads=[3, 1], strides=[2], dilations=[2]),
        helper.make_node("Relu", ["a1"], ["r1"]),
        helper.make_node(
            "AveragePool", ["r1"], ["p1"], kernel_shape=[3], strides=[2], pads=[1, 1]
        ),
        helper.make_node("Conv", ["p1", "k2", "c2"], ["a2"], auto_pad="SAME_UPPER"),
        helper.make_node("Tanh", ["a2"], ["r2"]),
        helper.make_node("GlobalMaxPool", ["r2"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["m"]),
        helper.make_node("Softmax", ["m"], ["y"], axis=1),
    ]
    made = graph(nodes, strided, shape=WINDOW, outputs=2)
    save("cnn-strided", made, shape=(1, *WINDOW), pair=True)
    first = {
        "k1": weights(random, 7, 4, 6), "c1": np.float32(random.normal(size=(1, 7, 1))),
        "d": weights(random, 7, 5), "e": weights(random, 5), "flat": np.int64([0, -1]),
        "w": weights(random, 5 * 11, 1) * 8, "b": np.float32([0.1]),
    }
    nodes = [
        helper.make_node("Conv", ["x", "k1"], ["a1"], auto_pad="SAME_LOWER", strides=[2]),
        helper.make_node("Add", ["a1", "c1"], ["b1"]),
        helper.make_node("Sigmoid", ["b1"], ["r1"]),
        helper.make_node(
            "AveragePool", ["r1"], ["p1"], kernel_shape=[4], pads=[2, 3], count_include_pad=1
        ),
        helper.make_node("MaxPool", ["p1"], ["p2"], kernel_shape=[3], strides=[3], pads=[1, 1]),
        helper.make_node("Transpose", ["p2"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["t", "d"], ["d1"]),
        helper.make_node("Add", ["d1", "e"], ["d2"]),
        helper.make_node("Relu", ["d2"], ["d3"]),
        helper.make_node("Transpose", ["d3"], ["u"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["u", "flat"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["m"]),
        helper.make_node("Sigmoid", ["m"], ["y"]),
    ]
    shape = WINDOW[::-1]
    save("cnn-channels-first", graph(nodes, first, shape=shape), shape=(1, *shape))
    recurrent(random)


def recurrent(random):
    hidden, small = 10, 6
    layers = {
        "w1": weights(random, 1, 3 * hidden, 4) * 2, "r1": weights(random, 1, 3 * hidden, hidden) * 2,
        "b1": weights(random, 1, 6 * hidden) * 4, "h1": weights(random, 1, 1, hidden) * 3,
        "w2": weights(random, 1, 3 * small, hidden), "r2": weights(random, 1, 3 * small, small),
        "axis": np.int64([1]), "last": np.int64(-1),
        "v": weights(random, small, 1) * 4, "c": np.float32([0.1]),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node("GRU", ["t", "w1", "r1", "b1", "", "h1"], ["y1", "s1"], hidden_size=hidden),
        helper.make_node("Squeeze", ["y1", "axis"], ["t1"]),
        helper.make_node("GRU", ["t1", "w2", "r2"], ["y2"], hidden_size=small),
        helper.make_node("Squeeze", ["y2", "axis"], ["t2"]),
        helper.make_node("Transpose", ["t2"], ["u"], perm=[1, 0, 2]),
        helper.make_node("Gather", ["u", "last"], ["f"], axis=1),
        helper.make_node("Gemm", ["f", "v", "c"], ["m"]),
        helper.make_node("Sigmoid", ["m"], ["y"]),
    ]
    save("gru-layers", graph(nodes, layers, shape=WINDOW), shape=(1, *WINDOW))
    both = {
        "k": weights(random, 8, 4, 3), "c": weights(random, 8),
        "w": weights(random, 1, 3 * small, 8), "r": weights(random, 1, 3 * small, small),
        "b": weights(random, 1, 6 * small), "axis": np.int64([1]),
        "v": weights(random, small, 1) * 4, "d": np.float32([0.1]),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["t", "k", "c"], ["a"], strides=[2]),
        helper.make_node("Relu", ["a"], ["p"]),
        helper.make_node("Transpose", ["p"], ["s"], perm=[2, 0, 1]),
        helper.make_node(
            "GRU", ["s", "w", "r", "b"], ["h"], hidden_size=small, linear_before_reset=1
        ),
        helper.make_node("Squeeze", ["h", "axis"], ["q"]),
        helper.make_node("ReduceMean", ["q"], ["f"], axes=[0], keepdims=0),
        helper.make_node("Gemm", ["f", "v", "d"], ["m"]),
        helper.make_node("Sigmoid", ["m"], ["y"]),
    ]
    save("cnn-gru", graph(nodes, both, shape=WINDOW), shape=(1, *WINDOW))


def refused(x, label):
    """What has no evaluator: refused by name when it is loaded."""
    folder = HERE / "refused"
    folder.mkdir(exist_ok=True)
    svm = SVC(probability=False).fit(x[:60], label[:60])
    onnx.save(to_onnx(svm, x[:1]), folder / "SVMClassifier.onnx")
    plain = LogisticRegression().fit(x, label)
    onnx.save(to_onnx(plain, x[:1]), folder / "ZipMap.onnx")
    three = LogisticRegression().fit(x, label + (x[:, 0] > 2))
    onnx.save(to_onnx(three, x[:1], options={"zipmap": False}), folder / "three-classes.onnx")
    refused_windows(folder)


def refused_windows(folder):
    random = np.random.default_rng(13)

    def conv(name, weights_, **more):
        nodes = [
            helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
            helper.make_node("Conv", ["t", "k"], ["a"], **more),
            helper.make_node("GlobalMaxPool", ["a"], ["g"]),
            helper.make_node("Flatten", ["g"], ["y"]),
        ]
        onnx.save(graph(nodes, {"k": weights_}, shape=WINDOW), folder / f"{name}.onnx")

    conv("grouped", weights(random, 4, 1, 5), group=4)
    conv("padding-of-a-petabyte", weights(random, 1, 4, 5), pads=[1 << 50, 1 << 50])
    conv("padding-of-a-megabyte", weights(random, 1, 4, 5), pads=[1 << 17, 1 << 17])
    conv("dilation-beyond-the-window", weights(random, 1, 4, 5), dilations=[1 << 17])
    constants = {"w": weights(random, 2, 9, 4), "r": weights(random, 2, 9, 3)}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node(
            "GRU", ["t", "w", "r"], ["", "y"], hidden_size=3, direction="bidirectional"
        ),
    ]
    onnx.save(graph(nodes, constants, shape=WINDOW), folder / "bidirectional.onnx")


def main():
    warnings.filterwarnings("ignore")
    x = rows(3, 1200, WIDTH, False)
    x = np.clip(x, -4, 4)
    with_missing = np.clip(rows(3, 1200, WIDTH, True), -4, 4)
    y = outcome(x)
    label = (y > 1).astype(int)
    linear_and_dense(x, with_missing, y, label)
    trees(x, with_missing, y, label)
    windows()
    refused(x, label)


if __name__ == "__main__":
    main()
