"""Writes a model as the engine loads it: the ONNX bytes, and a manifest beside them.

The self-test rows are run through onnxruntime here, so that a manifest never claims an output that the
exported bytes do not give.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import onnxruntime


def session(onnx_bytes):
    """One thread, as the engine has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])


def outputs(onnx_bytes, input_name, output_name, shape, rows):
    """The last number of each row's output: of two classes the second. One row at a time."""
    model = session(onnx_bytes)
    found = []
    for row in rows:
        row = np.asarray(row, np.float32).reshape(shape)
        output = model.run([output_name], {input_name: row})[0]
        found.append(np.float32(np.asarray(output).reshape(-1)[-1]))
    return np.array(found, np.float32)


def write(path, onnx_bytes, *, input_name, input_shape, output_name, output_shape, rows, **said):
    """Writes PATH.onnx and PATH.json. `rows` become the self-test; `said` is the rest of the manifest."""
    path = Path(path)
    found = outputs(onnx_bytes, input_name, output_name, input_shape, rows)
    self_test = [
        {
            "inputs": [None if math.isnan(x) else float(np.float32(x)) for x in np.ravel(row)],
            "output": float(output),
        }
        for row, output in zip(rows, found)
    ]
    manifest = {
        **said,
        "sha256": hashlib.sha256(onnx_bytes).hexdigest(),
        "input": {"name": input_name, "shape": list(input_shape)},
        "output": {"name": output_name, "shape": list(output_shape)},
        "self_test": self_test,
    }
    path.with_suffix(".onnx").write_bytes(onnx_bytes)
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
