"""How fast two steps are, against the arithmetic this machine can do.

    python benchmarks/downscale.py [--cells 400]

Downscales a random scene of `cells` x `cells` coarse cells to a quarter of the cell, with NDVI and
elevation, and prints the time beside that of a matrix product of the same number of operations (the
limit, measured in the same run) and beside bicubic interpolation (the peer that does no work).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import onnx
import onnx.shape_inference
import xarray as xr

import srdanet
from srdanet.grid import Tile, coordinates, refine
from srdanet.interpolation import interpolate


def seconds(job: Callable[[], object]) -> float:
    """Time of one call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def operations_per_cell(model: str = "default") -> float:
    """Multiplications and additions of the convolutions, for each fine cell of one step."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(srdanet.load_model(model).folder / "step.onnx")).graph
    shapes = {one.name: tuple(d.dim_value for d in one.type.tensor_type.shape.dim) for one in graph.value_info}
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    kernels = [shapes[node.input[1]] for node in graph.node if node.op_type == "Conv"]
    return sum(2 * float(np.prod(kernel)) for kernel in kernels) / 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=400)
    n = parser.parse_args().cells
    rng = np.random.default_rng(0)
    box = Tile(18, 4).geobox(1000)[:n, :n]
    fine = refine(box, 4)
    lst = xr.DataArray(rng.normal(295, 3, (n, n)).astype(np.float32), coords=coordinates(box), dims=("y", "x"))
    fields = {"ndvi": rng.uniform(0, 1, fine.shape), "elevation": rng.uniform(0, 900, fine.shape)}
    variables = {name: (("y", "x"), values.astype(np.float32)) for name, values in fields.items()}
    auxiliary = xr.Dataset(variables, coords=coordinates(fine))
    srdanet.downscale(lst[:20, :20], auxiliary)

    took = seconds(lambda: srdanet.downscale(lst, auxiliary, to=250, time="2020-07-15", day=True))
    bicubic = seconds(lambda: interpolate(lst.values, 4))
    # A fine cell of the second step costs one share, and a quarter of a share for its parent in the first.
    work = operations_per_cell() * 1.25 * fine.shape[0] * fine.shape[1]
    side = 2048
    a = rng.random((side, side), np.float32)
    rate = 2 * side**3 / min(seconds(lambda: a @ a) for _ in range(5))
    cells = fine.shape[0] * fine.shape[1]
    print(f"{n} x {n} cells to {4 * n} x {4 * n}: {took:.1f} s, {cells / took / 1e3:.0f} thousand cells a second")
    print(f"  a full tile (1200 x 1200) at this rate: {took * (1200 / n) ** 2:.0f} s")
    print(f"  convolutions: {operations_per_cell() * 1.25 / 1e3:.0f} kFLOP for each 250 m cell, both steps")
    limit = f"matrix products of as many operations ({rate / 1e9:.0f} GFLOP/s here)"
    print(f"  {took * rate / work:.1f} times the time of {limit}")
    print(f"  {took / bicubic:.0f} times the time of bicubic interpolation")


if __name__ == "__main__":
    main()
