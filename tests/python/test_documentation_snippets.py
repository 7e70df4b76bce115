"""The snippets of the Core ML backend's documentation (ExecuTorch's docs/source/backends/coreml and getting-started), word
for word but for the package's name, and the numbers they give against torch."""

import sys

import pytest
import torch

from tooling import ROOT

sys.path.append(str(ROOT / "tests" / "models"))

DEFAULT_PARTITIONER = """
import torch
import torchvision.models as models
from torchvision.models.mobilenetv2 import MobileNet_V2_Weights
from executorch.backends.apple.coreml.partition import CoreMLPartitioner
from executorch.exir import to_edge_transform_and_lower

mobilenet_v2 = models.mobilenetv2.mobilenet_v2(weights=MobileNet_V2_Weights.DEFAULT).eval()
sample_inputs = (torch.randn(1, 3, 224, 224), )

et_program = to_edge_transform_and_lower(
    torch.export.export(mobilenet_v2, sample_inputs),
    partitioner=[CoreMLPartitioner()],
).to_executorch()

with open("mv2_coreml.pte", "wb") as file:
    et_program.write_to_file(file)
"""

RUN = """
import torch
from executorch.runtime import Runtime

runtime = Runtime.get()

input_tensor = torch.randn(1, 3, 224, 224)
program = runtime.load_program("mv2_coreml.pte")
method = program.load_method("forward")
outputs = method.execute([input_tensor])
"""

# The page shows no imports for this one.
ENUMERATED_SHAPES = """
class Model(torch.nn.Module):
        def __init__(self):
                super().__init__()
                self.linear1 = torch.nn.Linear(10, 5)
                self.linear2 = torch.nn.Linear(11, 5)

        def forward(self, x, y):
            return self.linear1(x).sum() + self.linear2(y)

model = Model()
example_inputs = (
    torch.randn((4, 6, 10)),
    torch.randn((5, 11)),
)

# Specify the enumerated shapes.  Below we specify that:
#
# * x can take shape [1, 5, 10] and y can take shape [3, 11], or
# * x can take shape [4, 6, 10] and y can take shape [5, 11]
#
# Any other input shapes will result in a runtime error.
#
# Note that we must export x and y with dynamic shapes in the ExportedProgram
# because some of their dimensions are dynamic
enumerated_shapes = {"x": [[1, 5, 10], [4, 6, 10]], "y": [[3, 11], [5, 11]]}
dynamic_shapes = [
    {
        0: torch.export.Dim.AUTO(min=1, max=4),
        1: torch.export.Dim.AUTO(min=5, max=6),
    },
    {0: torch.export.Dim.AUTO(min=3, max=5)},
]
ep = torch.export.export(
    model.eval(), example_inputs, dynamic_shapes=dynamic_shapes
)

# If enumerated shapes are specified for multiple inputs, we must export
# for iOS18+
compile_specs = CoreMLBackend.generate_compile_specs(
    minimum_deployment_target=ct.target.iOS18
)
compile_specs.append(
    CoreMLBackend.generate_enumerated_shapes_compile_spec(
        ep,
        enumerated_shapes,
    )
)

# When using an enumerated shape compile spec, you must specify lower_full_graph=True
# in the CoreMLPartitioner.  We do not support using enumerated shapes
# for partially exported models
partitioner = CoreMLPartitioner(
    compile_specs=compile_specs, lower_full_graph=True
)
delegated_program = executorch.exir.to_edge_transform_and_lower(
    ep,
    partitioner=[partitioner],
)
et_prog = delegated_program.to_executorch()
"""

