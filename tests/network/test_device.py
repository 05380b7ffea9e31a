"""Where a network is computed: on the processor, or on a GPU where ONNX Runtime has one."""

import onnxruntime
import pytest

from srdanet.errors import ArgumentError, MissingExtraError
from srdanet.network.bundle import load_model

ON_GPU = "CUDAExecutionProvider"


@pytest.fixture
def runtime(monkeypatch):
    """ONNX Runtime as with a GPU; what a session is given, and the providers that it says it uses."""
    about = {"using": [ON_GPU, "CPUExecutionProvider"]}

    class Session:
        def __init__(self, network, options, providers):
            about["given"] = providers

        def get_providers(self):
            return about["using"]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [ON_GPU, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    load_model.cache_clear()
    yield about
    load_model.cache_clear()


def test_the_gpu_comes_first_and_computes_in_full_precision(runtime):
    assert load_model("default", device="cuda")._session
    assert runtime["given"] == [(ON_GPU, {"use_tf32": "0"}), "CPUExecutionProvider"]
    assert load_model("default")._session
    assert runtime["given"] == ["CPUExecutionProvider"]


def test_a_gpu_that_cannot_be_used_is_an_error(runtime):
    runtime["using"] = ["CPUExecutionProvider"]
    with pytest.raises(MissingExtraError, match="cannot use the GPU"):
        _ = load_model("default", device="cuda")._session


@pytest.mark.skipif(ON_GPU in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA")
def test_without_cuda_the_message_says_what_to_install():
    with pytest.raises(MissingExtraError, match=r"installed without CUDA[\s\S]*onnxruntime-gpu"):
        load_model("default", device="cuda")


def test_another_device_is_refused():
    with pytest.raises(ArgumentError, match="'tpu' is not a device"):
        load_model("default", device="tpu")