MULTIFUNCTION = """
import coremltools as ct
import torch
from executorch.backends.apple.coreml.compiler.coreml_preprocess import (
    CoreMLBackend,
    MULTIMETHOD_WEIGHT_SHARING_STRATEGY,
)
from executorch.backends.apple.coreml.partition import CoreMLPartitioner
from executorch.exir import to_edge_transform_and_lower

class SimpleModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(16, 16)

    def forward(self, x):
        return self.linear(x)

model = SimpleModel().eval()

# Create inputs for different sequence lengths
decode_inputs = (torch.randn(1, 1, 16),)   # seqlen=1 for decode
prefill_inputs = (torch.randn(1, 64, 16),)  # seqlen=64 for prefill

# Export both methods
decode_ep = torch.export.export(model, decode_inputs)
prefill_ep = torch.export.export(model, prefill_inputs)

# Configure compile specs with weight sharing
compile_specs = CoreMLBackend.generate_compile_specs(
    minimum_deployment_target=ct.target.iOS18,
)
compile_specs.append(
    CoreMLBackend.generate_multimethod_weight_sharing_strategy_compile_spec(
        MULTIMETHOD_WEIGHT_SHARING_STRATEGY.POSITIONAL
    )
)

partitioner = CoreMLPartitioner(compile_specs=compile_specs)

# Lower with multiple methods - pass a dict of {method_name: ExportedProgram}
edge_manager = to_edge_transform_and_lower(
    {"forward": decode_ep, "prefill": prefill_ep},
    partitioner=[partitioner],
)

et_program = edge_manager.to_executorch()

# Save the multifunction model
with open("multifunction_model.pte", "wb") as f:
    et_program.write_to_file(f)
"""

RUN_MULTIFUNCTION = """
from executorch.runtime import Runtime

runtime = Runtime.get()
program = runtime.load_program("multifunction_model.pte")

# List available methods
print(program.method_names)  # {'forward', 'prefill'}

# Load and execute specific methods
forward_method = program.load_method("forward")
decode_output = forward_method.execute(decode_inputs)

prefill_method = program.load_method("prefill")
prefill_output = prefill_method.execute(prefill_inputs)
"""


def run(snippet, names=None):
    """The names that the snippet leaves; `names` are those it has from before."""
    names = {} if names is None else names
    exec(compile(snippet.replace("executorch.", "pippin."), "snippet", "exec"), names)
    return names


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Snippets write into the current folder."""
    monkeypatch.chdir(tmp_path)


def test_default_partitioner_and_running(monkeypatch):
    import torchvision_definitions
    import zoo

    torch.manual_seed(0)
    model, _ = zoo.mobilenet_v2()  # random weights: nothing is downloaded
    monkeypatch.setattr(torchvision_definitions.load().mobilenetv2, "mobilenet_v2", lambda weights: model)
    names = run(RUN, run(DEFAULT_PARTITIONER))
    assert [node.target.__name__ for node in names["et_program"].exported_program().graph.nodes
            if node.op == "call_function"] == ["executorch_call_delegate", "getitem"]
    expected = names["mobilenet_v2"](names["input_tensor"])
    output, = names["outputs"]
    assert output.shape == (1, 1000) and (output - expected).abs().max() < 5e-3 * expected.abs().max()


def test_enumerated_shapes():
    names = run("import coremltools as ct\nimport torch\nimport executorch.exir\n"
                "from executorch.backends.apple.coreml.compiler import CoreMLBackend\n"
                "from executorch.backends.apple.coreml.partition import CoreMLPartitioner\n"
                "from executorch.runtime import Runtime\n")
    run(ENUMERATED_SHAPES, names)
    method = names["Runtime"].get().load_program(names["et_prog"].buffer).load_method("forward")
    for x, y in (((1, 5, 10), (3, 11)), ((4, 6, 10), (5, 11)), ((1, 5, 10), (3, 11))):
        inputs = (torch.randn(x), torch.randn(y))
        torch.testing.assert_close(method.execute(inputs)[0], names["model"](*inputs), rtol=1e-2, atol=1e-2)
    for x, y in (((1, 5, 10), (5, 11)), ((4, 6, 10), (3, 11)), ((2, 7, 12), (3, 11)), ((2, 5, 10), (3, 11))):
        with pytest.raises(RuntimeError):
            method.execute((torch.randn(x), torch.randn(y)))


def test_multifunction_export_and_run(capsys):
    names = run(RUN_MULTIFUNCTION, run(MULTIFUNCTION))
    assert eval(capsys.readouterr().out) == {"forward", "prefill"}
    for inputs, outputs in (("decode_inputs", "decode_output"), ("prefill_inputs", "prefill_output")):
        output, = names[outputs]
        torch.testing.assert_close(output, names["model"](*names[inputs]), rtol=1e-2, atol=1e-2)
